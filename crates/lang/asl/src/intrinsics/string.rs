//! Functions of texts.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::expression::Scope;
use crate::limits::INTRINSIC_TEXT_CHARACTERS;

type Arguments<'a> = &'a [Cow<'a, Value>];

/// `States.StringSplit(text, delimiters)`: every character of `delimiters` delimits, and empty parts are dropped.
pub(super) fn split(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    let (whole, delimiters) = (text(arguments, 0)?, text(arguments, 1)?);
    let parts = whole.split(|c| delimiters.contains(c)).filter(|part| !part.is_empty());
    Ok(parts.map(Value::from).collect())
}

/// `States.Base64Encode(text)`.
pub(super) fn base64_encode(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    Ok(STANDARD.encode(limited(text(arguments, 0)?)?).into())
}

/// `States.Base64Decode(text)`.
pub(super) fn base64_decode(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    let bytes = STANDARD.decode(limited(text(arguments, 0)?)?).map_err(|_| "The argument is not base64")?;
    String::from_utf8(bytes).map(Value::from).map_err(|_| "The decoded argument is not text".to_owned())
}

/// An argument that is a text.
pub(super) fn text<'a>(arguments: Arguments<'a>, at: usize) -> Result<&'a str, String> {
    let value = arguments.get(at).and_then(|argument| argument.as_str());
    value.ok_or_else(|| format!("Argument {} must be a string", at + 1))
}

/// Refuses texts that are too long for encoding and hashing.
pub(super) fn limited(text: &str) -> Result<&str, String> {
    if text.chars().count() > INTRINSIC_TEXT_CHARACTERS {
        return Err(format!("The argument must not have more than {INTRINSIC_TEXT_CHARACTERS} characters"));
    }
    Ok(text)
}
