//! What became of a delivery: asked for by who has fired a rule, and kept for all that have failed; for an hour.
//!
//! A delivery that its target took at once leaves nothing behind, unless somebody watches it: events come in thousands a
//! second.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Batch;
use types::Timestamp;

use super::Delivery;
use crate::limits::OUTCOME_KEPT;
use crate::memory::Memory;

/// The outcomes, by their deliveries.
pub(crate) static OUTCOMES: Memory =
    Memory { table: "events/outcome", queue: "events/outcome-upkeep", kept: OUTCOME_KEPT };

/// What became of a delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outcome {
    /// The event's id.
    pub event_id: String,
    /// The rule that matched.
    pub rule_arn: String,
    /// The target's id.
    pub target_id: String,
    /// The target's ARN.
    pub target_arn: String,
    /// How far it has come.
    pub status: Status,
    /// Attempts made.
    pub attempts: u32,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_code: Option<String>,
    /// The text to it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_message: Option<String>,
    /// What the target answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<Value>,
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The target is yet to take it.
    Pending,
    /// The target took it.
    Delivered,
    /// It was given up.
    Failed,
}

impl Delivery {
    /// Adds to a batch: whoever watches sees that the delivery is under way.
    pub(super) fn note_pending(&self, batch: &mut Batch) {
        if self.watched {
            put(batch, &self.key(), &self.outcome(Status::Pending));
        }
    }

    /// Adds to a batch: whoever watches sees what the target answered.
    pub(super) fn note_delivered(&self, batch: &mut Batch, result: Value, now: Timestamp) {
        if self.watched {
            let attempts = self.failed_attempts + 1;
            let outcome = Outcome { result: Some(result), attempts, ..self.outcome(Status::Delivered) };
            keep(batch, &self.key(), &Outcome { error_code: None, error_message: None, ..outcome }, now);
        }
    }

    /// Adds to a batch: the delivery was given up.
    pub(super) fn note_failed(&self, batch: &mut Batch, now: Timestamp) {
        keep(batch, &self.key(), &self.outcome(Status::Failed), now);
    }

    fn outcome(&self, status: Status) -> Outcome {
        let error = self.last_error.as_ref();
        Outcome {
            event_id: self.event_id.clone(),
            rule_arn: self.rule_arn.clone(),
            target_id: self.target.id.clone(),
            target_arn: self.target.arn.clone(),
            status,
            attempts: self.failed_attempts,
            error_code: error.map(|error| error.code.clone()),
            error_message: error.map(|error| error.message.clone()),
            result: None,
        }
    }
}

fn put(batch: &mut Batch, key: &str, outcome: &Outcome) {
    batch.put(OUTCOMES.table, key, row(outcome));
}

fn row(outcome: &Outcome) -> Vec<u8> {
    // Plain data with text keys: it cannot fail to be written.
    serde_json::to_vec(outcome).unwrap_or_default()
}

/// The last that is said of a delivery: it stays for a while.
fn keep(batch: &mut Batch, key: &str, outcome: &Outcome, now: Timestamp) {
    OUTCOMES.keep(batch, key, row(outcome), now);
}
