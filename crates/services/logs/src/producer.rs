//! How far the producer of a stream's events has come, kept in the very batch that appends them.
//!
//! A producer that can read its source again from a position, such as ECS's `awslogs`, says in the sequence token of
//! PutLogEvents (which AWS has ignored since 2023) up to where the events reach: `position:TEXT`. After a crash it asks,
//! goes on from there, and no event is written twice.

use api::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Batch;

use crate::error::Error;
use crate::{Logs, stream};

const TOKEN_PREFIX: &str = "position:";

/// What a producer has said last.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Position(String);

/// The stream whose producer asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    log_group_name: String,
    log_stream_name: String,
}

impl Position {
    /// The position in a request's sequence token, if that is one.
    pub(crate) fn of(sequence_token: Option<&str>) -> Option<Self> {
        Some(Self(sequence_token?.strip_prefix(TOKEN_PREFIX)?.to_owned()))
    }
}

impl Logs {
    /// Adds to `batch`: the producer of the events of `log` has come so far.
    pub(crate) fn put_position(&self, batch: &mut Batch, log: &str, position: Option<&Position>) {
        if let Some(position) = position {
            self.positions.put(batch, log, position);
        }
    }

    /// `internal:ProducerPosition`: what the stream's producer said last, or null.
    pub(crate) async fn producer_position(&self, cx: &Context, input: Value) -> Result<Value, Error> {
        let Ok(asked) = serde_json::from_value::<Asked>(input) else { return Err(Error::StreamNotFound) };
        let group = self.group(cx, &asked.log_group_name).await?.value;
        let key = stream::key(&group, &asked.log_stream_name);
        let stream = self.streams.get(&key).await?.ok_or(Error::StreamNotFound)?;
        let position = self.positions.get(&stream.value.id).await?.map(|seen| seen.value);
        Ok(json!({ "position": position }))
    }
}
