//! What clients were told, and whether it is still so: acknowledged is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::{AwsError, Fault};
use serde_json::{Value, json};

use crate::door::Door;
use crate::trace::Trace;

/// What is known of executions.
#[derive(Debug)]
pub struct Ledger {
    trace: Arc<Trace>,
    executions: Mutex<BTreeMap<String, Known>>,
}

/// What was acknowledged of one execution.
#[derive(Clone, Debug, Default)]
struct Known {
    start_date: Option<Value>,
    /// What DescribeExecution said once it had ended.
    end: Option<Value>,
    /// Its history as far as it was shown.
    history: Vec<Value>,
}

impl Ledger {
    /// Nothing is known.
    pub fn new(trace: Arc<Trace>) -> Self {
        Self { trace, executions: Mutex::default() }
    }

    /// Notes that the start of an execution was acknowledged.
    pub fn started(&self, arn: &str, start_date: Option<&Value>) {
        let mut executions = self.executions();
        let known = executions.entry(arn.to_owned()).or_default();
        let first = known.start_date.clone();
        known.start_date = start_date.cloned().or(first.clone());
        drop(executions);
        if let (Some(first), Some(again)) = (first, start_date)
            && first != *again
        {
            self.trace.violation(format!("{arn} was started at {first}, and again at {again}"));
        }
    }

    /// Notes that the execution is about to be redriven: it may run again.
    pub fn may_run_again(&self, arn: &str) {
        if let Some(known) = self.executions().get_mut(arn) {
            known.end = None;
        }
    }

    /// How many executions were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.executions().len() as u64
    }

    /// Looks whether everything that was acknowledged is still so.
    pub async fn verify(&self, door: &Door) {
        let arns: Vec<String> = self.executions().keys().cloned().collect();
        for arn in arns {
            // A read that fails says nothing.
            if let Err(error) = self.look(door, &arn).await
                && error.fault() == Fault::Sender
            {
                self.trace.violation(format!("{arn} was acknowledged: {error}"));
            }
        }
    }

    /// Asks about an execution, compares with what was known, and knows more from then on.
    ///
    /// # Errors
    /// What Step Functions answers.
    pub async fn look(&self, door: &Door, arn: &str) -> Result<Value, AwsError> {
        let described = door.call("states", "DescribeExecution", json!({"executionArn": arn})).await?;
        let history = history(door, arn).await?;
        let mut wrong = Vec::new();
        let mut executions = self.executions();
        let known = executions.entry(arn.to_owned()).or_default();
        if known.start_date.as_ref().is_some_and(|date| described["startDate"] != *date) {
            wrong.push(format!("{arn} has another date of its start: {described}"));
        }
        let end = is_terminal(&described).then(|| lasting(&described));
        if known.end.is_some() && known.end != end {
            wrong.push(format!("{arn} had ended as {:?}, and now is {described}", known.end));
        }
        if history.get(..known.history.len()) != Some(&known.history[..]) {
            wrong.push(format!("{arn} had the history {:?}, and now has {history:?}", known.history));
        }
        known.start_date = Some(described["startDate"].clone());
        known.end = end;
        known.history = history;
        drop(executions);
        wrong.into_iter().for_each(|what| self.trace.violation(what));
        Ok(described)
    }

    /// Executions with how they ended and their histories.
    pub fn ended(&self) -> Vec<(String, Value, Vec<Value>)> {
        let executions = self.executions();
        let ended = executions
            .iter()
            .filter_map(|(arn, known)| Some((arn.clone(), known.end.clone()?, known.history.clone())));
        ended.collect()
    }

    fn executions(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.executions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What does not change any more of an execution that has ended: whether it can be redriven does.
fn lasting(described: &Value) -> Value {
    let mut lasting = described.clone();
    if let Some(members) = lasting.as_object_mut() {
        members.retain(|name, _| !name.starts_with("redriveStatus"));
    }
    lasting
}

/// Whether an execution that is described so has ended.
pub fn is_terminal(described: &Value) -> bool {
    !matches!(described["status"].as_str(), Some("RUNNING" | "PENDING_REDRIVE"))
}

/// All events of an execution, page by page.
///
/// # Errors
/// What Step Functions answers.
async fn history(door: &Door, arn: &str) -> Result<Vec<Value>, AwsError> {
    let mut events = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({"executionArn": arn, "maxResults": 40});
        if !token.is_null() {
            input["nextToken"] = token;
        }
        let page = door.call("states", "GetExecutionHistory", input).await?;
        events.extend(page["events"].as_array().into_iter().flatten().cloned());
        token = page.get("nextToken").cloned().unwrap_or_default();
        if token.is_null() {
            return Ok(events);
        }
    }
}
