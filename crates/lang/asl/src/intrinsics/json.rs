//! Functions of JSON.

use std::borrow::Cow;

use serde_json::Value;

use super::string::text;
use crate::expression::Scope;

type Arguments<'a> = &'a [Cow<'a, Value>];

/// `States.StringToJson(text)`: a blank text is `null`.
pub(super) fn from_string(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    let text = text(arguments, 0)?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("The argument is not JSON: {error}"))?;
    // Java has no integer -0.
    Ok(if text.trim() == "-0" { 0.into() } else { value })
}

/// `States.JsonToString(value)`: compact JSON.
pub(super) fn to_string(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    Ok(arguments.first().map(|value| value.to_string()).unwrap_or_default().into())
}

/// `States.JsonMerge(a, b, false)`: the members of both, those of `b` where both have one. Only shallow merging exists.
pub(super) fn merge(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    let object = |at: usize| arguments.get(at).and_then(|argument| argument.as_object());
    let (Some(first), Some(second)) = (object(0), object(1)) else {
        return Err("Arguments 1 and 2 must be objects".to_owned());
    };
    if arguments.get(2).map(Cow::as_ref) != Some(&Value::Bool(false)) {
        return Err("Deep merging is not supported: argument 3 must be false".to_owned());
    }
    let mut merged = first.clone();
    merged.extend(second.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(Value::Object(merged))
}
