//! Who else may put events on a bus: statements, added and removed one by one or all at once.
//!
//! What a statement means is `bus_policy`'s to say.

use api::Context;
use serde_json::{Map, Value, json};

use crate::bus_policy::BusPolicy;
use crate::generated::types as model;
use crate::limits::POLICY_CHARACTERS_MAX;
use crate::names::BusName;
use crate::{Error, Inner};

impl Inner {
    pub(crate) async fn put_permission(
        &self,
        cx: &Context,
        input: model::PutPermissionInput,
    ) -> Result<(), Error> {
        let name = BusName::of(cx, input.event_bus_name.as_deref())?;
        let _writing = self.writers.of(&name).await;
        let mut bus = self.bus(&name).await?;
        let policy = match &input.policy {
            Some(policy) => whole(&input, policy)?,
            None => with(bus.policy.take(), statement(&name, input)?),
        };
        if policy.to_string().chars().count() > POLICY_CHARACTERS_MAX {
            return Err(Error::PolicyTooLong);
        }
        bus.policy = Some(policy);
        bus.touch(cx.now);
        self.save_bus(&name, &bus).await
    }

    pub(crate) async fn remove_permission(
        &self,
        cx: &Context,
        input: model::RemovePermissionInput,
    ) -> Result<(), Error> {
        let name = BusName::of(cx, input.event_bus_name.as_deref())?;
        let _writing = self.writers.of(&name).await;
        let mut bus = self.bus(&name).await?;
        bus.policy = match (input.remove_all_permissions, input.statement_id) {
            (Some(true), _) => None,
            (_, Some(id)) => without(bus.policy.take(), &id)?,
            (_, None) => return Err(Error::Invalid("Parameter StatementId must be specified.".to_owned())),
        };
        bus.touch(cx.now);
        self.save_bus(&name, &bus).await
    }
}

/// A policy that is given as a whole.
fn whole(input: &model::PutPermissionInput, policy: &str) -> Result<Value, Error> {
    let others = [input.action.is_some(), input.principal.is_some(), input.statement_id.is_some()];
    if others.contains(&true) || input.condition.is_some() {
        let text = "Parameter Policy must be specified without Action, Principal, StatementId and Condition.";
        return Err(Error::Invalid(text.to_owned()));
    }
    BusPolicy::check(policy)
        .map_err(|reason| Error::Invalid(format!("Parameter Policy is not valid. Reason: {reason}")))
}

/// The statement that lets another account do something to the bus.
fn statement(bus: &BusName, input: model::PutPermissionInput) -> Result<Value, Error> {
    let missing =
        |name: &str| Error::Invalid(format!("Parameter {name} must be specified when Policy is not."));
    let action = input.action.ok_or_else(|| missing("Action"))?;
    let principal = input.principal.ok_or_else(|| missing("Principal"))?;
    let id = input.statement_id.ok_or_else(|| missing("StatementId"))?;
    if action != "events:PutEvents" {
        let text = "Provided value in parameter 'action' is not supported.";
        return Err(Error::Invalid(text.to_owned()));
    }
    let principal = match principal.as_str() {
        "*" => json!("*"),
        account => json!({"AWS": format!("arn:{}:iam::{account}:root", bus.region.partition())}),
    };
    let mut statement = json!({
        "Sid": id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": bus.arn().to_string(),
    });
    if let (Some(condition), Some(statement)) = (input.condition, statement.as_object_mut()) {
        statement.insert("Condition".to_owned(), checked_condition(condition)?);
    }
    Ok(statement)
}

/// `PutPermission` knows one condition: membership in an organization.
fn checked_condition(condition: model::Condition) -> Result<Value, Error> {
    if condition.r#type != "StringEquals" || condition.key != "aws:PrincipalOrgID" {
        let text = "Parameter Condition is not valid. Reason: Type must be StringEquals and Key must be \
                    aws:PrincipalOrgID.";
        return Err(Error::Invalid(text.to_owned()));
    }
    Ok(json!({condition.r#type: {condition.key: condition.value}}))
}

fn sid(statement: &Value) -> Option<&str> {
    statement.get("Sid")?.as_str()
}

/// The statements of a policy: one alone stands without a list.
fn statements(policy: Option<Value>) -> (Map<String, Value>, Vec<Value>) {
    let mut policy = match policy {
        Some(Value::Object(policy)) => policy,
        _ => Map::from_iter([("Version".to_owned(), json!("2012-10-17"))]),
    };
    let statements = match policy.get_mut("Statement").map(Value::take) {
        Some(Value::Array(statements)) => statements,
        Some(one @ Value::Object(_)) => vec![one],
        _ => Vec::new(),
    };
    (policy, statements)
}

/// The policy with another statement, in the place of the one with the same id.
fn with(policy: Option<Value>, statement: Value) -> Value {
    let (mut policy, mut statements) = statements(policy);
    match statements.iter_mut().find(|other| sid(other) == sid(&statement)) {
        Some(other) => *other = statement,
        None => statements.push(statement),
    }
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Value::Object(policy)
}

/// The policy without a statement; without its last one there is none.
fn without(policy: Option<Value>, id: &str) -> Result<Option<Value>, Error> {
    let (mut policy, mut statements) = statements(policy);
    let before = statements.len();
    statements.retain(|statement| sid(statement) != Some(id));
    if statements.len() == before {
        return Err(Error::StatementNotFound);
    }
    let is_empty = statements.is_empty();
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Ok((!is_empty).then_some(Value::Object(policy)))
}
