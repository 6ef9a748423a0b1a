//! Reading histories back: events out of the chunks that steps have appended.
//!
//! A chunk lies under the id of its first event. Each read takes a bounded number of chunks, and a chunk holds a bounded
//! number of events, so that a page costs what it gives and not what the history has.

use std::sync::Arc;

use asl::{HistoryChunk, HistoryEvent};
use store::{Batch, Entry, Slice, Store};

use crate::Error;

/// Chunks that one read takes.
const CHUNKS: usize = 16;

/// The histories of all executions.
#[derive(Clone)]
pub(crate) struct Histories {
    store: Arc<dyn Store>,
}

impl Histories {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The events of the log `history` from the id `from` on, at most `limit`.
    pub(crate) async fn from(
        &self,
        history: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<HistoryEvent>, Error> {
        let mut chunk = self.chunk_with(history, from).await?;
        let mut events = Vec::new();
        loop {
            let slice = Slice { from_sequence: chunk, limit: CHUNKS.min(limit), ..Slice::default() };
            let chunks = self.read(history, slice).await?;
            let Some(last) = chunks.last() else { return Ok(events) };
            let is_last = chunks.len() < slice.limit;
            chunk = last.sequence.saturating_add(1);
            for entry in &chunks {
                events.extend(decode(history, entry)?.into_iter().filter(|event| event.id >= from));
            }
            if is_last || events.len() >= limit {
                events.truncate(limit);
                return Ok(events);
            }
        }
    }

    /// The events of the log `history` before the id `before`, the last ones first, at most `limit`.
    pub(crate) async fn before(
        &self,
        history: &str,
        before: u64,
        limit: usize,
    ) -> Result<Vec<HistoryEvent>, Error> {
        let mut chunk = before;
        let mut events = Vec::new();
        loop {
            let slice =
                Slice { to_sequence: chunk, descending: true, limit: CHUNKS.min(limit), ..Slice::default() };
            let chunks = self.read(history, slice).await?;
            let Some(last) = chunks.last() else { return Ok(events) };
            let is_last = chunks.len() < slice.limit;
            chunk = last.sequence;
            for entry in &chunks {
                let before = decode(history, entry)?.into_iter().filter(|event| event.id < before);
                events.extend(before.rev());
            }
            if is_last || events.len() >= limit {
                events.truncate(limit);
                return Ok(events);
            }
        }
    }

    /// Where the chunk lies that has the event.
    async fn chunk_with(&self, history: &str, event: u64) -> Result<u64, Error> {
        if event <= 1 {
            return Ok(0);
        }
        let slice =
            Slice { to_sequence: event.saturating_add(1), descending: true, limit: 1, ..Slice::default() };
        Ok(self.read(history, slice).await?.first().map_or(0, |chunk| chunk.sequence))
    }

    async fn read(&self, history: &str, slice: Slice) -> Result<Vec<Entry>, Error> {
        Ok(self.store.read(history, slice).await?)
    }
}

/// Adds the events of a step to `batch`.
pub(crate) fn keep(batch: &mut Batch, history: &str, events: &[HistoryEvent]) {
    for chunk in HistoryChunk::of(events) {
        batch.append(history, chunk.first, chunk.timestamp, chunk.bytes);
    }
}

fn decode(history: &str, chunk: &Entry) -> Result<Vec<HistoryEvent>, Error> {
    HistoryChunk::read(&chunk.payload)
        .map_err(|error| Error::Inconsistent(format!("{history} from event {}: {error}", chunk.sequence)))
}
