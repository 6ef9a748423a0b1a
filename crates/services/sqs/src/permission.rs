//! AddPermission and RemovePermission: statements of a queue's policy. What a policy permits is not decided here.

use api::Context;
use serde_json::{Value, json};

use crate::generated::types as model;
use crate::limits::{ID_CHARACTERS_MAX, PERMISSION_ACTIONS_MAX, PERMISSION_STATEMENTS_MAX};
use crate::queue::{Queue, QueueKey};
use crate::{Error, Inner};

/// What can be permitted.
const ACTIONS: [&str; 9] = [
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];

impl Inner {
    pub(crate) async fn add_permission(
        &self,
        cx: &Context,
        input: model::AddPermissionInput,
    ) -> Result<(), Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        check(&input)?;
        let _changing = self.queues.changes.lock().await;
        let mut record = Queue::clone(&*self.record(&key).await?);
        let mut policy = policy(&record);
        let statements = statements(&mut policy);
        if statements.iter().any(|statement| has_label(statement, &input.label)) {
            return Err(Error::invalid_value(&input.label, "Label", "Already exists."));
        }
        if statements.len() >= PERMISSION_STATEMENTS_MAX {
            let count = statements.len() + 1;
            let text =
                format!("{count} statements were found, maximum allowed is {PERMISSION_STATEMENTS_MAX}.");
            return Err(Error::OverLimit(text));
        }
        statements.push(statement(&key, &input));
        record.attributes.policy = Some(policy.to_string());
        record.modified = cx.now;
        self.replace(record, cx).await
    }

    pub(crate) async fn remove_permission(
        &self,
        cx: &Context,
        input: model::RemovePermissionInput,
    ) -> Result<(), Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let _changing = self.queues.changes.lock().await;
        let mut record = Queue::clone(&*self.record(&key).await?);
        let mut policy = policy(&record);
        let statements = statements(&mut policy);
        let before = statements.len();
        statements.retain(|statement| !has_label(statement, &input.label));
        if statements.len() == before {
            return Err(Error::invalid_value(&input.label, "Label", "can't find label."));
        }
        let is_empty = statements.is_empty();
        record.attributes.policy = (!is_empty).then(|| policy.to_string());
        record.modified = cx.now;
        self.replace(record, cx).await
    }
}

fn check(input: &model::AddPermissionInput) -> Result<(), Error> {
    let label = &input.label;
    let is_label = (1..=ID_CHARACTERS_MAX).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_label {
        let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(Error::invalid_value(label, "Label", reason));
    }
    for action in &input.actions {
        if !ACTIONS.contains(&action.as_str()) {
            let reason = "Please refer to the appropriate WSDL for a list of valid actions. ";
            return Err(Error::invalid_value(format!("SQS:{action}"), "ActionName", reason));
        }
    }
    if input.actions.is_empty() {
        return Err(Error::MissingParameter("Actions"));
    }
    if input.actions.len() > PERMISSION_ACTIONS_MAX {
        let (count, max) = (input.actions.len(), PERMISSION_ACTIONS_MAX);
        return Err(Error::OverLimit(format!("{count} Actions were found, maximum allowed is {max}.")));
    }
    let is_account = |id: &String| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    if input.aws_account_ids.is_empty() || !input.aws_account_ids.iter().all(is_account) {
        let given = format!("[{}]", input.aws_account_ids.join(", "));
        return Err(Error::invalid_value(given, "PrincipalId", "Unable to verify."));
    }
    Ok(())
}

fn policy(record: &Queue) -> Value {
    let kept = record.attributes.policy.as_deref().and_then(|policy| serde_json::from_str(policy).ok());
    kept.unwrap_or_else(|| {
        json!({"Version": "2008-10-17", "Id": format!("{}/SQSDefaultPolicy", record.key.arn()), "Statement": []})
    })
}

/// The statements of a policy, which is an object. A single statement needs no list around it.
fn statements(policy: &mut Value) -> &mut Vec<Value> {
    let statements = &mut policy["Statement"];
    if !statements.is_array() {
        *statements = match statements.take() {
            Value::Null => json!([]),
            single => json!([single]),
        };
    }
    match statements {
        Value::Array(statements) => statements,
        _ => unreachable!("it has just become a list"),
    }
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

fn statement(key: &QueueKey, input: &model::AddPermissionInput) -> Value {
    let partition = types::Region::new(key.region.as_str()).partition();
    let accounts = input.aws_account_ids.iter().map(|account| format!("arn:{partition}:iam::{account}:root"));
    let actions = input.actions.iter().map(|action| format!("SQS:{action}"));
    json!({
        "Sid": input.label,
        "Effect": "Allow",
        "Principal": {"AWS": one_or_more(accounts)},
        "Action": one_or_more(actions),
        "Resource": key.arn(),
    })
}

/// A single value stands without a list.
fn one_or_more(values: impl Iterator<Item = String>) -> Value {
    let mut values: Vec<Value> = values.map(Value::from).collect();
    if values.len() == 1 { values.remove(0) } else { Value::Array(values) }
}
