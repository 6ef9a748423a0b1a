//! `runwright run`: deploy a template, fire a rule or start a machine, show what happens, end as the execution ends.
//!
//! Everything runs in this process and goes through the same door as HTTP requests do. What happens is told as a
//! sequence of [`Happening`]s; how they look is `show`'s.

mod deploy;
mod fire;
mod happening;
mod logs;
mod show;
mod stopped;
mod watch_execution;
mod watch_task;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::config::Settings;
use crate::operator::{Operator, text};
use crate::server::Server;
use happening::Happening;
use show::Show;

/// What `runwright run` is told.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The CloudFormation template to deploy (YAML or JSON; "-" reads standard input).
    template: PathBuf,

    /// A parameter of the template; may be given several times.
    #[arg(long = "parameter", short = 'p', value_name = "KEY=VALUE", value_parser = key_value)]
    parameters: Vec<(String, String)>,

    /// The stack's name [default: made from the template's path].
    #[arg(long, value_name = "NAME")]
    stack_name: Option<String>,

    /// Fire this rule now, whatever its schedule says (its logical id or its name).
    #[arg(long, value_name = "RULE", conflicts_with = "execute")]
    fire: Option<String>,

    /// The event for a rule with a pattern, as an entry of PutEvents: JSON text, or a file with it.
    #[arg(long, value_name = "JSON|FILE", requires = "fire")]
    event: Option<String>,

    /// Start this state machine (its logical id or its name).
    #[arg(long, value_name = "MACHINE")]
    execute: Option<String>,

    /// The execution's input: JSON text, or a file with it.
    #[arg(long, value_name = "JSON|FILE", requires = "execute", default_value = "{}")]
    input: String,

    /// How to show what happens.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: OutputFormat,

    #[command(flatten)]
    settings: Settings,
}

/// How `runwright run` shows what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people: colours on a terminal, plain lines elsewhere.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// Runs the command. The exit code is the execution's: 0 where it succeeded, 1 where not.
///
/// # Errors
/// Whatever keeps the command from coming to an outcome.
pub async fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let template = read_template(&args.template)?;
    let mut show = Show::new(args.output);
    let (config, _temporary) = args.settings.clone().for_run()?;
    let server = Server::start(config).await?;
    show.tell(&Happening::Ready { driver: server.driver_kind(), endpoint: server.endpoint() });
    let outcome = perform(&args, &template, &server, &mut show).await;
    server.stop().await;
    Ok(if outcome? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether all went well.
async fn perform(args: &RunArgs, template: &str, server: &Server, show: &mut Show) -> anyhow::Result<bool> {
    let operator = server.operator();
    let stack = args.stack_name.clone().unwrap_or_else(|| stack_name(&args.template));
    if !deploy::deploy(&operator, &stack, template, &args.parameters, show).await? {
        return Ok(false);
    }
    if let Some(rule) = &args.fire {
        let rule = deploy::physical_id(&operator, &stack, "AWS::Events::Rule", rule).await?;
        let event = args.event.as_deref().map(json_or_file).transpose()?;
        return fire::fire(&operator, &rule, event, show).await;
    }
    if let Some(machine) = &args.execute {
        let machine =
            deploy::physical_id(&operator, &stack, "AWS::StepFunctions::StateMachine", machine).await?;
        return execute(&operator, &machine, &json_or_file(&args.input)?, show).await;
    }
    Ok(true)
}

async fn execute(operator: &Operator, machine: &str, input: &Value, show: &mut Show) -> anyhow::Result<bool> {
    let start = json!({"stateMachineArn": machine, "input": input.to_string()});
    let described =
        operator.call("states", "DescribeStateMachine", json!({"stateMachineArn": machine})).await?;
    if described["type"] == "EXPRESS" {
        return watch_execution::run_express(operator, start, show).await;
    }
    let started = operator.call("states", "StartExecution", start).await?;
    let execution = text(&started, "executionArn")?;
    show.tell(&Happening::Started { execution: execution.to_owned() });
    watch_execution::watch(operator, execution, show).await
}

fn read_template(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read the template from standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read the template {}", path.display()))
}

/// JSON text, or the content of the file of that name.
pub fn json_or_file(argument: &str) -> anyhow::Result<Value> {
    if let Ok(value) = serde_json::from_str(argument) {
        return Ok(value);
    }
    let Ok(content) = std::fs::read_to_string(argument) else {
        bail!("{argument:?} is neither JSON nor a file that can be read");
    };
    serde_json::from_str(&content).with_context(|| format!("{argument} is not JSON"))
}

/// A stack's name made from the template's path: the file's name, or its folder's where that says nothing.
fn stack_name(path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let folder = path.parent().and_then(|folder| folder.file_name()).and_then(|name| name.to_str());
    let name = match (stem.split('.').next().unwrap_or_default(), folder) {
        ("template", Some(folder)) => folder,
        (stem, _) => stem,
    };
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).trim_end_matches('-');
    let name: String = name.chars().take(128).collect();
    if name.is_empty() { "stack".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_stack_after_what_says_most() {
        for (path, name) in [
            ("examples/nightly-batch/template.yaml", "nightly-batch"),
            ("template.yaml", "template"),
            ("article0.template.yaml", "article0"),
            ("stacks/orders.json", "orders"),
            ("stacks/1_of_2.yml", "of-2"),
            ("-", "stack"),
        ] {
            assert_eq!(stack_name(Path::new(path)), name, "{path}");
        }
    }

    #[test]
    fn parameters_are_keys_and_values() {
        assert_eq!(key_value("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(key_value("A="), Ok(("A".to_owned(), String::new())));
        assert!(key_value("A").is_err());
        assert!(key_value("=b").is_err());
    }
}
