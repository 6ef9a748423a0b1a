//! Names of errors, and which `ErrorEquals` match them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of an error: one that the language reserves (`States.…`), or any other text.
///
/// Source: States Language specification, "Appendix A: Predefined Error Codes".
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ErrorName {
    /// `States.ALL`: only in `ErrorEquals`, where it stands for every error that can be caught.
    All,
    /// `States.BranchFailed`.
    BranchFailed,
    /// `States.DataLimitExceeded`: a payload over 256 KiB.
    DataLimitExceeded,
    /// `States.ExceedToleratedFailureThreshold`.
    ExceedToleratedFailureThreshold,
    /// `States.HeartbeatTimeout`: matches a timeout for want of a heartbeat; the history says `States.Timeout`.
    HeartbeatTimeout,
    /// `States.Http.Socket`.
    HttpSocket,
    /// `States.IntrinsicFailure`.
    IntrinsicFailure,
    /// `States.ItemReaderFailed`.
    ItemReaderFailed,
    /// `States.NoChoiceMatched`.
    NoChoiceMatched,
    /// `States.ParameterPathFailure`.
    ParameterPathFailure,
    /// `States.Permissions`.
    Permissions,
    /// `States.QueryEvaluationError`.
    QueryEvaluationError,
    /// `States.ResultPathMatchFailure`.
    ResultPathMatchFailure,
    /// `States.ResultWriterFailed`.
    ResultWriterFailed,
    /// `States.Runtime`: never retried, never caught.
    Runtime,
    /// `States.TaskFailed`.
    TaskFailed,
    /// `States.Timeout`.
    Timeout,
    /// Any other text.
    Other(String),
}

impl ErrorName {
    /// The name as it is written in definitions and histories.
    pub fn as_str(&self) -> &str {
        match self {
            Self::All => "States.ALL",
            Self::BranchFailed => "States.BranchFailed",
            Self::DataLimitExceeded => "States.DataLimitExceeded",
            Self::ExceedToleratedFailureThreshold => "States.ExceedToleratedFailureThreshold",
            Self::HeartbeatTimeout => "States.HeartbeatTimeout",
            Self::HttpSocket => "States.Http.Socket",
            Self::IntrinsicFailure => "States.IntrinsicFailure",
            Self::ItemReaderFailed => "States.ItemReaderFailed",
            Self::NoChoiceMatched => "States.NoChoiceMatched",
            Self::ParameterPathFailure => "States.ParameterPathFailure",
            Self::Permissions => "States.Permissions",
            Self::QueryEvaluationError => "States.QueryEvaluationError",
            Self::ResultPathMatchFailure => "States.ResultPathMatchFailure",
            Self::ResultWriterFailed => "States.ResultWriterFailed",
            Self::Runtime => "States.Runtime",
            Self::TaskFailed => "States.TaskFailed",
            Self::Timeout => "States.Timeout",
            Self::Other(name) => name,
        }
    }
}

impl ErrorName {
    /// The name as histories and catchers' outputs show it: a missing heartbeat is a timeout like any other there.
    pub(crate) fn shown(&self) -> &str {
        match self {
            Self::HeartbeatTimeout => Self::Timeout.as_str(),
            other => other.as_str(),
        }
    }
}

impl From<&str> for ErrorName {
    fn from(name: &str) -> Self {
        match name {
            "States.ALL" => Self::All,
            "States.BranchFailed" => Self::BranchFailed,
            "States.DataLimitExceeded" => Self::DataLimitExceeded,
            "States.ExceedToleratedFailureThreshold" => Self::ExceedToleratedFailureThreshold,
            "States.HeartbeatTimeout" => Self::HeartbeatTimeout,
            "States.Http.Socket" => Self::HttpSocket,
            "States.IntrinsicFailure" => Self::IntrinsicFailure,
            "States.ItemReaderFailed" => Self::ItemReaderFailed,
            "States.NoChoiceMatched" => Self::NoChoiceMatched,
            "States.ParameterPathFailure" => Self::ParameterPathFailure,
            "States.Permissions" => Self::Permissions,
            "States.QueryEvaluationError" => Self::QueryEvaluationError,
            "States.ResultPathMatchFailure" => Self::ResultPathMatchFailure,
            "States.ResultWriterFailed" => Self::ResultWriterFailed,
            "States.Runtime" => Self::Runtime,
            "States.TaskFailed" => Self::TaskFailed,
            "States.Timeout" => Self::Timeout,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl From<String> for ErrorName {
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<ErrorName> for String {
    fn from(name: ErrorName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a state, a branch or an execution failed. Both parts may be absent: a callback may report neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error's name.
    pub error: Option<ErrorName>,
    /// What happened, in words or as JSON text.
    pub cause: Option<String>,
}

impl Failure {
    /// The failure as histories show it.
    pub(crate) fn shown(self) -> Self {
        let error = self.error.map(|error| ErrorName::from(error.shown()));
        Self { error, cause: self.cause }
    }

    /// An error with a cause.
    pub fn new(error: ErrorName, cause: impl Into<String>) -> Self {
        Self { error: Some(error), cause: Some(cause.into()) }
    }
}
