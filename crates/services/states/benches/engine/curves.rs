//! Whether a transition costs the same however much there is: finished executions in the store, events in one history.

use serde_json::json;

use crate::engine::{Engine, Run, Start};
use crate::{Options, Outcome, raw};

/// Callers of StartExecution.
const CALLERS: u32 = 64;
/// States of `pass.asl.json`.
const PASS_TRANSITIONS: u32 = 10;
/// Executions that are measured at each size of the store.
const BURST: u32 = 4_000;
/// Transitions that are measured, at least, at each length of a history.
const TRANSITIONS: u32 = 60_000;

/// Prints what a transition costs with 10, 100, ... finished executions in the store.
pub async fn print_finished(options: &Options) -> Outcome<()> {
    let most = match (options.million, options.quick) {
        (true, _) => 1_000_000,
        (false, false) => 100_000,
        (false, true) => 10_000,
    };
    println!("\nPass x 10 in a store with finished executions, {BURST} measured at each size\n");
    println!(
        "{:>10} {:>13} {:>16} {:>10} {:>14} {:>12} {:>13}",
        "finished",
        "transitions/s",
        "CPU us/transit.",
        "to first",
        "raw growing/s",
        "raw reused/s",
        "resident MiB"
    );
    let mut first = None;
    let mut finished = 10;
    while finished <= most {
        // A store of its own for each size, since what is measured adds to it.
        let engine = Engine::start(&options.parent).await?;
        let machine =
            engine.create("bench", "STANDARD", include_str!("../../../../../benches/machines/pass.asl.json"));
        let input = json!({"order": 4711}).to_string();
        let start = Start { machine: machine.await?, operation: "StartExecution", input };
        engine.run(&start, CALLERS * 4, finished).await?;
        let raw = raw::measure(engine.dir())?;
        let run = engine.run(&start, CALLERS, BURST).await?;
        let cost = run.cpu_per_transition(PASS_TRANSITIONS);
        println!(
            "{finished:>10} {:>13.0} {cost:>16.2} {:>10.2} {:>14.0} {:>12.0} {:>13}",
            run.per_second(PASS_TRANSITIONS),
            cost / *first.get_or_insert(cost),
            raw.growing,
            raw.reused,
            resident_mib().map_or_else(|| "-".to_owned(), |mib| mib.to_string()),
        );
        finished *= 10;
    }
    Ok(())
}

/// A loop, and what a turn of it is.
struct Loop {
    title: &'static str,
    definition: &'static str,
    /// Name of the number in the input that says how many turns there are, and that number for so many turns.
    input: fn(u32) -> String,
    transitions_a_turn: u32,
    events_a_turn: u32,
}

const LOOPS: [Loop; 2] = [
    Loop {
        title: "a loop that never stops: kept once, with all its events",
        definition: include_str!("../../../../../benches/machines/choice.asl.json"),
        // It counts up to a hundred.
        input: |turns| json!({"turn": 100 - i64::from(turns)}).to_string(),
        transitions_a_turn: 2,
        events_a_turn: 4,
    },
    Loop {
        title: "a loop that calls a service in every turn: each turn is kept before the call and after it",
        definition: include_str!("../../../../../benches/machines/steps.asl.json"),
        input: |turns| json!({"turn": turns}).to_string(),
        transitions_a_turn: 3,
        events_a_turn: 9,
    },
];

/// Prints what a transition costs in histories of 10, 100, ... events.
///
/// What an execution costs besides its transitions is in it, so that short ones cost more each; the last column is
/// without that: what the transitions cost that a longer one has more.
pub async fn print_history(options: &Options) -> Outcome<()> {
    for turns in &LOOPS {
        println!("\nHistories of {}\n", turns.title);
        println!(
            "{:>8} {:>11} {:>13} {:>16} {:>22}",
            "events", "executions", "transitions/s", "CPU us/transit.", "us of a further transit."
        );
        let engine = Engine::start(&options.parent).await?;
        let machine = engine.create("bench", "STANDARD", turns.definition).await?;
        let mut shorter: Option<(Run, u32)> = None;
        for events in [10, 100, 1_000, 10_000] {
            let count = (events / turns.events_a_turn).max(1);
            let transitions = count * turns.transitions_a_turn + 2;
            let wanted = if options.quick { TRANSITIONS / 10 } else { TRANSITIONS };
            let executions = (wanted / transitions).max(8);
            let (machine, input) = (machine.clone(), (turns.input)(count));
            let start = Start { machine, operation: "StartExecution", input };
            let run = engine.run(&start, CALLERS, executions).await?;
            println!(
                "{events:>8} {executions:>11} {:>13.0} {:>16.2} {:>22}",
                run.per_second(transitions),
                run.cpu_per_transition(transitions),
                shorter.as_ref().map_or_else(String::new, |shorter| further((&run, transitions), shorter)),
            );
            shorter = Some((run, transitions));
        }
    }
    Ok(())
}

/// Microseconds of CPU for each transition that an execution of the longer run has more than one of the shorter.
fn further((longer, transitions): (&Run, u32), (shorter, fewer): &(Run, u32)) -> String {
    let each = |run: &Run| run.cpu.as_secs_f64() * 1e6 / f64::from(run.executions);
    format!("{:.2}", (each(longer) - each(shorter)) / f64::from(transitions.saturating_sub(*fewer).max(1)))
}

fn resident_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}
