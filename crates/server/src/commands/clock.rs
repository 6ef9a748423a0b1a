//! `runwright clock`: what the clock of a server shows, and moving it where it is virtual.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use types::Timestamp;

use crate::config::Settings;
use crate::time_options::{parse_duration, parse_time};
use crate::upkeep::control;
use crate::virtual_time::session::{ClockQuestion, Line};
use crate::virtual_time::{Advance, Happening, Moved, To, duration};

/// What `runwright clock` is told.
#[derive(Args, Debug)]
pub struct ClockArgs {
    #[command(subcommand)]
    command: ClockCommand,

    /// Print JSON: a line for each thing that happens, and a last one with the time.
    #[arg(long, global = true)]
    json: bool,

    /// Read this configuration file [default: runwright.toml, if there is one].
    #[arg(long, env = "RUNWRIGHT_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// The data directory of the running server [default: the platform's data directory].
    #[arg(long, env = "RUNWRIGHT_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum ClockCommand {
    /// Print what the clock shows.
    Now,
    /// Move the clock on, such as by 24h, 90s or 1d12h, and print what happens meanwhile.
    Advance {
        /// How far.
        #[arg(value_name = "DURATION", value_parser = parse_duration)]
        by: Duration,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Move the clock on to a time, such as 2026-11-21T18:00:00Z, and print what happens meanwhile.
    Set {
        /// The time, not before what the clock shows.
        #[arg(value_name = "TIME", value_parser = parse_time)]
        time: Timestamp,
        #[command(flatten)]
        waiting: Waiting,
    },
}

#[derive(Args, Clone, Copy, Debug)]
struct Waiting {
    /// How long, in real time, the clock stands for containers that run; then it goes on without them.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    wait: Duration,
}

impl ClockCommand {
    fn question(&self) -> ClockQuestion {
        match *self {
            Self::Now => ClockQuestion::Now,
            Self::Advance { by, waiting } => {
                ClockQuestion::Advance(Advance { to: To::By(by), patience: waiting.wait })
            }
            Self::Set { time, waiting } => {
                ClockQuestion::Advance(Advance { to: To::Time(time), patience: waiting.wait })
            }
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Where no server answers, and what it says.
pub async fn clock(args: ClockArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings { config: args.config, data_dir: args.data_dir, ..Settings::default() };
    let question = args.command.question();
    let stream = control::open_clock(&settings.decide()?.data_dir, question).await?;
    let (mut lines, mut tally) = (BufReader::new(stream).lines(), Tally::new());
    let mut out = std::io::stdout().lock();
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line).context("the server's answer cannot be understood")? {
            Line::Happened(happening) => {
                tally.count(&happening);
                let text = if args.json { happening.to_json()?.to_string() } else { happening.line() };
                writeln!(out, "{text}")?;
            }
            Line::Moved(moved) => {
                let text = match (args.json, question) {
                    (true, _) => json!({"event": "Clock", "from": moved.from.to_iso_millis(), "time": moved.to.to_iso_millis()}).to_string(),
                    (false, ClockQuestion::Now) => moved.to.to_iso_millis(),
                    (false, ClockQuestion::Advance(_)) => tally.text(moved),
                };
                writeln!(out, "{text}")?;
                return Ok(ExitCode::SUCCESS);
            }
            Line::Failed(reason) => bail!(reason),
        }
    }
    bail!("the server ended before it had answered")
}

/// What happened, in numbers.
struct Tally {
    begun: Instant,
    schedules: usize,
    executions: usize,
    tasks: usize,
}

impl Tally {
    fn new() -> Self {
        Self { begun: Instant::now(), schedules: 0, executions: 0, tasks: 0 }
    }

    fn count(&mut self, happening: &Happening) {
        let [schedules, executions, tasks] = happening.what.counts();
        self.schedules += schedules;
        self.executions += executions;
        self.tasks += tasks;
    }

    fn text(&self, moved: Moved) -> String {
        let virtual_ms = moved.to.as_millis() - moved.from.as_millis();
        let real_ms = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        format!(
            "{}  {} passed in {}: {} fired, {} ended, {} stopped",
            moved.to.to_iso_seconds(),
            duration(virtual_ms),
            duration(real_ms),
            counted(self.schedules, "schedule"),
            counted(self.executions, "execution"),
            counted(self.tasks, "task"),
        )
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
