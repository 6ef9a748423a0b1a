//! One scenario, measured: the disk by itself, a warm-up, the load, and the end of all that it started.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::disk::{self, RawSyncs};
use super::latency::Quantiles;
use super::load::{self, Amount, FOLLOWERS, Plan, Tally};
use super::process;
use super::request::STATES;
use super::scenario::{Drive, Scenario};
use super::target::Target;
use super::{events, interrupt};

/// How long after the load everything may take to end.
const END_MAX: Duration = Duration::from_secs(120);

/// What was measured of a scenario.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub scenario: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Clients.
    pub connections: usize,
    /// Executions whose start was acknowledged, or events that were.
    pub starts: usize,
    /// From the first start to the last acknowledgement.
    pub seconds: f64,
    /// From the first start until nothing ran any more; `None` where something still ran when patience ended.
    pub seconds_to_end: Option<f64>,
    /// Starts acknowledged in a second.
    pub starts_per_second: f64,
    /// Executions ended in a second, until the last has ended.
    pub ends_per_second: Option<f64>,
    /// State transitions in a second, until the last execution has ended.
    pub transitions_per_second: Option<f64>,
    /// From sending a start to its answer, milliseconds.
    pub acknowledged: Quantiles,
    /// From sending a start to having seen it succeed, milliseconds; of the executions that were followed.
    pub finished: Quantiles,
    /// Calls that failed, and executions that ended otherwise.
    pub errors: u64,
    /// What the first of them said.
    pub first_error: Option<String>,
    /// CPU time of the client for each execution, microseconds.
    pub client_cpu_per_execution: Option<f64>,
    /// What the server used; `None` where its process is not known.
    pub server: Option<ServerUsage>,
    /// What the disk was asked for; `None` where it cannot be counted.
    pub disk: Option<DiskUsage>,
    /// What the disk does by itself.
    pub raw: RawSyncs,
}

/// What the server used for a scenario.
#[derive(Debug, Serialize)]
pub struct ServerUsage {
    /// CPU time for each execution, microseconds.
    pub cpu_per_execution: f64,
    /// CPU time for each state transition, microseconds.
    pub cpu_per_transition: f64,
    /// CPUs that it kept busy.
    pub cpus: f64,
    /// Resident memory before the load, bytes.
    pub resident_before: u64,
    /// And after it.
    pub resident_after: u64,
}

/// What a scenario asked of the disk.
#[derive(Debug, Serialize)]
pub struct DiskUsage {
    /// Flushes of the device in a second.
    pub flushes_per_second: f64,
    /// State transitions that share a flush; `None` where there was none.
    pub transitions_per_flush: Option<f64>,
}

/// What the user asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Clients; `None`: as many as the scenario has.
    pub connections: Option<usize>,
    /// Threads that clients share.
    pub threads: usize,
    /// How much load.
    pub amount: Amount,
    /// How long the load lasts before it is measured.
    pub warm_up: Duration,
    /// How long the disk is measured by itself, in each of its two ways.
    pub raw: Duration,
}

/// Measures `scenario`.
///
/// # Errors
/// Where the machine cannot be created, or the disk cannot be measured. What clients run into is in the row.
pub fn measure(target: &Target, scenario: Scenario, wish: Wish) -> anyhow::Result<Row> {
    let plan = Plan {
        scenario,
        subject: create_subject(target, scenario)?,
        input: scenario.input(),
        connections: wish.connections.unwrap_or_else(|| scenario.connections()),
        threads: wish.threads,
        amount: wish.amount,
        followers: match scenario.drive() {
            Drive::Start | Drive::PutEvents => FOLLOWERS,
            Drive::StartSync | Drive::StartAndPoll => 0,
        },
    };
    let raw = disk::measure(&target.dir, wish.raw)?;
    let mut warm = 0;
    if !wish.warm_up.is_zero() {
        let (tally, _) =
            load::run(&target.endpoint, &Plan { amount: Amount::Time(wish.warm_up), ..plan.clone() })?;
        warm = started(&plan, &tally);
        wait_for_end(target, &plan, warm)?;
    }
    let before = Moment::of(target);
    let (tally, elapsed) = load::run(&target.endpoint, &plan)?;
    let ended = wait_for_end(target, &plan, warm + started(&plan, &tally))?;
    let executions = count(started(&plan, &tally));
    let transitions = executions * f64::from(scenario.transitions());
    let span = Span { before, after: Moment::of(target), executions, transitions };
    Ok(row(&plan, &span, tally, elapsed, ended, raw))
}

/// How many executions clients have started, or how many events they have put.
fn started(plan: &Plan, tally: &Tally) -> usize {
    tally.acknowledged.len() * plan.scenario.batch() as usize
}

