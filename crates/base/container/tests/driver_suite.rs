//! One suite for every driver, run with real containers. The image is made of this machine's static busybox.
//!
//! Without root nothing can run here, and without `dockerd` the Docker half cannot: the suite says so and skips it.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test program")]

mod cases;
mod support;

use std::process::ExitCode;

use support::Target;
use support::daemon::Daemon;

fn main() -> ExitCode {
    container::embedded::run_supervisor_if_requested();
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let [_, word, target, name] = arguments.as_slice()
        && word == "__launch_and_hang"
    {
        return runtime.block_on(cases::survival::launch_and_hang(&Target::from_argument(target), name));
    }
    if let [_, word, target, name, marks] = arguments.as_slice()
        && word == "__launch_marking"
    {
        return runtime.block_on(cases::survival::launch_marking(
            &Target::from_argument(target),
            name,
            marks,
        ));
    }
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: containers need root");
        return ExitCode::SUCCESS;
    }
    let home = tempfile::tempdir().unwrap();
    let mut targets = vec![Target::Embedded { data: home.path().join("data") }];
    let daemon = Daemon::start(&home.path().join("docker"));
    match &daemon {
        Ok(daemon) => targets.push(Target::Docker { socket: daemon.socket.clone() }),
        Err(reason) => println!("skipped: the suite on Docker ({reason})"),
    }
    runtime.block_on(async {
        let mut tests = Vec::new();
        for target in &targets {
            target.load_images(home.path()).await;
            tests.extend(cases::all(target));
        }
        support::runner::run(tests).await
    })
}
