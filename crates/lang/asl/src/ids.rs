//! Numbers that name the open things of one execution.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// One attempt of one Task state. A retry has a new one, so that (execution ARN, task id) is the idempotency key of
    /// everything done for the attempt.
    TaskId
}

id! {
    /// One waiting for a point in time: of a Wait state, a retry, a timeout or a heartbeat. Never used again.
    TimerId
}

id! {
    /// One row of what is stored of an execution: a sequence of states, and how far it has come.
    FrameId
}
