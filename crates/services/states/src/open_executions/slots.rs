//! The places of open executions, by their ARNs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::lock::{Mutex as Lock, OwnedMutexGuard};

use super::{Error, Open, OpenExecutions};
use crate::limits::OPEN_EXECUTIONS;
use crate::name::execution_arn;

/// An execution's place: empty before it begins and after it has ended.
pub(super) type Slot = Lock<Option<Open>>;

/// All places.
#[derive(Default)]
pub(super) struct Slots(Mutex<BTreeMap<String, Arc<Slot>>>);

impl OpenExecutions {
    /// ARNs of the open standard executions of a state machine. Express ones outlive it.
    pub(crate) fn of_machine(&self, machine: &str) -> Vec<String> {
        let prefix = execution_arn(machine, "");
        let slots = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        let arns = slots.range(prefix.clone()..).map(|(arn, _)| arn);
        arns.take_while(|arn| arn.starts_with(&prefix)).cloned().collect()
    }

    /// The place of an execution, locked: nobody else opens it meanwhile.
    pub(super) async fn enter(&self, arn: &str) -> Result<(Arc<Slot>, OwnedMutexGuard<Option<Open>>), Error> {
        loop {
            let slot = self.slot_or_new(arn)?;
            let place = Arc::clone(&slot).lock_owned().await;
            // Whoever had it before may have removed it: it is no place any more.
            if self.slot(arn).is_some_and(|present| Arc::ptr_eq(&present, &slot)) {
                return Ok((slot, place));
            }
        }
    }

    pub(super) fn slot(&self, arn: &str) -> Option<Arc<Slot>> {
        self.slots.0.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    pub(super) fn slot_or_new(&self, arn: &str) -> Result<Arc<Slot>, Error> {
        let mut slots = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(arn) {
            return Ok(Arc::clone(slot));
        }
        if slots.len() >= OPEN_EXECUTIONS {
            return Err(Error::ExecutionLimitExceeded);
        }
        Ok(Arc::clone(slots.entry(arn.to_owned()).or_default()))
    }

    /// Removes a slot, unless another has taken its place.
    pub(super) fn remove(&self, arn: &str, slot: &Arc<Slot>) {
        let mut slots = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.get(arn).is_some_and(|present| Arc::ptr_eq(present, slot)) {
            slots.remove(arn);
        }
    }
}
