//! ECS, EventBridge and CloudWatch Logs as far as Step Functions sees them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use api::model::ServiceModel;
use api::{AwsError, Context, Principal, Service};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

#[path = "../../../../ecs/src/generated/model.rs"]
mod ecs_model;
#[path = "../../../../events/src/generated/model.rs"]
mod events_model;
#[path = "../../../../logs/src/generated/model.rs"]
mod logs_model;

/// Runs tasks on paper.
#[derive(Default)]
pub struct FakeEcs {
    tasks: Mutex<Tasks>,
    pub changes: Changes,
    /// What RunTask answers instead, if anything.
    pub refusal: Mutex<Option<AwsError>>,
    /// Lets calls of RunTask come back, where they are held.
    doors: OnceLock<Semaphore>,
}

#[derive(Default)]
struct Tasks {
    by_token: HashMap<String, Value>,
    by_arn: BTreeMap<String, Value>,
    calls: Vec<(String, Value, String)>,
}

/// Counts changes, for those who wait for one.
pub struct Changes(watch::Sender<u64>);

impl Default for Changes {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Changes {
    fn note(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Waits until `is_so`, looking anew at each change.
    pub async fn until(&self, mut is_so: impl FnMut() -> bool) {
        let mut changes = self.0.subscribe();
        while !is_so() {
            changes.changed().await.unwrap();
        }
    }
}

impl FakeEcs {
    /// Calls so far: operation, input, principal.
    pub fn calls(&self) -> Vec<(String, Value, String)> {
        self.tasks.lock().unwrap().calls.clone()
    }

    /// From here on, calls of RunTask do not come back until they are released.
    pub fn hold(&self) {
        self.doors.get_or_init(|| Semaphore::new(0));
    }

    /// Lets so many calls come back.
    pub fn release(&self, calls: usize) {
        self.doors.get().unwrap().add_permits(calls);
    }

    /// Inputs of the calls of an operation.
    pub fn inputs(&self, operation: &str) -> Vec<Value> {
        let calls = self.calls();
        calls.into_iter().filter(|(name, ..)| name == operation).map(|(_, input, _)| input).collect()
    }

    /// ARNs of the tasks that were really started.
    pub fn started(&self) -> Vec<String> {
        self.tasks.lock().unwrap().by_arn.keys().cloned().collect()
    }

    /// ARNs of the tasks that run.
    pub fn running(&self) -> Vec<String> {
        let tasks = self.tasks.lock().unwrap();
        let running = tasks.by_arn.iter().filter(|(_, task)| task["lastStatus"] != "STOPPED");
        running.map(|(arn, _)| arn.clone()).collect()
    }

    /// Waits until so many tasks run.
    pub async fn until_running(&self, count: usize) {
        self.changes.until(|| self.running().len() >= count).await;
    }

    /// Stops a task with these exit codes, and returns the event about it.
    pub fn stop(&self, arn: &str, exit_codes: &[Option<i64>], stop_code: &str) -> Value {
        let mut tasks = self.tasks.lock().unwrap();
        let task = tasks.by_arn.get_mut(arn).unwrap();
        task["lastStatus"] = "STOPPED".into();
        task["desiredStatus"] = "STOPPED".into();
        task["stopCode"] = stop_code.into();
        task["stoppedAt"] = json!(1_700_000_100.5);
        task["containers"] = exit_codes
            .iter()
            .enumerate()
            .map(|(at, code)| {
                let mut container = json!({"name": format!("c{at}"), "lastStatus": "STOPPED"});
                if let Some(code) = code {
                    container["exitCode"] = (*code).into();
                }
                container
            })
            .collect();
        let mut detail = task.clone();
        detail["stoppedAt"] = "2023-11-14T22:15:00.500Z".into();
        detail["createdAt"] = "2023-11-14T22:13:20.123Z".into();
        detail["updatedAt"] = "2023-11-14T22:15:00.500Z".into();
        detail["attachments"][0]["type"] = "eni".into();
        drop(tasks);
        self.changes.note();
        json!({"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": detail})
    }

