//! `sim`: runs seeds, prints those that fail and how to run them again.

#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use sim::{Faults, Report, compare, simulate};

/// Runs the engine over and over, each time with other work and other faults.
#[derive(Parser, Debug)]
struct Arguments {
    /// Run for so many seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Run so many seeds at most.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Run this seed only, and print what happens.
    #[arg(long)]
    seed: Option<u64>,
    /// Run only these clients of a seed.
    #[arg(long, value_delimiter = ',')]
    clients: Vec<String>,
    /// Crash in so many steps of a thousand, whatever the seed says.
    #[arg(long, value_name = "PERMILLE")]
    crashes: Option<u64>,
    /// Run so many seeds side by side.
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// Print what the services log.
    #[arg(long)]
    log: bool,
}

#[derive(Default)]
struct Totals {
    seeds: AtomicU64,
    crashes: AtomicU64,
    commits: AtomicU64,
    refusals: AtomicU64,
    effects: AtomicU64,
    executions: AtomicU64,
    failed: Mutex<Vec<u64>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.log {
        tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().init();
    }
    match arguments.seed {
        Some(seed) => one(seed, &arguments),
        None => many(&arguments),
    }
}

/// Both runs of a seed, and what is wrong with them.
fn examine(seed: u64, clients: &[String], crashes: Option<u64>, prints: bool) -> (Report, Vec<String>) {
    let calm = simulate(seed, Faults::none(), clients, false);
    let faults = Faults::by_chance(seed, crashes);
    let faulty = simulate(seed, faults, clients, prints);
    let mut wrong: Vec<String> =
        calm.violations.iter().map(|violation| format!("without faults: {violation}")).collect();
    wrong.extend(faulty.violations.iter().cloned());
    // A task fails whose service could not keep what it was asked for: that changes what its execution does.
    if wrong.is_empty() && faulty.refusals == 0 && faults.failing_reads_permille == 0 {
        wrong = compare::differences(&faulty, &calm);
    }
    (faulty, wrong)
}

fn one(seed: u64, arguments: &Arguments) -> ExitCode {
    let (report, wrong) = examine(seed, &arguments.clients, arguments.crashes, true);
    println!(
        "seed {seed}: {} crashes, {} commits, {} refusals, {} effects, {} executions, trace {:x}",
        report.crashes, report.commits, report.refusals, report.effects, report.executions, report.hash
    );
    wrong.iter().for_each(|what| println!("  {what}"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn many(arguments: &Arguments) -> ExitCode {
    let (totals, next) = (Totals::default(), AtomicU64::new(arguments.from));
    let last = arguments.seeds.map_or(u64::MAX, |seeds| arguments.from.saturating_add(seeds));
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(|| {
                while Instant::now() < end {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    totals.add(seed, arguments);
                }
            });
        }
    });
    totals.print()
}

impl Totals {
    fn add(&self, seed: u64, arguments: &Arguments) {
        let (report, wrong) = examine(seed, &arguments.clients, arguments.crashes, false);
        for (total, number) in [
            (&self.seeds, 1),
            (&self.crashes, report.crashes),
            (&self.commits, report.commits),
            (&self.refusals, report.refusals),
            (&self.effects, report.effects),
            (&self.executions, report.executions),
        ] {
            total.fetch_add(number, Ordering::Relaxed);
        }
        if let Some(first) = wrong.first() {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.push(seed);
            println!("seed {seed} fails: {}", first.chars().take(600).collect::<String>());
            println!("  cargo run -p sim -- --seed {seed}{}", command(seed, arguments));
        }
    }

    fn print(&self) -> ExitCode {
        let of = |total: &AtomicU64| total.load(Ordering::Relaxed);
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        println!(
            "{} seeds, {} crashes, {} commits, {} refusals, {} effects, {} executions: {} failed",
            of(&self.seeds),
            of(&self.crashes),
            of(&self.commits),
            of(&self.refusals),
            of(&self.effects),
            of(&self.executions),
            failed.len()
        );
        if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The fewest clients with which the seed still fails, as arguments.
fn command(seed: u64, arguments: &Arguments) -> String {
    let mut clients: Vec<String> =
        sim::workload::clients(seed).into_iter().map(|client| client.name).collect();
    let all = clients.len();
    let mut at = 0;
    while clients.len() > 1 && at < clients.len() {
        let mut fewer = clients.clone();
        fewer.remove(at);
        if examine(seed, &fewer, arguments.crashes, false).1.is_empty() {
            at += 1;
        } else {
            clients = fewer;
        }
    }
    let crashes = arguments.crashes.map_or_else(String::new, |crashes| format!(" --crashes {crashes}"));
    let clients =
        if clients.len() < all { format!(" --clients {}", clients.join(",")) } else { String::new() };
    format!("{clients}{crashes}")
}
