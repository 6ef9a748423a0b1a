//! The parameters of `events:putEvents`.
//!
//! `Detail` may be an object. What an entry lacks, EventBridge says.
//!
//! Source: Step Functions Developer Guide, "Add EventBridge events with Step Functions"; recorded executions.

use super::parameters::{ParameterField as Field, ParameterKind as Kind};

/// The parameters.
pub(super) const PARAMETERS: &[Field] = &[
    Field::required("Entries", Kind::List(&Kind::Structure(ENTRY))),
    Field::optional("EndpointId", Kind::Text),
];

const ENTRY: &[Field] = &[
    Field::optional("Detail", Kind::Any),
    Field::optional("DetailType", Kind::Text),
    Field::optional("EventBusName", Kind::Text),
    Field::optional("Resources", Kind::List(&Kind::Text)),
    Field::optional("Source", Kind::Text),
    Field::optional("Time", Kind::Any),
    Field::optional("TraceHeader", Kind::Text),
];
