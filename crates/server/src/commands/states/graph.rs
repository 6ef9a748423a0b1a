//! `runwright states graph`: a drawing of a state machine, or of an execution of one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use state_graph::{Palette as Colours, Progress, mermaid, svg, text};

use super::definition::Definition;
use crate::client::Client;
use crate::config::Settings;
use crate::palette::Palette;

/// What `runwright states graph` is told.
#[derive(Args, Debug)]
pub struct GraphArgs {
    /// A definition in the States Language (JSON or YAML; "-" reads standard input) [default: the execution's].
    #[arg(required_unless_present = "execution")]
    file: Option<PathBuf>,

    /// Colour the states by what happened in this execution of the running server.
    #[arg(long, value_name = "ARN")]
    execution: Option<String>,

    /// What to draw [default: by the ending of --out, else text].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Write the drawing to this file instead of to standard output.
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<PathBuf>,

    /// The data directory of the running server [default: the platform's data directory].
    #[arg(long, env = "RUNWRIGHT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A drawing for a terminal.
    Text,
    /// An SVG file.
    Svg,
    /// A Mermaid flowchart, for Markdown.
    Mermaid,
}

/// Runs the command.
///
/// # Errors
/// A file that cannot be read or is no definition; a server that is not there, or does not know the execution.
pub async fn graph(args: GraphArgs) -> anyhow::Result<ExitCode> {
    let execution = match &args.execution {
        Some(arn) => Some(executed(&args, arn).await?),
        None => None,
    };
    let definition = match (&args.file, &execution) {
        (Some(file), _) => Definition::read(file)?.json,
        (None, Some(execution)) => execution.definition.clone(),
        (None, None) => bail!("a FILE or --execution is needed"),
    };
    let machine = match asl::parse_calling(&definition, asl::MachineKind::Standard, |_| true) {
        Ok(machine) => machine,
        Err(diagnostics) => bail!("{}", asl::invalid_definition_message(&diagnostics)),
    };
    let (outline, progress) = (machine.outline(), execution.as_ref().map(|execution| &execution.progress));
    let coloured = args.out.is_none() && Palette::of_stdout().is_coloured();
    let colours = if coloured { Colours::Ansi } else { Colours::Plain };
    let drawing = match args.format.unwrap_or_else(|| format_of(args.out.as_deref())) {
        Format::Text => text(&outline, progress, colours),
        Format::Svg => svg(&outline, progress),
        Format::Mermaid => mermaid(&outline, progress),
    };
    match &args.out {
        Some(path) => {
            std::fs::write(path, drawing).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => std::io::stdout().lock().write_all(drawing.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn format_of(out: Option<&Path>) -> Format {
    match out.and_then(Path::extension).and_then(|ending| ending.to_str()) {
        Some("svg") => Format::Svg,
        Some("mmd" | "mermaid" | "md") => Format::Mermaid,
        _ => Format::Text,
    }
}

/// What a server knows of an execution.
struct Executed {
    definition: String,
    progress: Progress,
}

const TARGET: &str = "AWSStepFunctions";

async fn executed(args: &GraphArgs, arn: &str) -> anyhow::Result<Executed> {
    let settings = Settings { data_dir: args.data_dir.clone(), ..Settings::default() };
    let client = Client::new(&settings.decide()?)?;
    let input = json!({"executionArn": arn});
    let described = client.call("states", TARGET, "DescribeStateMachineForExecution", &input).await?;
    let definition = described["definition"].as_str().context("an answer without a definition")?.to_owned();
    Ok(Executed { definition, progress: Progress::of_history(&history(&client, arn).await?) })
}

async fn history(client: &Client, arn: &str) -> anyhow::Result<Vec<Value>> {
    let mut events = Vec::new();
    let mut input = json!({"executionArn": arn, "maxResults": 1000, "includeExecutionData": false});
    loop {
        let mut page = client.call("states", TARGET, "GetExecutionHistory", &input).await?;
        if let Value::Array(of_page) = page["events"].take() {
            events.extend(of_page);
        }
        match page["nextToken"].take() {
            Value::Null => return Ok(events),
            token => input["nextToken"] = token,
        }
    }
}
