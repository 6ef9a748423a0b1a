//! The grammar of policies, as IAM checks it when a policy is stored.
//!
//! Names of actions are not looked up in a catalogue: only their form is checked, as IAM does. What a policy permits is
//! decided elsewhere.
//!
//! Source: IAM User Guide, "Grammar of the IAM JSON policy language"; texts as AWS answers them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Why a policy is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("This policy contains invalid Json")]
    Json,
    #[error("Syntax errors in policy.")]
    Syntax,
    #[error("Policy document must be version 2012-10-17 or greater.")]
    Version,
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    DuplicateSid,
    #[error("Missing required field {0}")]
    MissingField(&'static str),
    #[error("Has prohibited field {0}")]
    ProhibitedField(&'static str),
    #[error("Policy statement must contain actions.")]
    NoActions,
    #[error("Policy statement must contain resources.")]
    NoResources,
    #[error("Policy document should not specify a principal.")]
    PrincipalInIdentityPolicy,
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    NoVendor,
    #[error("Actions/Condition can contain only one colon.")]
    ManyColons,
    #[error("Vendor {0} is not valid")]
    Vendor(String),
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    NotAnStsAction,
    #[error("Resource {0} must be in ARN format or \"*\".")]
    ResourceFormat(String),
    #[error("Partition \"{partition}\" is not valid for resource \"{resource}\".")]
    Partition { partition: String, resource: String },
    #[error("The policy failed legacy parsing")]
    Legacy,
    #[error("Invalid principal in policy: \"{kind}\":\"{principal}\"")]
    Principal { kind: String, principal: String },
}

/// Checks a policy that says who may assume a role.
pub(crate) fn check_trust_policy(document: &str) -> Result<(), Malformed> {
    let policy = parse(document)?;
    check_version(&policy, &["2008-10-17", "2012-10-17"], Malformed::Syntax)?;
    for statement in statements(&policy)? {
        check_common(statement)?;
        check_trust_statement(statement)?;
    }
    check_sids(&policy)
}

/// Checks a policy that says what its bearer may do.
pub(crate) fn check_identity_policy(document: &str) -> Result<(), Malformed> {
    let policy = parse(document)?;
    if !policy.contains_key("Version") {
        return Err(Malformed::Version);
    }
    check_version(&policy, &["2012-10-17"], Malformed::Version)?;
    for statement in statements(&policy)? {
        check_common(statement)?;
        check_identity_statement(statement)?;
    }
    check_sids(&policy)
}

fn parse(document: &str) -> Result<Map<String, Value>, Malformed> {
    let policy = match serde_json::from_str(document) {
        Ok(Value::Object(policy)) => policy,
        Ok(_) => return Err(Malformed::Syntax),
        Err(_) => return Err(Malformed::Json),
    };
    let known = ["Version", "Id", "Statement"];
    if policy.keys().any(|key| !known.contains(&key.as_str()))
        || policy.get("Id").is_some_and(|id| !id.is_string())
    {
        return Err(Malformed::Syntax);
    }
    Ok(policy)
}

fn check_version(policy: &Map<String, Value>, known: &[&str], otherwise: Malformed) -> Result<(), Malformed> {
    match policy.get("Version") {
        None => Ok(()),
        Some(Value::String(version)) if known.contains(&version.as_str()) => Ok(()),
        Some(_) => Err(otherwise),
    }
}

/// One statement or a list of them.
fn statements(policy: &Map<String, Value>) -> Result<Vec<&Map<String, Value>>, Malformed> {
    let statements = match policy.get("Statement") {
        Some(Value::Object(statement)) => return Ok(vec![statement]),
        Some(Value::Array(statements)) if !statements.is_empty() => statements,
        _ => return Err(Malformed::Syntax),
    };
    statements.iter().map(|statement| statement.as_object().ok_or(Malformed::Syntax)).collect()
}

/// What all statements have in common: their members, `Effect`, `Sid`, `Condition`.
fn check_common(statement: &Map<String, Value>) -> Result<(), Malformed> {
    const KNOWN: [&str; 9] = [
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    if statement.keys().any(|key| !KNOWN.contains(&key.as_str())) {
        return Err(Malformed::Syntax);
    }
    for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")]
    {
        if statement.contains_key(one) && statement.contains_key(other) {
            return Err(Malformed::Syntax);
        }
    }
    match statement.get("Effect") {
        Some(Value::String(effect)) if effect == "Allow" || effect == "Deny" => {}
        None => return Err(Malformed::MissingField("Effect")),
        Some(_) => return Err(Malformed::Syntax),
    }
    match statement.get("Sid") {
        None => {}
        Some(Value::String(sid)) if sid.chars().all(|c| c.is_ascii_alphanumeric()) => {}
        Some(_) => return Err(Malformed::Syntax),
    }
    statement.get("Condition").map_or(Ok(()), check_condition)
}

fn check_sids(policy: &Map<String, Value>) -> Result<(), Malformed> {
    let mut seen = BTreeSet::new();
    let sids = statements(policy)?;
    let mut sids =
        sids.iter().filter_map(|statement| statement.get("Sid")?.as_str()).filter(|sid| !sid.is_empty());
    if sids.all(|sid| seen.insert(sid)) { Ok(()) } else { Err(Malformed::DuplicateSid) }
}

fn check_trust_statement(statement: &Map<String, Value>) -> Result<(), Malformed> {
    for field in ["Resource", "NotResource"] {
        if statement.contains_key(field) {
            return Err(Malformed::ProhibitedField(field));
        }
    }
    let principal = statement.get("Principal").or_else(|| statement.get("NotPrincipal"));
    check_principal(principal.ok_or(Malformed::MissingField("Principal"))?)?;
    let actions = statement.get("Action").or_else(|| statement.get("NotAction"));
    for action in texts(actions.ok_or(Malformed::MissingField("Action"))?)? {
        check_action(action)?;
        if !action.to_ascii_lowercase().starts_with("sts:") {
            return Err(Malformed::NotAnStsAction);
        }
    }
    Ok(())
}

fn check_identity_statement(statement: &Map<String, Value>) -> Result<(), Malformed> {
    if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
        return Err(Malformed::PrincipalInIdentityPolicy);
    }
    let actions = statement.get("Action").or_else(|| statement.get("NotAction"));
    let actions = texts(actions.ok_or(Malformed::NoActions)?)?;
    let resources = statement.get("Resource").or_else(|| statement.get("NotResource"));
    let resources = texts(resources.ok_or(Malformed::NoResources)?)?;
    if actions.is_empty() {
        return Err(Malformed::NoActions);
    }
    if resources.is_empty() {
        return Err(Malformed::NoResources);
    }
    actions.into_iter().try_for_each(check_action)?;
    resources.into_iter().try_for_each(check_resource)
}

/// A text or a list of texts.
fn texts(value: &Value) -> Result<Vec<&str>, Malformed> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(texts) => texts.iter().map(|text| text.as_str().ok_or(Malformed::Syntax)).collect(),
        _ => Err(Malformed::Syntax),
    }
}

