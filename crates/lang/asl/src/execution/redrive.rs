//! Going on with an execution that has ended without success.

use std::sync::Arc;

use types::Timestamp;

use super::{Execution, RestoreError};
use crate::definition::StateMachine;
use crate::effect::Effect;
use crate::step;

impl Execution {
    /// Redrives what [`Self::take_changes`] had stored of an execution that ended without success: it goes on from the
    /// states that did not succeed, as `RedriveExecution` does, until it waits or ends.
    ///
    /// What has succeeded is kept: results of states, branches of a Parallel state, iterations of a Map state. States are
    /// tried as often as at first. Deterministic, as [`step()`](crate::step()) is; `effects` is appended to.
    ///
    /// # Errors
    /// [`RestoreError`] where that is not an execution of `machine` that [may be redriven](Self::is_redrivable).
    ///
    /// Source: Step Functions Developer Guide, "Restarting state machine executions with redrive".
    pub fn redrive(
        machine: Arc<StateMachine>,
        head: &[u8],
        frames: impl IntoIterator<Item = (u64, Vec<u8>)>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Result<Self, RestoreError> {
        let mut execution = Self::read(machine, head, frames)?;
        if !execution.is_redrivable() {
            return Err(RestoreError::NotRedrivable);
        }
        execution.change_spec(|spec| {
            spec.redrive_count = spec.redrive_count.saturating_add(1);
            spec.redrive_time = Some(now);
        });
        step::redrive(&mut execution, now, effects);
        Ok(execution)
    }
}
