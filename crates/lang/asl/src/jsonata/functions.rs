//! Functions that Step Functions adds to JSONata, and those whose library version is not for us.

use std::cell::Cell;
use std::rc::Rc;

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::value::JValue;
use serde_json::Value;
use types::Timestamp;

use crate::intrinsics::digest;
use crate::limits::ARRAY_RANGE_ELEMENTS;
use crate::random::Random;

/// The random numbers that an expression draws.
pub(super) type Numbers = Rc<Cell<Random>>;

/// `$pad` makes a text of any length: the longest that fits a payload.
const PAD: f64 = 262_144.0;

/// Makes the functions known to an evaluator.
pub(super) fn register(evaluator: &mut Evaluator, random: &Numbers, now: Timestamp) {
    let (for_uuid, for_random, for_shuffle) = (Rc::clone(random), Rc::clone(random), Rc::clone(random));
    // A name is refused where the library has it already: then it does what its documentation says.
    let added = [
        evaluator.register_fn("partition", partition),
        evaluator.register_fn("range", range),
        evaluator.register_fn("hash", hash),
        evaluator.register_fn("parse", parse),
        evaluator.register_fn("uuid", move |_: &[JValue]| Ok(JValue::from(draw(&for_uuid, Random::uuid)))),
        evaluator
            .register_fn_override("random", move |arguments: &[JValue]| Ok(seeded(arguments, &for_random))),
        evaluator.register_fn_override("eval", |_: &[JValue]| {
            Err(error("T1006: Attempted to invoke a non-function"))
        }),
        evaluator.register_fn_override("millis", move |_: &[JValue]| Ok(JValue::from(now.as_millis()))),
        evaluator.register_fn_override("now", move |arguments: &[JValue]| at(now, arguments)),
        evaluator.register_fn_override("shuffle", move |arguments: &[JValue]| {
            Ok(shuffle(arguments, &for_shuffle))
        }),
        evaluator.register_fn_override("pad", pad),
    ];
    debug_assert!(added.iter().all(Result::is_ok));
}

pub(super) fn error(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

fn draw<T>(random: &Numbers, draw: impl FnOnce(&mut Random) -> T) -> T {
    let mut numbers = random.get();
    let drawn = draw(&mut numbers);
    random.set(numbers);
    drawn
}

/// `$random([seed])`: a number from 0 on, below 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds")]
fn seeded(arguments: &[JValue], random: &Numbers) -> JValue {
    let bits = match arguments.first().and_then(JValue::as_f64) {
        Some(seed) => Random::new(seed.to_bits()).next_u64(),
        None => draw(random, Random::next_u64),
    };
    JValue::from((bits >> 11) as f64 / (1_u64 << 53) as f64)
}

/// `$shuffle(array)`.
fn shuffle(arguments: &[JValue], random: &Numbers) -> JValue {
    let Some(elements) = arguments.first().and_then(JValue::as_array) else {
        return arguments.first().cloned().unwrap_or(JValue::Undefined);
    };
    let mut elements = elements.clone();
    for last in (1..elements.len()).rev() {
        let bound = last as u64 + 1;
        let other = draw(random, |numbers| numbers.below(bound));
        elements.swap(last, usize::try_from(other).unwrap_or(last));
    }
    JValue::array(elements)
}

/// `$now()`. A picture of the time is not served.
fn at(now: Timestamp, arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    if arguments.is_empty() {
        return Ok(JValue::from(now.to_iso_millis()));
    }
    Err(error("$now with a picture is not supported: use $fromMillis($millis(), picture)"))
}

/// `$pad(text, width[, characters])`, no wider than a payload.
fn pad(arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    let Some(text) = arguments.first().and_then(JValue::as_str) else { return Ok(JValue::Undefined) };
    let width = arguments.get(1).and_then(JValue::as_f64).unwrap_or(0.0);
    if width.abs() > PAD {
        return Err(error(format!("$pad makes no text longer than {PAD} characters")));
    }
    let with = arguments.get(2).and_then(JValue::as_str).filter(|with| !with.is_empty()).unwrap_or(" ");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and limited above"
    )]
    let missing = (width.abs() as usize).saturating_sub(text.chars().count());
    let filling: String = with.chars().cycle().take(missing).collect();
    Ok(JValue::from(if width < 0.0 { filling + text } else { text.to_owned() + &filling }))
}

/// `$partition(array, size)`.
fn partition(arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    let size = arguments.get(1).and_then(JValue::as_i64).and_then(|size| usize::try_from(size).ok());
    let size =
        size.filter(|size| *size > 0).ok_or_else(|| error("The chunk size must be a positive integer"))?;
    let elements = arguments.first().and_then(JValue::as_array);
    let elements = elements.ok_or_else(|| error("The first argument of $partition must be an array"))?;
    Ok(JValue::array(elements.chunks(size).map(|chunk| JValue::array(chunk.to_vec())).collect()))
}

/// `$range(first, last, step)`: both ends included.
#[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
fn range(arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    let number = |at: usize| arguments.get(at).and_then(JValue::as_f64);
    let (Some(first), Some(last), Some(step)) = (number(0), number(1), number(2)) else {
        return Err(error("The arguments of $range must be numbers"));
    };
    if step == 0.0 || ((last - first) / step) >= ARRAY_RANGE_ELEMENTS as f64 {
        return Err(error("The range must not have more than 1000 elements"));
    }
    let mut elements = Vec::new();
    let mut next = first;
    while if step > 0.0 { next <= last } else { next >= last } {
        elements.push(JValue::from(next));
        next += step;
    }
    // A sequence: one element alone is itself.
    Ok(JValue::sequence(elements))
}

/// `$hash(text, algorithm)`.
fn hash(arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    let data = arguments.first().map(Value::from).unwrap_or(Value::Null);
    let algorithm = arguments.get(1).and_then(JValue::as_str).unwrap_or("SHA-256");
    digest(&data, algorithm).map(JValue::from).map_err(error)
}

/// `$parse(text)`: the JSON in a text.
fn parse(arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    let text = arguments.first().and_then(JValue::as_str);
    let text = text.ok_or_else(|| error("The argument of $parse must be a string"))?;
    serde_json::from_str::<Value>(text).map(JValue::from).map_err(|problem| error(problem.to_string()))
}
