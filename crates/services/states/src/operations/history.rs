//! `GetExecutionHistory`.

use api::Context;
use serde_json::Value;
use store::Slice;

use super::Operations;
use crate::Error;
use crate::generated::types::{GetExecutionHistoryInput, GetExecutionHistoryOutput, HistoryEvent};
use crate::page;
use crate::tables;

pub(super) async fn get(
    operations: &Operations,
    cx: &Context,
    input: GetExecutionHistoryInput,
) -> Result<GetExecutionHistoryOutput, Error> {
    let arn = &input.execution_arn;
    operations.execution(cx, arn).await?;
    let descending = input.reverse_order.unwrap_or(false);
    let scope = format!("GetExecutionHistory {arn} {descending}");
    let after = page::after(&scope, input.next_token.as_deref())?;
    let after: Option<u64> = after.map(|id| id.parse().map_err(|_| Error::InvalidToken)).transpose()?;
    let size = page::size(input.max_results);
    let all = Slice { descending, limit: size + 1, ..Slice::default() };
    let slice = match after {
        Some(id) if descending => Slice { to_sequence: id, ..all },
        Some(id) => Slice { from_sequence: id.saturating_add(1), ..all },
        None => all,
    };
    let mut entries = operations.store.read(&tables::history(arn), slice).await?;
    let has_more = entries.len() > size;
    entries.truncate(size);
    let next_token =
        entries.last().filter(|_| has_more).map(|last| page::token(&scope, &last.sequence.to_string()));
    let include = input.include_execution_data.unwrap_or(true);
    let events = entries.iter().map(|entry| match include {
        true => read(arn, &entry.payload),
        false => read_without_data(arn, &entry.payload),
    });
    Ok(GetExecutionHistoryOutput { events: events.collect::<Result<_, _>>()?, next_token })
}

/// An event as it is kept.
pub(super) fn read(arn: &str, payload: &[u8]) -> Result<HistoryEvent, Error> {
    serde_json::from_slice(payload).map_err(|error| unreadable(arn, &error))
}

fn read_without_data(arn: &str, payload: &[u8]) -> Result<HistoryEvent, Error> {
    let mut event: Value = serde_json::from_slice(payload).map_err(|error| unreadable(arn, &error))?;
    asl::without_execution_data(&mut event);
    // The model requires the member, so that an SDK expects a text.
    if let Some(details) = event.get_mut("taskScheduledEventDetails").and_then(Value::as_object_mut) {
        details.insert("parameters".to_owned(), "".into());
    }
    serde_json::from_value(event).map_err(|error| unreadable(arn, &error))
}

fn unreadable(arn: &str, error: &serde_json::Error) -> Error {
    Error::Inconsistent(format!("an event of {arn} cannot be read: {error}"))
}
