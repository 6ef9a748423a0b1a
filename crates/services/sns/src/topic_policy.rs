//! Resource policies of topics: the one that every topic begins with, and statements that are added and removed.
//!
//! They are kept and shown; nothing here decides whether a call is permitted (`api::authorize`).

use api::Context;
use serde_json::{Map, Value, json};

use crate::generated::types as model;
use crate::names::TopicName;
use crate::topic_attributes::POLICY;
use crate::{Error, Inner};

/// Actions that a statement may be about.
const ACTIONS: [&str; 9] = [
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
    "Receive",
];

const OUT_OF_SCOPE: &str = "Policy statement action out of service scope!";

/// The policy of a topic that nobody has given another.
///
/// Source: recorded answers of GetTopicAttributes.
pub fn default(topic: &TopicName) -> String {
    let actions: Vec<String> = ACTIONS.iter().take(8).map(|action| format!("SNS:{action}")).collect();
    let policy = json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": actions,
            "Resource": topic.arn(),
            "Condition": {"StringEquals": {"AWS:SourceOwner": topic.account.as_str()}},
        }],
    });
    policy.to_string()
}

/// Checks that a text is a policy about topics.
///
/// # Errors
/// What AWS says.
pub fn check(text: &str) -> Result<(), String> {
    let malformed = || "Policy Error: null".to_owned();
    let policy: Map<String, Value> = serde_json::from_str(text).map_err(|_| malformed())?;
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
        _ => return Err(malformed()),
    };
    for statement in statements {
        let is_statement = statement.get("Effect").is_some_and(Value::is_string);
        if !is_statement {
            return Err(malformed());
        }
        let actions = match statement.get("Action") {
            Some(Value::Array(actions)) => actions.as_slice(),
            Some(action) => std::slice::from_ref(action),
            None => &[],
        };
        if !actions.iter().all(|action| action.as_str().is_some_and(is_in_scope)) {
            return Err(OUT_OF_SCOPE.to_owned());
        }
    }
    Ok(())
}

fn is_in_scope(action: &str) -> bool {
    action == "*" || action.to_ascii_lowercase().starts_with("sns:")
}

/// A policy with one more statement.
fn added(policy: &str, topic: &TopicName, input: &model::AddPermissionInput) -> Result<String, Error> {
    let mut policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let has_label = |statement: &Value| statement["Sid"] == input.label.as_str();
    let statements = statements(&mut policy);
    if statements.iter().any(has_label) {
        return Err(Error::Parameter("Statement already exists".to_owned()));
    }
    if input.action_name.iter().any(|action| !ACTIONS.contains(&action.as_str())) {
        return Err(Error::Parameter(OUT_OF_SCOPE.to_owned()));
    }
    let partition = topic.region.partition();
    let accounts = input.aws_account_id.iter().map(|id| format!("arn:{partition}:iam::{id}:root"));
    let actions = input.action_name.iter().map(|action| format!("SNS:{action}"));
    statements.push(json!({
        "Sid": input.label,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_several(accounts)},
        "Action": one_or_several(actions),
        "Resource": topic.arn(),
    }));
    Ok(policy.to_string())
}

/// The statements of a policy as a list, whatever they were.
fn statements(policy: &mut Value) -> &mut Vec<Value> {
    if !policy.is_object() {
        *policy = json!({});
    }
    let statement = &mut policy["Statement"];
    if !statement.is_array() {
        let single = statement.take();
        *statement = if single.is_null() { json!([]) } else { json!([single]) };
    }
    match statement {
        Value::Array(statements) => statements,
        _ => unreachable!("it has just been made a list"),
    }
}

fn one_or_several(texts: impl Iterator<Item = String>) -> Value {
    let mut texts: Vec<String> = texts.collect();
    match (texts.len(), texts.pop()) {
        (1, Some(only)) => only.into(),
        (_, last) => texts.into_iter().chain(last).collect(),
    }
}

impl Inner {
    pub(crate) async fn add_statement(
        &self,
        cx: &Context,
        input: model::AddPermissionInput,
    ) -> Result<(), Error> {
        let name = TopicName::parse(cx, &input.topic_arn)?;
        self.change_topic(&name, |topic| {
            let policy = topic.attributes.remove(POLICY).unwrap_or_else(|| default(&name));
            topic.attributes.insert(POLICY.to_owned(), added(&policy, &name, &input)?);
            Ok(())
        })
        .await
    }

    pub(crate) async fn remove_statement(&self, cx: &Context, arn: &str, label: &str) -> Result<(), Error> {
        let name = TopicName::parse(cx, arn)?;
        self.change_topic(&name, |topic| {
            let policy = topic.attributes.remove(POLICY).unwrap_or_else(|| default(&name));
            let mut policy: Value = serde_json::from_str(&policy).unwrap_or_default();
            statements(&mut policy).retain(|statement| statement["Sid"] != label);
            topic.attributes.insert(POLICY.to_owned(), policy.to_string());
            Ok(())
        })
        .await
    }
}
