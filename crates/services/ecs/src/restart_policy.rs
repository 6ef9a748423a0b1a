//! Containers that are started again when they end, without their task ending.
//!
//! Source: Developer Guide, "Restart individual containers in Amazon ECS tasks with container restart policies".

use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;

/// A `restartPolicy` that is enabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// Who ends with one of these is not started again.
    pub ignored_exit_codes: Vec<i32>,
    /// Seconds that a container must have run before it is started again.
    pub attempt_period_seconds: u64,
}

impl RestartPolicy {
    /// Whether a container that ran from `started_at` to `ended_at` is started again.
    pub fn restarts(&self, exit_code: i32, started_at: Timestamp, ended_at: Timestamp) -> bool {
        let period = Duration::from_secs(self.attempt_period_seconds);
        !self.ignored_exit_codes.contains(&exit_code) && ended_at >= started_at + period
    }
}
