//! How containers end, and how they are ended.

use std::time::Duration;

use container::{ContainerState, DriverError};

use super::Add;
use crate::support::{CONFIGURED_IMAGE, Target, all_lines, complete, messages, shell};

pub fn add<'a>(target: &'a Target, add: Add<'_, 'a>) {
    add("exit_codes", Box::pin(exit_codes(target)));
    add("out_of_memory", Box::pin(out_of_memory(target)));
    add("a_trap_chooses_the_code", Box::pin(a_trap_chooses_the_code(target)));
    add("a_deaf_process_is_killed", Box::pin(a_deaf_process_is_killed(target)));
    add("the_image_chooses_the_signal", Box::pin(the_image_chooses_the_signal(target)));
    add("init_reaps_and_forwards", Box::pin(init_reaps_and_forwards(target)));
    add("unknown_names", Box::pin(unknown_names(target)));
}

async fn exit_codes(target: &Target) {
    let driver = target.open().await;
    for (script, expected) in [("exit 0", 0), ("exit 42", 42), ("exit 255", 255), ("kill -9 $$; exit 1", 1)] {
        assert_eq!(complete(&*driver, shell("codes", script)).await.0, expected, "{script}");
    }
    // Process 1 ignores what it does not handle; a child's signal is reported by the shell.
    assert_eq!(complete(&*driver, shell("codes", "sh -c 'kill -TERM $$'; exit $?")).await.0, 143);
    let begun = driver.launch(shell("codes", "true")).await.unwrap();
    let exit = driver.wait("codes").await.unwrap();
    assert_eq!(exit.started_at, begun.started_at);
    assert!(exit.finished_at >= exit.started_at && !exit.oom_killed);
    assert_eq!(driver.wait("codes").await.unwrap(), exit, "the same however often");
    driver.remove("codes").await.unwrap();
}

async fn out_of_memory(target: &Target) {
    let driver = target.open().await;
    let mut spec = shell("memory", "x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done");
    spec.memory_bytes = Some(16 * 1024 * 1024);
    driver.launch(spec).await.unwrap();
    let exit = driver.wait("memory").await.unwrap();
    assert_eq!((exit.code, exit.oom_killed), (137, true));
    driver.remove("memory").await.unwrap();
}

async fn a_trap_chooses_the_code(target: &Target) {
    let driver = target.open().await;
    let script = "trap 'echo stopping; exit 3' TERM; echo ready; while true; do sleep 0.05; done";
    driver.launch(shell("trap", script)).await.unwrap();
    let first = driver.read_logs("trap", Default::default()).await.unwrap();
    assert_eq!(messages(&first.lines), ["ready"]);
    assert_eq!(driver.list().await.unwrap()[0].state, ContainerState::Running);
    assert_eq!(driver.remove("trap").await, Err(DriverError::StillRunning("trap".to_owned())));
    driver.stop("trap", Duration::from_secs(30)).await.unwrap();
    assert_eq!(driver.wait("trap").await.unwrap().code, 3);
    assert_eq!(messages(&all_lines(&*driver, "trap").await), ["ready", "stopping"]);
    driver.stop("trap", Duration::ZERO).await.unwrap();
    driver.remove("trap").await.unwrap();
}

async fn a_deaf_process_is_killed(target: &Target) {
    let driver = target.open().await;
    driver.launch(shell("deaf", "trap '' TERM; echo ready; while true; do sleep 0.05; done")).await.unwrap();
    driver.read_logs("deaf", Default::default()).await.unwrap();
    driver.stop("deaf", Duration::from_millis(200)).await.unwrap();
    let exit = driver.wait("deaf").await.unwrap();
    assert_eq!((exit.code, exit.oom_killed), (137, false));
    driver.remove("deaf").await.unwrap();
}

async fn the_image_chooses_the_signal(target: &Target) {
    let driver = target.open().await;
    let mut spec =
        shell("signal", "trap 'exit 5' USR2; trap 'exit 6' INT; echo ready; while true; do sleep 0.05; done");
    spec.image = CONFIGURED_IMAGE.to_owned();
    spec.entry_point = Some(vec![]);
    for (signal, code) in [(None, 5), (Some("SIGINT".to_owned()), 6)] {
        spec.stop_signal = signal;
        driver.launch(spec.clone()).await.unwrap();
        driver.read_logs("signal", Default::default()).await.unwrap();
        driver.stop("signal", Duration::from_secs(30)).await.unwrap();
        assert_eq!(driver.wait("signal").await.unwrap().code, code);
        driver.remove("signal").await.unwrap();
    }
}

async fn init_reaps_and_forwards(target: &Target) {
    let driver = target.open().await;
    let script = "echo $$; sh -c 'sleep 0.01 &'; sleep 0.2; cat /proc/[0-9]*/status | grep -c zombie; exit 9";
    let mut spec = shell("init", script);
    spec.init = true;
    let (code, lines) = complete(&*driver, spec).await;
    assert_eq!(code, 9);
    assert_ne!(lines[0], "1");
    assert_eq!(lines[1], "0", "the orphan was reaped: {lines:?}");
    let mut spec = shell("init", "trap 'exit 4' TERM; echo ready; while true; do sleep 0.05; done");
    spec.init = true;
    driver.launch(spec).await.unwrap();
    driver.read_logs("init", Default::default()).await.unwrap();
    driver.stop("init", Duration::from_secs(30)).await.unwrap();
    assert_eq!(driver.wait("init").await.unwrap().code, 4);
    driver.remove("init").await.unwrap();
}

async fn unknown_names(target: &Target) {
    let driver = target.open().await;
    for name in ["nobody", "../../etc", ""] {
        let lost = DriverError::Lost(name.to_owned());
        assert_eq!(driver.wait(name).await, Err(lost.clone()));
        assert_eq!(driver.stop(name, Duration::ZERO).await, Err(lost.clone()));
        assert_eq!(driver.read_logs(name, Default::default()).await, Err(lost));
        assert_eq!(driver.remove(name).await, Ok(()));
    }
}
