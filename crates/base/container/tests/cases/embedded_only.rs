//! What only the embedded driver has to prove: it keeps its own state, and cleans up after itself.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use container::{ContainerState, Driver, DriverError, LaunchError, LogBuffer, LogPosition};

use super::Add;
use crate::support::{complete, open_embedded, run, shell};

pub fn add<'a>(data: &'a Path, add: Add<'_, 'a>) {
    add("leaves_nothing", Box::pin(leaves_nothing(data)));
    add("a_launch_that_never_began_is_taken_up", Box::pin(a_launch_that_never_began_is_taken_up(data)));
    add("a_launch_that_may_have_begun_is_lost", Box::pin(a_launch_that_may_have_begun_is_lost(data)));
    add(
        "a_dead_supervisor_takes_its_container_along",
        Box::pin(a_dead_supervisor_takes_its_container_along(data)),
    );
    add("the_host_as_an_image", Box::pin(the_host_as_an_image(data)));
    add("a_blocking_log_makes_its_writer_wait", Box::pin(a_blocking_log_makes_its_writer_wait(data)));
    add("a_non_blocking_log_drops_lines", Box::pin(a_non_blocking_log_drops_lines(data)));
}

fn cgroups() -> Vec<String> {
    let mut found = Vec::new();
    for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        for group in fs::read_dir(hierarchy.path().join("runwright")).into_iter().flatten().flatten() {
            if group.path().is_dir() {
                found.push(group.path().display().to_string());
            }
        }
    }
    found
}

async fn leaves_nothing(data: &Path) {
    let driver = open_embedded(data);
    let before = cgroups();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    driver.launch(shell("tidy", "echo x; touch /file; sleep 0.2")).await.unwrap();
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), mounts, "mounts are private");
    assert!(cgroups().len() > before.len());
    driver.wait("tidy").await.unwrap();
    driver.remove("tidy").await.unwrap();
    assert_eq!(cgroups(), before);
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), mounts);
    for place in ["containers/tidy", "making/tidy", "removing/tidy", "images/pins/tidy"] {
        assert!(!data.join(place).exists(), "{place}");
    }
}

/// The state that a crash between the making of the directory and the start leaves.
async fn a_launch_that_never_began_is_taken_up(data: &Path) {
    let driver = open_embedded(data);
    let spec = shell("interrupted", "exit 6");
    driver.launch(spec.clone()).await.unwrap();
    driver.wait("interrupted").await.unwrap();
    let directory = data.join("containers/interrupted");
    let plan = fs::read(directory.join("spec.json")).unwrap();
    driver.remove("interrupted").await.unwrap();
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("spec.json"), plan).unwrap();
    // A number that is another process's by now.
    fs::write(directory.join("supervisor"), "1").unwrap();
    fs::write(directory.join("lock"), "").unwrap();
    assert_eq!(driver.list().await.unwrap()[0].state, ContainerState::Created);
    let started = driver.launch(spec.clone()).await.unwrap();
    assert!(!started.found);
    assert_eq!(driver.wait("interrupted").await.unwrap().code, 6);
    driver.remove("interrupted").await.unwrap();
    // Not even the plan was on the disk.
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("spec.json"), "").unwrap();
    assert_eq!(complete(&driver, spec).await.0, 6);
}

async fn a_launch_that_may_have_begun_is_lost(data: &Path) {
    let driver = open_embedded(data);
    let spec = shell("doubtful", "exit 0");
    driver.launch(spec.clone()).await.unwrap();
    driver.wait("doubtful").await.unwrap();
    let directory = data.join("containers/doubtful");
    // As after a power failure: the marker was on the disk, what came later was not.
    fs::remove_file(directory.join("exit.json")).unwrap();
    while fs::File::open(directory.join("lock")).unwrap().try_lock_shared().is_err() {
        tokio::task::yield_now().await;
    }
    let lost = LaunchError::Lost { name: "doubtful".to_owned() };
    assert_eq!(driver.launch(spec.clone()).await, Err(lost.clone()));
    fs::remove_file(directory.join("started.json")).unwrap();
    assert_eq!(driver.launch(spec).await, Err(lost));
    assert_eq!(driver.wait("doubtful").await, Err(DriverError::Lost("doubtful".to_owned())));
    assert_eq!(driver.list().await.unwrap()[0].state, ContainerState::Lost);
    driver.remove("doubtful").await.unwrap();
}

