//! Functions of numbers.

use std::borrow::Cow;

use serde_json::Value;

use crate::expression::Scope;
use crate::random::Random;

type Arguments<'a> = &'a [Cow<'a, Value>];

/// `States.MathAdd(a, b)`: the sum of two numbers, each rounded first.
pub(super) fn add(arguments: Arguments<'_>, _: &Scope<'_>) -> Result<Value, String> {
    Ok((integer(arguments, 0)? + integer(arguments, 1)?).into())
}

/// `States.MathRandom(start, end[, seed])`: an integer from `start` on, below `end`.
pub(super) fn random(arguments: Arguments<'_>, scope: &Scope<'_>) -> Result<Value, String> {
    let (start, end) = (integer(arguments, 0)?, integer(arguments, 1)?);
    let width = u64::try_from(end.saturating_sub(start)).ok().filter(|width| *width > 0);
    let width = width.ok_or("The start must be less than the end")?;
    let below = match arguments.get(2) {
        // The same seed gives the same number, whatever was drawn before.
        Some(_) => Random::new(integer(arguments, 2)?.unsigned_abs()).below(width),
        None => {
            let mut random = scope.random.get();
            let below = random.below(width);
            scope.random.set(random);
            below
        }
    };
    Ok((start + i64::try_from(below).unwrap_or(0)).into())
}

/// An argument that is a number, rounded half up as Java's `Math.round` does, within 32 bits.
pub(super) fn integer(arguments: Arguments<'_>, at: usize) -> Result<i64, String> {
    let argument = arguments.get(at).map(Cow::as_ref);
    let number = argument.and_then(|argument| argument.as_i64().or_else(|| rounded(argument.as_f64()?)));
    number
        .filter(|number| i32::try_from(*number).is_ok())
        .ok_or_else(|| format!("Argument {} must be a number from -2147483648 to 2147483647", at + 1))
}

#[expect(clippy::cast_possible_truncation, reason = "numbers outside of 32 bits are refused first")]
fn rounded(number: f64) -> Option<i64> {
    let rounded = (number + 0.5).floor();
    (rounded.abs() < 4e9).then_some(rounded as i64)
}
