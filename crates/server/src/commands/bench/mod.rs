//! `runwright bench`: how fast a server starts and runs executions and delivers events, and what that costs.
//!
//! A client over HTTP/1.1 with AWS's JSON protocol, against a server that it starts itself or any other that speaks the
//! protocol. What is measured in the same run beside it: what the disk does by itself, how often it was flushed, and
//! the CPU time and memory of both sides. Nothing here is known to the server: it is measured from outside.

mod connection;
mod disk;
mod events;
mod interrupt;
mod latency;
mod load;
mod measure;
mod process;
mod recovery;
mod report;
mod request;
mod scenario;
mod target;

use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum as _};
use serde::Serialize;
use serde_json::json;

use crate::palette::Palette;
use connection::Endpoint;
use load::Amount;
use measure::Wish;
use request::Credentials;
use scenario::Scenario;
use target::Target;

/// What `runwright bench` is told.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// Measure the server that is there, Runwright or any other that speaks AWS's JSON protocol; its machines, rules and
    /// queues (bench-...) stay there [default: start a server].
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,

    /// The process of the server at --endpoint, if it is on this machine: its CPU time and memory are shown.
    #[arg(long, value_name = "PID", requires = "endpoint")]
    pid: Option<u32>,

    /// The disk: an own server keeps its data in a fresh directory in this one, which is removed in the end. With
    /// --endpoint, where that server keeps its data [default: the directory of temporary files].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// What to measure; may be given several times [default: all].
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<Scenario>,

    /// Clients, each with a connection of its own [default: 64; for poll and events: 8].
    #[arg(long, value_name = "COUNT")]
    connections: Option<usize>,

    /// Threads that the clients share.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    threads: usize,

    /// How long each scenario lasts.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    seconds: f64,

    /// Start so many executions, or put so many events, in each scenario, however long it takes.
    #[arg(long, value_name = "COUNT", conflicts_with = "seconds")]
    count: Option<u64>,

    /// How long each scenario runs before it is measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    warm_up: f64,

    /// At last start so many executions that wait, kill the own server with SIGKILL, and start it again [default: 10000
    /// after all scenarios, 0 after single ones].
    #[arg(long, value_name = "COUNT", conflicts_with = "endpoint")]
    waiting: Option<u64>,

    /// Also write all figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// The access key that requests to --endpoint are signed with.
    #[arg(long, env = "AWS_ACCESS_KEY_ID", value_name = "ID", default_value = "test")]
    access_key_id: String,

    /// Its secret.
    #[arg(
        long,
        env = "AWS_SECRET_ACCESS_KEY",
        value_name = "SECRET",
        default_value = "test",
        hide_env_values = true
    )]
    secret_access_key: String,

    /// The region that requests to --endpoint are signed for.
    #[arg(long, env = "AWS_REGION", value_name = "REGION", default_value = "us-east-1")]
    region: String,
}

/// How long the disk is measured by itself before each scenario, in each of its two ways.
const RAW: Duration = Duration::from_millis(500);
/// Executions that wait when an own server is killed, where nobody says how many.
const WAITING: u64 = 10_000;

/// Measures, and prints what was measured. Exits with 1 where there were errors.
///
/// # Errors
/// Where there is nothing to measure: no server, no disk.
pub async fn bench(args: BenchArgs) -> anyhow::Result<ExitCode> {
    interrupt::listen()?;
    // It has threads of its own, and as few as it can: what it measures needs the CPUs.
    tokio::task::spawn_blocking(move || measure_all(&args)).await?
}

