//! The parameters of `sns:publish`: Publish's request, whose message may be any JSON.
//!
//! Source: Step Functions Developer Guide, "Call Amazon SNS with Step Functions"; SNS API Reference, Publish.

use super::parameters::{ParameterField as Field, ParameterKind as Kind};

/// The parameters.
pub(super) const PARAMETERS: &[Field] = &[
    Field::required("Message", Kind::Any),
    Field::optional("MessageAttributes", Kind::Map(&Kind::Structure(ATTRIBUTE))),
    Field::optional("MessageDeduplicationId", Kind::Text),
    Field::optional("MessageGroupId", Kind::Text),
    Field::optional("MessageStructure", Kind::Text),
    Field::optional("PhoneNumber", Kind::Text),
    Field::optional("Subject", Kind::Text),
    Field::optional("TargetArn", Kind::Text),
    Field::optional("TopicArn", Kind::Text),
];

const ATTRIBUTE: &[Field] = &[
    Field::optional("BinaryValue", Kind::Text),
    Field::optional("DataType", Kind::Text),
    Field::optional("StringValue", Kind::Text),
];
