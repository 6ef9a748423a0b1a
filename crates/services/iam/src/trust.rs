//! Whether a role's trust policy lets a service of AWS assume the role.
//!
//! Only for services: whether it lets an account's own principals do so is decided at the door, with their policies. Of the
//! conditions those on texts, ARNs and presence are evaluated, for the keys that a service's request has.
//!
//! Source: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements: Condition operators"; "Cross-service
//! confused deputy prevention".

use serde_json::{Map, Value};

/// A service's wish to assume a role.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    /// `ecs-tasks.amazonaws.com`.
    pub(crate) service: &'a str,
    /// For which account the service works: `aws:SourceAccount`.
    pub(crate) account: &'a str,
    /// In which region.
    pub(crate) region: &'a str,
    /// `sts:RoleSessionName`.
    pub(crate) session: &'a str,
}

const ACTION: &str = "sts:assumerole";

/// Whether the policy permits the request: a statement allows it and none denies it.
pub(crate) fn permits(document: &str, request: &Request<'_>) -> bool {
    let policy: Value = serde_json::from_str(document).unwrap_or_default();
    let statements: Vec<&Map<String, Value>> = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(statement)) => vec![statement],
        _ => Vec::new(),
    };
    let says = |effect: &str| {
        statements
            .iter()
            .any(|one| one.get("Effect").and_then(Value::as_str) == Some(effect) && applies(one, request))
    };
    says("Allow") && !says("Deny")
}

fn applies(statement: &Map<String, Value>, request: &Request<'_>) -> bool {
    let principal = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(principal), _) => names(principal, request.service),
        (None, Some(principal)) => !names(principal, request.service),
        (None, None) => false,
    };
    let action = match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), _) => includes_action(actions),
        (None, Some(actions)) => !includes_action(actions),
        (None, None) => false,
    };
    let conditions = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    principal && action && conditions.into_iter().all(|(operator, keys)| holds(operator, keys, request))
}

fn names(principal: &Value, service: &str) -> bool {
    let listed = |kind: &str, wanted: &str| {
        principal.get(kind).is_some_and(|names| texts(names).iter().any(|name| name == wanted))
    };
    principal == "*" || listed("AWS", "*") || listed("Service", service)
}

fn includes_action(actions: &Value) -> bool {
    texts(actions).iter().any(|action| is_like(&action.to_ascii_lowercase(), ACTION))
}

/// Whether the request is as an operator with its keys and values says.
fn holds(operator: &str, keys: &Value, request: &Request<'_>) -> bool {
    let of_set = operator.strip_prefix("ForAllValues:").or_else(|| operator.strip_prefix("ForAnyValue:"));
    let operator = of_set.unwrap_or(operator);
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let operator = operator.to_ascii_lowercase();
    keys.as_object().into_iter().flatten().all(|(key, values)| {
        let (present, values) = (request.value(key), texts(values));
        match (operator.as_str(), present) {
            ("null", present) => values.iter().any(|wanted| (wanted == "true") == present.is_none()),
            (_, None) => if_exists || operator.contains("not"),
            (operator, Some(present)) => compare(operator, &present, &values),
        }
    })
}

fn compare(operator: &str, present: &str, values: &[String]) -> bool {
    let any = |is: fn(&str, &str) -> bool| values.iter().any(|value| is(value, present));
    match operator {
        "stringequals" => any(|value, present| value == present),
        "stringnotequals" => !any(|value, present| value == present),
        "stringequalsignorecase" | "bool" => any(str::eq_ignore_ascii_case),
        "stringnotequalsignorecase" => !any(str::eq_ignore_ascii_case),
        "stringlike" | "arnlike" | "arnequals" => any(is_like),
        "stringnotlike" | "arnnotlike" | "arnnotequals" => !any(is_like),
        // Numbers, dates and addresses are not among the keys that there are.
        _ => false,
    }
}

