//! The load: clients that start executions one after another, and a few that follow some of them to their end.
//!
//! Events are put by the same clients ([`events`]). A client is a task with a connection of its own; all of them share one thread unless more are asked for. How long an
//! execution took is what a client saw: from the moment before its StartExecution was sent until a DescribeExecution
//! said that it has ended. A follower follows one execution at a time and rests between them, so that it adds little.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::connection::{Connection, Endpoint};
use super::latency::Latencies;
use super::request::STATES;
use super::scenario::{Drive, Scenario};
use super::{events, interrupt};

/// How many executions are followed at a time, where they are followed at all.
pub const FOLLOWERS: usize = 4;
/// How long a follower rests after each execution that it has followed.
const REST: Duration = Duration::from_millis(20);
/// An execution that has not ended after so long is an error.
const END_MAX: Duration = Duration::from_secs(60);
/// A client that got nothing but so many errors gives up.
const ERRORS_MAX: u64 = 20;

/// How much load there is.
#[derive(Clone, Copy, Debug)]
pub enum Amount {
    /// So many executions.
    Count(u64),
    /// As many as can be started in this time.
    Time(Duration),
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is measured.
    pub scenario: Scenario,
    /// The machine's ARN; for events the name of their rule and queue.
    pub subject: String,
    /// Of each execution, or the detail of each event.
    pub input: String,
    /// Clients.
    pub connections: usize,
    /// Threads that clients share.
    pub threads: usize,
    /// How much.
    pub amount: Amount,
    /// How many of those whose clients do not wait for their end are followed at a time.
    pub followers: usize,
}

/// What clients saw.
#[derive(Debug, Default)]
pub struct Tally {
    /// From sending a start to its answer.
    pub acknowledged: Latencies,
    /// From sending a start to having seen the execution succeed.
    pub finished: Latencies,
    /// Calls that failed, and executions that ended otherwise.
    pub errors: u64,
    /// What the first of them said.
    pub first_error: Option<String>,
}

impl Tally {
    fn fail(&mut self, error: &anyhow::Error) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| format!("{error:#}"));
    }

    fn add(&mut self, other: Self) {
        self.acknowledged.append(other.acknowledged);
        self.finished.append(other.finished);
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
    }
}

/// Puts the load on the endpoint; what was seen, and the time from the first start to the last answer to one.
///
/// # Errors
/// Where no client can be run. What clients run into is in the tally.
pub fn run(endpoint: &Endpoint, plan: &Plan) -> anyhow::Result<(Tally, Duration)> {
    let threads = plan.threads.clamp(1, plan.connections.max(1));
    let load = Arc::new(Load::new(endpoint, plan));
    let handles: Vec<_> = (0..threads)
        .map(|number| {
            let load = Arc::clone(&load);
            std::thread::spawn(move || load.run_thread(number, threads))
        })
        .collect();
    let mut total = (Tally::default(), Duration::ZERO);
    for handle in handles {
        let (tally, elapsed) = handle.join().map_err(|_| anyhow!("a thread of the load panicked"))??;
        total.0.add(tally);
        total.1 = total.1.max(elapsed);
    }
    Ok(total)
}

struct Load {
    endpoint: Endpoint,
    plan: Plan,
    /// The body of every request that starts something.
    body: String,
    begun: Instant,
    started: AtomicU64,
    /// Set once the clients are done.
    over: AtomicBool,
    /// Followers that have nobody to follow.
    idle: AtomicUsize,
    waiting: Mutex<Vec<oneshot::Sender<Followed>>>,
}

/// An execution to follow.
struct Followed {
    arn: String,
    sent: Instant,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    execution_arn: String,
}

#[derive(Deserialize)]
struct Described {
    status: String,
    error: Option<String>,
    cause: Option<String>,
}

