//! How many items of a Map Run may fail.

use serde::{Deserialize, Serialize};

use crate::error_name::{ErrorName, Failure};

/// `ToleratedFailureCount` and `ToleratedFailurePercentage`. Where neither is given, no failure is tolerated; where both
/// are, neither may be exceeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Items that may fail or time out.
    pub count: Option<u64>,
    /// Per cent of all items that may fail or time out: 0 to 100.
    pub percentage: Option<f64>,
}

impl Tolerance {
    /// Whether `failed` items of `total` are too many. Items that timed out count as failed, aborted ones do not.
    ///
    /// While items are still being read, `total` is not known, and a percentage says nothing yet: pass `None`.
    #[expect(clippy::cast_precision_loss, reason = "a Map Run has at most 10^8 items")]
    pub fn is_exceeded(&self, failed: u64, total: Option<u64>) -> bool {
        let by_count = self.count.is_some_and(|count| failed > count);
        let by_percentage = match (self.percentage, total) {
            (Some(percentage), Some(total)) => failed as f64 * 100.0 > percentage * total as f64,
            // Nothing is tolerated, however many items there are.
            (Some(percentage), None) => percentage == 0.0 && failed > 0,
            (None, _) => false,
        };
        let by_default = self.count.is_none() && self.percentage.is_none() && failed > 0;
        by_count || by_percentage || by_default
    }

    /// The failure of a Map Run in which too many items failed.
    pub fn exceeded() -> Failure {
        let cause = "The specified tolerated failure threshold was exceeded";
        Failure::new(ErrorName::ExceedToleratedFailureThreshold, cause)
    }
}
