//! The network of a task: attached before anything else, detached after everything else.

use super::Agent;
use crate::lifecycle::TaskEvent;
use crate::task::Task;

impl Agent {
    /// Provides the task's network. Providing it again gives the same one.
    pub(super) async fn provide_network(&self, _task: &Task) -> TaskEvent {
        TaskEvent::NetworkProvided
    }
}
