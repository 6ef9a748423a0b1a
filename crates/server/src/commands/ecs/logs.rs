//! `runwright ecs logs`: what a task's containers write, from CloudWatch Logs, or from the driver where it stays here.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Server;
use super::task::{self, call};
use crate::client::Client;
use crate::palette::Palette;
use crate::sessions::ContainerOfTask;
use crate::sessions::frame::Frame;
use crate::sessions::logs::LogsQuestion;
use crate::upkeep::control;

/// How often a stream that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(500);
/// Lines that wait to be printed.
const LINES_WAITING: usize = 1024;

/// What `runwright ecs logs` is told.
#[derive(Args, Debug)]
pub struct LogsArgs {
    /// The task: its ARN, its id, or the beginning of its id.
    task: String,

    /// Only this container [default: all of the task].
    #[arg(long, short = 'c', value_name = "NAME")]
    container: Option<String>,

    /// Go on with what is written from now on, until the task has stopped.
    #[arg(long, short = 'f')]
    follow: bool,

    /// Print the time before each line, where CloudWatch Logs knows it.
    #[arg(long, short = 't')]
    timestamps: bool,

    /// The task's cluster, by its name or ARN [default: any].
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,
}

/// Something to print: a container's line, or what keeps its lines from being read.
enum Piece {
    Line { place: usize, time: Option<i64>, text: Vec<u8> },
    Failed { place: usize, reason: String },
}

/// Prints what was written, and what is being written.
///
/// # Errors
/// Where no server answers, and what it says.
pub async fn print(server: &Server, args: &LogsArgs) -> anyhow::Result<ExitCode> {
    let found = task::find(&server.client, args.cluster.as_deref(), &args.task).await?;
    let names = match &args.container {
        Some(wanted) => vec![task::choose(&found, Some(wanted))?],
        None => task::containers(&found),
    };
    let definition = json!({"taskDefinition": found["taskDefinitionArn"]});
    let definition = call(&server.client, "DescribeTaskDefinition", &definition).await?;
    let definitions = &definition["taskDefinition"]["containerDefinitions"];
    let (sender, pieces) = mpsc::channel(LINES_WAITING);
    let show =
        Show { names: names.iter().map(|name| (*name).to_owned()).collect(), palette: Palette::of_stdout() };
    let reading = async {
        let readers = names.iter().enumerate().map(|(place, name)| {
            let reader = Reader { server, task: &found, args, place, name, sender: sender.clone() };
            let definition = definitions.as_array().into_iter().flatten().find(|one| one["name"] == **name);
            async move {
                if let Err(error) = reader.read(definition.unwrap_or(&Value::Null)).await {
                    reader.tell(Piece::Failed { place, reason: format!("{error:#}") }).await;
                }
            }
        });
        futures_util::future::join_all(readers).await;
        drop(sender);
    };
    let reading = async {
        reading.await;
        std::future::pending().await
    };
    let failed = tokio::select! {
        failed = show.print(pieces, args.timestamps) => failed,
        failed = reading => failed,
    };
    match failed {
        // Nothing that could be read is a failure; some that could not is said, and no more.
        Ok(failed) if failed < names.len() => Ok(ExitCode::SUCCESS),
        // Whoever read our output has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Ok(_) => Ok(ExitCode::FAILURE),
        Err(error) => Err(error.into()),
    }
}

/// What reads one container's lines.
struct Reader<'a> {
    server: &'a Server,
    task: &'a Value,
    args: &'a LogsArgs,
    place: usize,
    name: &'a str,
    sender: mpsc::Sender<Piece>,
}