fn measure_all(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let colours = Palette::of_stdout();
    let mut out = std::io::stdout().lock();
    let mut target = target(args)?;
    let about = About::of(&target);
    writeln!(out, "{about}\n\n{}", report::speed_header(colours))?;
    let scenarios = if args.scenarios.is_empty() { Scenario::value_variants() } else { &args.scenarios };
    let (wish, mut rows) = (wish(args)?, Vec::new());
    for &scenario in scenarios {
        match measure::measure(&target, scenario, wish) {
            Ok(row) => {
                writeln!(out, "{}", report::speed(&row, colours))?;
                rows.push(row);
            }
            Err(error) => writeln!(out, "{:21}{}{error:#}{}", scenario.title(), colours.red, colours.reset)?,
        }
        if interrupt::wanted() {
            break;
        }
    }
    writeln!(out, "\n{}{}", report::cost(&rows, colours), report::errors(&rows, colours))?;
    let recovery =
        waiting(args, &target).map(|waiting| recovery::measure(&mut target, waiting, args.threads));
    let recovery = recovery.transpose()?;
    if let Some(recovery) = &recovery {
        writeln!(out, "{}", report::recovery(recovery))?;
    }
    let well = rows.len() == scenarios.len() && rows.iter().all(|row| row.errors == 0);
    if let Some(path) = &args.json {
        let document = json!({"about": about, "scenarios": rows, "recovery": recovery});
        let text = serde_json::to_string_pretty(&document)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The circumstances.
#[derive(Serialize)]
struct About {
    endpoint: String,
    cpus: usize,
    /// Averages of 1, 5 and 15 minutes, before anything was measured.
    load: Option<String>,
    dir: PathBuf,
}

impl About {
    fn of(target: &Target) -> Self {
        Self {
            endpoint: target.endpoint.authority.clone(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            load: process::load_average(),
            dir: target.dir.clone(),
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = self.load.as_deref().unwrap_or("unknown");
        write!(f, "{} · {} CPUs, load {load} · disk of {}", self.endpoint, self.cpus, self.dir.display())
    }
}

/// How many executions shall wait when the server is killed: nobody else's server is, nor where single scenarios were
/// asked for.
fn waiting(args: &BenchArgs, target: &Target) -> Option<u64> {
    if interrupt::wanted() {
        return None;
    }
    let all = args.scenarios.is_empty() && target.is_own();
    args.waiting.or(all.then_some(WAITING)).filter(|waiting| *waiting > 0)
}

fn target(args: &BenchArgs) -> anyhow::Result<Target> {
    let dir = args.data_dir.clone().unwrap_or_else(std::env::temp_dir);
    let Some(url) = &args.endpoint else { return Target::start(&dir) };
    let credentials = Credentials {
        access_key_id: args.access_key_id.clone(),
        secret_access_key: args.secret_access_key.clone(),
        region: args.region.clone(),
    };
    Ok(Target::running(Endpoint::parse(url, credentials)?, args.pid, dir))
}

fn wish(args: &BenchArgs) -> anyhow::Result<Wish> {
    let time = |seconds| Duration::try_from_secs_f64(seconds).context("that is no time");
    let amount = match args.count {
        Some(count) => Amount::Count(count),
        None => Amount::Time(time(args.seconds)?),
    };
    let warm_up = time(args.warm_up)?;
    Ok(Wish { connections: args.connections, threads: args.threads, amount, warm_up, raw: RAW })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::server::Server;

    /// A few executions of each kind, on a server in this process.
    #[test]
    fn a_server_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            listen: Some("127.0.0.1:0".parse().unwrap()),
            data_dir: Some(folder.path().to_owned()),
            dev: Some(true),
            ..Settings::default()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let server = runtime.block_on(Server::start(settings.decide().unwrap())).unwrap();
        let credentials = Credentials {
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let endpoint = Endpoint::parse(&server.endpoint(), credentials).unwrap();
        let target = Target::running(endpoint, Some(std::process::id()), folder.path().to_owned());
        let wish = Wish {
            connections: Some(4),
            threads: 2,
            amount: Amount::Count(20),
            warm_up: Duration::ZERO,
            raw: Duration::ZERO,
        };
        // Those that take no time of their own.
        for scenario in
            [Scenario::Pass, Scenario::Choice, Scenario::Parallel, Scenario::Map, Scenario::Express]
        {
            let row = measure::measure(&target, scenario, wish).unwrap();
            assert_eq!((row.starts, row.errors, row.first_error.clone()), (20, 0, None), "{row:?}");
            assert!(row.seconds_to_end.is_some());
        }
        let row = measure::measure(&target, Scenario::Poll, wish).unwrap();
        assert_eq!((row.finished.samples, row.errors), (20, 0), "{row:?}");
        let row = measure::measure(&target, Scenario::Events, wish).unwrap();
        assert_eq!((row.starts, row.errors, row.first_error.clone()), (20, 0, None), "{row:?}");
        assert!(row.seconds_to_end.is_some() && row.acknowledged.samples == 2);
        runtime.block_on(server.stop());
    }
}
