//! Whether a mocked result is what the service of a Task state could answer, by the service's model.
//!
//! Known are the services that this server has, and those of [`answers`]. Results of other services, of `.sync` and of
//! `.waitForTaskToken`, which are not a service's answer, are taken as they are.
//!
//! Source: shape `MockResponseValidationMode`, Step Functions API 2016-11-23; recorded calls.

use api::Dispatcher;
use api::model::{Kind, Range, Shape, Size};
use asl::{Pattern, Resource, ResourceTarget};
use serde_json::{Map, Value};

use crate::answers;
use crate::integrations::{aws_sdk, sdk_names};

/// `fieldValidationMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Every field is checked, and those that the model requires are there.
    Strict,
    /// The fields that are there are checked.
    Present,
    /// Nothing is.
    None,
}

impl Mode {
    /// Reads the text; absent is `STRICT`.
    pub(crate) fn of(text: Option<&str>) -> Self {
        match text {
            Some("NONE") => Self::None,
            Some("PRESENT") => Self::Present,
            _ => Self::Strict,
        }
    }
}

/// Checks a result against the model of the service that `resource` names. Fields that the model does not have are
/// nobody's business.
///
/// # Errors
/// AWS's sentence about the first field that is not as the model says.
pub(crate) fn check(
    dispatcher: &Dispatcher,
    resource: &Resource,
    result: &Value,
    mode: Mode,
) -> Result<(), String> {
    if mode == Mode::None {
        return Ok(());
    }
    let Some(shape) = answer(dispatcher, resource) else { return Ok(()) };
    field(shape, result, "Result", mode)
        .map_err(|complaint| format!("Mock result schema validation error: {complaint}"))
}

/// The shape of the service's answer.
fn answer(dispatcher: &Dispatcher, resource: &Resource) -> Option<&'static Shape> {
    let mut models = dispatcher.models().chain(answers::MODELS);
    match resource.target() {
        ResourceTarget::Integration { service, action, pattern: Pattern::RequestResponse } => {
            let model = models.find(|model| model.signing_name == &**service)?;
            Some(model.operation(&sdk_names::first_upper(action))?.output)
        }
        ResourceTarget::AwsSdk { service, action, pattern: Pattern::RequestResponse } => {
            Some(aws_sdk::find_in(models, service, action)?.1.output)
        }
        _ => None,
    }
}

fn field(shape: &Shape, value: &Value, name: &str, mode: Mode) -> Result<(), String> {
    match (&shape.kind, value) {
        (_, Value::Null) | (Kind::Document, _) => Ok(()),
        (Kind::Structure(_), Value::Object(fields)) => structure(shape, fields, mode),
        (Kind::List(list), Value::Array(elements)) => {
            let size = elements.len();
            length(list.size, size, name)?;
            elements.iter().try_for_each(|element| field(list.element, element, name, mode))
        }
        (Kind::Map(map), Value::Object(entries)) => {
            length(map.size, entries.len(), name)?;
            entries.iter().try_for_each(|(key, entry)| field(map.value, entry, key, mode))
        }
        (Kind::String(text), Value::String(given)) => {
            length(text.size, given.encode_utf16().count(), name)?;
            if text.values.is_empty() || text.values.contains(&given.as_str()) {
                return Ok(());
            }
            Err(format!("Field '{name}' is not an expected value"))
        }
        (Kind::Blob(size), Value::String(given)) => length(*size, given.len(), name),
        (Kind::Timestamp(_), Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(()),
        (Kind::Integer(range) | Kind::Double(range), Value::Number(number)) => {
            bounds(*range, number.as_f64().unwrap_or_default(), name)
        }
        (kind, _) => Err(format!("Field '{name}' must be {}", kind_name(kind))),
    }
}

fn structure(shape: &Shape, fields: &Map<String, Value>, mode: Mode) -> Result<(), String> {
    shape.members().iter().try_for_each(|member| {
        let name = sdk_names::member(member.name);
        match fields.get(&name) {
            Some(value) => field(member.shape, value, &name, mode),
            None if member.required && mode == Mode::Strict => {
                Err(format!("Required field '{name}' is missing"))
            }
            None => Ok(()),
        }
    })
}

fn length(size: Size, length: usize, name: &str) -> Result<(), String> {
    let length = length as u64;
    if size.min.is_some_and(|min| length < min) {
        return Err(format!("Field '{name}' is smaller than the minimum length"));
    }
    if size.max.is_some_and(|max| length > max) {
        return Err(format!("Field '{name}' exceeds the maximum length"));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "bounds of models have few digits")]
fn bounds(range: Range, number: f64, name: &str) -> Result<(), String> {
    if range.min.is_some_and(|min| number < min as f64) {
        return Err(format!("Field '{name}' is less than the minimum value"));
    }
    if range.max.is_some_and(|max| number > max as f64) {
        return Err(format!("Field '{name}' exceeds the maximum value"));
    }
    Ok(())
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Structure(_) | Kind::Map(_) => "an object",
        Kind::List(_) => "an array",
        Kind::Integer(_) | Kind::Double(_) => "a number",
        Kind::Boolean => "a boolean",
        Kind::String(_) | Kind::Blob(_) | Kind::Timestamp(_) | Kind::Document => "a string",
    }
}
