//! Functions of arrays.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::Value;

use super::math::integer;
use crate::expression::Scope;
use crate::limits::ARRAY_RANGE_ELEMENTS;

type Arguments<'a> = &'a [Cow<'a, Value>];

/// `States.Array(a, …)`: an array of the arguments.
pub(super) fn array(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    Ok(arguments.iter().map(|argument| argument.as_ref().clone()).collect())
}

/// `States.ArrayPartition(array, size)`: the array cut into arrays of that size.
pub(super) fn partition(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    let size = integer(arguments, 1)?;
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size > 0)
        .ok_or("The chunk size must be a positive integer")?;
    Ok(elements(arguments, 0)?.chunks(size).map(|chunk| Value::Array(chunk.to_vec())).collect())
}

/// `States.ArrayContains(array, value)`.
pub(super) fn contains(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    let wanted = arguments.get(1).map(Cow::as_ref);
    Ok(elements(arguments, 0)?.iter().any(|element| Some(element) == wanted).into())
}

/// `States.ArrayRange(first, last, step)`: both ends included.
pub(super) fn range(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    let (first, last, step) = (integer(arguments, 0)?, integer(arguments, 1)?, integer(arguments, 2)?);
    if step == 0 {
        return Err("The step must not be 0".to_owned());
    }
    let span = last.checked_sub(first).ok_or("The range is too large")?;
    let count = span.checked_div(step).unwrap_or(0);
    if count >= ARRAY_RANGE_ELEMENTS {
        return Err(format!("The range must not have more than {ARRAY_RANGE_ELEMENTS} elements"));
    }
    // A step away from the end makes no element at all.
    if span != 0 && (span < 0) != (step < 0) {
        return Ok(Value::Array(Vec::new()));
    }
    Ok((0..=count).map(|index| Value::from(first + index * step)).collect())
}

/// `States.ArrayGetItem(array, index)`.
pub(super) fn get_item(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    let index = integer(arguments, 1)?;
    let item = usize::try_from(index).ok().and_then(|index| elements(arguments, 0).ok()?.get(index));
    elements(arguments, 0)?;
    item.cloned().ok_or_else(|| format!("The index {index} is out of bounds"))
}

/// `States.ArrayLength(array)`.
pub(super) fn length(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    Ok(elements(arguments, 0)?.len().into())
}

/// `States.ArrayUnique(array)`: the first of each that are equal.
pub(super) fn unique(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    let mut seen = HashSet::new();
    Ok(elements(arguments, 0)?.iter().filter(|element| seen.insert(*element)).cloned().collect())
}

fn elements<'a>(arguments: Arguments<'a>, at: usize) -> Result<&'a Vec<Value>, String> {
    let value = arguments.get(at).and_then(|argument| argument.as_array());
    value.ok_or_else(|| format!("Argument {} must be an array", at + 1))
}
