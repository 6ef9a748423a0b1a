//! `runwright ecs`: the tasks of a running server, what their containers write, and commands in them.

mod exec;
mod logs;
mod ps;
mod task;
mod terminal;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::client::Client;
use crate::config::{Config, Settings};

/// What `runwright ecs` is told.
#[derive(Args, Debug)]
pub struct EcsArgs {
    #[command(subcommand)]
    command: EcsCommand,

    /// Read this configuration file [default: runwright.toml, if there is one].
    #[arg(long, env = "RUNWRIGHT_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// The data directory of the running server [default: the platform's data directory].
    #[arg(long, env = "RUNWRIGHT_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,

    /// The region whose tasks are meant [default: the server's].
    #[arg(long, value_name = "REGION", global = true)]
    region: Option<String>,
}

#[derive(Subcommand, Debug)]
enum EcsCommand {
    /// List tasks, with their containers.
    Ps(ps::PsArgs),
    /// Print what a task's containers wrote.
    Logs(logs::LogsArgs),
    /// Run a command in a running container. Exits as the command does; with 125 where it cannot be run.
    Exec(exec::ExecArgs),
}

/// The running server, by its data directory.
struct Server {
    config: Config,
    client: Client,
}

/// Runs the command.
///
/// # Errors
/// Where no server answers, and what it says.
pub async fn ecs(args: EcsArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings { config: args.config, data_dir: args.data_dir, ..Settings::default() };
    let region = args.region;
    let server = || -> anyhow::Result<Server> {
        let config = settings.decide()?;
        let client = Client::new(&config)?.in_region(region);
        Ok(Server { config, client })
    };
    match args.command {
        EcsCommand::Ps(args) => ps::list(&server()?, &args).await,
        EcsCommand::Logs(args) => logs::print(&server()?, &args).await,
        EcsCommand::Exec(args) => exec::run(server, args).await,
    }
}