async fn a_dead_supervisor_takes_its_container_along(data: &Path) {
    let driver = open_embedded(data);
    driver.launch(run("headless", &["sleep", "60"])).await.unwrap();
    let directory = data.join("containers/headless");
    let number = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
    let supervisor: i32 = number("supervisor").trim().parse().unwrap();
    let started: serde_json::Value = serde_json::from_str(&number("started.json")).unwrap();
    let pid = started["pid"].as_i64().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(supervisor), nix::sys::signal::SIGKILL).unwrap();
    assert_eq!(driver.wait("headless").await, Err(DriverError::Lost("headless".to_owned())));
    assert!(matches!(driver.launch(run("headless", &["sleep", "60"])).await, Err(LaunchError::Lost { .. })));
    while fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("sleep")) {
        tokio::task::yield_now().await;
    }
    driver.remove("headless").await.unwrap();
}

async fn the_host_as_an_image(data: &Path) {
    let driver = open_embedded(data);
    let marker = data.parent().unwrap().join("marker");
    fs::write(&marker, "on the host\n").unwrap();
    let script = format!(
        "cat {0}; echo changed > {0}; cat {0}; ls {1} | wc -l; echo $$",
        marker.display(),
        data.display()
    );
    let mut spec = shell("host", &script);
    spec.image = "host".to_owned();
    let (code, lines) = complete(&driver, spec).await;
    assert_eq!((code, lines), (0, ["on the host", "changed", "0", "1"].map(str::to_owned).to_vec()));
    assert_eq!(fs::read_to_string(&marker).unwrap(), "on the host\n");
}

/// Reads all lines, and frees them where `freeing`; at most so many bytes are in the log at once.
async fn read_all(driver: &dyn Driver, data: &Path, name: &str, freeing: bool) -> (Vec<String>, u64) {
    let (mut lines, mut from, mut most) = (Vec::new(), LogPosition::default(), 0);
    loop {
        let chunk = driver.read_logs(name, from).await.unwrap();
        lines.extend(chunk.lines.into_iter().map(|line| line.message));
        from = chunk.next;
        let log = fs::metadata(data.join("containers").join(name).join("log")).unwrap();
        most = most.max(log.blocks() * 512);
        if freeing {
            driver.free_logs(name, &from, &from).await.unwrap();
        }
        if chunk.ended {
            return (lines, most);
        }
    }
}

async fn a_blocking_log_makes_its_writer_wait(data: &Path) {
    const BYTES: u64 = 256 * 1024;
    let driver = open_embedded(data);
    let mut spec = shell("blocking", "seq 1 400000");
    spec.log_buffer = LogBuffer::Blocking { bytes: BYTES };
    driver.launch(spec).await.unwrap();
    let log = data.join("containers/blocking/log");
    // It fills its buffer, and then what it writes does not become more.
    let mut length = 0;
    while length < BYTES {
        tokio::time::sleep(Duration::from_millis(10)).await;
        length = fs::metadata(&log).unwrap().len();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(fs::metadata(&log).unwrap().len() < 2 * BYTES + 256 * 1024);
    assert_eq!(driver.list().await.unwrap()[0].state, ContainerState::Running);
    let (lines, most) = read_all(&driver, data, "blocking", true).await;
    assert_eq!(lines.len(), 400_000);
    assert!(lines.iter().enumerate().all(|(place, line)| *line == (place + 1).to_string()));
    assert!(most < 4 * BYTES, "{most} bytes on the disk at once");
    assert_eq!(driver.wait("blocking").await.unwrap().code, 0);
    // What was freed is gone, and not read as something else.
    let rest = driver.read_logs("blocking", LogPosition::default()).await.unwrap();
    assert!(rest.ended && rest.lines.is_empty());
    driver.remove("blocking").await.unwrap();
}

async fn a_non_blocking_log_drops_lines(data: &Path) {
    let driver = open_embedded(data);
    let mut spec = shell("dropping", "seq 1 100000; sleep 0.5; echo end");
    spec.log_buffer = LogBuffer::NonBlocking { bytes: 64 * 1024 };
    driver.launch(spec).await.unwrap();
    assert_eq!(driver.wait("dropping").await.unwrap().code, 0, "nobody read, and it went on");
    let (lines, _) = read_all(&driver, data, "dropping", false).await;
    assert!(lines.len() > 1000 && lines.len() < 10_000, "{} lines", lines.len());
    assert!(lines.iter().enumerate().all(|(place, line)| *line == (place + 1).to_string()));
    driver.remove("dropping").await.unwrap();
}
