//! The `awslogs` driver: brings what containers write to CloudWatch Logs.
//!
//! The driver keeps a container's output until the container is removed, which waits for its delivery. How far the
//! output was delivered is kept by CloudWatch Logs, with the events themselves: a server that is killed at any moment
//! asks there, goes on reading from that place, and no line is lost or written twice. What was delivered is freed, and a
//! container that writes faster than that waits, or loses lines: as its `mode` says.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{AwsError, Call, Dispatcher, Fault, Principal};
use clock::Clock;
use container::{Driver, DriverError, LogChunk, LogPosition};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use types::{AccountId, Region, Timestamp};

use crate::limits;
use crate::log_batches::batches;
use crate::log_lines::{Lines, LogEvent, Place};
use crate::multiline::Multiline;
use crate::retry::Delays;
use crate::task::{Container, ContainerState, LaunchType, LogStream, Task};

/// The turns of this process's deliveries.
static TURNS: Semaphore = Semaphore::const_new(limits::CONCURRENT_DELIVERIES);

/// The delivery of the output of one task's containers. Dropping it ends the delivery where it is.
pub struct LogShipping {
    driver: Arc<dyn Driver>,
    dispatcher: Dispatcher,
    /// By the container's place; of each one delivery goes on at a time. Dropping a set ends what is in it.
    deliveries: BTreeMap<usize, JoinSet<()>>,
}

impl LogShipping {
    /// Nothing is delivered yet.
    pub fn new(driver: Arc<dyn Driver>, dispatcher: Dispatcher) -> Self {
        Self { driver, dispatcher, deliveries: BTreeMap::new() }
    }

    /// Begins to deliver the output of the containers that have been started since the last call.
    pub fn follow(&mut self, task: &Task) {
        for (place, container) in task.containers.iter().enumerate() {
            // What restarts has the output of the run that ended to be delivered first.
            let (started, name, run) = match container.state {
                ContainerState::Pending => continue,
                ContainerState::Running => (true, container.spec.name.clone(), container.restart_count),
                ContainerState::Stopped { .. } => {
                    (container.has_started(), container.spec.name.clone(), container.restart_count)
                }
                ContainerState::Restarting { .. } => match container.last_run() {
                    Some(name) => (true, name, container.restart_count.saturating_sub(1)),
                    None => continue,
                },
            };
            let Some(stream) = container.log_stream.as_ref().filter(|_| started) else { continue };
            self.deliveries.entry(place).or_insert_with(|| {
                let delivery = Delivery {
                    driver: Arc::clone(&self.driver),
                    door: Door::new(&self.dispatcher, task, stream),
                    container: name,
                    run,
                };
                let mut deliveries = JoinSet::new();
                deliveries.spawn(delivery.run());
                deliveries
            });
        }
    }

    /// Waits until everything that the containers wrote is delivered. They have ended.
    pub async fn finish(&mut self) {
        for deliveries in self.deliveries.values_mut() {
            finish(deliveries).await;
        }
    }

    /// Waits until everything that the run of a container wrote is delivered, and is ready to follow the next run.
    pub async fn finish_one(&mut self, place: usize) {
        if let Some(deliveries) = self.deliveries.get_mut(&place) {
            finish(deliveries).await;
        }
        self.deliveries.remove(&place);
    }
}

async fn finish(deliveries: &mut JoinSet<()>) {
    while let Some(ended) = deliveries.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "the delivery of a container's output ended early");
        }
    }
}

/// Makes the streams of a task's containers, and their groups where the task definition says so.
///
/// # Errors
/// The reason for which the task does not start.
pub async fn prepare_streams(dispatcher: &Dispatcher, task: &Task) -> Result<(), String> {
    for container in &task.containers {
        if let Some(stream) = &container.log_stream {
            let door = Door::new(dispatcher, task, stream);
            let mut delays = Delays::new(limits::LOG_ATTEMPTS);
            while let Err(error) = door.create_stream().await {
                if error.fault() == Fault::Sender || !delays.wait(dispatcher.clock()).await {
                    return Err(initialization_error(task, container, &error));
                }
            }
        }
    }
    Ok(())
}

fn initialization_error(task: &Task, container: &Container, error: &AwsError) -> String {
    let AwsError { code, message, .. } = error;
    match task.launch_type {
        LaunchType::Fargate => format!(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: {code}: {message} : exit status 1"
        ),
        LaunchType::Ec2 => format!(
            "CannotStartContainerError: Error response from daemon: failed to initialize logging driver of container {}: failed to create Cloudwatch log stream: {code}: {message}",
            container.name
        ),
    }
}

