//! `runwright`: AWS's event-driven batch stack on your own machines.

mod capacity;
mod client;
mod commands;
mod config;
mod credentials;
mod driver;
mod loopback;
mod occurrences;
mod operator;
mod palette;
mod run;
mod server;
mod sessions;
mod time_options;
mod upkeep;
mod virtual_time;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::Settings;

/// Counts what expressions hold, so that one that takes too much can be stopped.
#[global_allocator]
static ALLOCATOR: asl::memory::Metered = asl::memory::Metered;

/// EventBridge, Step Functions, ECS, IAM, CloudWatch Logs and CloudFormation on your own machines.
#[derive(Parser)]
#[command(name = "runwright", version, about, long_about = None, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the AWS APIs until interrupted.
    Serve(Settings),
    /// Deploy a template, fire a rule or start a machine, and show what happens.
    Run(Box<run::RunArgs>),
    /// Check, try and draw state machines.
    States(Box<commands::states::StatesArgs>),
    /// Print the settings that point AWS clients here, for a shell to evaluate.
    Env(Settings),
    /// Say what can run containers here, which driver is used, and why; and whether the data are sound.
    Doctor(commands::doctor::DoctorArgs),
    /// Copy a data directory, while a server runs on it or not.
    Backup(commands::backup::BackupArgs),
    /// Make a data directory of a backup, or check one.
    Restore(commands::backup::RestoreArgs),
    /// Measure how fast a server starts and runs executions, and what that costs.
    Bench(commands::bench::BenchArgs),
    /// Load, pull, list and remove images of the embedded driver.
    Image(commands::image::ImageArgs),
    /// Say when rules, schedules and expressions are next due.
    Events(commands::events::EventsArgs),
    /// Print what a server's clock shows; move it where it is virtual.
    Clock(commands::clock::ClockArgs),
    /// List tasks, read what their containers write, run commands in them.
    Ecs(Box<commands::ecs::EcsArgs>),
}

fn main() -> ExitCode {
    // A container's shim is this same program. It must not have threads: look for it before anything starts one.
    container::embedded::run_supervisor_if_requested();
    let command = Cli::parse().command;
    start_logging();
    if let Command::Serve(_) | Command::Run(_) | Command::Doctor(_) = command {
        container::embedded::raise_open_files();
    }
    match start(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("runwright: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn start(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve(settings) => commands::serve::serve(settings.decide()?).await,
            Command::Run(args) => run::run(*args).await,
            Command::States(args) => commands::states::states(*args).await,
            Command::Env(settings) => commands::env::print(&settings.decide()?).await,
            Command::Doctor(args) => commands::doctor::examine(args).await,
            Command::Backup(args) => commands::backup::back_up(args).await,
            Command::Restore(args) => commands::backup::restore(args).await,
            Command::Bench(args) => commands::bench::bench(args).await,
            Command::Image(args) => commands::image::manage(args).await,
            Command::Events(args) => commands::events::events(args).await,
            Command::Clock(args) => commands::clock::clock(args).await,
            Command::Ecs(args) => commands::ecs::ecs(*args).await,
        }
    })
}

/// Logs go to standard error; `RUNWRIGHT_LOG` says which (`info`, `debug`, `audit=debug`, ...).
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("RUNWRIGHT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true).init();
}
