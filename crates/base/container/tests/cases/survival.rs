//! Names are taken once, and containers outlive whoever started them.

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use container::{ContainerSpec, ContainerState};

use super::Add;
use crate::support::{Target, all_lines, messages, run, shell};

/// How often, and how many milliseconds later each time, the launching process is killed.
const KILLS: u32 = 20;
const KILL_STEP: Duration = Duration::from_millis(8);

pub fn add<'a>(target: &'a Target, add: Add<'_, 'a>) {
    add("a_name_starts_once", Box::pin(a_name_starts_once(target)));
    add("labels_are_found_again", Box::pin(labels_are_found_again(target)));
    add("outlives_the_driver", Box::pin(outlives_the_driver(target)));
    add("outlives_the_process", Box::pin(outlives_the_process(target)));
    add("killed_at_any_moment_it_runs_once", Box::pin(killed_at_any_moment_it_runs_once(target)));
    add("many_at_once", Box::pin(many_at_once(target)));
}

/// A container that leaves a mark for each time it was started.
fn marking(name: &str, directory: &std::path::Path, script: &str) -> ContainerSpec {
    let mut spec = shell(name, &format!("echo run >> /marks/{name}; {script}"));
    spec.mounts = vec![container::Mount::Bind {
        source: directory.to_owned(),
        target: "/marks".to_owned(),
        read_only: false,
    }];
    spec
}

async fn a_name_starts_once(target: &Target) {
    let driver = target.open().await;
    let marks = tempfile::tempdir().unwrap();
    let spec = marking("once", marks.path(), "sleep 0.2; exit 8");
    let (one, other) = futures_util::join!(driver.launch(spec.clone()), driver.launch(spec.clone()));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.started_at, other.started_at);
    assert!(one.found != other.found, "one of them found the other's");
    assert_eq!(driver.wait("once").await.unwrap().code, 8);
    let again = target.open().await.launch(spec.clone()).await.unwrap();
    assert!(again.found);
    assert_eq!((again.started_at, again.runtime_id), (one.started_at, one.runtime_id));
    assert_eq!(std::fs::read_to_string(marks.path().join("once")).unwrap(), "run\n");
    driver.remove("once").await.unwrap();
    assert!(!driver.launch(spec).await.unwrap().found, "a removed name is free again");
    driver.wait("once").await.unwrap();
    driver.remove("once").await.unwrap();
}

async fn labels_are_found_again(target: &Target) {
    let driver = target.open().await;
    let mut spec = run("labelled", &["sleep", "60"]);
    spec.labels = [("task".to_owned(), "arn:aws:ecs:eu-west-1:0:task/ä b".to_owned())].into();
    driver.launch(spec.clone()).await.unwrap();
    let found = target.open().await.list().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].name, &found[0].image, &found[0].labels), (&spec.name, &spec.image, &spec.labels));
    assert_eq!(found[0].state, ContainerState::Running);
    driver.stop("labelled", Duration::ZERO).await.unwrap();
    assert_eq!(driver.list().await.unwrap()[0].state, ContainerState::Ended);
    driver.remove("labelled").await.unwrap();
    assert_eq!(driver.list().await.unwrap(), []);
}

async fn outlives_the_driver(target: &Target) {
    let driver = target.open().await;
    let script = "trap 'exit 7' TERM; echo one; while true; do sleep 0.05; done";
    driver.launch(shell("adopted", script)).await.unwrap();
    let chunk = driver.read_logs("adopted", Default::default()).await.unwrap();
    drop(driver);
    let driver = target.open().await;
    let waiting = driver.wait("adopted");
    let stopping = driver.stop("adopted", Duration::from_secs(30));
    let (exit, stopped) = futures_util::join!(waiting, stopping);
    assert_eq!((exit.unwrap().code, stopped), (7, Ok(())));
    assert!(driver.read_logs("adopted", chunk.next).await.unwrap().lines.is_empty());
    driver.remove("adopted").await.unwrap();
}

/// Launches in another process, kills that process, and goes on from here.
async fn outlives_the_process(target: &Target) {
    let mut child = Command::new("/proc/self/exe")
        .args(["__launch_and_hang", &target.to_argument(), "orphan"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(line, "launched\n");
    child.kill().unwrap();
    child.wait().unwrap();

    let driver = target.open().await;
    let found = driver.launch(hanging("orphan")).await.unwrap();
    assert!(found.found);
    assert_eq!(driver.list().await.unwrap()[0].state, ContainerState::Running);
    assert_eq!(driver.wait("orphan").await.unwrap().code, 42);
    let expected: Vec<String> = (1..=10).map(|i| i.to_string()).collect();
    assert_eq!(messages(&all_lines(&*driver, "orphan").await), expected);
    driver.remove("orphan").await.unwrap();
}

fn hanging(name: &str) -> ContainerSpec {
    shell(name, "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.1; done; exit 42")
}

/// The other process's half of [`outlives_the_process`].
pub async fn launch_and_hang(target: &Target, name: &str) -> ExitCode {
    target.open().await.launch(hanging(name)).await.unwrap();
    println!("launched");
    std::future::pending().await
}

/// Kills the launching process at different moments, and launches again: the container must have run exactly once.
async fn killed_at_any_moment_it_runs_once(target: &Target) {
    let marks = tempfile::tempdir().unwrap();
    let driver = target.open().await;
    for round in 0..KILLS {
        let name = format!("killed-{round}");
        let mut child = Command::new("/proc/self/exe")
            .args(["__launch_marking", &target.to_argument(), &name, marks.path().to_str().unwrap()])
            .spawn()
            .unwrap();
        tokio::time::sleep(KILL_STEP * round).await;
        child.kill().unwrap();
        child.wait().unwrap();
        driver.launch(marking(&name, marks.path(), "exit 5")).await.unwrap();
        assert_eq!(driver.wait(&name).await.unwrap().code, 5);
        assert_eq!(std::fs::read_to_string(marks.path().join(&name)).unwrap(), "run\n", "round {round}");
        driver.remove(&name).await.unwrap();
    }
}

/// The other process's half of [`killed_at_any_moment_it_runs_once`].
pub async fn launch_marking(target: &Target, name: &str, marks: &str) -> ExitCode {
    target.open().await.launch(marking(name, std::path::Path::new(marks), "exit 5")).await.unwrap();
    std::future::pending().await
}

async fn many_at_once(target: &Target) {
    let driver = target.open().await;
    let one = |index: usize| {
        let driver = &driver;
        async move {
            let name = format!("many-{index}");
            driver.launch(shell(&name, &format!("exit {index}"))).await.unwrap();
            let exit = driver.wait(&name).await.unwrap();
            driver.remove(&name).await.unwrap();
            exit.code
        }
    };
    let codes = futures_util::future::join_all((0..20).map(one)).await;
    assert_eq!(codes, (0..20).collect::<Vec<i32>>());
}
