//! From the wish to run `echo` to the knowledge of how it ended: the embedded driver beside a Docker daemon.
//!
//! Prints the median and the least of each way, and their ratio. The ways take turns, so that other load on this machine
//! meets all of them. Needs root and `dockerd`; without the latter only the embedded driver is measured.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use container::Driver;
use support::daemon::Daemon;
use support::{IMAGE, Target, run};

const ROUNDS: usize = 30;
const PARALLEL: usize = 100;

fn main() -> ExitCode {
    container::embedded::run_supervisor_if_requested();
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: containers need root");
        return ExitCode::SUCCESS;
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(measure());
    ExitCode::SUCCESS
}

async fn measure() {
    let home = tempfile::tempdir().unwrap();
    let embedded = Target::Embedded { data: home.path().join("data") };
    embedded.load_images(home.path()).await;
    let embedded = embedded.open().await;
    let daemon = Daemon::start(&home.path().join("docker"));
    let docker = match &daemon {
        Ok(daemon) => {
            let target = Target::Docker { socket: daemon.socket.clone() };
            target.load_images(home.path()).await;
            Some((target.open().await, daemon.socket.clone()))
        }
        Err(reason) => {
            println!("without Docker ({reason})");
            None
        }
    };
    let (mut ours, mut api, mut cli) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        ours.push(once(&*embedded, &format!("ours-{round}")).await);
        if let Some((docker, socket)) = &docker {
            api.push(once(&**docker, &format!("api-{round}")).await);
            cli.extend(docker_run(socket));
        }
    }
    let best = report("embedded driver", &mut ours);
    for (name, times) in [("Docker, create + start + wait by API", &mut api), ("docker run --rm", &mut cli)] {
        if !times.is_empty() {
            let median = report(name, times);
            println!("    {:.1} times the embedded driver's", median.as_secs_f64() / best.as_secs_f64());
        }
    }
    let begun = Instant::now();
    let all = (0..PARALLEL).map(|index| {
        let (embedded, name) = (embedded.clone(), format!("parallel-{index}"));
        async move { once(&*embedded, &name).await }
    });
    let mut all = futures_util::stream::StreamExt::buffer_unordered(futures_util::stream::iter(all), 8);
    while futures_util::StreamExt::next(&mut all).await.is_some() {}
    let elapsed = begun.elapsed();
    println!(
        "embedded driver, {PARALLEL} containers, 8 at once: {:.2} s ({:.0}/s)",
        elapsed.as_secs_f64(),
        PARALLEL as f64 / elapsed.as_secs_f64()
    );
}

async fn once(driver: &dyn Driver, name: &str) -> Duration {
    let begun = Instant::now();
    driver.launch(run(name, &["echo", "hello"])).await.unwrap();
    assert_eq!(driver.wait(name).await.unwrap().code, 0);
    let elapsed = begun.elapsed();
    driver.remove(name).await.unwrap();
    elapsed
}

/// The same through Docker's own program, if it is here.
fn docker_run(socket: &std::path::Path) -> Option<Duration> {
    let begun = Instant::now();
    let mut command = Command::new("docker");
    command.arg("-H").arg(format!("unix://{}", socket.display()));
    command.args(["run", "--rm", "--network", "host", IMAGE, "echo", "hello"]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    status.success().then(|| begun.elapsed())
}

fn report(name: &str, times: &mut [Duration]) -> Duration {
    times.sort();
    let median = times[times.len() / 2];
    println!("{name}: median {:.1} ms, least {:.1} ms", millis(median), millis(times[0]));
    median
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
