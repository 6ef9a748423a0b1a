//! The functions that [`super::bounds`] puts into expressions: they look at values before the library's own functions do.

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;

use super::functions::error;
use crate::limits::{JSONATA_DEPTH, JSONATA_SEQUENCE, JSONATA_TEXT, JSONATA_WORK};

/// What AWS says of an expression that takes too much memory.
pub(super) const MEMORY: &str =
    "Expression evaluation memory limit exceeded: Check for excessive memory usage";

// No expression can write these names.

/// Gives its argument, which must be small.
pub(super) const SMALL: &str = "small value";
/// Gives its argument: a place at which the library looks at its limits.
pub(super) const LOOK: &str = "look";
/// Refuses the arguments with which a function would make too much: its name, the context, its arguments.
pub(super) const FITS: &str = "fits";
/// Its first argument, unless that is a function that is guarded: then the guarded one, the second.
pub(super) const NAMED: &str = "named";

/// Makes the guards known to an evaluator.
pub(super) fn register(evaluator: &mut Evaluator) {
    let added = [
        evaluator.register_fn(SMALL, |arguments: &[JValue]| {
            let value = argument(arguments, 0);
            size(&value).map(|_| value)
        }),
        evaluator.register_fn(LOOK, |arguments: &[JValue]| Ok(argument(arguments, 0))),
        evaluator.register_fn(FITS, |arguments: &[JValue]| fits(arguments).map(|()| JValue::Undefined)),
        evaluator.register_fn(NAMED, |arguments: &[JValue]| {
            let is_function = matches!(arguments.first(), Some(JValue::Builtin { .. }) | None);
            Ok(argument(arguments, usize::from(is_function)))
        }),
    ];
    debug_assert!(added.iter().all(Result::is_ok));
}

fn argument(arguments: &[JValue], at: usize) -> JValue {
    arguments.get(at).cloned().unwrap_or(JValue::Undefined)
}

/// How much a value is.
#[derive(Clone, Copy, Default)]
struct Size {
    /// Values in it, itself included; what is in it twice counts twice.
    values: usize,
    /// Bytes of its texts and names.
    text: usize,
}

/// Measures a value; the error says that it is too large for one function.
fn size(value: &JValue) -> Result<Size, EvaluatorError> {
    let mut size = Size::default();
    let mut left = vec![(value, 0_usize)];
    while let Some((value, depth)) = left.pop() {
        size.values += 1;
        match value {
            JValue::String(text) => size.text += text.len(),
            JValue::Array(elements) => left.extend(elements.iter().map(|element| (element, depth + 1))),
            JValue::Object(members) => {
                for (name, member) in members.iter() {
                    size.text += name.len();
                    left.push((member, depth + 1));
                }
            }
            _ => {}
        }
        let values = size.values.saturating_add(left.len());
        if values > JSONATA_SEQUENCE || size.text > JSONATA_TEXT || depth > JSONATA_DEPTH {
            return Err(too_large());
        }
    }
    Ok(size)
}

fn too_large() -> EvaluatorError {
    error(MEMORY)
}

/// Refuses what would be more than [`JSONATA_TEXT`] bytes.
fn text_fits(bytes: usize) -> Result<(), EvaluatorError> {
    if bytes <= JSONATA_TEXT { Ok(()) } else { Err(too_large()) }
}

fn fits(arguments: &[JValue]) -> Result<(), EvaluatorError> {
    let name = arguments.first().and_then(JValue::as_str).unwrap_or_default();
    let (context, arguments) = (arguments.get(1), arguments.get(2..).unwrap_or_default());
    match name {
        "join" => join_fits(arguments),
        "zip" => zip_fits(arguments),
        "distinct" => distinct_fits(arguments),
        "replace" => replace_fits(context, arguments),
        // A text of its own for every part.
        "split" => longest_text(context, arguments).and_then(|bytes| text_fits(bytes.saturating_mul(4))),
        // One record for every match.
        "match" => longest_text(context, arguments).and_then(|bytes| text_fits(bytes.saturating_mul(32))),
        "formatInteger" => integer_fits(context, arguments),
        "fromMillis" | "toMillis" | "formatNumber" => {
            longest_text(context, arguments)?;
            arguments.iter().filter_map(JValue::as_str).try_for_each(picture_fits)
        }
        _ => longest_text(context, arguments).map(drop),
    }
}

