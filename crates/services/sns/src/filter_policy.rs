//! Filter policies: which messages of a topic a subscription wants. Pure.
//!
//! Their language is that of event patterns, without some operators and with limits of its own; `event_pattern` matches.
//!
//! Source: SNS Developer Guide, "Amazon SNS subscription filter policies", "Filter policy constraints"; recorded answers
//! of Subscribe and SetSubscriptionAttributes.

use event_pattern::{Event, EventPattern};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json_text;
use crate::limits::{FILTER_POLICY_BYTES_MAX, FILTER_POLICY_COMBINATIONS_MAX, FILTER_POLICY_KEYS_MAX};

/// `FilterPolicyScope`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// The policy is about a message's attributes.
    #[default]
    MessageAttributes,
    /// The policy is about a message that is a JSON object.
    MessageBody,
}

impl Scope {
    /// By its name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::MessageAttributes, Self::MessageBody].into_iter().find(|scope| scope.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageAttributes => "MessageAttributes",
            Self::MessageBody => "MessageBody",
        }
    }
}

/// A policy that wants less than everything.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterPolicy {
    scope: Scope,
    pattern: EventPattern,
}

impl FilterPolicy {
    /// Reads a policy; `None` for one that wants everything.
    ///
    /// # Errors
    /// What AWS says after `Invalid parameter: `.
    pub fn parse(text: &str, scope: Scope) -> Result<Option<Self>, String> {
        let of_policy = |problem: String| format!("FilterPolicy: {problem}");
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > FILTER_POLICY_BYTES_MAX {
            return Err(of_policy(format!(
                "Filter policy can not have more than {FILTER_POLICY_BYTES_MAX} bytes"
            )));
        }
        if let Some(problem) = json_text::problem(text) {
            return Err(of_policy(problem));
        }
        if matches!(serde_json::from_str::<Value>(text), Ok(Value::Object(policy)) if policy.is_empty()) {
            return Ok(None);
        }
        let pattern = EventPattern::parse(text).map_err(|error| of_policy(error.to_string()))?;
        // What is a pattern is an object.
        let policy: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        check_operators(&policy).map_err(of_policy)?;
        if policy.len() > FILTER_POLICY_KEYS_MAX {
            return Err(of_policy(format!(
                "Filter policy can not have more than {FILTER_POLICY_KEYS_MAX} keys"
            )));
        }
        if combinations(&policy, 1, 1) > FILTER_POLICY_COMBINATIONS_MAX {
            return Err(of_policy("Filter policy is too complex".to_owned()));
        }
        if scope == Scope::MessageAttributes && is_nested(&policy) {
            let problem = "Filter policy scope MessageAttributes does not support nested filter policy";
            return Err(problem.to_owned());
        }
        Ok(Some(Self { scope, pattern }))
    }

    /// Whether the subscription wants a message that it would be given with that body. A body that is no JSON object passes
    /// no policy about bodies.
    pub fn accepts<'a>(&self, body: &'a str, seen: &mut Seen<'a>) -> bool {
        let event = match self.scope {
            Scope::MessageBody => seen.body(body),
            Scope::MessageAttributes => seen.attributes.as_ref(),
        };
        event.is_some_and(|event| self.pattern.matches(event))
    }
}

/// A message as policies see it, read once for all of them.
pub struct Seen<'a> {
    attributes: Option<Event<'a>>,
    /// Bodies differ between protocols only: there are few.
    bodies: Vec<(&'a str, Option<Event<'a>>)>,
}

impl<'a> Seen<'a> {
    /// A message with those attributes, as [`crate::message::Attributes::as_event`] gives them.
    pub fn new(attributes: &'a str) -> Self {
        Self { attributes: Event::parse(attributes).ok(), bodies: Vec::new() }
    }

    fn body(&mut self, body: &'a str) -> Option<&Event<'a>> {
        let known = self.bodies.iter().position(|(known, _)| *known == body);
        let at = known.unwrap_or_else(|| {
            self.bodies.push((body, Event::parse(body).ok()));
            self.bodies.len() - 1
        });
        self.bodies.get(at)?.1.as_ref()
    }
}

/// Whether a list behind a key is the operator `$or`.
fn alternatives<'a>(key: &str, values: &'a [Value]) -> Option<Vec<&'a Map<String, Value>>> {
    let objects: Option<Vec<_>> = values.iter().map(Value::as_object).collect();
    objects.filter(|objects| key == "$or" && objects.len() >= 2)
}

/// Refuses the operators of event patterns that filter policies do not have.
fn check_operators(policy: &Map<String, Value>) -> Result<(), String> {
    for (key, value) in policy {
        match value {
            Value::Object(inner) => check_operators(inner)?,
            Value::Array(values) => match alternatives(key, values) {
                Some(alternatives) => alternatives.into_iter().try_for_each(check_operators)?,
                None => values.iter().filter_map(Value::as_object).try_for_each(check_operator)?,
            },
            _ => {}
        }
    }
    Ok(())
}

fn check_operator(operator: &Map<String, Value>) -> Result<(), String> {
    for (name, value) in operator {
        let inner = value.as_object().and_then(|inner| inner.keys().next());
        match (name.as_str(), inner.map(String::as_str)) {
            ("wildcard" | "exactly", _) => return Err(format!("Unrecognized match type {name}")),
            ("anything-but", None | Some("prefix" | "suffix")) => {}
            ("anything-but", Some(inner)) => {
                return Err(format!("Unsupported anything-but pattern: {inner}"));
            }
            (_, Some(_)) => return Err(format!("{name} match pattern must be a string")),
            (_, None) => {}
        }
    }
    Ok(())
}

fn is_nested(policy: &Map<String, Value>) -> bool {
    policy.iter().any(|(key, value)| match value {
        Value::Object(_) => true,
        Value::Array(values) => alternatives(key, values).is_some_and(|all| all.into_iter().any(is_nested)),
        _ => false,
    })
}

/// The product of the numbers of values, each times how deep it lies; alternatives are added to each other.
fn combinations(policy: &Map<String, Value>, depth: u64, mut product: u64) -> u64 {
    for (key, value) in policy {
        product = match value {
            Value::Object(inner) => combinations(inner, depth + 1, product),
            Value::Array(values) => match alternatives(key, values) {
                Some(all) => {
                    let each = all.into_iter().map(|one| combinations(one, depth, product));
                    each.fold(0, u64::saturating_add)
                }
                None => product.saturating_mul(values.len() as u64).saturating_mul(depth),
            },
            _ => product,
        };
    }
    product
}
