//! What is wrong with a definition, as `ValidateStateMachineDefinition` and `CreateStateMachine` say it.

use std::fmt;

/// One finding about a definition.
///
/// Source: shape `ValidateStateMachineDefinitionDiagnostic`, Step Functions API 2016-11-23.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the definition cannot be used, or merely could be better.
    pub severity: Severity,
    /// Machine-readable, such as `SCHEMA_VALIDATION_FAILED`.
    pub code: &'static str,
    /// The finding in AWS's words.
    pub message: String,
    /// JSON pointer to the field, `/` for the whole definition, or empty where there is no place.
    pub location: String,
}

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The definition is refused.
    Error,
    /// The definition is accepted.
    Warning,
}

impl Severity {
    /// `ERROR` or `WARNING`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
        }
    }
}

impl Diagnostic {
    /// A field that breaks the schema of the language.
    pub(crate) fn schema(message: impl Into<String>, location: impl Into<String>) -> Self {
        Self::error("SCHEMA_VALIDATION_FAILED", message, location)
    }

    /// A `Next`, `Default` or `StartAt` that leads nowhere, or a state that nothing leads to.
    pub(crate) fn transition(message: impl Into<String>, location: impl Into<String>) -> Self {
        Self::error("MISSING_TRANSITION_TARGET", message, location)
    }

    /// A finding that refuses the definition.
    pub(crate) fn error(code: &'static str, message: impl Into<String>, location: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), location: location.into() }
    }
}

impl fmt::Display for Diagnostic {
    /// `SCHEMA_VALIDATION_FAILED: <message> at <location>`, the form inside `InvalidDefinition`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match (self.code, self.location.as_str()) {
            // Text that is no JSON has no places; a workflow has, but the whole of it is none.
            ("INVALID_JSON_DESCRIPTION", "") => Ok(()),
            (_, "") => f.write_str(" at null"),
            (_, location) => write!(f, " at {location}"),
        }
    }
}

/// The message of `CreateStateMachine`'s and `UpdateStateMachine`'s `InvalidDefinition`:
/// `Invalid State Machine Definition: '<diagnostic>, <diagnostic>'`.
pub fn invalid_definition_message(diagnostics: &[Diagnostic]) -> String {
    let texts: Vec<String> = diagnostics.iter().map(Diagnostic::to_string).collect();
    format!("Invalid State Machine Definition: '{}'", texts.join(", "))
}
