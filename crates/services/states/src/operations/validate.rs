//! `ValidateStateMachineDefinition`.

use api::Context;
use asl::{Diagnostic, Severity};

use super::Operations;
use super::creation::kind;
use crate::Error;
use crate::generated::types::{
    ValidateStateMachineDefinitionDiagnostic, ValidateStateMachineDefinitionInput,
    ValidateStateMachineDefinitionOutput,
};
use crate::integrations::Served;
use crate::limits::DIAGNOSTICS;
use crate::page;

pub(super) async fn validate(
    _operations: &Operations,
    cx: &Context,
    input: ValidateStateMachineDefinitionInput,
) -> Result<ValidateStateMachineDefinitionOutput, Error> {
    let kind = kind(input.r#type.as_deref());
    let found = asl::parse_with(&input.definition, kind, &Served(&cx.dispatcher)).err().unwrap_or_default();
    let failed = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let with_warnings = input.severity.as_deref() == Some("WARNING");
    let mut diagnostics: Vec<ValidateStateMachineDefinitionDiagnostic> = found
        .into_iter()
        .filter(|diagnostic| with_warnings || diagnostic.severity == Severity::Error)
        .map(describe)
        .collect();
    let size = page::size(input.max_results).min(DIAGNOSTICS);
    let truncated = diagnostics.len() > size;
    diagnostics.truncate(size);
    Ok(ValidateStateMachineDefinitionOutput {
        result: if failed { "FAIL" } else { "OK" }.to_owned(),
        diagnostics,
        truncated: Some(truncated),
    })
}

fn describe(diagnostic: Diagnostic) -> ValidateStateMachineDefinitionDiagnostic {
    ValidateStateMachineDefinitionDiagnostic {
        severity: diagnostic.severity.as_str().to_owned(),
        code: diagnostic.code.to_owned(),
        message: diagnostic.message,
        location: Some(diagnostic.location).filter(|location| !location.is_empty()),
    }
}
