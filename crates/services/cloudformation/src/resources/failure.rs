//! Why a resource failed, in the words of AWS's resource handlers.

use std::fmt;

use crate::door::CallError;

/// Why a resource could not be made, changed or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
    /// `None` where CloudFormation itself refuses, before a handler is asked.
    code: Option<HandlerErrorCode>,
    /// What is left and has to be deleted.
    pub physical_id: Option<String>,
}

/// AWS's names for the kinds of failures of resource handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandlerErrorCode {
    AccessDenied,
    AlreadyExists,
    GeneralServiceException,
    InvalidRequest,
    NotFound,
    NotStabilized,
    ServiceInternalError,
    ServiceLimitExceeded,
    Throttling,
}

impl fmt::Display for HandlerErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl HandlerErrorCode {
    /// What a service's error counts as.
    fn of(error: &CallError) -> Self {
        let code = error.error.code.as_ref();
        let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
        if error.is_not_found() {
            Self::NotFound
        } else if has(&["AccessDenied", "Unauthorized"]) {
            Self::AccessDenied
        } else if has(&["AlreadyExists", "Duplicate", "Conflict", "AlreadyAssociated"])
            && code != "DeleteConflict"
        {
            Self::AlreadyExists
        } else if has(&["Throttl"]) {
            Self::Throttling
        } else if has(&["LimitExceeded"]) {
            Self::ServiceLimitExceeded
        } else if error.error.status >= 500 {
            Self::ServiceInternalError
        } else if has(&[
            "Invalid",
            "Validation",
            "Malformed",
            "Missing",
            "DependencyViolation",
            "ClientException",
        ]) {
            Self::InvalidRequest
        } else {
            Self::GeneralServiceException
        }
    }
}

impl Failure {
    /// CloudFormation's own refusal.
    pub fn plain(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: None, physical_id: None }
    }

    /// A handler's refusal.
    pub fn handler(message: impl Into<String>, code: HandlerErrorCode) -> Self {
        Self { message: message.into(), code: Some(code), physical_id: None }
    }

    /// A call's error, as a handler on AWS's newer SDK words it. `service` is the SDK's name, such as `Iam`.
    pub fn of_call(service: &str, error: &CallError) -> Self {
        let CallError { error: answer, request_id } = error;
        let message = format!(
            "{} (Service: {service}, Status Code: {}, Request ID: {request_id})",
            answer.message, answer.status
        );
        Self::handler(message, HandlerErrorCode::of(error))
    }

    /// A call's error, as a handler on AWS's older SDK words it. `service` is the SDK's name, such as `AWSStepFunctions`.
    pub fn of_old_call(service: &str, error: &CallError) -> Self {
        Self::handler(old_words(service, error), HandlerErrorCode::of(error))
    }

    /// The error of a call that CloudFormation itself makes for a dynamic reference.
    pub fn of_reference(service: &str, error: &CallError) -> Self {
        Self::plain(old_words(service, error))
    }

    /// The generic sentence for a name that is taken.
    pub fn exists(type_name: &str, identifier: &str) -> Self {
        let message =
            format!("Resource of type '{type_name}' with identifier '{identifier}' already exists.");
        Self::handler(message, HandlerErrorCode::AlreadyExists)
    }

    /// The same failure with another code.
    #[must_use]
    pub fn with_code(mut self, code: HandlerErrorCode) -> Self {
        self.code = self.code.map(|_| code);
        self
    }

    /// The same failure, which has left something behind.
    #[must_use]
    pub fn leaving(mut self, physical_id: impl Into<String>) -> Self {
        self.physical_id = Some(physical_id.into());
        self
    }

    /// `ResourceStatusReason`.
    pub fn reason(&self, token: &str) -> String {
        match self.code {
            None => self.message.clone(),
            Some(code) => format!(
                "Resource handler returned message: \"{}\" (RequestToken: {token}, HandlerErrorCode: {code})",
                self.message
            ),
        }
    }
}

fn old_words(service: &str, error: &CallError) -> String {
    let CallError { error: answer, request_id } = error;
    format!(
        "{} (Service: {service}; Status Code: {}; Error Code: {}; Request ID: {request_id}; Proxy: null)",
        answer.message, answer.status, answer.code
    )
}
