//! `runwright states validate`: ValidateStateMachineDefinition over files.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::definition::Definition;
use crate::config::Settings;
use crate::palette::Palette;
use crate::server::Server;

/// What `runwright states validate` is told.
#[derive(Args, Debug)]
pub struct ValidateArgs {
    /// Definitions in the States Language (JSON or YAML; "-" reads standard input).
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The type of state machine that they are for.
    #[arg(long, value_name = "TYPE", default_value = "standard")]
    r#type: MachineType,

    /// How to show what was found.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MachineType {
    Standard,
    Express,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each finding: file, line, column, what.
    Text,
    /// The answer of ValidateStateMachineDefinition for each file, one JSON object a line.
    Json,
}

/// Runs the command.
///
/// # Errors
/// A file that cannot be read.
pub async fn validate(args: ValidateArgs) -> anyhow::Result<ExitCode> {
    let definitions: Vec<Definition> =
        args.files.iter().map(|path| Definition::read(path)).collect::<anyhow::Result<_>>()?;
    let (config, _temporary) = Settings::default().for_run()?;
    let server = Server::start(config).await?;
    let kind = match args.r#type {
        MachineType::Standard => "STANDARD",
        MachineType::Express => "EXPRESS",
    };
    let mut all_well = true;
    for definition in &definitions {
        let input =
            json!({"definition": definition.json, "type": kind, "severity": "WARNING", "maxResults": 100});
        let answer = server.operator().call("states", "ValidateStateMachineDefinition", input).await?;
        all_well &= answer["result"] == "OK";
        show(definition, &answer, args.output)?;
    }
    server.stop().await;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(definition: &Definition, answer: &Value, format: Format) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if format == Format::Json {
        let mut answer = answer.clone();
        answer["file"] = definition.path.display().to_string().into();
        return writeln!(out, "{answer}");
    }
    let Palette { dim, red, green, yellow, reset, .. } = Palette::of_stdout();
    let diagnostics = answer["diagnostics"].as_array().map_or(&[][..], Vec::as_slice);
    let path = definition.path.display();
    for diagnostic in diagnostics {
        let member = |name: &str| diagnostic[name].as_str().unwrap_or_default();
        let location = member("location");
        let place = match definition.position(location) {
            Some(position) => format!("{path}:{}:{}", position.line, position.column),
            None => path.to_string(),
        };
        let (colour, severity) =
            if member("severity") == "ERROR" { (red, "error") } else { (yellow, "warning") };
        let (code, message) = (member("code"), member("message"));
        let at = if location.is_empty() { String::new() } else { format!(" at {location}") };
        writeln!(out, "{place}: {colour}{severity}{reset} {message} {dim}({code}{at}){reset}")?;
    }
    if answer["truncated"] == true {
        writeln!(out, "{path}: {dim}and more{reset}")?;
    }
    if diagnostics.is_empty() {
        writeln!(out, "{path}: {green}ok{reset}")?;
    }
    Ok(())
}