/// The delivery of one container's output.
struct Delivery {
    driver: Arc<dyn Driver>,
    door: Door,
    container: String,
    /// How often the container had been started again.
    run: u32,
}

impl Delivery {
    async fn run(self) {
        // Each run of a container begins its output anew.
        let reached = Some(self.door.reached().await).filter(|reached| reached.run == self.run);
        let Reached { place, .. } = reached.unwrap_or_default();
        let mut lines = Lines::new(self.door.multiline(), &place);
        let mut reading = LogPosition::clone(&place.position);
        // What CloudWatch Logs knows of, and a restart begins at.
        let mut known = reading.clone();
        loop {
            let read = tokio::select! {
                biased;
                read = self.read(&reading) => read,
                () = self.late(&lines) => {
                    lines.flush();
                    self.deliver(lines.take(), &mut known).await;
                    continue;
                }
            };
            let Some((LogChunk { lines: pieces, next, ended }, _turn)) = read else {
                lines.end();
                return self.deliver(lines.take(), &mut known).await;
            };
            lines.read(&reading, pieces);
            if ended {
                lines.end();
            }
            self.deliver(lines.take(), &mut known).await;
            reading = next;
            self.free(&reading, &known).await;
            if ended {
                return;
            }
        }
    }

    /// Delivers events; `known` is what CloudWatch Logs knows of then.
    async fn deliver(&self, mut events: Vec<LogEvent>, known: &mut LogPosition) {
        for event in &mut events {
            event.timestamp = self.door.on_our_clock(event.timestamp);
        }
        for events in batches(events) {
            let Some(last) = events.last() else { continue };
            let reached = Reached { run: self.run, place: last.after.clone() };
            if self.door.put(&events, &reached).await {
                known.clone_from(&reached.place.position);
            }
        }
    }

    /// Waits until lines do not wait for others any more; for ever where none do.
    async fn late(&self, lines: &Lines) {
        if !lines.is_waiting() {
            std::future::pending::<()>().await;
        }
        let clock = self.door.clock();
        clock.sleep_until(clock.now() + limits::LOG_FLUSH_INTERVAL).await;
    }

    /// The next lines, and the turn in which they are to be delivered; `None` where nothing can be read any more.
    ///
    /// Lines are in memory from here to their delivery, many times as large as they are on the disk: only so many
    /// containers have their turn at once. What is there is read in its turn; what is yet to come is waited for without.
    async fn read(&self, from: &LogPosition) -> Option<(LogChunk, SemaphorePermit<'static>)> {
        let mut delays = Delays::new(limits::LOG_ATTEMPTS);
        loop {
            let mut turn = TURNS.acquire().await.ok()?;
            let mut reading = self.driver.read_logs(&self.container, from.clone());
            let read = match (&mut reading).now_or_never() {
                Some(read) => read,
                None => {
                    drop(turn);
                    let read = reading.await;
                    turn = TURNS.acquire().await.ok()?;
                    read
                }
            };
            match read {
                Ok(chunk) => return Some((chunk, turn)),
                Err(error @ DriverError::Unavailable(_)) => {
                    drop(turn);
                    tracing::warn!(%error, container = self.container, "output cannot be read");
                    if !delays.wait(self.door.clock()).await {
                        return None;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, container = self.container, "output is lost");
                    return None;
                }
            }
        }
    }

    /// Lets the container write on, and the disk have back what is not needed.
    async fn free(&self, read: &LogPosition, needed: &LogPosition) {
        if let Err(error) = self.driver.free_logs(&self.container, read, needed).await {
            tracing::warn!(%error, container = self.container, "delivered output cannot be freed");
        }
    }
}

/// How far the output of a run was delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reached {
    run: u32,
    place: Place,
}

impl Reached {
    /// Reads what [`Self::text`] says, and what was said before there were pieces, or runs: `RUN:EVENTS@POSITION`.
    fn parse(text: &str) -> Option<Self> {
        let (counts, position) = text.split_once('@')?;
        let (run, counts) = counts.split_once(':').unwrap_or(("0", counts));
        let (pieces, events) = counts.split_once('+').unwrap_or(("0", counts));
        let position = Arc::new(LogPosition::from_text(position));
        let place = Place { position, pieces: pieces.parse().ok()?, events: events.parse().ok()? };
        Some(Self { run: run.parse().ok()?, place })
    }

