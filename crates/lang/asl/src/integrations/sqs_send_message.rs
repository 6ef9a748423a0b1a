//! The parameters of `sqs:sendMessage`.
//!
//! `MessageBody` may be any value. What is missing, SQS says.
//!
//! Source: Step Functions Developer Guide, "Send messages to an Amazon SQS queue with Step Functions"; recorded executions.

use super::parameters::{ParameterField as Field, ParameterKind as Kind};

/// The parameters.
pub(super) const PARAMETERS: &[Field] = &[
    Field::optional("DelaySeconds", Kind::Integer),
    Field::optional("MessageAttributes", Kind::Map(&Kind::Structure(ATTRIBUTE))),
    Field::optional("MessageBody", Kind::Any),
    Field::optional("MessageDeduplicationId", Kind::Text),
    Field::optional("MessageGroupId", Kind::Text),
    Field::optional("QueueUrl", Kind::Text),
];

const ATTRIBUTE: &[Field] = &[
    Field::optional("BinaryListValues", Kind::List(&Kind::Text)),
    Field::optional("BinaryValue", Kind::Text),
    Field::optional("DataType", Kind::Text),
    Field::optional("StringListValues", Kind::List(&Kind::Text)),
    Field::optional("StringValue", Kind::Text),
];
