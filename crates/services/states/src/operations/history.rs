//! `GetExecutionHistory`.

use api::Context;
use asl::HistoryEvent;
use serde_json::Value;

use super::Operations;
use crate::Error;
use crate::generated::types as shapes;
use crate::page;

pub(super) async fn get(
    operations: &Operations,
    cx: &Context,
    input: shapes::GetExecutionHistoryInput,
) -> Result<shapes::GetExecutionHistoryOutput, Error> {
    let arn = &input.execution_arn;
    let history = operations.execution(cx, arn).await?.history();
    let descending = input.reverse_order.unwrap_or(false);
    let scope = format!("GetExecutionHistory {arn} {descending}");
    let after = page::after(&scope, input.next_token.as_deref())?;
    let after: Option<u64> = after.map(|id| id.parse().map_err(|_| Error::InvalidToken)).transpose()?;
    let size = page::size(input.max_results);
    let histories = &operations.histories;
    let mut events = match descending {
        true => histories.before(&history, after.unwrap_or(u64::MAX), size + 1).await?,
        false => histories.from(&history, after.map_or(0, |id| id.saturating_add(1)), size + 1).await?,
    };
    let has_more = events.len() > size;
    events.truncate(size);
    let next_token = events.last().filter(|_| has_more).map(|last| page::token(&scope, &last.id.to_string()));
    let include = input.include_execution_data.unwrap_or(true);
    let events = events.iter().map(|event| shape(arn, event, include)).collect::<Result<_, _>>()?;
    Ok(shapes::GetExecutionHistoryOutput { events, next_token })
}

/// An event as it is answered.
fn shape(arn: &str, event: &HistoryEvent, include: bool) -> Result<shapes::HistoryEvent, Error> {
    let mut answer = event.to_json(include);
    if !include
        && let Some(details) = answer.get_mut("taskScheduledEventDetails").and_then(Value::as_object_mut)
    {
        // The model requires the member, so that an SDK expects a text.
        details.insert("parameters".to_owned(), "".into());
    }
    let unlike =
        |error| Error::Inconsistent(format!("event {} of {arn} is unlike its shape: {error}", event.id));
    serde_json::from_value(answer).map_err(unlike)
}
