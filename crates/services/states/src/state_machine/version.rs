//! Published versions of a state machine: revisions under numbers that never come again.
//!
//! Source: Step Functions Developer Guide, "State machine versions in Step Functions workflows".

use serde::{Deserialize, Serialize};
use types::Timestamp;

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    /// ARN of the state machine.
    pub(crate) machine: String,
    /// 1 for a machine's first version; grows with each, whatever was deleted.
    pub(crate) number: u64,
    /// Key of the revision that it is.
    pub(crate) revision: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) creation_date: Timestamp,
}

impl VersionRecord {
    pub(crate) fn arn(&self) -> String {
        version_arn(&self.machine, self.number)
    }
}

/// The ARN of a version: its machine's and its number.
pub(crate) fn version_arn(machine: &str, number: u64) -> String {
    format!("{machine}:{number}")
}
