//! Log streams as they are kept. A record is never changed: what there is to know of a stream's events is read from
//! them.

use api::Context;
use serde::{Deserialize, Serialize};
use store::{Batch, Entry, Order, Slice, Versioned};
use types::Timestamp;

use crate::error::Error;
use crate::generated::types as shapes;
use crate::group::{self, Group};
use crate::position::Position;
use crate::sequence::ingestion_time;
use crate::{Logs, background};

/// The store's table of streams.
pub(crate) const TABLE: &str = "logs-streams";

/// How often a stream is created where others change its group.
const ATTEMPTS_MAX: usize = 16;

/// A log stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// The name of the store's log that holds the events.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) creation_time: Timestamp,
}

/// The key under which a stream is kept.
pub(crate) fn key(group: &Group, name: &str) -> String {
    format!("{}/{name}", group.id)
}

impl Logs {
    pub(crate) async fn stream(&self, group: &Group, name: &str) -> Result<Versioned<Stream>, Error> {
        self.streams.get(&key(group, name)).await?.ok_or(Error::StreamNotFound)
    }

    pub(crate) async fn create_stream(&self, cx: &Context, group: &str, name: String) -> Result<(), Error> {
        let stream = Stream { id: format!("logs-{}", api::ids::hex32()), name, creation_time: cx.now };
        for _ in 0..ATTEMPTS_MAX {
            let group = self.group(cx, group).await?;
            let key = key(&group.value, &stream.name);
            let mut batch = Batch::new();
            // A group that is deleted meanwhile must not get another stream.
            batch.require_version(group::TABLE, group.key.as_str(), group.version);
            self.streams.create(&mut batch, &key, &stream);
            match self.store.submit(batch).durable().await {
                Ok(_) => return Ok(()),
                Err(store::Error::Conflict { table, .. }) if table == TABLE => {
                    return Err(Error::StreamExists);
                }
                Err(store::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Aborted)
    }

    pub(crate) async fn delete_stream(&self, cx: &Context, group: &str, name: &str) -> Result<(), Error> {
        let group = self.group(cx, group).await?.value;
        let stream = self.stream(&group, name).await?;
        let mut batch = Batch::new();
        batch.require_version(TABLE, stream.key.as_str(), stream.version);
        self.streams.delete(&mut batch, &stream.key);
        background::remove_events(&mut batch, &stream.value.id, cx.now);
        self.commit(batch).await.map_err(|error| match error {
            Error::Aborted => Error::StreamNotFound,
            error => error,
        })
    }

    /// A stream with the times of its events, which are absent as long as it has none.
    pub(crate) async fn stream_answer(
        &self,
        cx: &Context,
        group: &Group,
        stream: &Stream,
    ) -> Result<shapes::LogStream, Error> {
        let first = self.end_of(group, stream, cx.now, Order::Time, false).await?;
        let last = self.end_of(group, stream, cx.now, Order::Time, true).await?;
        let newest = self.end_of(group, stream, cx.now, Order::Sequence, true).await?;
        Ok(shapes::LogStream {
            log_stream_name: Some(stream.name.clone()),
            creation_time: Some(stream.creation_time.as_millis()),
            first_event_timestamp: first.map(|entry| entry.time.as_millis()),
            last_event_timestamp: last.map(|entry| entry.time.as_millis()),
            last_ingestion_time: newest.as_ref().map(|entry| ingestion_time(entry.sequence)),
            upload_sequence_token: newest.map(|entry| Position::behind(&entry).digits()),
            arn: Some(format!("{}:log-stream:{}", group::arn(cx, &group.name), stream.name)),
            stored_bytes: Some(0),
        })
    }

    /// When a stream's last event was, if it has one.
    pub(crate) async fn last_event_time(
        &self,
        group: &Group,
        stream: &Stream,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        Ok(self.end_of(group, stream, now, Order::Time, true).await?.map(|entry| entry.time))
    }

    /// The first or the last of a stream's events that have not expired.
    async fn end_of(
        &self,
        group: &Group,
        stream: &Stream,
        now: Timestamp,
        order: Order,
        descending: bool,
    ) -> Result<Option<Entry>, Error> {
        let from_time = group.expiry(now).unwrap_or(Timestamp::MIN);
        let slice = Slice { from_time, order, descending, limit: 1, ..Slice::default() };
        Ok(self.store.read(&stream.id, slice).await?.into_iter().next())
    }
}
