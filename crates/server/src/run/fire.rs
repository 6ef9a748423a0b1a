//! Fires a rule now and watches what its targets do.

use std::time::Duration;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::happening::Happening;
use super::show::Show;
use super::{watch_execution, watch_task};
use crate::operator::{Operator, text};

/// How often the deliveries are looked at until all are settled.
const POLL: Duration = Duration::from_millis(20);

/// Fires `rule` with `event`, or with a scheduled event, and watches its targets. Whether all went well.
///
/// # Errors
/// Where the rule cannot be fired: it wants an event, or does not match the one that it was given.
pub async fn fire(
    operator: &Operator,
    rule: &str,
    event: Option<Value>,
    show: &mut Show,
) -> anyhow::Result<bool> {
    let mut input = json!({"Name": rule});
    if let Some(event) = event {
        input["Entry"] = event;
    }
    let fired =
        operator.internal("events", "FireRule", input).await.map_err(|error| anyhow!(error.message))?;
    let event_id = text(&fired, "EventId")?.to_owned();
    show.tell(&Happening::Fired { rule: rule.to_owned(), event_id: event_id.clone() });
    let mut all_well = true;
    for delivery in settled(operator, &event_id).await? {
        all_well &= watch(operator, &delivery, show).await?;
    }
    Ok(all_well)
}

/// The event's deliveries, once each has been taken or given up.
async fn settled(operator: &Operator, event_id: &str) -> anyhow::Result<Vec<Value>> {
    loop {
        let answer = operator.internal("events", "ListDeliveries", json!({"EventId": event_id})).await?;
        let deliveries = answer["Deliveries"].as_array().cloned().unwrap_or_default();
        if deliveries.iter().all(|delivery| delivery["Status"] != "PENDING") {
            return Ok(deliveries);
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn watch(operator: &Operator, delivery: &Value, show: &mut Show) -> anyhow::Result<bool> {
    let target = text(delivery, "TargetArn")?.to_owned();
    if delivery["Status"] != "DELIVERED" {
        let reason = delivery["ErrorMessage"].as_str().unwrap_or("it was not delivered").to_owned();
        show.tell(&Happening::NotDelivered { target, reason });
        return Ok(false);
    }
    let result = &delivery["Result"];
    if let Some(execution) = result["executionArn"].as_str() {
        show.tell(&Happening::Started { execution: execution.to_owned() });
        if execution.contains(":express:") {
            let text =
                "an express execution cannot be watched: its outcome is in the machine's log".to_owned();
            show.tell(&Happening::Note { text });
            return Ok(true);
        }
        return watch_execution::watch(operator, execution, show).await;
    }
    let mut all_well = true;
    for task in result["tasks"].as_array().into_iter().flatten() {
        all_well &= watch_task::watch(operator, text(task, "taskArn")?, show).await?;
    }
    Ok(all_well)
}