impl Load {
    fn new(endpoint: &Endpoint, plan: &Plan) -> Self {
        let body = match plan.scenario.drive() {
            Drive::PutEvents => events::batch(&plan.subject, &plan.input),
            Drive::Start | Drive::StartSync | Drive::StartAndPoll => {
                json!({"stateMachineArn": plan.subject, "input": plan.input})
            }
        };
        let body = body.to_string();
        Self {
            endpoint: endpoint.clone(),
            plan: plan.clone(),
            body,
            begun: Instant::now(),
            started: AtomicU64::new(0),
            over: AtomicBool::new(false),
            idle: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    /// The clients of one thread; the time until the last of them was done is given without the followers'.
    fn run_thread(self: &Arc<Self>, number: usize, threads: usize) -> anyhow::Result<(Tally, Duration)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let clients = (number..self.plan.connections).step_by(threads);
            let clients: Vec<_> = clients.map(|_| tokio::spawn(Arc::clone(self).client())).collect();
            let followers = if number == 0 { self.plan.followers } else { 0 };
            let drive = self.plan.scenario.drive();
            let follower = |number| match drive {
                Drive::PutEvents => tokio::spawn(Arc::clone(self).follower_of_events(number)),
                Drive::Start | Drive::StartSync | Drive::StartAndPoll => {
                    tokio::spawn(Arc::clone(self).follower())
                }
            };
            let followers: Vec<_> = (0..followers).map(follower).collect();
            let mut tally = Tally::default();
            for client in clients {
                tally.add(client.await?);
            }
            let elapsed = self.begun.elapsed();
            self.send_followers_home();
            for follower in followers {
                tally.add(follower.await?);
            }
            Ok((tally, elapsed))
        })
    }

    /// Whether another execution is to be started.
    fn goes_on(&self) -> bool {
        if interrupt::wanted() {
            return false;
        }
        match self.plan.amount {
            Amount::Count(count) => {
                self.started.fetch_add(self.plan.scenario.batch().into(), Ordering::Relaxed) < count
            }
            Amount::Time(time) => self.begun.elapsed() < time,
        }
    }

    async fn client(self: Arc<Self>) -> Tally {
        let mut tally = Tally::default();
        let mut connection = Connection::new(&self.endpoint, self.plan.scenario.service());
        while self.goes_on() {
            if let Err(error) = self.turn(&mut connection, &mut tally).await {
                tally.fail(&error);
                if tally.errors >= ERRORS_MAX && tally.acknowledged.len() == 0 {
                    break;
                }
            }
        }
        tally
    }

    /// Starts one execution, and waits for what this kind of client waits for.
    async fn turn(&self, connection: &mut Connection, tally: &mut Tally) -> anyhow::Result<()> {
        let sent = Instant::now();
        let drive = self.plan.scenario.drive();
        let operation = match drive {
            Drive::Start | Drive::StartAndPoll => "StartExecution",
            Drive::StartSync => "StartSyncExecution",
            Drive::PutEvents => "PutEvents",
        };
        let answer = connection.call(operation, self.body.as_bytes()).await?;
        let body = answer.body()?;
        tally.acknowledged.push(sent.elapsed());
        match drive {
            Drive::Start => self.offer(body, sent)?,
            Drive::PutEvents => events::accepted(body)?,
            Drive::StartSync => {
                succeeded(&serde_json::from_slice(body)?)?;
                tally.finished.push(sent.elapsed());
            }
            Drive::StartAndPoll => {
                let started: Started = serde_json::from_slice(body)?;
                follow(connection, &started.execution_arn).await?;
                tally.finished.push(sent.elapsed());
            }
        }
        Ok(())
    }

    /// Hands the execution that was started to a follower, if one is idle.
    fn offer(&self, started: &[u8], sent: Instant) -> anyhow::Result<()> {
        if self.idle.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let follower = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(follower) = follower {
            self.idle.fetch_sub(1, Ordering::Relaxed);
            let started: Started = serde_json::from_slice(started)?;
            // A follower that is gone follows nobody.
            let _ = follower.send(Followed { arn: started.execution_arn, sent });
        }
        Ok(())
    }

    async fn follower(self: Arc<Self>) -> Tally {
        let mut tally = Tally::default();
        let mut connection = Connection::new(&self.endpoint, STATES);
        while !self.over.load(Ordering::Relaxed) {
            let (give, given) = oneshot::channel();
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(give);
            self.idle.fetch_add(1, Ordering::Relaxed);
            let Ok(followed) = given.await else { break };
            match follow(&mut connection, &followed.arn).await {
                Ok(()) => tally.finished.push(followed.sent.elapsed()),
                Err(error) => tally.fail(&error),
            }
            tokio::time::sleep(REST).await;
        }
        tally
    }

    /// Puts one event at a time, and receives it.
    async fn follower_of_events(self: Arc<Self>, number: usize) -> Tally {
        let mut tally = Tally::default();
        let mut follower =
            events::Follower::new(&self.endpoint, &self.plan.subject, number, &self.plan.input);
        while !self.over.load(Ordering::Relaxed) {
            match follower.follow_one().await {
                Ok(took) => tally.finished.push(took),
                Err(error) => tally.fail(&error),
            }
            tokio::time::sleep(REST).await;
        }
        tally
    }

    /// Ends those that follow nobody; the others end with whom they follow.
    fn send_followers_home(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Polls until the execution has ended. The first poll goes out at once; pauses grow from one millisecond to ten.
async fn follow(connection: &mut Connection, arn: &str) -> anyhow::Result<()> {
    let body = json!({"executionArn": arn}).to_string();
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let described: Described =
            serde_json::from_slice(connection.call("DescribeExecution", body.as_bytes()).await?.body()?)?;
        if described.status != "RUNNING" {
            return succeeded(&described);
        }
        if begun.elapsed() > END_MAX || interrupt::wanted() {
            bail!("{arn} still runs after {} s", END_MAX.as_secs());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(10));
    }
}

fn succeeded(described: &Described) -> anyhow::Result<()> {
    if described.status == "SUCCEEDED" {
        return Ok(());
    }
    let of = |text: &Option<String>| text.clone().unwrap_or_default();
    bail!("an execution ended as {}: {} {}", described.status, of(&described.error), of(&described.cause))
}
