//! Makes the stack as the template says, and tells which resources were made.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use super::happening::Happening;
use super::show::Show;
use crate::operator::{Operator, text};

/// How often the stack is looked at while it changes.
const POLL: Duration = Duration::from_millis(20);

/// Creates or updates the stack and waits for it. Whether it is as the template says.
///
/// # Errors
/// CloudFormation's refusal of the template.
pub async fn deploy(
    operator: &Operator,
    stack: &str,
    template: &str,
    parameters: &[(String, String)],
    show: &mut Show,
) -> anyhow::Result<bool> {
    let exists = status(operator, stack).await?.is_some();
    let parameters: Vec<Value> =
        parameters.iter().map(|(key, value)| json!({"ParameterKey": key, "ParameterValue": value})).collect();
    let input = json!({
        "StackName": stack,
        "TemplateBody": template,
        "Parameters": parameters,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    });
    let operation = if exists { "UpdateStack" } else { "CreateStack" };
    let before = events(operator, stack).await.unwrap_or_default().len();
    let changed = match operator.call("cloudformation", operation, input).await {
        Ok(_) => true,
        Err(error) if error.message == "No updates are to be performed." => false,
        Err(error) => bail!("{}", error.message),
    };
    let mut told = HashSet::new();
    let status = loop {
        let status = status(operator, stack).await?.ok_or_else(|| anyhow!("the stack {stack} is gone"))?;
        if changed {
            tell_events(operator, stack, before, &mut told, show).await?;
        }
        if !status.ends_with("_IN_PROGRESS") {
            break status;
        }
        tokio::time::sleep(POLL).await;
    };
    let complete = matches!(status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE");
    show.tell(&Happening::Deployed { stack: stack.to_owned(), status, changed });
    Ok(complete)
}

/// The physical id of the stack's resource of `resource_type` that is called `name`, logically or physically.
///
/// # Errors
/// Where the stack has no such resource; the message lists those that it has.
pub async fn physical_id(
    operator: &Operator,
    stack: &str,
    resource_type: &str,
    name: &str,
) -> anyhow::Result<String> {
    let answer =
        operator.call("cloudformation", "DescribeStackResources", json!({"StackName": stack})).await?;
    let resources = answer["StackResources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_type = || resources.iter().filter(|resource| resource["ResourceType"] == resource_type);
    let called = |resource: &&Value| {
        let physical = resource["PhysicalResourceId"].as_str().unwrap_or_default();
        resource["LogicalResourceId"] == name || physical == name || physical.ends_with(&format!(":{name}"))
    };
    match of_type().find(called) {
        Some(resource) => Ok(text(resource, "PhysicalResourceId")?.to_owned()),
        None => {
            let known: Vec<_> =
                of_type().filter_map(|resource| resource["LogicalResourceId"].as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            bail!("the stack {stack} has no {resource_type} called {name} (it has: {known})")
        }
    }
}

async fn status(operator: &Operator, stack: &str) -> anyhow::Result<Option<String>> {
    match operator.call("cloudformation", "DescribeStacks", json!({"StackName": stack})).await {
        Ok(answer) => Ok(answer["Stacks"][0]["StackStatus"].as_str().map(str::to_owned)),
        Err(error) if error.message.ends_with("does not exist") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The stack's events, oldest first.
async fn events(operator: &Operator, stack: &str) -> anyhow::Result<Vec<Value>> {
    let (mut all, mut token) = (Vec::new(), Value::Null);
    loop {
        let mut input = json!({"StackName": stack});
        if !token.is_null() {
            input["NextToken"] = token;
        }
        let mut page = operator.call("cloudformation", "DescribeStackEvents", input).await?;
        if let Some(events) = page["StackEvents"].as_array_mut() {
            all.append(events);
        }
        token = page["NextToken"].take();
        if token.is_null() {
            all.reverse();
            return Ok(all);
        }
    }
}

async fn tell_events(
    operator: &Operator,
    stack: &str,
    skip: usize,
    told: &mut HashSet<String>,
    show: &mut Show,
) -> anyhow::Result<()> {
    for event in events(operator, stack).await?.iter().skip(skip) {
        let status = text(event, "ResourceStatus")?;
        let of_the_stack = event["ResourceType"] == "AWS::CloudFormation::Stack";
        let finished = status.ends_with("_COMPLETE") || status.ends_with("_FAILED");
        let worth_telling = if of_the_stack { status.contains("ROLLBACK_IN") } else { finished };
        if worth_telling && told.insert(text(event, "EventId")?.to_owned()) {
            show.tell(&Happening::Resource {
                logical_id: text(event, "LogicalResourceId")?.to_owned(),
                status: status.to_owned(),
                resource_type: text(event, "ResourceType")?.to_owned(),
                reason: event["ResourceStatusReason"].as_str().map(str::to_owned),
            });
        }
    }
    Ok(())
}
