//! What a person who watches a run is told.

use container::DriverKind;
use serde::Serialize;
use serde_json::Value;
use types::Timestamp;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Happening {
    /// Everything is up.
    Ready {
        /// What runs containers; absent where nothing can.
        driver: Option<DriverKind>,
        /// Where the same stack can be reached over HTTP.
        endpoint: String,
    },
    /// A resource of the stack was made, changed or removed, or was not.
    Resource {
        /// Its name in the template.
        logical_id: String,
        /// `CREATE_COMPLETE` and the like.
        status: String,
        /// Its type, such as `AWS::ECS::Cluster`.
        resource_type: String,
        /// Why, where there is more to say.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The stack is as the template says, or could not be made so.
    Deployed {
        /// The stack's name.
        stack: String,
        /// `CREATE_COMPLETE` and the like.
        status: String,
        /// Whether there was anything to do.
        changed: bool,
    },
    /// A rule was fired.
    Fired {
        /// The rule's name.
        rule: String,
        /// The id of the event.
        event_id: String,
    },
    /// A target did not take the event.
    NotDelivered {
        /// The target's ARN.
        target: String,
        /// What the target answered.
        reason: String,
    },
    /// An execution began.
    Started {
        /// Its ARN.
        execution: String,
    },
    /// Something that a person should know to read the rest.
    Note {
        /// What.
        text: String,
    },
    /// A state was entered.
    StateEntered {
        /// Its name.
        state: String,
        /// When.
        time: Timestamp,
    },
    /// A state was left.
    StateExited {
        /// Its name.
        state: String,
        /// When.
        time: Timestamp,
    },
    /// Something in an execution failed; it may be retried or caught.
    Failure {
        /// What: the type of the history event.
        what: String,
        /// The error's name.
        error: String,
        /// Its cause.
        cause: String,
        /// When.
        time: Timestamp,
    },
    /// A task reached a status.
    Task {
        /// The task's id.
        task: String,
        /// `RUNNING` and the like.
        status: String,
        /// Why it stopped.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A container wrote a line.
    Output {
        /// The task's id.
        task: String,
        /// The container's name.
        container: String,
        /// The line.
        line: String,
    },
    /// It is over.
    Finished(Outcome),
}

/// How an execution, or a task that a rule started, ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`; a task's exit is `SUCCEEDED` or `FAILED`.
    pub status: String,
    /// Milliseconds from start to end.
    pub duration_ms: i64,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// The error's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl Outcome {
    /// Whether it went well.
    pub fn succeeded(&self) -> bool {
        self.status == "SUCCEEDED"
    }
}
