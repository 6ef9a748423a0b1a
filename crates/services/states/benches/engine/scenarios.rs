//! Each kind of machine, as fast as it goes.

use serde_json::json;

use crate::engine::{Engine, Start};
use crate::{Options, Outcome, raw};

/// Callers of StartExecution.
const CALLERS: u32 = 256;

/// A kind of machine.
struct Scenario {
    title: &'static str,
    definition: &'static str,
    operation: &'static str,
    input: String,
    /// State transitions of one execution, as AWS counts them: each entry into a state, retries too.
    transitions: u32,
    /// Executions that are measured.
    executions: u32,
}

fn all() -> [Scenario; 7] {
    let (pass, order) =
        (include_str!("../../../../../benches/machines/pass.asl.json"), json!({"order": 4711}));
    let scenario = |title, definition, input: serde_json::Value, transitions, executions| Scenario {
        title,
        definition,
        operation: "StartExecution",
        input: input.to_string(),
        transitions,
        executions,
    };
    let items: Vec<u32> = (0..100).collect();
    [
        scenario("Pass x 10", pass, order.clone(), 10, 40_000),
        scenario(
            "Choice loop x 100",
            include_str!("../../../../../benches/machines/choice.asl.json"),
            json!({"turn": 0}),
            202,
            3_000,
        ),
        scenario(
            "Parallel x 8",
            include_str!("../../../../../benches/machines/parallel.asl.json"),
            order.clone(),
            9,
            30_000,
        ),
        scenario(
            "Map x 100",
            include_str!("../../../../../benches/machines/map.asl.json"),
            json!({"items": items}),
            101,
            3_000,
        ),
        scenario(
            "Wait 1 s",
            include_str!("../../../../../benches/machines/wait.asl.json"),
            json!({"seconds": 1}),
            1,
            40_000,
        ),
        scenario(
            "Retry 2 x 1 s",
            include_str!("../../../../../benches/machines/retry.asl.json"),
            order.clone(),
            7,
            20_000,
        ),
        Scenario {
            operation: "StartSyncExecution",
            ..scenario("Express Pass x 10", pass, order, 10, 40_000)
        },
    ]
}

/// Prints a row for each.
pub async fn print(options: &Options) -> Outcome<()> {
    println!("\nDurable state transitions, {CALLERS} callers in this process\n");
    println!(
        "{:18} {:>12} {:>13} {:>14} {:>9} {:>12} {:>14} {:>12} {:>16}",
        "scenario",
        "executions/s",
        "transitions/s",
        "CPU us/transit.",
        "syncs/s",
        "transit./sync",
        "raw growing/s",
        "raw reused/s",
        "transit./raw sync"
    );
    for scenario in all() {
        let engine = Engine::start(&options.parent).await?;
        let raw = raw::measure(engine.dir())?;
        let kind = if scenario.operation == "StartExecution" { "STANDARD" } else { "EXPRESS" };
        let start = Start {
            machine: engine.create("bench", kind, scenario.definition).await?,
            operation: scenario.operation,
            input: scenario.input.clone(),
        };
        let count = if options.quick { scenario.executions / 10 } else { scenario.executions };
        engine.run(&start, CALLERS, count / 10).await?;
        let run = engine.run(&start, CALLERS, count).await?;
        let seconds = run.elapsed.as_secs_f64();
        let syncs = f64::from(u32::try_from(run.syncs)?);
        println!(
            "{:18} {:>12.0} {:>13.0} {:>14.2} {:>9.0} {:>12} {:>14.0} {:>12.0} {:>16.1}",
            scenario.title,
            f64::from(run.executions) / seconds,
            run.per_second(scenario.transitions),
            run.cpu_per_transition(scenario.transitions),
            syncs / seconds,
            per_sync(run.transitions(scenario.transitions), syncs),
            raw.growing,
            raw.reused,
            run.per_second(scenario.transitions) / raw.reused,
        );
    }
    Ok(())
}

/// A run that was not kept, as an express execution is not, has next to no syncs.
fn per_sync(transitions: f64, syncs: f64) -> String {
    if syncs < 10.0 { "-".to_owned() } else { format!("{:.1}", transitions / syncs) }
}