    fn text(&self) -> String {
        let Place { position, pieces, events } = &self.place;
        format!("{}:{pieces}+{events}@{}", self.run, position.as_str())
    }
}

/// The way to one stream, as the task's execution role, or as ECS where there is none.
struct Door {
    dispatcher: Dispatcher,
    principal: Principal,
    account: AccountId,
    stream: LogStream,
}

impl Door {
    fn new(dispatcher: &Dispatcher, task: &Task, stream: &LogStream) -> Self {
        let principal = match task.execution_role_arn.as_deref().filter(|role| role.starts_with("arn:")) {
            Some(role) => Principal::role(role, task.id.clone()),
            None => Principal::service("ecs.amazonaws.com"),
        };
        Self {
            dispatcher: dispatcher.clone(),
            principal,
            account: AccountId::new(task.account.as_str()),
            stream: stream.clone(),
        }
    }

    fn clock(&self) -> &Clock {
        self.dispatcher.clock()
    }

    /// Drivers tell the machine's time. On a virtual clock, which CloudWatch Logs goes by too, that may be far away.
    fn on_our_clock(&self, time: Timestamp) -> Timestamp {
        match self.clock() {
            Clock::Wall => time,
            Clock::Virtual(_) => self.clock().now(),
        }
    }

    async fn create_stream(&self) -> Result<(), AwsError> {
        let LogStream { group, name, create_group, .. } = &self.stream;
        if *create_group {
            unless_known(self.call("CreateLogGroup", json!({ "logGroupName": group })).await)?;
        }
        let input = json!({ "logGroupName": group, "logStreamName": name });
        unless_known(self.call("CreateLogStream", input).await)
    }

    /// What begins an event. It was checked when the definition was registered.
    fn multiline(&self) -> Option<Multiline> {
        self.stream.multiline.as_deref().and_then(|pattern| Multiline::new(pattern).ok())
    }

    /// How far the stream's events reach. A stream that cannot be asked is begun anew.
    async fn reached(&self) -> Reached {
        let input = json!({ "logGroupName": self.stream.group, "logStreamName": self.stream.name });
        let ecs = Principal::service("ecs.amazonaws.com");
        let mut delays = Delays::new(limits::LOG_ATTEMPTS);
        loop {
            match self.call_as(ecs.clone(), "internal:ProducerPosition", input.clone()).await {
                Ok(answer) => {
                    return answer["position"].as_str().and_then(Reached::parse).unwrap_or_default();
                }
                Err(error) if error.fault() == Fault::Sender || !delays.wait(self.clock()).await => {
                    tracing::error!(%error, stream = self.stream.name, "output is delivered from the beginning");
                    return Reached::default();
                }
                Err(_) => {}
            }
        }
    }

    /// Delivers events that reach up to `reached`. What CloudWatch Logs refuses for good, or for too long, is dropped:
    /// `false`.
    async fn put(&self, events: &[LogEvent], reached: &Reached) -> bool {
        let events: Vec<Value> = events
            .iter()
            .map(|event| json!({ "timestamp": event.timestamp.as_millis(), "message": event.message }))
            .collect();
        let input = json!({
            "logGroupName": self.stream.group,
            "logStreamName": self.stream.name,
            "logEvents": events,
            "sequenceToken": format!("position:{}", reached.text()),
        });
        let mut delays = Delays::new(limits::LOG_ATTEMPTS);
        while let Err(error) = self.call("PutLogEvents", input.clone()).await {
            tracing::warn!(%error, group = self.stream.group, stream = self.stream.name, "output is not taken");
            if error.fault() == Fault::Sender || !delays.wait(self.clock()).await {
                tracing::error!(stream = self.stream.name, lines = events.len(), "output is dropped");
                return false;
            }
        }
        true
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call_as(self.principal.clone(), operation, input).await
    }

    async fn call_as(&self, principal: Principal, operation: &str, input: Value) -> Result<Value, AwsError> {
        let call = Call::new(
            principal,
            &self.account,
            &Region::new(self.stream.region.as_str()),
            "logs",
            operation,
            input,
        );
        self.dispatcher.call(call).await
    }
}

fn unless_known(answer: Result<Value, AwsError>) -> Result<(), AwsError> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if error.code == "ResourceAlreadyExistsException" => Ok(()),
        Err(error) => Err(error),
    }
}
