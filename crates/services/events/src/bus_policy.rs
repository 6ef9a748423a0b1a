//! What the policy of a bus says to an event: may its sender put it there?
//!
//! Only `events:PutEvents` is asked about. A bus takes what its own account sends, unless a statement denies it, and what
//! others send where a statement allows it. Policies of roles and users are not read here.

use std::borrow::Cow;

use api::Principal;
use serde::Deserialize;
use serde_json::{Map, Value};
use types::{AccountId, Arn};

use crate::names::BusName;

const ACTION: &str = "events:PutEvents";

/// A bus's policy, for one question after the other.
#[derive(Clone, Debug, Default)]
pub struct BusPolicy {
    statements: Vec<Value>,
}

/// Who sends an event, and which.
pub struct Sender<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// The account that the event comes from.
    pub account: &'a AccountId,
    /// The event's source.
    pub source: &'a str,
    /// The event's detail type.
    pub detail_type: &'a str,
}

/// Source and detail type of an event.
#[derive(Deserialize)]
pub struct Labels<'e> {
    /// The source.
    #[serde(borrow)]
    pub source: Cow<'e, str>,
    /// The detail type.
    #[serde(rename = "detail-type", borrow)]
    pub detail_type: Cow<'e, str>,
}

impl BusPolicy {
    /// The policy of a document that was checked.
    pub fn of(document: &Value) -> Self {
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.clone(),
            Some(one @ Value::Object(_)) => vec![one.clone()],
            _ => Vec::new(),
        };
        Self { statements }
    }

    /// A policy's document, or what is wrong with it.
    pub fn check(text: &str) -> Result<Value, &'static str> {
        let document: Value = serde_json::from_str(text).map_err(|_| "The policy is not valid JSON.")?;
        if !document.is_object() {
            return Err("The policy is not a JSON object.");
        }
        let policy = Self::of(&document);
        if policy.statements.is_empty() {
            return Err("The policy has no statement.");
        }
        policy.statements.iter().try_for_each(check_statement)?;
        Ok(document)
    }

    /// Whether the bus takes the event.
    pub fn admits(&self, bus: &BusName, sender: &Sender<'_>) -> bool {
        let arn = bus.arn().to_string();
        let mut is_allowed = sender.account == &bus.account;
        for statement in &self.statements {
            let is_allow = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
            if !is_of(statement, &arn, sender) {
                continue;
            }
            match (is_allow, conditions(statement, sender)) {
                (true, Some(true)) => is_allowed = true,
                // What cannot be decided denies, and allows nothing.
                (false, Some(true) | None) => return false,
                (true, Some(false) | None) | (false, Some(false)) => {}
            }
        }
        is_allowed
    }
}

fn check_statement(statement: &Value) -> Result<(), &'static str> {
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        _ => return Err("The Effect of a statement is Allow or Deny."),
    }
    if statement.get("Principal").is_none() && statement.get("NotPrincipal").is_none() {
        return Err("A statement has no Principal.");
    }
    if statement.get("Action").is_none() && statement.get("NotAction").is_none() {
        return Err("A statement has no Action.");
    }
    if statement.get("Resource").is_none() && statement.get("NotResource").is_none() {
        return Err("A statement has no Resource.");
    }
    Ok(())
}

/// Whether a statement speaks of this bus, this sender and `PutEvents`.
fn is_of(statement: &Value, bus: &str, sender: &Sender<'_>) -> bool {
    let says = |name: &str, is_meant: &dyn Fn(&Value) -> bool| match statement.get(name) {
        Some(value) => is_meant(value),
        None => statement.get(format!("Not{name}")).is_some_and(|value| !is_meant(value)),
    };
    let action = |value: &Value| any(value, is_like_action);
    let resource = |value: &Value| any(value, |pattern| is_like(pattern, bus));
    says("Action", &action)
        && says("Resource", &resource)
        && says("Principal", &|value| is_principal(value, sender))
}

fn is_like_action(pattern: &str) -> bool {
    is_like(&pattern.to_ascii_lowercase(), &ACTION.to_ascii_lowercase())
}

fn is_principal(value: &Value, sender: &Sender<'_>) -> bool {
    match value {
        Value::String(everybody) => everybody == "*",
        Value::Object(kinds) => kinds.iter().any(|(kind, names)| match (kind.as_str(), sender.principal) {
            ("AWS", Principal::Root { .. } | Principal::Role { .. }) => {
                any(names, |name| is_aws_principal(name, sender))
            }
            ("Service", Principal::Service { name }) => any(names, |one| one == name || one == "*"),
            _ => false,
        }),
        _ => false,
    }
}

fn is_aws_principal(name: &str, sender: &Sender<'_>) -> bool {
    let account = sender.account.as_str();
    let is_role = match sender.principal {
        Principal::Role { role_arn, .. } => role_arn == name,
        Principal::Root { .. } | Principal::Service { .. } | Principal::Anonymous => false,
    };
    let is_account = name
        .parse::<Arn>()
        .is_ok_and(|arn| arn.service == "iam" && arn.resource == "root" && arn.account == account);
    name == "*" || name == account || is_account || is_role || name == sender.principal.arn()
}

