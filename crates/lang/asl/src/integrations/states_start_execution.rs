//! The parameters of `states:startExecution`. `Input` may be any JSON.
//!
//! Source: Step Functions Developer Guide, "Start a new AWS Step Functions state machine from a running execution".

use super::parameters::{ParameterField as Field, ParameterKind as Kind};

/// The parameters.
pub(super) const PARAMETERS: &[Field] = &[
    Field::optional("Input", Kind::Any),
    Field::optional("Name", Kind::Text),
    Field::required("StateMachineArn", Kind::Text),
    Field::optional("TraceHeader", Kind::Text),
];