fn check_action(action: &str) -> Result<(), Malformed> {
    if action == "*" {
        return Ok(());
    }
    let (vendor, name) = action.split_once(':').ok_or(Malformed::NoVendor)?;
    if name.contains(':') {
        return Err(Malformed::ManyColons);
    }
    let is_vendor = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if vendor.is_empty() || !vendor.chars().all(is_vendor) {
        return Err(Malformed::Vendor(vendor.to_owned()));
    }
    Ok(())
}

fn check_resource(resource: &str) -> Result<(), Malformed> {
    if resource == "*" {
        return Ok(());
    }
    let Some(rest) = resource.strip_prefix("arn:") else {
        return Err(Malformed::ResourceFormat(resource.to_owned()));
    };
    let partition = rest.split(':').next().unwrap_or_default();
    if !matches!(partition, "aws" | "aws-cn" | "aws-us-gov" | "*") {
        let (partition, resource) = (partition.to_owned(), resource.to_owned());
        return Err(Malformed::Partition { partition, resource });
    }
    // Service, region, account and resource; a wildcard may stand for several of them.
    if rest.split(':').count() < 5 && !rest.contains('*') { Err(Malformed::Legacy) } else { Ok(()) }
}

fn check_principal(principal: &Value) -> Result<(), Malformed> {
    let kinds = match principal {
        Value::String(text) if text == "*" => return Ok(()),
        Value::Object(kinds) if !kinds.is_empty() => kinds,
        _ => return Err(Malformed::Syntax),
    };
    for (kind, principals) in kinds {
        let is_valid = match kind.as_str() {
            "AWS" => is_aws_principal,
            "Service" => is_service_principal,
            "Federated" | "CanonicalUser" => |text: &str| !text.is_empty(),
            _ => return Err(Malformed::Syntax),
        };
        for text in texts(principals)? {
            if !is_valid(text) {
                let (kind, principal) = (kind.to_uppercase(), text.to_owned());
                return Err(Malformed::Principal { kind, principal });
            }
        }
    }
    Ok(())
}

/// An account's number, an ARN of IAM or STS, or anybody.
fn is_aws_principal(text: &str) -> bool {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if text == "*" || is_account(text) {
        return true;
    }
    text.parse::<types::Arn>()
        .is_ok_and(|arn| matches!(arn.service.as_str(), "iam" | "sts") && is_account(&arn.account))
}

/// `states.amazonaws.com`, or with a region or another suffix of AWS.
fn is_service_principal(text: &str) -> bool {
    let suffixes = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"];
    let name = suffixes.iter().find_map(|suffix| text.strip_suffix(suffix));
    name.is_some_and(|name| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    })
}

/// Operators with keys with values.
fn check_condition(condition: &Value) -> Result<(), Malformed> {
    for (operator, keys) in condition.as_object().ok_or(Malformed::Syntax)? {
        if !is_operator(operator) {
            return Err(Malformed::Syntax);
        }
        for (key, values) in keys.as_object().ok_or(Malformed::Syntax)? {
            if !key.contains(':') {
                return Err(Malformed::NoVendor);
            }
            check_condition_values(values)?;
        }
    }
    Ok(())
}

fn check_condition_values(values: &Value) -> Result<(), Malformed> {
    let is_scalar = |value: &Value| value.is_string() || value.is_boolean() || value.is_number();
    let valid = match values {
        Value::Array(values) => values.iter().all(is_scalar),
        value => is_scalar(value),
    };
    if valid { Ok(()) } else { Err(Malformed::Syntax) }
}

fn is_operator(text: &str) -> bool {
    const OPERATORS: [&str; 27] = [
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
        "DateEquals",
        "DateNotEquals",
        "DateLessThan",
        "DateLessThanEquals",
        "DateGreaterThan",
        "DateGreaterThanEquals",
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "NotIpAddress",
        "ArnEquals",
        "ArnNotEquals",
        "ArnLike",
        "ArnNotLike",
        "Null",
    ];
    let of_set = text.strip_prefix("ForAllValues:").or_else(|| text.strip_prefix("ForAnyValue:"));
    let operator = of_set.unwrap_or(text);
    let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
    OPERATORS.iter().any(|known| known.eq_ignore_ascii_case(operator))
}
