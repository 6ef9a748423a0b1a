//! Listens to what services tell EventBridge of executions and tasks, in front of the service `events`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use api::model::ServiceModel;
use api::{AwsError, Context, Occurrence, Outcome, Principal, Service};
use futures_util::future::BoxFuture;
use serde_json::Value;
use types::{AccountId, Region, Timestamp};

use super::happening::{Happening, What};

/// What was heard and is yet to be told.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    happenings: Vec<Happening>,
    /// Tasks of which it was told that they run: there are events of many more changes.
    running: HashSet<String>,
}

impl Heard {
    /// What was heard since the last call, in order.
    pub fn take(&self) -> Vec<Happening> {
        let mut happenings = std::mem::take(&mut self.notes().happenings);
        happenings.sort();
        happenings
    }

    /// Writes down what became of a schedule's time.
    pub fn occurrence(&self, occurrence: Occurrence<'_>) {
        let status = match occurrence.outcome {
            Outcome::Fired => "FIRED",
            Outcome::Missed => "MISSED",
            Outcome::Overlapped => "OVERLAPPED",
        };
        let (schedule, status) = (occurrence.schedule.to_owned(), status.to_owned());
        let what = What::Schedule { schedule, status };
        self.notes().happenings.push(Happening { time: occurrence.due, what });
    }

    fn events(&self, input: &Value) {
        for entry in input["Entries"].as_array().into_iter().flatten() {
            let detail = entry["Detail"].as_str().and_then(|detail| serde_json::from_str(detail).ok());
            let Some(detail) = detail else { continue };
            let mut notes = self.notes();
            let happening = match entry["DetailType"].as_str() {
                Some("Step Functions Execution Status Change") => execution(&detail),
                Some("ECS Task State Change") => notes.task(&detail, &entry["Time"]),
                _ => None,
            };
            notes.happenings.extend(happening);
        }
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn execution(detail: &Value) -> Option<Happening> {
    let (start, stop) = (detail["startDate"].as_i64()?, detail["stopDate"].as_i64());
    let what = What::Execution {
        state_machine: text(&detail["stateMachineArn"])?,
        status: text(&detail["status"])?,
        took_ms: stop.map(|stop| stop - start),
        error: text(&detail["error"]),
        execution: text(&detail["executionArn"])?,
    };
    Some(Happening { time: Timestamp::from_millis(stop.unwrap_or(start)), what })
}

impl Notes {
    fn task(&mut self, detail: &Value, time: &Value) -> Option<Happening> {
        let (task, status) = (text(&detail["taskArn"])?, text(&detail["lastStatus"])?);
        let is_news = match status.as_str() {
            "RUNNING" => self.running.insert(task.clone()),
            "STOPPED" => {
                self.running.remove(&task);
                true
            }
            _ => false,
        };
        let codes = detail["containers"].as_array().into_iter().flatten();
        let what = What::Task {
            task_definition: text(&detail["taskDefinitionArn"])?,
            status,
            reason: text(&detail["stoppedReason"]),
            exit_codes: codes.filter_map(|container| container["exitCode"].as_i64()).collect(),
            task,
        };
        let time = serde_json::from_value(time.clone()).ok()?;
        is_news.then_some(Happening { time, what })
    }
}

/// The service `events`, with an ear in front.
pub struct Listener {
    events: Arc<dyn Service>,
    heard: Heard,
}

impl Listener {
    /// Writes down in `heard` what `events` is told.
    pub fn new(events: Arc<dyn Service>, heard: Heard) -> Self {
        Self { events, heard }
    }
}

impl Service for Listener {
    fn name(&self) -> &'static str {
        self.events.name()
    }

    fn model(&self) -> &'static ServiceModel {
        self.events.model()
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        if operation == "PutEvents" && matches!(cx.principal, Principal::Service { .. }) {
            self.heard.events(&input);
        }
        self.events.serve(cx, operation, input)
    }

    fn may_deliver(&self, account: &AccountId, region: &Region, source: &str, detail_type: &str) -> bool {
        source == "aws.states" || self.events.may_deliver(account, region, source, detail_type)
    }
}