/// Whether all conditions hold; `None` where one of them is not understood.
fn conditions(statement: &Value, sender: &Sender<'_>) -> Option<bool> {
    let Some(conditions) = statement.get("Condition").and_then(Value::as_object) else { return Some(true) };
    let mut all_hold = true;
    for (operator, keys) in conditions {
        for (key, wanted) in keys.as_object().unwrap_or(&Map::new()) {
            all_hold &= condition(operator, value_of(key, sender)?.as_deref(), wanted)?;
        }
    }
    Some(all_hold)
}

/// The value of a condition's key, which can be absent; `None` for a key that is not understood.
fn value_of<'a>(key: &str, sender: &Sender<'a>) -> Option<Option<Cow<'a, str>>> {
    Some(match key.to_ascii_lowercase().as_str() {
        "events:source" => Some(sender.source.into()),
        "events:detail-type" => Some(sender.detail_type.into()),
        "aws:principalarn" => Some(sender.principal.arn().into()),
        "aws:principalaccount" | "aws:sourceaccount" => Some(sender.account.as_str().into()),
        // There are no organizations: nobody is a member of one.
        "aws:principalorgid" => None,
        _ => return None,
    })
}

fn condition(operator: &str, value: Option<&str>, wanted: &Value) -> Option<bool> {
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let Some(value) = value else { return Some(if_exists || operator.contains("Not")) };
    Some(match operator {
        "StringEquals" => any(wanted, |one| one == value),
        "StringNotEquals" => !any(wanted, |one| one == value),
        "StringEqualsIgnoreCase" => any(wanted, |one| one.eq_ignore_ascii_case(value)),
        "StringNotEqualsIgnoreCase" => !any(wanted, |one| one.eq_ignore_ascii_case(value)),
        "StringLike" | "ArnLike" | "ArnEquals" => any(wanted, |one| is_like(one, value)),
        "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => !any(wanted, |one| is_like(one, value)),
        _ => return None,
    })
}

/// Whether one of the texts is meant: a text alone, or a list of them.
fn any(texts: &Value, is_meant: impl Fn(&str) -> bool) -> bool {
    match texts {
        Value::String(text) => is_meant(text),
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).any(is_meant),
        _ => false,
    }
}

/// Whether `text` is as `pattern` says, in which `*` stands for any text and `?` for any character.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut in_text, mut star) = (0, 0, None);
    while let Some(character) = text.get(in_text) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                (at, in_text) = (at + 1, in_text + 1);
            }
            _ => match star {
                // The last star takes one more.
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    (at, in_text) = (star_at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|one| *one == '*'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use types::Region;

    use super::*;

    fn admits(statements: Value, account: &str) -> bool {
        let bus = BusName {
            account: AccountId::new("000000000000"),
            region: Region::new("us-east-1"),
            name: "orders".to_owned(),
        };
        let account = AccountId::new(account);
        let sender = Sender {
            principal: &Principal::Root { account: account.clone() },
            account: &account,
            source: "shop",
            detail_type: "Order",
        };
        BusPolicy::of(&json!({"Version": "2012-10-17", "Statement": statements})).admits(&bus, &sender)
    }

    #[test]
    fn others_need_a_statement_and_the_own_account_does_not() {
        assert!(admits(json!([]), "000000000000"));
        assert!(!admits(json!([]), "111111111111"));
        let allow = |principal: Value, more: Value| {
            let mut statement = json!({
                "Effect": "Allow", "Principal": principal, "Action": "events:Put*",
                "Resource": "arn:aws:events:us-east-1:000000000000:event-bus/or?ers",
            });
            statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            statement
        };
        for principal in
            [json!("*"), json!({"AWS": "111111111111"}), json!({"AWS": ["arn:aws:iam::111111111111:root"]})]
        {
            assert!(admits(json!([allow(principal.clone(), json!({}))]), "111111111111"), "{principal}");
        }
        assert!(!admits(json!([allow(json!({"AWS": "222222222222"}), json!({}))]), "111111111111"));
        let of = |condition: Value| {
            admits(json!([allow(json!("*"), json!({"Condition": condition}))]), "111111111111")
        };
        assert!(of(json!({"StringEquals": {"events:source": ["shop", "bar"]}})));
        assert!(!of(json!({"StringLike": {"events:detail-type": "Pay*"}})));
        assert!(!of(json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}})));
        assert!(!of(json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})));
    }

    #[test]
    fn what_is_denied_is_denied_to_everybody() {
        let deny = json!([
            {"Effect": "Allow", "Principal": "*", "Action": "events:*", "Resource": "*"},
            {"Effect": "Deny", "Principal": "*", "Action": "events:PutEvents", "Resource": "*",
             "Condition": {"StringEquals": {"events:source": "shop"}}},
        ]);
        assert!(!admits(deny.clone(), "000000000000"));
        assert!(!admits(deny, "111111111111"));
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, is) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "ab", false),
            ("a?c", "ac", false),
            ("*a*b", "xaxbxab", true),
            ("", "a", false),
            ("**", "a", true),
        ] {
            assert_eq!(is_like(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn policies_have_statements() {
        assert!(BusPolicy::check("{").is_err());
        assert!(BusPolicy::check(r#"{"Statement": []}"#).is_err());
        assert!(
            BusPolicy::check(
                r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "events:PutEvents"}}"#
            )
            .is_err()
        );
    }
}