impl Reader<'_> {
    async fn tell(&self, piece: Piece) {
        // Nobody listens once the reader of our output has gone: the process ends then.
        let _ = self.sender.send(piece).await;
    }

    async fn read(&self, definition: &Value) -> anyhow::Result<()> {
        match Stream::of(definition, self.name, task::id(self.task)) {
            Some(stream) => self.read_stream(stream).await,
            None => self.read_driver().await,
        }
    }

    async fn read_stream(&self, stream: Stream) -> anyhow::Result<()> {
        let client = Client::new(&self.server.config)?.in_region(Some(stream.region.clone()));
        let mut token = None;
        loop {
            // Asked first: what was delivered before the task stopped is then seen.
            let over = !self.args.follow || self.has_stopped().await?;
            self.read_new(&client, &stream, &mut token).await?;
            if over {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn has_stopped(&self) -> anyhow::Result<bool> {
        let input = json!({"cluster": self.task["clusterArn"], "tasks": [self.task["taskArn"]]});
        let answer = call(&self.server.client, "DescribeTasks", &input).await?;
        Ok(answer["tasks"][0]["lastStatus"].as_str().is_none_or(|status| status == "STOPPED"))
    }

    async fn read_new(
        &self,
        client: &Client,
        stream: &Stream,
        token: &mut Option<String>,
    ) -> anyhow::Result<()> {
        loop {
            let mut input =
                json!({"logGroupName": stream.group, "logStreamName": stream.name, "startFromHead": true});
            if let Some(token) = &token {
                input["nextToken"] = json!(token);
            }
            let page = match client.call("logs", "Logs_20140328", "GetLogEvents", &input).await {
                Ok(page) => page,
                // The stream is made when the task starts, and its group perhaps with it.
                Err(error) if error.to_string().starts_with("ResourceNotFoundException") => return Ok(()),
                Err(error) => return Err(error),
            };
            let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
            for event in events {
                let text = event["message"].as_str().unwrap_or_default().as_bytes().to_vec();
                self.tell(Piece::Line { place: self.place, time: event["timestamp"].as_i64(), text }).await;
            }
            let next = page["nextForwardToken"].as_str().map(str::to_owned);
            let at_the_end = next == *token || events.is_empty();
            *token = next;
            if at_the_end {
                return Ok(());
            }
        }
    }

    async fn read_driver(&self) -> anyhow::Result<()> {
        let question = LogsQuestion {
            container: ContainerOfTask {
                task: self.task["taskArn"].as_str().unwrap_or_default().to_owned(),
                container: self.name.to_owned(),
            },
            follow: self.args.follow,
        };
        let mut stream = control::open_logs(&self.server.config.data_dir, question).await?;
        let mut line = Vec::new();
        while let Some(frame) = Frame::read(&mut stream).await? {
            match frame {
                Frame::Stdout(bytes) | Frame::Stderr(bytes) => line.extend(bytes),
                Frame::Failed(reason) => bail!(reason),
                _ => break,
            }
            if line.ends_with(b"\n") {
                line.pop();
                let text = std::mem::take(&mut line);
                self.tell(Piece::Line { place: self.place, time: None, text }).await;
            }
        }
        if !line.is_empty() {
            self.tell(Piece::Line { place: self.place, time: None, text: line }).await;
        }
        Ok(())
    }
}

/// A stream of CloudWatch Logs.
struct Stream {
    region: String,
    group: String,
    name: String,
}

impl Stream {
    fn of(definition: &Value, container: &str, task: &str) -> Option<Self> {
        let configuration = &definition["logConfiguration"];
        if configuration["logDriver"] != "awslogs" {
            return None;
        }
        let option = |name: &str| configuration["options"][name].as_str().filter(|text| !text.is_empty());
        let name = match option("awslogs-stream-prefix") {
            Some(prefix) => format!("{prefix}/{container}/{task}"),
            None => format!("{container}/{task}"),
        };
        Some(Self {
            region: option("awslogs-region")?.to_owned(),
            group: option("awslogs-group")?.to_owned(),
            name,
        })
    }
}

/// Prints pieces as they come, with the container's name where there are several.
struct Show {
    names: Vec<String>,
    palette: Palette,
}

impl Show {
    /// Returns how many containers could not be read.
    async fn print(&self, pieces: mpsc::Receiver<Piece>, timestamps: bool) -> std::io::Result<usize> {
        let mut pieces = pieces;
        let mut failed = 0;
        while let Some(piece) = pieces.recv().await {
            let mut out = std::io::stdout().lock();
            match piece {
                Piece::Line { place, time, text } => {
                    let time = time.filter(|_| timestamps).map(types::Timestamp::from_millis);
                    let time = time.map(|time| format!("{}{time}{} ", self.palette.dim, self.palette.reset));
                    out.write_all(time.unwrap_or_default().as_bytes())?;
                    out.write_all(self.prefix(place).as_bytes())?;
                    out.write_all(&text)?;
                    out.write_all(b"\n")?;
                }
                Piece::Failed { place, reason } => {
                    failed += 1;
                    let name = self.names.get(place).map(String::as_str).unwrap_or_default();
                    eprintln!("runwright: container {name}: {reason}");
                }
            }
        }
        Ok(failed)
    }

    fn prefix(&self, place: usize) -> String {
        let width = self.names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        match self.names.get(place) {
            Some(name) if self.names.len() > 1 => {
                format!("{}{name:width$} |{} ", self.palette.dim, self.palette.reset)
            }
            _ => String::new(),
        }
    }
}