    fn run(&self, input: &Value) -> Result<Value, AwsError> {
        if let Some(error) = self.refusal.lock().unwrap().clone() {
            return Err(error);
        }
        let mut tasks = self.tasks.lock().unwrap();
        let token = input["clientToken"].as_str().unwrap().to_owned();
        let number = tasks.by_arn.len() + 1;
        let task = tasks.by_token.entry(token).or_insert_with(|| new_task(number, input)).clone();
        tasks.by_arn.entry(task["taskArn"].as_str().unwrap().to_owned()).or_insert_with(|| task.clone());
        Ok(json!({"tasks": [task], "failures": []}))
    }

    fn answer(&self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        match operation {
            "RunTask" => self.run(input),
            "DescribeTasks" => {
                let tasks = self.tasks.lock().unwrap();
                let wanted = input["tasks"].as_array().unwrap().iter().filter_map(Value::as_str);
                let found: Vec<&Value> = wanted.filter_map(|arn| tasks.by_arn.get(arn)).collect();
                Ok(json!({"tasks": found, "failures": []}))
            }
            "StopTask" => {
                let arn = input["task"].as_str().unwrap();
                self.stop(arn, &[Some(137)], "UserInitiated");
                Ok(json!({"task": self.tasks.lock().unwrap().by_arn[arn]}))
            }
            other => Err(AwsError::new("UnknownOperationException", other)),
        }
    }
}

fn new_task(number: usize, input: &Value) -> Value {
    json!({
        "taskArn": format!("arn:aws:ecs:us-east-1:000000000000:task/c/{number:032}"),
        "clusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/c",
        "attachments": [{"id": "a", "type": "ElasticNetworkInterface", "status": "PRECREATED", "details": []}],
        "createdAt": 1_700_000_000.123,
        "cpu": "256",
        "desiredStatus": "RUNNING",
        "lastStatus": "PROVISIONING",
        "platformFamily": "Linux",
        "group": input["group"],
        "startedBy": input["startedBy"],
        "containers": [{"name": "c0", "lastStatus": "PENDING"}],
        "overrides": input["overrides"],
        "version": 1,
    })
}

impl Service for FakeEcs {
    fn name(&self) -> &'static str {
        "ecs"
    }

    fn model(&self) -> &'static ServiceModel {
        &ecs_model::MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            let call = (operation.to_owned(), input.clone(), cx.principal.arn());
            self.tasks.lock().unwrap().calls.push(call);
            if let Some(doors) = self.doors.get().filter(|_| operation == "RunTask") {
                self.changes.note();
                doors.acquire().await.unwrap().forget();
            }
            let answer = self.answer(operation, &input);
            self.changes.note();
            answer
        })
    }
}

/// Takes events and managed rules.
#[derive(Default)]
pub struct FakeEvents {
    entries: Mutex<Vec<Value>>,
    rules: Mutex<Vec<Value>>,
    changes: Changes,
    /// Serves those who are no service, once it is there.
    pub real: OnceLock<Arc<dyn Service>>,
    /// What takes the place of a text in what the real one answers services.
    redirected: Mutex<Option<(String, String)>>,
}

impl FakeEvents {
    /// Puts another text in the place of one, in what services are answered.
    pub fn redirect(&self, from: &str, to: &str) {
        *self.redirected.lock().unwrap() = Some((from.to_owned(), to.to_owned()));
    }

    async fn ask(&self, cx: &Context, operation: &str, input: Value) -> Result<Value, AwsError> {
        let Some(real) = self.real.get() else {
            return Err(AwsError::new("UnknownOperationException", operation.to_owned()));
        };
        let answer = real.serve(cx, operation, input).await?;
        let redirected = self.redirected.lock().unwrap().clone();
        let Some((from, to)) = redirected else { return Ok(answer) };
        Ok(serde_json::from_str(&answer.to_string().replace(&from, &to)).unwrap())
    }

    /// Entries that roles have put.
    pub fn put_by_roles(&self) -> Vec<Value> {
        let entries = self.entries.lock().unwrap();
        entries.iter().filter(|entry| entry["Source"] != "aws.states").cloned().collect()
    }

    /// Details of the status change events of an execution.
    pub fn statuses(&self, execution: &str) -> Vec<Value> {
        let entries = self.entries.lock().unwrap();
        let details = entries
            .iter()
            .map(|entry| serde_json::from_str::<Value>(entry["Detail"].as_str().unwrap()).unwrap());
        details.filter(|detail| detail["executionArn"] == execution).collect()
    }

