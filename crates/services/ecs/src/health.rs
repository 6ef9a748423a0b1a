//! The health of a container: what its check's results make of it.
//!
//! Running the check is the agent's.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;

/// A `healthCheck`, with AWS's defaults where the task definition says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What is executed in the container; 0 is healthy.
    pub command: Vec<String>,
    /// Seconds from the container's start to the first check, and from the end of one check to the next.
    pub interval_seconds: u64,
    /// Seconds after which a check counts as failed.
    pub timeout_seconds: u64,
    /// So many failures in a row make a container unhealthy.
    pub retries: u32,
    /// Seconds from the container's start in which failures do not count, unless a check has passed before.
    pub start_period_seconds: u64,
}

/// A container's `healthStatus`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HealthStatus {
    /// Not decided yet.
    #[default]
    Unknown,
    /// The last checks passed.
    Healthy,
    /// Too many checks failed in a row.
    Unhealthy,
}

impl HealthStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }

    /// The health of a whole from that of its parts: unhealthy where one is, healthy where all are.
    pub fn of_all(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        parts.into_iter().reduce(|whole, part| match (whole, part) {
            (Self::Unhealthy, _) | (_, Self::Unhealthy) => Self::Unhealthy,
            (Self::Healthy, Self::Healthy) => Self::Healthy,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        })
    }
}

/// A container's health check, and what is known of its health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The check.
    pub check: HealthCheck,
    /// What the results make of it.
    pub status: HealthStatus,
    /// Failures in a row that count.
    pub failures: u32,
}

impl Health {
    /// Nothing is known yet.
    pub fn unknown(check: HealthCheck) -> Self {
        Self { check, status: HealthStatus::Unknown, failures: 0 }
    }

    /// Takes in a check's result. A failure in the start period counts only when a check has passed before.
    pub fn take_in(&mut self, passed: bool, started_at: Option<Timestamp>, now: Timestamp) {
        if passed {
            self.status = HealthStatus::Healthy;
            self.failures = 0;
            return;
        }
        let period = Duration::from_secs(self.check.start_period_seconds);
        let starting = started_at.is_some_and(|start| now < start + period);
        if starting && self.status == HealthStatus::Unknown {
            return;
        }
        // The number of failures beyond those that decide is nobody's interest, and would be a write for each.
        self.failures = (self.failures + 1).min(self.check.retries);
        if self.failures >= self.check.retries {
            self.status = HealthStatus::Unhealthy;
        }
    }
}
