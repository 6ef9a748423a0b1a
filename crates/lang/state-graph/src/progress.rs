//! How far the states of an execution have come, read from its history.

use std::collections::HashMap;

use serde_json::Value;

/// What happened to one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateProgress {
    /// It was never entered.
    Untouched,
    /// It was entered and not left.
    Running,
    /// It was left, the last time after having done well.
    Succeeded,
    /// It failed, and a `Catch` led on.
    Caught,
    /// It failed, and its machine with it.
    Failed,
    /// It was given up because something else failed, or the execution was stopped.
    Aborted,
}

/// What happened to every state of an execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    states: HashMap<String, StateProgress>,
}

impl Progress {
    /// Reads the events of `GetExecutionHistory`, oldest first. Events that are not understood are passed over.
    pub fn of_history<'a>(events: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut reading = Reading::default();
        for event in events {
            reading.read(event);
        }
        Self { states: reading.states }
    }

    /// What happened to the state of that name.
    pub fn of(&self, state: &str) -> StateProgress {
        self.states.get(state).copied().unwrap_or(StateProgress::Untouched)
    }
}

#[derive(Default)]
struct Reading {
    states: HashMap<String, StateProgress>,
    /// The state that each event belongs to.
    owner: HashMap<u64, String>,
    /// States whose last attempt has failed.
    failing: HashMap<String, ()>,
}

impl Reading {
    fn read(&mut self, event: &Value) {
        let Some(kind) = event["type"].as_str() else { return };
        let id = event["id"].as_u64().unwrap_or_default();
        let previous = event["previousEventId"].as_u64().unwrap_or_default();
        if let Some(name) = event["stateEnteredEventDetails"]["name"].as_str() {
            let progress =
                if kind == "FailStateEntered" { StateProgress::Failed } else { StateProgress::Running };
            self.owner.insert(id, name.to_owned());
            self.failing.remove(name);
            self.states.insert(name.to_owned(), progress);
        } else if let Some(name) = event["stateExitedEventDetails"]["name"].as_str() {
            self.left(name);
        } else if kind.starts_with("Execution") {
            self.ended(kind);
        } else {
            self.happened(kind, id, previous);
        }
    }

    /// An event inside a state belongs to the state of the event before it.
    fn happened(&mut self, kind: &str, id: u64, previous: u64) {
        let Some(name) = self.owner.get(&previous).cloned() else { return };
        if kind.ends_with("StateAborted") {
            self.states.insert(name.clone(), StateProgress::Aborted);
        } else if kind.ends_with("Failed") || kind.ends_with("TimedOut") {
            self.failing.insert(name.clone(), ());
        } else {
            self.failing.remove(&name);
        }
        self.owner.insert(id, name);
    }

    fn left(&mut self, name: &str) {
        let caught = self.failing.remove(name).is_some();
        let progress = if caught { StateProgress::Caught } else { StateProgress::Succeeded };
        self.states.insert(name.to_owned(), progress);
    }

    /// Where the execution ends, nothing runs any more.
    fn ended(&mut self, kind: &str) {
        let rest = match kind {
            "ExecutionAborted" => StateProgress::Aborted,
            "ExecutionFailed" | "ExecutionTimedOut" => StateProgress::Failed,
            _ => return,
        };
        for progress in self.states.values_mut().filter(|progress| **progress == StateProgress::Running) {
            *progress = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: u64, previous: u64, kind: &str, state: Option<&str>) -> Value {
        let mut event = json!({"id": id, "previousEventId": previous, "type": kind});
        if let Some(state) = state {
            let details = if kind.ends_with("Entered") {
                "stateEnteredEventDetails"
            } else {
                "stateExitedEventDetails"
            };
            event[details] = json!({"name": state});
        }
        event
    }

    #[test]
    fn tells_caught_failed_and_untouched_states_apart() {
        let history = [
            event(1, 0, "ExecutionStarted", None),
            event(2, 0, "TaskStateEntered", Some("A")),
            event(3, 2, "TaskScheduled", None),
            event(4, 3, "TaskFailed", None),
            event(5, 4, "TaskStateExited", Some("A")),
            event(6, 5, "PassStateEntered", Some("B")),
            event(7, 6, "PassStateExited", Some("B")),
            event(8, 7, "TaskStateEntered", Some("C")),
            event(9, 8, "TaskFailed", None),
            event(10, 9, "ExecutionFailed", None),
        ];
        let progress = Progress::of_history(&history);
        let seen: Vec<_> = ["A", "B", "C", "D"].iter().map(|state| progress.of(state)).collect();
        use StateProgress::{Caught, Failed, Succeeded, Untouched};
        assert_eq!(seen, [Caught, Succeeded, Failed, Untouched]);
    }

    #[test]
    fn a_retry_that_does_well_is_no_failure() {
        let history = [
            event(1, 0, "TaskStateEntered", Some("A")),
            event(2, 1, "TaskFailed", None),
            event(3, 2, "TaskScheduled", None),
            event(4, 3, "TaskSucceeded", None),
            event(5, 4, "TaskStateExited", Some("A")),
        ];
        assert_eq!(Progress::of_history(&history).of("A"), StateProgress::Succeeded);
    }
}
