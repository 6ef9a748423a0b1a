//! A state machine as it was understood: states, transitions, compiled paths.

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;

/// A definition, parsed and validated. Immutable; shared as `Arc` by all its executions.
#[derive(Debug)]
pub struct StateMachine {
    pub(crate) comment: Option<String>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) query_language: QueryLanguage,
    pub(crate) resources: Vec<String>,
}

impl StateMachine {
    /// `Comment` of the machine.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// `TimeoutSeconds` of the machine.
    pub fn timeout_seconds(&self) -> Option<u64> {
        self.timeout_seconds
    }

    /// `QueryLanguage` of the machine.
    pub fn query_language(&self) -> QueryLanguage {
        self.query_language
    }

    /// `Resource` of every Task state, in the order of the text, nested ones included.
    pub fn resources(&self) -> Vec<&str> {
        self.resources.iter().map(String::as_str).collect()
    }

    /// What a machine of this kind must not contain but this one does. Empty for `Standard`.
    pub fn validate_for_type(&self, kind: MachineKind) -> Vec<Diagnostic> {
        match kind {
            MachineKind::Standard => Vec::new(),
            MachineKind::Express => Vec::new(),
        }
    }
}

/// Type of a state machine.
///
/// Source: shape `StateMachineType`, Step Functions API 2016-11-23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MachineKind {
    /// `STANDARD`: up to a year, every step recorded.
    Standard,
    /// `EXPRESS`: up to five minutes, no `.sync`, no `.waitForTaskToken`, no activities.
    Express,
}

/// Language of the expressions in a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueryLanguage {
    /// Paths, payload templates and intrinsic functions.
    #[default]
    #[serde(rename = "JSONPath")]
    JsonPath,
    /// `{% … %}`.
    #[serde(rename = "JSONata")]
    Jsonata,
}

/// `Type` of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the language's own names")]
pub enum StateKind {
    Task,
    Wait,
    Pass,
    Succeed,
    Fail,
    Choice,
    Parallel,
    Map,
}
