//! `FilterLogEvents`: the events of many streams in one order, those that match a pattern.

use std::collections::{BTreeSet, VecDeque};

use api::Context;
use store::{Entry, Range};
use types::Timestamp;

use crate::error::Error;
use crate::filter_pattern::FilterPattern;
use crate::generated::types::{FilterLogEventsInput, FilterLogEventsOutput, FilteredLogEvent};
use crate::group::Group;
use crate::group_identifier::group_name;
use crate::position::{Direction, Position, Window, next_millisecond, size};
use crate::sequence::ingestion_time;
use crate::stream::Stream;
use crate::{Logs, limits, page_token};

/// Events that are read ahead of all streams together.
const READ_AHEAD: usize = 5000;

/// A stream that is read, as far as it has been.
struct Cursor {
    stream: Stream,
    ahead: VecDeque<Entry>,
    position: Position,
    is_at_end: bool,
}

/// How a request reads.
struct Reading {
    window: Window,
    direction: Direction,
    read_at_once: usize,
}

impl Logs {
    pub(crate) async fn filter_events(
        &self,
        cx: &Context,
        input: FilterLogEventsInput,
    ) -> Result<FilterLogEventsOutput, Error> {
        let pattern = FilterPattern::parse(input.filter_pattern.as_deref().unwrap_or_default())?;
        let name = group_name(cx, input.log_group_name, input.log_group_identifier)?;
        let group = self.group(cx, &name).await?.value;
        let streams =
            self.streams_to_search(&group, input.log_stream_names, input.log_stream_name_prefix).await?;
        // Unlike that of GetLogEvents, the end is still in.
        let end = input.end_time.map(|end| next_millisecond(Timestamp::from_millis(end)));
        let window = group.window(cx.now, input.start_time, end);
        let direction =
            if input.start_from_head == Some(false) { Direction::Backward } else { Direction::Forward };
        let start = match direction {
            Direction::Forward => window.from,
            Direction::Backward => window.to,
        };
        let position = match input.next_token {
            Some(token) => Position::from_digits(&page_token::decode(&token)?).ok_or(Error::InvalidToken)?,
            None => Position::at(start),
        };
        let read_at_once = (READ_AHEAD / streams.len().max(1)).clamp(2, limits::READ_AT_ONCE);
        let reading = Reading { window, direction, read_at_once };
        let limit =
            input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(limits::PAGE_EVENTS_MAX);
        let (events, next) = self.search(streams, position, &reading, &pattern, limit).await?;
        Ok(FilterLogEventsOutput {
            events: Some(events),
            // No longer filled: AWS answers an empty list too.
            searched_log_streams: Some(Vec::new()),
            next_token: next.map(|position| page_token::encode(&position.digits())),
        })
    }

    async fn streams_to_search(
        &self,
        group: &Group,
        names: Option<Vec<String>>,
        prefix: Option<String>,
    ) -> Result<Vec<Stream>, Error> {
        match (names, prefix) {
            (Some(_), Some(_)) => Err(Error::StreamNamesAndPrefix),
            (Some(names), None) => {
                let mut streams = Vec::new();
                for name in names {
                    let stream = self.stream(group, &name).await?.value;
                    if !streams.contains(&stream) {
                        streams.push(stream);
                    }
                }
                Ok(streams)
            }
            (None, prefix) => {
                let prefix = format!("{}/{}", group.id, prefix.unwrap_or_default());
                let streams = self.streams.list(Range::prefix(&prefix)).await?;
                Ok(streams.into_iter().map(|stream| stream.value).collect())
            }
        }
    }

    /// The matching events from `position` on, and where to go on if there may be more.
    async fn search(
        &self,
        streams: Vec<Stream>,
        position: Position,
        reading: &Reading,
        pattern: &FilterPattern,
        limit: usize,
    ) -> Result<(Vec<FilteredLogEvent>, Option<Position>), Error> {
        let mut cursors: Vec<_> = streams.into_iter().map(|stream| Cursor::new(stream, position)).collect();
        let mut ready = BTreeSet::new();
        for (index, cursor) in cursors.iter_mut().enumerate() {
            self.read_ahead(cursor, reading).await?;
            ready.extend(cursor.next().map(|next| (next, index)));
        }
        let (mut found, mut bytes, mut scanned, mut last) = (Vec::new(), 0, 0, position);
        while let Some((cursor, index)) = take_next(&mut ready, &mut cursors, reading.direction) {
            let Some(entry) = cursor.ahead.pop_front() else { continue };
            let message = String::from_utf8_lossy(&entry.payload);
            if pattern.matches(&message) {
                bytes += size(&entry);
                if bytes > limits::PAGE_BYTES_MAX && !found.is_empty() {
                    return Ok((found, Some(last)));
                }
                found.push(filtered(&cursor.stream, &entry, message.into_owned()));
            }
            last = Position::past(&entry, reading.direction);
            if cursor.ahead.is_empty() {
                self.read_ahead(cursor, reading).await?;
            }
            ready.extend(cursor.next().map(|next| (next, index)));
            scanned += 1;
            if found.len() == limit || scanned == limits::FILTER_SCAN_MAX {
                return Ok((found, (!ready.is_empty()).then_some(last)));
            }
        }
        Ok((found, None))
    }

    async fn read_ahead(&self, cursor: &mut Cursor, reading: &Reading) -> Result<(), Error> {
        if cursor.is_at_end {
            return Ok(());
        }
        let Reading { window, direction, read_at_once } = reading;
        let log = &cursor.stream.id;
        let entries = self.events(log, cursor.position, *direction, *window, *read_at_once).await?;
        cursor.is_at_end = entries.len() < *read_at_once;
        if let Some(last) = entries.last() {
            cursor.position = Position::past(last, *direction);
        }
        cursor.ahead = entries.into();
        Ok(())
    }
}

impl Cursor {
    fn new(stream: Stream, position: Position) -> Self {
        Self { stream, ahead: VecDeque::new(), position, is_at_end: false }
    }

    /// The position of the event that comes next.
    fn next(&self) -> Option<Position> {
        self.ahead.front().map(Position::before)
    }
}

/// Takes the stream whose event comes next. Sequences are unique among streams, so that the order is the same on every
/// page.
fn take_next<'a>(
    ready: &mut BTreeSet<(Position, usize)>,
    cursors: &'a mut [Cursor],
    direction: Direction,
) -> Option<(&'a mut Cursor, usize)> {
    let (_, index) = match direction {
        Direction::Forward => ready.pop_first(),
        Direction::Backward => ready.pop_last(),
    }?;
    cursors.get_mut(index).map(|cursor| (cursor, index))
}

fn filtered(stream: &Stream, entry: &Entry, message: String) -> FilteredLogEvent {
    FilteredLogEvent {
        log_stream_name: Some(stream.name.clone()),
        timestamp: Some(entry.time.as_millis()),
        message: Some(message),
        ingestion_time: Some(ingestion_time(entry.sequence)),
        event_id: Some(Position::before(entry).digits()),
    }
}
