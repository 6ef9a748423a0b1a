//! What happens when something is due while what its last occurrence has set to work still works.
//!
//! EventBridge's occurrences do not know of each other: this is an extension, off where no tag asks for it. Who works is the
//! services' to find out.

use std::collections::BTreeMap;
use std::time::Duration;

use types::Timestamp;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// The new occurrence is left out.
    Skip,
    /// It waits.
    Queue,
}

/// A tag asks for what there is not: the word that it has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The tag runwright:overlap is {0}: it can be allow, skip or queue.")]
pub struct UnknownOverlap(String);

impl Overlap {
    /// The tag of a schedule group or a rule.
    pub const TAG: &str = "runwright:overlap";
    /// How long a queued occurrence waits between two looks: an eighth of what it has waited, within these.
    const LOOK_AGAIN_MIN: Duration = Duration::from_secs(1);
    const LOOK_AGAIN_MAX: Duration = Duration::from_secs(30);

    /// What tags ask for; `None` for AWS's way.
    ///
    /// # Errors
    /// [`UnknownOverlap`] for a word that is none.
    pub fn of(tags: &BTreeMap<String, String>) -> Result<Option<Self>, UnknownOverlap> {
        match tags.get(Self::TAG).map(String::as_str) {
            None | Some("allow") => Ok(None),
            Some("skip") => Ok(Some(Self::Skip)),
            Some("queue") => Ok(Some(Self::Queue)),
            Some(other) => Err(UnknownOverlap(other.to_owned())),
        }
    }

    /// When an occurrence that was due at `due` and waits looks again.
    pub fn look_again(due: Timestamp, now: Timestamp) -> Timestamp {
        now + (now.since(due) / 8).clamp(Self::LOOK_AGAIN_MIN, Self::LOOK_AGAIN_MAX)
    }
}
