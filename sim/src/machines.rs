//! State machines by chance: chains of states of every type, with retries, catchers, time limits, loops and branches.
//!
//! What a task asks for has a key of its own, `KEY/N/STATE/RETRY/REDRIVE`, which says which attempt of which state of
//! which execution it is: so it can be told whether it is asked for twice, and what becomes of it can follow from it.

use serde_json::{Value, json};

use crate::random::Random;

/// How long tasks may take: longer than any work that is done at all.
const TIMEOUT_SECONDS: u64 = 1_000;

/// How long an execution that is waited for may take: longer than any that ends by itself.
const NESTED_TIMEOUT_SECONDS: u64 = 1_000_000;

/// The key of a task's work.
const KEY: &str = "States.Format('{}/{}/{}/{}/{}', $.key, $.n.v, $$.State.Name, $$.State.RetryCount, \
                   $$.Execution.RedriveCount)";

/// The name of an execution that a task starts.
const NESTED_NAME: &str = "States.Format('{}-{}-{}-{}-{}', $.key, $.n.v, $$.State.Name, $$.State.RetryCount, \
                           $$.Execution.RedriveCount)";

/// Where in a machine a chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Top,
    Branch,
}

/// Makes definitions.
#[derive(Debug)]
pub struct Machines {
    random: Random,
    /// ARN of a machine that tasks may start.
    child: Option<String>,
    /// Family and cluster of the task definition that tasks may run.
    container: Option<String>,
    /// What loops have counted to so far.
    counted: u64,
    names: u64,
}

impl Machines {
    /// Definitions that may start executions of the machine `child` and run tasks of the family and cluster `container`.
    pub fn new(random: Random, child: Option<String>, container: Option<String>) -> Self {
        Self { random, child, container, counted: 0, names: 0 }
    }

    /// A definition with a chain of so many blocks.
    pub fn definition(&mut self, blocks: u64) -> Value {
        self.counted = 0;
        self.names = 0;
        self.chain(blocks, Place::Top)
    }

    /// A definition whose first task fails until it is redriven.
    pub fn broken(&mut self, blocks: u64) -> Value {
        let mut definition = self.definition(blocks);
        let first = definition["StartAt"].clone();
        let mut broken = message(first.as_str().unwrap_or_default());
        if self.random.percent(30) {
            let inner = message_end();
            broken = json!({
                "Type": "Parallel", "ResultPath": "$.r", "Next": first,
                "Branches": [{"StartAt": "BrokenInside", "States": {"BrokenInside": inner}}],
            });
        }
        definition["States"]["Broken"] = broken;
        definition["StartAt"] = "Broken".into();
        definition
    }

    /// A small definition that calls at most one service: for executions that others start.
    pub fn small(&mut self) -> Value {
        self.counted = 0;
        self.names = 0;
        let (child, container) = (self.child.take(), self.container.take());
        let blocks = self.random.between(1, 2);
        let definition = self.chain(blocks, Place::Branch);
        (self.child, self.container) = (child, container);
        definition
    }

    fn chain(&mut self, blocks: u64, place: Place) -> Value {
        let kinds: Vec<&str> = (0..blocks).map(|_| self.kind(place)).collect();
        let mut names: Vec<String> = kinds.iter().map(|kind| self.name(kind)).collect();
        let done = self.name("Done");
        let mut states = json!({ done.as_str(): {"Type": "Pass", "End": true} });
        let first = names.first().cloned().unwrap_or_else(|| done.clone());
        names.push(done);
        for (kind, pair) in kinds.into_iter().zip(names.windows(2)) {
            let [name, next] = pair else { continue };
            for (name, state) in self.block(kind, name, next, place) {
                states[name] = state;
            }
        }
        json!({"StartAt": first, "States": states})
    }

