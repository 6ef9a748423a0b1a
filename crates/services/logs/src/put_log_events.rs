//! `PutLogEvents`: what of a request is taken, and where it goes.

use api::Context;
use store::{Batch, Order, Slice};
use types::Timestamp;

use crate::error::Error;
use crate::generated::types::{
    InputLogEvent, PutLogEventsInput, PutLogEventsOutput, RejectedEntityInfo, RejectedLogEventsInfo,
};
use crate::group::Group;
use crate::position::Position;
use crate::producer;
use crate::{Logs, limits, stream};

/// How often events are appended where their sequences are taken: by what was written before the clock was set back.
const ATTEMPTS_MAX: usize = 4;

/// Where events are appended.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The stream's key.
    key: &'a str,
    /// The version of its record.
    version: u64,
    /// The store's log with its events.
    log: &'a str,
}

impl Logs {
    pub(crate) async fn put(
        &self,
        cx: &Context,
        input: PutLogEventsInput,
    ) -> Result<PutLogEventsOutput, Error> {
        let group = self.group(cx, &input.log_group_name).await?.value;
        let stream_key = stream::key(&group, &input.log_stream_name);
        let stream = self.streams.get(&stream_key).await?.ok_or(Error::StreamNotFound)?;
        check(&input.log_events)?;
        let (accepted, rejected) = sort_out(&input.log_events, &group, cx.now);
        let reached = producer::Position::of(input.sequence_token.as_deref());
        let next = if accepted.is_empty() && reached.is_none() {
            self.sequences.take(0, cx.now)
        } else {
            let at = Place { key: &stream_key, version: stream.version, log: &stream.value.id };
            self.append(at, accepted, reached.as_ref(), cx.now).await?
        };
        Ok(PutLogEventsOutput {
            next_sequence_token: Some(Position { time: cx.now, sequence: next }.digits()),
            rejected_log_events_info: rejected,
            // Entities are not served; the events are taken without.
            rejected_entity_info: input
                .entity
                .map(|_| RejectedEntityInfo { error_type: "UnsupportedLogGroupType".to_owned() }),
        })
    }

    /// Appends events, as long as their stream is there, and gives the sequence that follows theirs.
    async fn append(
        &self,
        at: Place<'_>,
        events: &[InputLogEvent],
        reached: Option<&producer::Position>,
        now: Timestamp,
    ) -> Result<u64, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let mut sequence = self.sequences.take(events.len() as u64, now);
            let mut batch = Batch::new();
            batch.require_version(stream::TABLE, at.key, at.version);
            self.put_position(&mut batch, at.log, reached);
            for event in events {
                let time = Timestamp::from_millis(event.timestamp);
                batch.append(at.log, sequence, time, event.message.as_bytes().to_vec());
                sequence += 1;
            }
            match self.store.submit(batch).durable().await {
                Ok(_) => return Ok(sequence),
                Err(store::Error::Conflict { table, .. }) if table == stream::TABLE => {
                    return Err(Error::StreamNotFound);
                }
                Err(store::Error::Conflict { .. }) => self.pass_last(at.log).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Aborted)
    }

    /// Continues behind what the log holds.
    async fn pass_last(&self, log: &str) -> Result<(), Error> {
        let slice = Slice { order: Order::Sequence, descending: true, limit: 1, ..Slice::default() };
        if let Some(last) = self.store.read(log, slice).await?.first() {
            self.sequences.pass(last.sequence);
        }
        Ok(())
    }
}

/// Refuses a request as a whole.
fn check(events: &[InputLogEvent]) -> Result<(), Error> {
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(Error::NotChronological);
    }
    let span = events.first().zip(events.last()).map_or(0, |(first, last)| last.timestamp - first.timestamp);
    if u128::from(span.unsigned_abs()) > limits::PUT_SPAN_MAX.as_millis() {
        return Err(Error::SpanTooLong);
    }
    let bytes = events.iter().map(|event| event.message.len() + limits::EVENT_OVERHEAD).sum();
    if bytes > limits::PUT_BYTES_MAX { Err(Error::TooLarge(bytes)) } else { Ok(()) }
}

/// The events that are taken, and which ones are not because of their time. Events are in the order of time, so that
/// those too old come first and those too new last.
fn sort_out<'a>(
    events: &'a [InputLogEvent],
    group: &Group,
    now: Timestamp,
) -> (&'a [InputLogEvent], Option<RejectedLogEventsInfo>) {
    let count_before = |time: Timestamp| events.partition_point(|event| event.timestamp < time.as_millis());
    let too_old = count_before(now - limits::EVENT_AGE_MAX);
    let expired = group.expiry(now).map_or(0, count_before);
    let newest = (now + limits::EVENT_FUTURE_MAX).as_millis();
    let too_new = events.partition_point(|event| event.timestamp <= newest);
    let accepted = events.get(too_old.max(expired)..too_new).unwrap_or_default();
    let index = |index: usize| i64::try_from(index).ok();
    let rejected = RejectedLogEventsInfo {
        too_new_log_event_start_index: if too_new < events.len() { index(too_new) } else { None },
        too_old_log_event_end_index: if too_old > 0 { index(too_old) } else { None },
        expired_log_event_end_index: if expired > 0 { index(expired) } else { None },
    };
    (accepted, (accepted.len() < events.len()).then_some(rejected))
}