/// Creates what the scenario needs: a machine, or a rule with a queue.
fn create_subject(target: &Target, scenario: Scenario) -> anyhow::Result<String> {
    match scenario.drive() {
        Drive::PutEvents => events::create(target, scenario.name()),
        Drive::Start | Drive::StartSync | Drive::StartAndPoll => create_machine(target, scenario),
    }
}

/// Creates the scenario's machine under a name of its own.
///
/// # Errors
/// What the endpoint answers.
pub fn create_machine(target: &Target, scenario: Scenario) -> anyhow::Result<String> {
    let input = json!({
        "name": format!("bench-{}-{}", scenario.name(), api::ids::alphanumeric(8)),
        "definition": scenario.definition(),
        "roleArn": "arn:aws:iam::000000000000:role/bench",
        "type": scenario.machine_type(),
    });
    let created = target.call(STATES, "CreateStateMachine", &input)?;
    Ok(created["stateMachineArn"].as_str().unwrap_or_default().to_owned())
}

/// Waits until no execution of the machine runs, or all events are delivered that ever were put; false where patience
/// ended before.
fn wait_for_end(target: &Target, plan: &Plan, put: usize) -> anyhow::Result<bool> {
    let (begun, mut pause) = (Instant::now(), Duration::from_millis(2));
    while begun.elapsed() < END_MAX && !interrupt::wanted() {
        let is_over = match plan.scenario.drive() {
            Drive::StartSync => true,
            Drive::PutEvents => events::delivered(target, &plan.subject)? >= put,
            Drive::Start | Drive::StartAndPoll => !any_runs(target, &plan.subject)?,
        };
        if is_over {
            return Ok(true);
        }
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(Duration::from_millis(50));
    }
    Ok(false)
}

fn any_runs(target: &Target, machine: &str) -> anyhow::Result<bool> {
    let input = json!({"stateMachineArn": machine, "statusFilter": "RUNNING", "maxResults": 1});
    let running = target.call(STATES, "ListExecutions", &input)?;
    Ok(running["executions"].as_array().is_some_and(|executions| !executions.is_empty()))
}

/// What had been used at one moment.
struct Moment {
    at: Instant,
    server: Option<process::Usage>,
    client: Option<process::Usage>,
    flushes: Option<u64>,
}

/// What happened between two moments.
struct Span {
    before: Moment,
    after: Moment,
    executions: f64,
    transitions: f64,
}

impl Moment {
    fn of(target: &Target) -> Self {
        Self {
            at: Instant::now(),
            server: target.usage(),
            client: process::usage(std::process::id()),
            flushes: target.flushes(),
        }
    }
}

impl Span {
    fn seconds(&self) -> f64 {
        (self.after.at - self.before.at).as_secs_f64()
    }

    fn server(&self) -> Option<ServerUsage> {
        let (before, after) = self.before.server.zip(self.after.server)?;
        let micros = micros_between(before, after);
        Some(ServerUsage {
            cpu_per_execution: ratio(micros, self.executions).unwrap_or_default(),
            cpu_per_transition: ratio(micros, self.transitions).unwrap_or_default(),
            cpus: micros / 1e6 / self.seconds(),
            resident_before: before.resident,
            resident_after: after.resident,
        })
    }

    fn client_cpu_per_execution(&self) -> Option<f64> {
        let (before, after) = self.before.client.zip(self.after.client)?;
        ratio(micros_between(before, after), self.executions)
    }

    fn disk(&self) -> Option<DiskUsage> {
        let (before, after) = self.before.flushes.zip(self.after.flushes)?;
        let flushes = f64::from(u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX));
        let transitions_per_flush = ratio(self.transitions, flushes);
        Some(DiskUsage { flushes_per_second: flushes / self.seconds(), transitions_per_flush })
    }
}

/// CPU time, microseconds.
fn micros_between(before: process::Usage, after: process::Usage) -> f64 {
    after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e6
}

fn row(plan: &Plan, span: &Span, tally: Tally, elapsed: Duration, ended: bool, raw: RawSyncs) -> Row {
    let to_end = ended.then(|| span.seconds());
    Row {
        scenario: plan.scenario.name(),
        title: plan.scenario.title(),
        connections: plan.connections,
        starts: started(plan, &tally),
        seconds: elapsed.as_secs_f64(),
        seconds_to_end: to_end,
        starts_per_second: span.executions / elapsed.as_secs_f64(),
        ends_per_second: to_end.map(|seconds| span.executions / seconds),
        transitions_per_second: to_end.map(|seconds| span.transitions / seconds),
        acknowledged: tally.acknowledged.quantiles(),
        finished: tally.finished.quantiles(),
        errors: tally.errors,
        first_error: tally.first_error,
        client_cpu_per_execution: span.client_cpu_per_execution(),
        server: span.server(),
        disk: span.disk(),
        raw,
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody starts 2^52 executions")]
fn count(number: usize) -> f64 {
    number as f64
}

fn ratio(one: f64, other: f64) -> Option<f64> {
    (other > 0.0).then(|| one / other)
}
