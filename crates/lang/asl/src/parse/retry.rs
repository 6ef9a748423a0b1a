//! Reads `Retry` and `Catch`.

use super::Names;
use super::fields::Fields;
use super::state::{assign, query_flow, target};
use crate::catch::{Catcher, ErrorEquals};
use crate::data_flow::{DataFlow, Flow};
use crate::error_name::ErrorName;
use crate::limits::{MAX_DELAY_SECONDS, SECONDS_MAX};
use crate::retry::{Jitter, Retrier};

const RETRIER: &[&str] = &[
    "Comment",
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
];
const CATCHER: &[&str] = &["Comment", "ErrorEquals", "ResultPath", "Assign", "Next"];
const QUERY_CATCHER: &[&str] = &["Comment", "ErrorEquals", "Output", "Assign", "Next"];

pub(super) fn retriers(fields: &Fields<'_>) -> Vec<Retrier> {
    let all = fields.objects("Retry");
    let last = all.len().saturating_sub(1);
    all.iter().enumerate().filter_map(|(at, fields)| retrier(fields, at == last)).collect()
}

fn retrier(fields: &Fields<'_>, is_last: bool) -> Option<Retrier> {
    fields.allow(&[RETRIER]);
    let errors = error_equals(fields, is_last)?;
    let interval_seconds = fields.integer("IntervalSeconds", 1..=SECONDS_MAX).unwrap_or(1);
    let max_attempts = fields.integer("MaxAttempts", 0..=SECONDS_MAX).unwrap_or(3);
    let backoff_rate = fields.number("BackoffRate").unwrap_or(2.0);
    if backoff_rate < 1.0 {
        fields.refuse("BackoffRate", "Value must be greater than or equal to 1.0");
    }
    let max_delay_seconds = fields.integer("MaxDelaySeconds", 1..=MAX_DELAY_SECONDS - 1);
    if max_delay_seconds.is_some_and(|most| most <= interval_seconds) {
        fields.refuse("MaxDelaySeconds", "'MaxDelaySeconds' must be greater than 'IntervalSeconds'");
    }
    let max_attempts = u32::try_from(max_attempts).unwrap_or(u32::MAX);
    let jitter = jitter(fields);
    Some(Retrier { errors, interval_seconds, max_attempts, backoff_rate, max_delay_seconds, jitter })
}

fn jitter(fields: &Fields<'_>) -> Jitter {
    match fields.text("JitterStrategy") {
        None | Some("NONE") => Jitter::None,
        Some("FULL") => Jitter::Full,
        Some(_) => {
            let message = "The field 'JitterStrategy' should have one of these values: [FULL, NONE]";
            fields.refuse("JitterStrategy", message);
            Jitter::None
        }
    }
}

pub(super) fn catchers(fields: &Fields<'_>, names: &Names) -> Vec<Catcher> {
    let all = fields.objects("Catch");
    let last = all.len().saturating_sub(1);
    all.iter().enumerate().filter_map(|(at, fields)| catcher(fields, names, at == last)).collect()
}

fn catcher(fields: &Fields<'_>, names: &Names, is_last: bool) -> Option<Catcher> {
    fields.allow(&[if fields.is_jsonata() { QUERY_CATCHER } else { CATCHER }]);
    let errors = error_equals(fields, is_last)?;
    if !fields.require(&["Next"]) {
        return None;
    }
    let next = target("Next", fields, names)?;
    let flow = if fields.is_jsonata() {
        Flow::Jsonata(Box::new(query_flow(fields)))
    } else {
        Flow::JsonPath(Box::new(DataFlow {
            result_path: fields.result_path(),
            assign: assign(fields),
            ..DataFlow::default()
        }))
    };
    Some(Catcher { errors, flow, next })
}

/// `ErrorEquals`: some names; `States.ALL` stands alone, in the last element.
fn error_equals(fields: &Fields<'_>, is_last: bool) -> Option<ErrorEquals> {
    if !fields.require(&["ErrorEquals"]) {
        return None;
    }
    let mut names = Vec::new();
    for name in fields.elements("ErrorEquals")? {
        match name.as_str() {
            Some(name) => names.push(ErrorName::from(name)),
            None => fields.refuse("ErrorEquals", "Expected value of type String"),
        }
    }
    if names.contains(&ErrorName::All) {
        if names.len() > 1 {
            fields.refuse("ErrorEquals", "'States.ALL' must appear alone in the 'ErrorEquals' array");
        }
        if !is_last {
            fields.refuse("ErrorEquals", "'States.ALL' must appear in the last element");
        }
    }
    Some(ErrorEquals::new(names))
}
