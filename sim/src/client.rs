//! Clients: scripts of requests, each made again until it is answered.
//!
//! A client outlives the process that it talks to. What it has not been answered when that dies it asks again of the next
//! one, under the same name: that is what makes a request safe to repeat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::{AwsError, Fault};
use serde_json::{Value, json};
use types::Timestamp;

use crate::door::{ACCOUNT, Door, REGION};
use crate::ledger::{Ledger, is_terminal};
use crate::messages::{self, Received};
use crate::trace::Trace;

/// How long to wait before a request is made again.
const RETRY: Duration = Duration::from_secs(1);

/// Longest pause between two looks at an execution.
const LOOK_MAX: Duration = Duration::from_secs(1_800);

/// How long an execution may run. No machine here takes as long.
const PATIENCE: Duration = Duration::from_secs(2 * 86_400);

/// The role of every machine and target.
pub const ROLE: &str = "arn:aws:iam::000000000000:role/sim";

/// One request, or a few that belong together.
#[derive(Clone, Debug)]
pub enum Step {
    /// Makes a cluster and a task definition of that name.
    Container(String),
    /// Creates a state machine.
    Create {
        /// Its name.
        machine: String,
        /// Its definition.
        definition: Value,
        /// Whether it tells its log group, which has its name, of every event.
        is_logged: bool,
    },
    /// Deletes a state machine.
    Delete(String),
    /// Changes a state machine's definition.
    Update {
        /// Its name.
        machine: String,
        /// The new definition.
        definition: Value,
    },
    /// Starts an execution, and a second time at once where `twice` is set.
    Start {
        /// The machine's name.
        machine: String,
        /// The execution's name.
        name: String,
        /// The items of its Map states.
        items: Vec<u64>,
        /// Whether two equal requests are on their way at a time.
        twice: bool,
    },
    /// Waits until an execution has ended.
    Await {
        /// The machine's name.
        machine: String,
        /// The execution's name.
        name: String,
    },
    /// Stops an execution.
    Stop {
        /// The machine's name.
        machine: String,
        /// The execution's name.
        name: String,
    },
    /// Redrives an execution, if it can be.
    Redrive {
        /// The machine's name.
        machine: String,
        /// The execution's name.
        name: String,
    },
    /// Does nothing for so many seconds.
    Sleep(u64),
    /// Makes a rule on events of the source `sim.NAME`, which starts executions of the machine NAME.
    Rule(String),
    /// Puts an event of the source `sim.NAME`.
    Put {
        /// The rule's name.
        name: String,
        /// What the event is about.
        key: String,
    },
    /// Makes an archive of the events of the source `sim.NAME`.
    Archive(String),
    /// Replays all that is in the archive, and waits until that is done.
    Replay(String),
    /// Makes a schedule that starts executions of the machine NAME every minute.
    Schedule(String),
    /// Deletes it.
    Unschedule(String),
    /// Waits until all executions of the machine have ended.
    AwaitAll(String),
    /// Makes queues and topics, and a rule on events of the source `sim.NAME` that leads there.
    Queues(String),
    /// Makes schedules that send messages to queues every minute.
    ScheduleMessages(String),
    /// Deletes them.
    UnscheduleMessages(String),
    /// Receives and deletes all messages.
    Collect(String),
}

/// A client with its script.
#[derive(Debug)]
pub struct Client {
    /// Its name, with which all that it makes begins.
    pub name: String,
    script: Vec<Step>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    at: usize,
    /// Whether the current step was begun before, and nobody knows what came of it.
    is_tried: bool,
    /// Ids of events that were acknowledged.
    events: Vec<String>,
    received: Received,
}

impl Client {
    /// A client at the beginning of its script.
    pub fn new(name: String, script: Vec<Step>) -> Self {
        Self { name, script, state: Mutex::default() }
    }

    /// Whether its machine tells its log group of every event.
    pub fn is_logged(&self) -> bool {
        let is_logged = |step: &Step| matches!(step, Step::Create { is_logged: true, .. });
        self.script.iter().any(is_logged)
    }

    /// Whether its machine is gone in the end.
    pub fn deletes(&self) -> bool {
        self.script.iter().any(|step| matches!(step, Step::Delete(_)))
    }

    /// How often each of its events comes over the bus.
    pub fn comings(&self) -> u64 {
        1 + self.script.iter().filter(|step| matches!(step, Step::Replay(_))).count() as u64
    }

    /// Ids of events whose acceptance was acknowledged.
    pub fn acknowledged_events(&self) -> Vec<String> {
        self.state().events.clone()
    }

