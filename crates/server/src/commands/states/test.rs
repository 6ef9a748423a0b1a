//! `runwright states test`: TestState over a file.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::definition::Definition;
use crate::config::Settings;
use crate::palette::Palette;
use crate::run::json_or_file;
use crate::server::Server;

/// What `runwright states test` is told.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// A definition in the States Language, of a machine or of one state (JSON or YAML; "-" reads standard input).
    file: PathBuf,

    /// The state to run [default: the definition is that of one state].
    #[arg(long, value_name = "NAME")]
    state: Option<String>,

    /// Its input: JSON text, or a file with it.
    #[arg(long, value_name = "JSON|FILE", default_value = "{}")]
    input: String,

    /// What the service that it calls shall answer, instead of being called: JSON text, or a file with it.
    #[arg(long, value_name = "JSON|FILE", conflicts_with = "mock_error")]
    mock: Option<String>,

    /// The error that the service shall answer with, and its cause behind a colon.
    #[arg(long, value_name = "ERROR[:CAUSE]")]
    mock_error: Option<String>,

    /// Variables that are assigned before: a JSON object, or a file with it.
    #[arg(long, value_name = "JSON|FILE")]
    variables: Option<String>,

    /// The context object: JSON text, or a file with it.
    #[arg(long, value_name = "JSON|FILE")]
    context: Option<String>,

    /// How often the state has been retried already.
    #[arg(long, value_name = "COUNT")]
    retries: Option<u32>,

    /// Call services in the name of this role, instead of giving a mock.
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,

    /// How much to show of what happened inside.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    inspect: Level,

    /// How to show the outcome.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    /// The output, or the error.
    Info,
    /// Also the data between input and output.
    Debug,
    /// Also the request and the answer of an HTTP task.
    Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// The answer of TestState.
    Json,
}

/// Runs the command.
///
/// # Errors
/// A file that cannot be read; what TestState refuses.
pub async fn test(args: TestArgs) -> anyhow::Result<ExitCode> {
    let definition = Definition::read(&args.file)?;
    let request = request(&args, &definition)?;
    let (config, _temporary) = Settings::default().for_run()?;
    let server = Server::start(config).await?;
    let answer = server.operator().call("states", "TestState", request).await;
    server.stop().await;
    let answer = answer?;
    let shown = match args.output {
        Format::Json => format!("{answer}\n"),
        Format::Text => text(&answer, Palette::of_stdout()),
    };
    std::io::stdout().lock().write_all(shown.as_bytes())?;
    Ok(if answer["status"] == "SUCCEEDED" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn request(args: &TestArgs, definition: &Definition) -> anyhow::Result<Value> {
    let level = match args.inspect {
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
        Level::Trace => "TRACE",
    };
    let given = |name: &str, value: &Option<String>| -> anyhow::Result<Option<(String, Value)>> {
        let Some(value) = value else { return Ok(None) };
        let value = json_or_file(value).with_context(|| format!("--{name} cannot be used"))?;
        Ok(Some((name.to_owned(), value.to_string().into())))
    };
    let mut request = Map::new();
    request.insert("definition".to_owned(), definition.json.as_str().into());
    request.insert("inspectionLevel".to_owned(), level.into());
    request.extend(given("input", &Some(args.input.clone()))?);
    request.extend(given("variables", &args.variables)?);
    request.extend(given("context", &args.context)?);
    request.extend(args.state.as_ref().map(|state| ("stateName".to_owned(), state.as_str().into())));
    request.extend(args.role_arn.as_ref().map(|role| ("roleArn".to_owned(), role.as_str().into())));
    if let Some(retries) = args.retries {
        request.insert("stateConfiguration".to_owned(), json!({"retrierRetryCount": retries}));
    }
    if let Some((_, mock)) = given("mock", &args.mock)? {
        request.insert("mock".to_owned(), json!({"result": mock}));
    }
    if let Some(error) = &args.mock_error {
        let (error, cause) = error.split_once(':').unwrap_or((error, ""));
        request.insert("mock".to_owned(), json!({"errorOutput": {"error": error, "cause": cause}}));
    }
    Ok(request.into())
}

fn text(answer: &Value, palette: Palette) -> String {
    let Palette { dim, bold, red, green, yellow, reset } = palette;
    let member = |name: &str| answer[name].as_str();
    let status = member("status").unwrap_or_default();
    let (colour, mark) = match status {
        "SUCCEEDED" => (green, "✓"),
        "CAUGHT_ERROR" | "RETRIABLE" => (yellow, "!"),
        _ => (red, "✗"),
    };
    let mut lines = format!("{colour}{mark} {bold}{status}{reset}");
    let _ = match member("nextState") {
        Some(next) => writeln!(lines, " {dim}then{reset} {next}"),
        None => writeln!(lines),
    };
    if let Some(error) = member("error") {
        let _ = writeln!(lines, "  {red}{error}{reset} {}", member("cause").unwrap_or_default());
    }
    if let Some(output) = member("output") {
        pretty(&mut lines, output);
    }
    for (name, value) in answer["inspectionData"].as_object().into_iter().flatten() {
        let _ = writeln!(lines, "{dim}{name}{reset}");
        match value.as_str() {
            Some(text) => pretty(&mut lines, text),
            None => pretty(&mut lines, &value.to_string()),
        }
    }
    lines
}

/// JSON text, indented; any other text as it is.
fn pretty(lines: &mut String, text: &str) {
    let value: Option<Value> = serde_json::from_str(text).ok();
    let shown = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
    for line in shown.as_deref().unwrap_or(text).lines() {
        let _ = writeln!(lines, "  {line}");
    }
}
