//! Executions that wait, and a server that is killed with all of them open.
//!
//! What is measured: the memory of each, the CPU that they cost while nothing happens, and the time from the start of a
//! new process to its first answer about one of them. All of them are counted again afterwards.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::load::{self, Amount, Plan};
use super::measure::create_machine;
use super::process::Usage;
use super::request::STATES;
use super::scenario::Scenario;
use super::target::Target;

/// How long they wait: longer than any measurement.
const WAIT_SECONDS: u32 = 86_400;
/// How long the server is watched while nothing happens.
const QUIET: Duration = Duration::from_secs(3);
/// Executions on a page of ListExecutions, at most.
const PAGE: u32 = 1000;

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Recovery {
    /// Executions that wait.
    pub waiting: u64,
    /// Resident memory before there were any, bytes.
    pub resident_without: Option<u64>,
    /// And with all of them.
    pub resident_with: Option<u64>,
    /// And after the new start.
    pub resident_after_start: Option<u64>,
    /// CPUs that are busy while all of them wait.
    pub cpus_while_waiting: Option<f64>,
    /// From the start of the process after SIGKILL to its first answer about an execution.
    pub seconds_to_first_answer: f64,
    /// Executions that wait after the new start.
    pub waiting_after_start: u64,
}

/// Measures with `waiting` executions.
///
/// # Errors
/// Where the server is not this command's own, and where it does not start again.
pub fn measure(target: &mut Target, waiting: u64, threads: usize) -> anyhow::Result<Recovery> {
    ensure!(target.is_own(), "--waiting kills the server: leave --endpoint away");
    let machine = create_machine(target, Scenario::Wait)?;
    let resident = |usage: Option<Usage>| usage.map(|usage| usage.resident);
    let without = resident(target.usage());
    start_all(target, &machine, waiting, threads)?;
    let before = target.usage();
    std::thread::sleep(QUIET);
    let after = target.usage();
    let busy = |(before, after): (Usage, Usage)| {
        after.cpu.saturating_sub(before.cpu).as_secs_f64() / QUIET.as_secs_f64()
    };
    let listed = running(target, &machine, None, 1)?;
    let first = listed["executions"][0]["executionArn"].as_str().context("nothing runs")?.to_owned();
    let time = target.kill_and_start_again("DescribeExecution", &json!({"executionArn": first}))?;
    let resident_after_start = resident(target.usage());
    Ok(Recovery {
        waiting,
        resident_without: without,
        resident_with: resident(after),
        resident_after_start,
        cpus_while_waiting: before.zip(after).map(busy),
        seconds_to_first_answer: time.as_secs_f64(),
        waiting_after_start: count_running(target, &machine)?,
    })
}

fn start_all(target: &Target, machine: &str, waiting: u64, threads: usize) -> anyhow::Result<()> {
    let plan = Plan {
        scenario: Scenario::Wait,
        subject: machine.to_owned(),
        input: json!({"seconds": WAIT_SECONDS}).to_string(),
        connections: Scenario::Wait.connections(),
        threads,
        amount: Amount::Count(waiting),
        followers: 0,
    };
    let (tally, _) = load::run(&target.endpoint, &plan)?;
    ensure!(tally.errors == 0, "{} starts failed: {}", tally.errors, tally.first_error.unwrap_or_default());
    Ok(())
}

fn count_running(target: &Target, machine: &str) -> anyhow::Result<u64> {
    let (mut count, mut token) = (0, None);
    loop {
        let page = running(target, machine, token.as_deref(), PAGE)?;
        count += page["executions"].as_array().map_or(0, Vec::len) as u64;
        token = page["nextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            return Ok(count);
        }
    }
}

fn running(target: &Target, machine: &str, token: Option<&str>, limit: u32) -> anyhow::Result<Value> {
    let mut input = json!({"stateMachineArn": machine, "statusFilter": "RUNNING", "maxResults": limit});
    if let Some(token) = token {
        input["nextToken"] = json!(token);
    }
    target.call(STATES, "ListExecutions", &input)
}