    /// Whether it has a machine, which has its name.
    pub fn has_machine(&self) -> bool {
        self.script.iter().any(|step| matches!(step, Step::Create { .. }))
    }

    /// Receives and deletes all messages of its queues.
    ///
    /// # Errors
    /// What SQS answers.
    pub async fn collect(&self, door: &Door, trace: &Trace) -> Result<(), AwsError> {
        messages::collect(door, trace, &self.name, |note| note(&mut self.state().received)).await
    }

    /// What is wrong with the messages that it has received.
    pub fn problems_of_messages(&self) -> Vec<String> {
        let state = self.state();
        state.received.problems(&self.name, &state.events)
    }

    /// Occurrences of its schedules that have not come.
    pub fn gaps_in_schedules(&self) -> Vec<String> {
        self.state().received.gaps(&self.name)
    }

    /// Whether it waits for executions that somebody may stop: what they do is a matter of chance.
    pub fn is_raced(name: &str) -> bool {
        name.starts_with("stop")
    }

    /// Goes on with the script to its end.
    pub async fn run(self: Arc<Self>, door: Door, ledger: Arc<Ledger>, trace: Arc<Trace>) {
        while let Some((step, is_tried)) = self.begin() {
            let request = Request { client: &self, door: &door, ledger: &ledger, trace: &trace, is_tried };
            match request.make(&step).await {
                Ok(()) => {
                    trace.note(&format!("{}: {}", self.name, brief(&step)));
                    self.advance();
                }
                Err(error) if error.fault() == Fault::Receiver => door.sleep(RETRY).await,
                Err(error) => {
                    trace.violation(format!("{}: {}: {error}", self.name, brief(&step)));
                    self.give_up();
                }
            }
        }
    }

    fn begin(&self) -> Option<(Step, bool)> {
        let mut state = self.state();
        let step = self.script.get(state.at)?.clone();
        Some((step, std::mem::replace(&mut state.is_tried, true)))
    }

    fn advance(&self) {
        let mut state = self.state();
        state.at += 1;
        state.is_tried = false;
    }

    fn give_up(&self) {
        self.state().at = usize::MAX;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The step without its documents.
fn brief(step: &Step) -> String {
    match step {
        Step::Create { machine, .. } => format!("created {machine}"),
        Step::Update { machine, .. } => format!("updated {machine}"),
        other => format!("{other:?}"),
    }
}

/// ARN of a machine.
pub fn machine_arn(machine: &str) -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{machine}")
}

fn bus_arn() -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default")
}

fn execution_arn(machine: &str, name: &str) -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:{name}")
}

struct Request<'a> {
    client: &'a Client,
    door: &'a Door,
    ledger: &'a Ledger,
    trace: &'a Trace,
    is_tried: bool,
}