/// Bytes of the longest text that a function is called with, its context included: each must fit.
fn longest_text(context: Option<&JValue>, arguments: &[JValue]) -> Result<usize, EvaluatorError> {
    let mut longest = 0;
    for argument in context.into_iter().chain(arguments) {
        // The context of a call may be anything; only a text stands in for an argument.
        if let Some(text) = argument.as_str() {
            longest = longest.max(text.len());
        }
    }
    text_fits(longest)?;
    arguments.iter().try_for_each(|argument| size(argument).map(drop))?;
    Ok(longest)
}

fn join_fits(arguments: &[JValue]) -> Result<(), EvaluatorError> {
    let Some(texts) = arguments.first() else { return Ok(()) };
    let separator = arguments.get(1).and_then(JValue::as_str).map_or(0, str::len);
    let size = size(texts)?;
    text_fits(size.text.saturating_add(separator.saturating_mul(size.values)))
}

fn zip_fits(arguments: &[JValue]) -> Result<(), EvaluatorError> {
    let longest = arguments.iter().filter_map(JValue::as_array).map(Vec::len).max().unwrap_or(0);
    if longest.saturating_mul(arguments.len()) > JSONATA_SEQUENCE { Err(too_large()) } else { Ok(()) }
}

/// Every element is compared with all different ones before it.
fn distinct_fits(arguments: &[JValue]) -> Result<(), EvaluatorError> {
    let Some(value) = arguments.first() else { return Ok(()) };
    let size = size(value)?;
    let elements = value.as_array().map_or(1, Vec::len);
    let work = elements.saturating_mul(size.values.saturating_add(size.text / 64));
    if work > JSONATA_WORK { Err(too_large()) } else { Ok(()) }
}

/// As many replacements as the text may have, of the largest size that they may have.
fn replace_fits(context: Option<&JValue>, arguments: &[JValue]) -> Result<(), EvaluatorError> {
    longest_text(context, arguments)?;
    // With the text as context, the replacement comes second.
    let text = if arguments.len() < 3 { context } else { arguments.first() };
    let [pattern, replacement] = match arguments {
        [_, pattern, replacement, ..] => [pattern, replacement],
        [pattern, replacement] => [pattern, replacement],
        _ => return Ok(()),
    };
    let (Some(text), Some(replacement)) = (text.and_then(JValue::as_str), replacement.as_str()) else {
        return Ok(());
    };
    let matches = match pattern.as_str() {
        Some("") => 0,
        Some(pattern) => text.matches(pattern).count(),
        None => text.len() + 1,
    };
    let groups = if pattern.is_string() { 0 } else { replacement.matches('$').count() };
    let copied = text.len().saturating_mul(groups + 1);
    text_fits(copied.saturating_add(matches.saturating_mul(replacement.len())))
}

/// Roman numerals have a letter for every thousand.
fn integer_fits(context: Option<&JValue>, arguments: &[JValue]) -> Result<(), EvaluatorError> {
    longest_text(context, arguments)?;
    let largest = context.into_iter().chain(arguments).filter_map(JValue::as_f64).fold(0.0, f64::max);
    let is_roman = arguments.iter().filter_map(JValue::as_str).any(|picture| picture.contains(['i', 'I']));
    if is_roman && largest > 1e6 {
        return Err(error("D3137: A number above 1000000 has no Roman numerals here"));
    }
    arguments.iter().filter_map(JValue::as_str).try_for_each(picture_fits)
}

/// A picture's widths are the numbers behind a comma, and a long picture is searched many times.
fn picture_fits(picture: &str) -> Result<(), EvaluatorError> {
    let width = |part: &str| part.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    let is_wide = picture.contains('[')
        && picture.split(',').skip(1).any(|part| width(part.split(']').next().unwrap_or_default()) > 3);
    if is_wide || picture.len() > 10_000 {
        return Err(error("D3137: A picture with a width of more than 999 characters is not supported"));
    }
    Ok(())
}
