//! `runwright states`: what can be done with a state machine's definition before it is deployed, and a look at executions.

mod definition;
mod graph;
mod test;
mod validate;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// What `runwright states` is told.
#[derive(Args, Debug)]
pub struct StatesArgs {
    #[command(subcommand)]
    command: StatesCommand,
}

#[derive(Subcommand, Debug)]
enum StatesCommand {
    /// Check definitions, with what AWS would say of them. Exits with 1 where one would be refused.
    Validate(validate::ValidateArgs),
    /// Run one state by itself, as TestState does. Exits with 1 where it does not succeed.
    Test(Box<test::TestArgs>),
    /// Draw a state machine; with --execution, coloured by what happened.
    Graph(graph::GraphArgs),
}

/// Runs the command.
///
/// # Errors
/// Whatever keeps the command from an answer.
pub async fn states(args: StatesArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        StatesCommand::Validate(args) => validate::validate(args).await,
        StatesCommand::Test(args) => test::test(*args).await,
        StatesCommand::Graph(args) => graph::graph(args).await,
    }
}