    fn kind(&mut self, place: Place) -> &'static str {
        loop {
            let kind = match self.random.below(24) {
                0..3 => "Pass",
                3..5 => "Wait",
                5 => "Loop",
                6..11 => "Message",
                11..15 => "Token",
                15..17 => "Container",
                17..19 => "Nested",
                19 => "Event",
                20 => "Parallel",
                21 => "Map",
                22 => "Spread",
                _ => "Heartbeat",
            };
            let possible = match kind {
                "Container" => self.container.is_some(),
                "Nested" => self.child.is_some(),
                "Parallel" | "Map" | "Spread" => place == Place::Top,
                _ => true,
            };
            if possible {
                return kind;
            }
        }
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }

    fn block(&mut self, kind: &str, name: &str, next: &str, place: Place) -> Vec<(String, Value)> {
        let state = match kind {
            "Pass" => json!({"Type": "Pass", "Result": self.payload(), "ResultPath": "$.r", "Next": next}),
            "Wait" => json!({"Type": "Wait", "Seconds": self.random.between(0, 120), "Next": next}),
            "Loop" => return self.looped(name, next),
            "Parallel" => self.parallel(next),
            "Map" => self.map(next, "INLINE"),
            "Spread" => self.map(next, "DISTRIBUTED"),
            _ => self.task(kind, next, place),
        };
        vec![(name.to_owned(), state)]
    }

    fn payload(&mut self) -> Value {
        let longest = if self.random.percent(10) { 3_000 } else { 30 };
        "x".repeat(self.random.below(longest) as usize).into()
    }

    fn looped(&mut self, name: &str, next: &str) -> Vec<(String, Value)> {
        let rounds = self.random.between(1, 4);
        self.counted += rounds;
        let (choice, body) = (self.name("Choice"), self.name("Body"));
        let count = json!({
            "Type": "Pass", "Parameters": {"v.$": "States.MathAdd($.n.v, 1)"}, "ResultPath": "$.n",
            "Next": body,
        });
        let again = json!({"Variable": "$.n.v", "NumericLessThan": self.counted, "Next": name});
        let body_state =
            if self.random.percent(50) { message(&choice) } else { json!({"Type": "Pass", "Next": choice}) };
        vec![
            (name.to_owned(), count),
            (body, guarded(body_state, &choice)),
            (choice, json!({"Type": "Choice", "Choices": [again], "Default": next})),
        ]
    }

    fn parallel(&mut self, next: &str) -> Value {
        let branches: Vec<Value> = (0..self.random.between(1, 3))
            .map(|_| {
                let blocks = self.random.between(1, 3);
                self.chain(blocks, Place::Branch)
            })
            .collect();
        json!({"Type": "Parallel", "Branches": branches, "ResultPath": "$.r", "Next": next})
    }

    fn map(&mut self, next: &str, mode: &str) -> Value {
        let blocks = self.random.between(1, 2);
        let mut processor = self.chain(blocks, Place::Branch);
        processor["ProcessorConfig"] = json!({ "Mode": mode });
        let mut map = json!({
            "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": self.random.below(4),
            "ItemSelector": {
                "key.$": "States.Format('{}.{}', $.key, $$.Map.Item.Value)", "n.$": "$.n", "items": [1],
            },
            "ResultPath": "$.r", "Next": next,
        });
        if mode == "DISTRIBUTED" {
            let kind = if self.random.percent(80) { "STANDARD" } else { "EXPRESS" };
            if kind == "EXPRESS" {
                let (only, last) = (self.name("Only"), self.name("Last"));
                let work = guarded(message(&last), &last);
                processor = json!({
                    "StartAt": only, "States": {only.as_str(): work, last.as_str(): {"Type": "Pass", "End": true}},
                });
            }
            processor["ProcessorConfig"] = json!({"Mode": mode, "ExecutionType": kind});
            map["ToleratedFailurePercentage"] = 100.into();
            map["ResultPath"] = Value::Null;
        }
        map["ItemProcessor"] = processor;
        map
    }

    fn task(&mut self, kind: &str, next: &str, place: Place) -> Value {
        let mut task = match kind {
            "Message" => message(next),
            "Container" => container(self.container.as_deref().unwrap_or_default(), next),
            "Nested" => nested(self.child.as_deref().unwrap_or_default(), next),
            "Event" => event(next),
            _ => token(next),
        };
        if kind == "Heartbeat" {
            task["HeartbeatSeconds"] = 500.into();
        }
        if self.random.percent(50) {
            task["Retry"] = json!([{
                "ErrorEquals": ["States.ALL"], "IntervalSeconds": self.random.between(1, 30),
                "MaxAttempts": self.random.between(1, 2), "BackoffRate": 1.5,
            }]);
        }
        let guard_percent = if place == Place::Branch { 92 } else { 60 };
        if self.random.percent(guard_percent) { guarded(task, next) } else { task }
    }
}

/// The state, which goes on to `next` after an error too.
fn guarded(mut state: Value, next: &str) -> Value {
    if state["Type"] == "Task" {
        state["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": next}]);
    }
    state
}

fn task(resource: &str, parameters: Value, next: &str) -> Value {
    json!({
        "Type": "Task", "Resource": resource, "Parameters": parameters, "TimeoutSeconds": TIMEOUT_SECONDS,
        "ResultPath": "$.r", "Next": next,
    })
}

fn message(next: &str) -> Value {
    let parameters = json!({"QueueUrl.$": "$$.Execution.Id", "MessageBody.$": KEY});
    task("arn:aws:states:::aws-sdk:sqs:sendMessage", parameters, next)
}

fn message_end() -> Value {
    let mut state = message("");
    if let Some(fields) = state.as_object_mut() {
        fields.remove("Next");
        fields.insert("End".to_owned(), true.into());
    }
    state
}

fn token(next: &str) -> Value {
    let parameters = json!({
        "QueueUrl.$": "$$.Execution.Id", "MessageBody.$": KEY, "MessageGroupId.$": "$$.Task.Token",
    });
    task("arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken", parameters, next)
}

fn container(family: &str, next: &str) -> Value {
    let environment = json!([
        {"Name": "KEY", "Value.$": KEY}, {"Name": "EXECUTION", "Value.$": "$$.Execution.Id"},
    ]);
    let parameters = json!({
        "Cluster": family, "TaskDefinition": family,
        "Overrides": {"ContainerOverrides": [{"Name": "job", "Environment": environment}]},
    });
    let mut state = task("arn:aws:states:::ecs:runTask.sync", parameters, next);
    state["ResultSelector"] = json!({"code.$": "$.Containers[0].ExitCode"});
    state
}

fn nested(machine: &str, next: &str) -> Value {
    let parameters = json!({
        "StateMachineArn": machine, "Name.$": NESTED_NAME,
        "Input": {"key.$": NESTED_NAME, "n": {"v": 0}, "items": [1, 2]},
    });
    let mut state = task("arn:aws:states:::states:startExecution.sync:2", parameters, next);
    state["ResultSelector"] = json!({"out.$": "$.Output"});
    state["TimeoutSeconds"] = NESTED_TIMEOUT_SECONDS.into();
    state
}

fn event(next: &str) -> Value {
    let entry = json!({"Source": "sim", "DetailType": "told", "Detail": {"key.$": KEY}});
    let mut state = task("arn:aws:states:::events:putEvents", json!({ "Entries": [entry] }), next);
    state["ResultSelector"] = json!({"failed.$": "$.FailedEntryCount"});
    state
}