    /// Details of all status change events, in their order.
    pub fn told(&self) -> Vec<Value> {
        let entries = self.entries.lock().unwrap();
        let told = entries.iter().filter(|entry| entry["Source"] == "aws.states");
        told.map(|entry| serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap()).collect()
    }

    /// Waits until so many events were put.
    pub async fn until_put(&self, count: usize) {
        self.changes.until(|| self.entries.lock().unwrap().len() >= count).await;
    }

    /// Waits until the execution's end was told, and gives it.
    pub async fn end_of(&self, execution: &str) -> Value {
        self.until_ended(execution).await;
        self.statuses(execution).into_iter().find(|detail| detail["status"] != "RUNNING").unwrap()
    }

    /// Waits until the execution's end was told.
    pub async fn until_ended(&self, execution: &str) {
        let ended = || self.statuses(execution).iter().any(|detail| detail["status"] != "RUNNING");
        self.changes.until(ended).await;
    }

    /// Managed rules that were put.
    pub fn rules(&self) -> Vec<Value> {
        self.rules.lock().unwrap().clone()
    }
}

impl Service for FakeEvents {
    fn name(&self) -> &'static str {
        "events"
    }

    fn model(&self) -> &'static ServiceModel {
        &events_model::MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            match operation {
                "PutEvents" => {
                    self.entries.lock().unwrap().extend(input["Entries"].as_array().unwrap().iter().cloned());
                    self.changes.note();
                    if let (Some(real), Principal::Role { .. }) = (self.real.get(), &cx.principal) {
                        return real.serve(cx, operation, input).await;
                    }
                    Ok(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}))
                }
                "internal:PutManagedRule" => {
                    self.rules.lock().unwrap().push(input);
                    Ok(json!({}))
                }
                other => self.ask(cx, other, input).await,
            }
        })
    }
}

/// Keeps log events.
#[derive(Default)]
pub struct FakeLogs {
    pub groups: Mutex<BTreeSet<String>>,
    streams: Mutex<BTreeMap<(String, String), Vec<Value>>>,
    changes: Changes,
}

impl FakeLogs {
    /// Messages of a group's streams whose names begin so, read as JSON where they are.
    pub fn messages(&self, group: &str, prefix: &str) -> Vec<Value> {
        let streams = self.streams.lock().unwrap();
        let streams = streams.iter().filter(|((of, stream), _)| of == group && stream.starts_with(prefix));
        let events = streams.flat_map(|(_, events)| events);
        events
            .map(|event| {
                let text = event["message"].as_str().unwrap();
                serde_json::from_str(text).unwrap_or_else(|_| text.into())
            })
            .collect()
    }

    /// Waits until there are so many messages.
    pub async fn until_messages(&self, group: &str, prefix: &str, count: usize) {
        self.changes.until(|| self.messages(group, prefix).len() >= count).await;
    }

    fn answer(&self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
        match operation {
            "DescribeLogGroups" => {
                let groups = self.groups.lock().unwrap();
                let found = groups.iter().filter(|name| name.starts_with(&text("logGroupNamePrefix")));
                Ok(json!({"logGroups": found.map(|name| json!({"logGroupName": name})).collect::<Vec<_>>()}))
            }
            "CreateLogStream" => {
                let key = (text("logGroupName"), text("logStreamName"));
                let mut streams = self.streams.lock().unwrap();
                if streams.contains_key(&key) {
                    let message = "The specified log stream already exists";
                    return Err(AwsError::new("ResourceAlreadyExistsException", message));
                }
                streams.insert(key, Vec::new());
                Ok(json!({}))
            }
            "PutLogEvents" => {
                let key = (text("logGroupName"), text("logStreamName"));
                let mut streams = self.streams.lock().unwrap();
                let Some(events) = streams.get_mut(&key) else {
                    let message = "The specified log stream does not exist.";
                    return Err(AwsError::new("ResourceNotFoundException", message));
                };
                events.extend(input["logEvents"].as_array().unwrap().iter().cloned());
                Ok(json!({}))
            }
            other => Err(AwsError::new("UnknownOperationException", other)),
        }
    }
}

impl Service for FakeLogs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn model(&self) -> &'static ServiceModel {
        &logs_model::MODEL
    }

    fn serve<'a>(
        &'a self,
        _cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            let answer = self.answer(operation, &input);
            self.changes.note();
            answer
        })
    }
}