impl Request<'_> {
    /// The value of a condition key, where the request has it.
    fn value(&self, key: &str) -> Option<String> {
        match key.to_ascii_lowercase().as_str() {
            "aws:sourceaccount" => Some(self.account.to_owned()),
            "aws:sourcearn" => self.source_arn(),
            "sts:rolesessionname" => Some(self.session.to_owned()),
            "aws:principalisawsservice" => Some("true".to_owned()),
            _ => None,
        }
    }

    /// What the service works for. ECS says the account and the region, and no single resource.
    fn source_arn(&self) -> Option<String> {
        let service = match self.service {
            "ecs-tasks.amazonaws.com" | "ecs.amazonaws.com" => "ecs",
            _ => return None,
        };
        Some(format!("arn:aws:{service}:{}:{}:*", self.region, self.account))
    }
}

/// A text or a list of texts; other scalars as they are written.
fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        value => vec![text(value)],
    }
}

/// Whether `text` is as `pattern` says, in which `*` stands for any text and `?` for any character.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where to go on after the last `*`, and up to where it stands for the text.
    let mut star = None;
    while let Some(character) = text.get(from) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, from));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((after, upto)) => {
                    star = Some((after, upto + 1));
                    (at, from) = (after, upto + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn permits_with(principal: Value, condition: Value) -> bool {
        let statement = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition});
        is_permitted(json!([statement]))
    }

    fn is_permitted(statements: Value) -> bool {
        let request = Request {
            service: "ecs-tasks.amazonaws.com",
            account: "111122223333",
            region: "eu-west-1",
            session: "session",
        };
        permits(&json!({"Version": "2012-10-17", "Statement": statements}).to_string(), &request)
    }

    #[test]
    fn the_service_has_to_be_named() {
        for principal in [
            json!({"Service": "ecs-tasks.amazonaws.com"}),
            json!({"Service": ["events.amazonaws.com", "ecs-tasks.amazonaws.com"], "AWS": "111122223333"}),
            json!("*"),
        ] {
            assert!(permits_with(principal.clone(), json!({})), "{principal}");
        }
        for principal in [json!({"Service": "ecs.amazonaws.com"}), json!({"AWS": "111122223333"}), json!({})]
        {
            assert!(!permits_with(principal.clone(), json!({})), "{principal}");
        }
    }

    #[test]
    fn a_denial_wins_and_other_actions_do_not_count() {
        let service = json!({"Service": "ecs-tasks.amazonaws.com"});
        let allow = |action: &str| json!({"Effect": "Allow", "Action": action, "Principal": service});
        assert!(is_permitted(json!([allow("sts:*")])));
        assert!(!is_permitted(json!([allow("sts:TagSession")])));
        let deny = json!({"Effect": "Deny", "Action": ["sts:Assume*"], "Principal": service});
        assert!(!is_permitted(json!([allow("sts:AssumeRole"), deny])));
    }

    #[test]
    fn conditions_have_to_hold() {
        let service = json!({"Service": "ecs-tasks.amazonaws.com"});
        for (condition, permitted) in [
            (json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}), true),
            (json!({"StringEquals": {"aws:SourceAccount": ["4", "5"]}}), false),
            (json!({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:eu-west-1:111122223333:*"}}), true),
            (json!({"ArnLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:111122223333:*"}}), false),
            (json!({"StringNotEquals": {"aws:SourceAccount": "4"}}), true),
            (json!({"StringEquals": {"sts:ExternalId": "x"}}), false),
            (json!({"StringEqualsIfExists": {"sts:ExternalId": "x"}}), true),
            (json!({"Null": {"sts:ExternalId": "true"}}), true),
            (json!({"Bool": {"aws:PrincipalIsAWSService": true}}), true),
            (json!({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}), false),
        ] {
            assert_eq!(permits_with(service.clone(), condition.clone()), permitted, "{condition}");
        }
    }

    #[test]
    fn wildcards_stand_for_any_text() {
        for (pattern, text, like) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "abcb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xaxbx", true),
            ("a**", "a", true),
            ("", "a", false),
        ] {
            assert_eq!(is_like(pattern, text), like, "{pattern} {text}");
        }
    }
}