impl Request<'_> {
    async fn make(&self, step: &Step) -> Result<(), AwsError> {
        match step {
            Step::Container(name) => self.container(name).await?,
            Step::Create { machine, definition, is_logged } => {
                self.create(machine, definition, *is_logged).await?;
            }
            Step::Delete(machine) => {
                let input = json!({"stateMachineArn": machine_arn(machine)});
                self.door.call("states", "DeleteStateMachine", input).await?;
            }
            Step::Update { machine, definition } => {
                let input = json!({
                    "stateMachineArn": machine_arn(machine), "definition": definition.to_string(),
                });
                self.door.call("states", "UpdateStateMachine", input).await?;
            }
            Step::Start { machine, name, items, twice } => self.start(machine, name, items, *twice).await?,
            Step::Await { machine, name } => return self.wait(&execution_arn(machine, name)).await,
            Step::Stop { machine, name } => {
                let input = json!({"executionArn": execution_arn(machine, name), "error": "Stopped"});
                self.door.call("states", "StopExecution", input).await?;
            }
            Step::Redrive { machine, name } => self.redrive(&execution_arn(machine, name)).await?,
            Step::Sleep(seconds) => self.door.sleep(Duration::from_secs(*seconds)).await,
            Step::Rule(name) => self.rule(name).await?,
            Step::Put { name, key } => self.put(name, key).await?,
            Step::Archive(name) => self.archive(name).await?,
            Step::Replay(name) => return self.replay(name).await,
            Step::Schedule(name) => self.schedule(name).await?,
            Step::Unschedule(name) => {
                let answer = self.door.call("scheduler", "DeleteSchedule", json!({ "Name": name })).await;
                self.unless(answer, "ResourceNotFoundException")?;
            }
            Step::AwaitAll(name) => return self.wait_for_all(name).await,
            Step::Queues(name) => {
                messages::arrange(self.door, name).await?;
                messages::rule(self.door, name).await?;
            }
            Step::ScheduleMessages(name) => messages::schedule(self.door, name).await?,
            Step::UnscheduleMessages(name) => messages::unschedule(self.door, name).await?,
            Step::Collect(_) => self.client.collect(self.door, self.trace).await?,
        }
        Ok(())
    }

    /// The answer, where an error says only that an earlier request was served.
    fn unless(&self, answer: Result<Value, AwsError>, code: &str) -> Result<Value, AwsError> {
        match answer {
            Err(error) if self.is_tried && error.code == code => Ok(Value::Null),
            answer => answer,
        }
    }

    async fn create(&self, machine: &str, definition: &Value, is_logged: bool) -> Result<(), AwsError> {
        let mut input = json!({"name": machine, "definition": definition.to_string(), "roleArn": ROLE});
        if is_logged {
            self.log_group(machine).await?;
            let group = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{machine}:*");
            input["loggingConfiguration"] = json!({
                "level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
            });
        }
        self.door.call("states", "CreateStateMachine", input).await?;
        Ok(())
    }

    async fn log_group(&self, name: &str) -> Result<(), AwsError> {
        match self.door.call("logs", "CreateLogGroup", json!({ "logGroupName": name })).await {
            Err(error) if error.code != "ResourceAlreadyExistsException" => Err(error),
            _ => Ok(()),
        }
    }

    async fn container(&self, name: &str) -> Result<(), AwsError> {
        self.log_group(name).await?;
        self.door.call("ecs", "CreateCluster", json!({ "clusterName": name })).await?;
        let logs = json!({
            "logDriver": "awslogs",
            "options": {"awslogs-group": name, "awslogs-region": REGION, "awslogs-stream-prefix": "p"},
        });
        let container = json!({
            "name": "job", "image": "job", "memory": 64, "essential": true, "logConfiguration": logs,
        });
        let definition = json!({
            "family": name, "containerDefinitions": [container], "executionRoleArn": ROLE,
        });
        self.door.call("ecs", "RegisterTaskDefinition", definition).await?;
        Ok(())
    }

    async fn start(&self, machine: &str, name: &str, items: &[u64], twice: bool) -> Result<(), AwsError> {
        let input = json!({"key": name, "n": {"v": 0}, "items": items}).to_string();
        let input = json!({"stateMachineArn": machine_arn(machine), "name": name, "input": input});
        let first = self.door.call("states", "StartExecution", input.clone());
        let answers = match twice {
            true => {
                let second = self.door.call("states", "StartExecution", input);
                let (first, second) = futures_util::future::join(first, second).await;
                [Some(first), Some(second)]
            }
            false => [Some(first.await), None],
        };
        let mut acknowledged = false;
        let mut refused = None;
        for answer in answers.into_iter().flatten() {
            match answer {
                Ok(answer) => {
                    acknowledged = true;
                    self.ledger.started(&execution_arn(machine, name), Some(&answer["startDate"]));
                }
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            // An earlier request, or the other one, has started it.
            Some(error)
                if error.code == "ExecutionAlreadyExists" && (self.is_tried || acknowledged || twice) =>
            {
                self.ledger.started(&execution_arn(machine, name), None);
                Ok(())
            }
            Some(error) if !acknowledged => Err(error),
            _ => Ok(()),
        }
    }

    async fn wait(&self, arn: &str) -> Result<(), AwsError> {
        let mut pause = Duration::from_secs(1);
        let began = self.door.clock().now();
        while !is_terminal(&self.ledger.look(self.door, arn).await?) {
            if self.door.clock().now().since(began) > PATIENCE {
                return Err(AwsError::new("Stuck", format!("{arn} does not end")));
            }
            self.door.sleep(pause).await;
            pause = (pause * 2).min(LOOK_MAX);
        }
        Ok(())
    }

    async fn redrive(&self, arn: &str) -> Result<(), AwsError> {
        let described = self.ledger.look(self.door, arn).await?;
        let can_be = described["redriveStatus"] == "REDRIVABLE";
        if !can_be && !self.is_tried {
            return Ok(());
        }
        self.ledger.may_run_again(arn);
        let input = json!({"executionArn": arn, "clientToken": self.client.name});
        let answer = self.door.call("states", "RedriveExecution", input).await;
        self.unless(answer, "ExecutionNotRedrivable")?;
        Ok(())
    }

    async fn rule(&self, name: &str) -> Result<(), AwsError> {
        let pattern = json!({"source": [format!("sim.{name}")]}).to_string();
        self.door.call("events", "PutRule", json!({"Name": name, "EventPattern": pattern})).await?;
        let target = json!({"Id": "t", "Arn": machine_arn(name), "RoleArn": ROLE, "InputPath": "$.detail"});
        self.door.call("events", "PutTargets", json!({"Rule": name, "Targets": [target]})).await?;
        Ok(())
    }

    async fn put(&self, name: &str, key: &str) -> Result<(), AwsError> {
        let detail = json!({"key": key, "n": {"v": 0}, "items": [1]}).to_string();
        let entry = json!({"Source": format!("sim.{name}"), "DetailType": "told", "Detail": detail});
        let answer = self.door.call("events", "PutEvents", json!({ "Entries": [entry] })).await?;
        let id = answer["Entries"][0]["EventId"].as_str();
        let id = id.ok_or_else(|| AwsError::new("NotTaken", answer.to_string()).with_status(500))?;
        self.client.state().events.push(id.to_owned());
        Ok(())
    }

    async fn archive(&self, name: &str) -> Result<(), AwsError> {
        let pattern = json!({"source": [format!("sim.{name}")]}).to_string();
        let input = json!({"ArchiveName": name, "EventSourceArn": bus_arn(), "EventPattern": pattern});
        let answer = self.door.call("events", "CreateArchive", input).await;
        self.unless(answer, "ResourceAlreadyExistsException")?;
        Ok(())
    }

    async fn replay(&self, name: &str) -> Result<(), AwsError> {
        let now = self.door.clock().now().as_seconds();
        let input = json!({
            "ReplayName": name,
            "EventSourceArn": format!("arn:aws:events:{REGION}:{ACCOUNT}:archive/{name}"),
            "EventStartTime": 0,
            "EventEndTime": now + 1,
            "Destination": {"Arn": bus_arn()},
        });
        let answer = self.door.call("events", "StartReplay", input).await;
        self.unless(answer, "ResourceAlreadyExistsException")?;
        loop {
            let replay = self.door.call("events", "DescribeReplay", json!({"ReplayName": name})).await?;
            match replay["State"].as_str() {
                Some("STARTING" | "RUNNING") => self.door.sleep(Duration::from_secs(1)).await,
                Some("COMPLETED") => return Ok(()),
                _ => return Err(AwsError::new("NotReplayed", replay.to_string())),
            }
        }
    }

    async fn schedule(&self, name: &str) -> Result<(), AwsError> {
        let key = format!("{name}@<aws.scheduler.scheduled-time>");
        let input = json!({"key": key, "n": {"v": 0}, "items": [1]}).to_string();
        let input = json!({
            "Name": name, "ScheduleExpression": "rate(1 minute)", "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": machine_arn(name), "RoleArn": ROLE, "Input": input},
        });
        let answer = self.door.call("scheduler", "CreateSchedule", input).await;
        self.unless(answer, "ConflictException")?;
        Ok(())
    }

    async fn wait_for_all(&self, name: &str) -> Result<(), AwsError> {
        // What was put is delivered by then.
        self.door.sleep(Duration::from_secs(3_600)).await;
        let mut pause = Duration::from_secs(60);
        let began: Timestamp = self.door.clock().now();
        loop {
            let executions = executions(self.door, name).await?;
            let mut all_ended = true;
            for arn in &executions {
                all_ended &= is_terminal(&self.ledger.look(self.door, arn).await?);
            }
            if all_ended {
                return Ok(());
            }
            if self.door.clock().now().since(began) > PATIENCE {
                return Err(AwsError::new("Stuck", format!("the executions of {name} do not end")));
            }
            self.door.sleep(pause).await;
            pause = (pause * 2).min(LOOK_MAX);
        }
    }
}

/// ARNs of all executions of a machine.
///
/// # Errors
/// What Step Functions answers.
pub async fn executions(door: &Door, machine: &str) -> Result<Vec<String>, AwsError> {
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({"stateMachineArn": machine_arn(machine), "maxResults": 50});
        if !token.is_null() {
            input["nextToken"] = token.clone();
        }
        let page = match door.call("states", "ListExecutions", input).await {
            // The disk fails now and then to the end.
            Err(error) if error.fault() == Fault::Receiver => {
                door.sleep(RETRY).await;
                continue;
            }
            page => page?,
        };
        let arns = page["executions"].as_array().into_iter().flatten();
        found.extend(arns.filter_map(|one| Some(one["executionArn"].as_str()?.to_owned())));
        token = page.get("nextToken").cloned().unwrap_or_default();
        if token.is_null() {
            return Ok(found);
        }
    }
}
