//! Advances an execution from one wake to the point where it waits again.

use types::Timestamp;

use crate::effect::Effect;
use crate::execution::Execution;
use crate::wake::Wake;

/// Advances one execution: applies `wake`, then runs every state that needs nothing from outside, until the execution
/// waits or ends. Deterministic: equal arguments give equal histories, changes and effects.
///
/// `effects` is appended to, in the order in which they are wanted. They may be performed only after the history and the
/// changes are stored. A wake for what is closed, or was never open, changes nothing.
pub fn step(execution: &mut Execution, wake: Wake, now: Timestamp, effects: &mut Vec<Effect>) {
    let _ = (execution, wake, now, effects);
}
