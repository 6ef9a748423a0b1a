//! Commands in running containers, and what running containers use.

use std::time::Duration;

use container::exec::Ended;
use container::{
    ContainerSpec, ContainerState, Driver, DriverError, Exec, ExecSpec, LogStream, TerminalSize,
};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::Add;
use crate::support::{Target, run, shell};

/// More than any command here writes.
const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;
const SIZE: TerminalSize = TerminalSize { columns: 90, rows: 30 };

pub fn add<'a>(target: &'a Target, add: Add<'_, 'a>) {
    add("outputs_and_codes", Box::pin(outputs_and_codes(target)));
    add("programs_that_cannot_be_executed", Box::pin(programs_that_cannot_be_executed(target)));
    add("in_the_containers_surroundings", Box::pin(in_the_containers_surroundings(target)));
    add("with_the_containers_rights_and_no_others", Box::pin(with_the_containers_rights(target)));
    add("as_another_user", Box::pin(as_another_user(target)));
    add("reads_its_input_to_the_end", Box::pin(reads_its_input_to_the_end(target)));
    add("on_a_terminal", Box::pin(on_a_terminal(target)));
    add("dropped_it_is_killed", Box::pin(dropped_it_is_killed(target)));
    add("what_it_leaves_behind_is_not_waited_for", Box::pin(what_it_leaves_behind(target)));
    add("only_in_running_containers", Box::pin(only_in_running_containers(target)));
    add("many_at_once", Box::pin(many_at_once(target)));
    add("stats", Box::pin(stats(target)));
}

/// A container that waits for its end.
fn idle(name: &str) -> ContainerSpec {
    shell(name, "trap 'exit 0' TERM; while true; do sleep 0.05; done")
}

async fn with_idle(target: &Target, name: &str) -> std::sync::Arc<dyn Driver> {
    let driver = target.open().await;
    driver.launch(idle(name)).await.unwrap();
    driver
}

async fn end(driver: &dyn Driver, name: &str) {
    driver.stop(name, Duration::from_secs(30)).await.unwrap();
    driver.remove(name).await.unwrap();
}

fn command(words: &[&str]) -> ExecSpec {
    ExecSpec { command: words.iter().map(|word| (*word).to_owned()).collect(), ..ExecSpec::default() }
}

fn script(text: &str) -> ExecSpec {
    command(&["sh", "-c", text])
}

/// The exit code, and everything that was written.
async fn done(driver: &dyn Driver, name: &str, spec: ExecSpec) -> (i32, String) {
    let Ended { code, output } =
        driver.exec(name, spec).await.unwrap().finish(OUTPUT_BYTES_MAX).await.unwrap();
    (code, String::from_utf8_lossy(&output).into_owned())
}

async fn outputs_and_codes(target: &Target) {
    let driver = with_idle(target, "codes").await;
    let Exec { output, exit, input: _input, .. } =
        driver.exec("codes", script("echo out; echo err >&2; exit 3")).await.unwrap();
    let (pieces, code) = tokio::join!(output.collect::<Vec<_>>(), exit);
    assert_eq!(code, Ok(3));
    for (stream, expected) in [(LogStream::Stdout, "out\n"), (LogStream::Stderr, "err\n")] {
        let own = pieces.iter().filter(|(from, _)| *from == stream).flat_map(|(_, bytes)| bytes.clone());
        assert_eq!(String::from_utf8(own.collect()).unwrap(), expected);
    }
    assert_eq!(done(&*driver, "codes", command(&["true"])).await, (0, String::new()));
    assert_eq!(done(&*driver, "codes", script("kill -9 $$")).await.0, 137);
    assert_eq!(done(&*driver, "codes", script("kill -TERM $$")).await.0, 143);
    let (code, output) = done(&*driver, "codes", script("head -c 3000000 /dev/zero; echo; seq 1 3")).await;
    assert_eq!((code, output.len()), (0, 3_000_000 + 7));
    assert!(output.ends_with("\0\n1\n2\n3\n"));
    let some = driver.exec("codes", command(&["seq", "1", "100000"])).await.unwrap().finish(5).await.unwrap();
    assert_eq!(some, Ended { code: 0, output: b"1\n2\n3".to_vec() });
    end(&*driver, "codes").await;
}

async fn programs_that_cannot_be_executed(target: &Target) {
    let driver = with_idle(target, "programs").await;
    // The reasons are the engine's words, and so are some of the codes of old engines.
    for (program, codes, reason) in [
        ("no-such-program", [126, 127], "executable file not found in $PATH"),
        ("/no/such/program", [126, 127], "no such file or directory"),
        ("/etc/not-a-program", [126, 126], "permission denied"),
    ] {
        let (code, output) = done(&*driver, "programs", command(&[program])).await;
        assert!(codes.contains(&code) && output.contains(reason), "{program}: {code} {output}");
        if target.kind() == container::DriverKind::Embedded {
            assert_eq!(code, codes[1], "{program}");
        }
    }
    for bad in [command(&[]), command(&[""]), command(&["a\0b"])] {
        let answer = driver.exec("programs", bad).await;
        assert!(matches!(answer, Err(DriverError::CannotExec(_))), "{answer:?}");
    }
    assert_eq!(driver.list().await.unwrap()[0].state, ContainerState::Running);
    end(&*driver, "programs").await;
}

async fn in_the_containers_surroundings(target: &Target) {
    let driver = target.open().await;
    let mut spec = idle("around");
    spec.environment =
        vec![("KEPT".to_owned(), "a\nb".to_owned()), ("REPLACED".to_owned(), "old".to_owned())];
    spec.working_directory = Some("/home".to_owned());
    spec.network = container::NetworkMode::Private;
    spec.hostname = Some("inside".to_owned());
    driver.launch(spec).await.unwrap();
    let text = "echo \"$KEPT|$REPLACED|$NEW|$HOME|${TERM-none}\"; pwd; hostname; touch /tmp/made; ls /proc/1/exe >/dev/null && \
                cat /proc/1/cmdline | head -c 2; echo";
    let mut asked = script(text);
    asked.environment = vec![("REPLACED".to_owned(), "new".to_owned()), ("NEW".to_owned(), "=".to_owned())];
    let (code, output) = done(&*driver, "around", asked).await;
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(code, 0, "{output}");
    assert_eq!(lines, ["a", "b|new|=|/root|none", "/home", "inside", "sh"], "{output}");
    // It sees the container's files, and the container its.
    assert_eq!(done(&*driver, "around", command(&["ls", "/tmp/made"])).await.0, 0);
    let same =
        "for kind in mnt pid net ipc uts; do readlink /proc/1/ns/$kind; readlink /proc/self/ns/$kind; done";
    let (_, namespaces) = done(&*driver, "around", script(same)).await;
    let namespaces: Vec<&str> = namespaces.lines().collect();
    assert_eq!(namespaces.len(), 10, "{namespaces:?}");
    assert!(namespaces.chunks(2).all(|pair| pair[0] == pair[1]), "{namespaces:?}");
    let ours = std::fs::read_link("/proc/self/ns/mnt").unwrap();
    assert!(!namespaces.contains(&ours.to_str().unwrap()));
    end(&*driver, "around").await;
}

/// What the kernel says of process 1 it also says of the command.
async fn with_the_containers_rights(target: &Target) {
    let driver = target.open().await;
    let mut spec = idle("rights");
    spec.capabilities_drop = vec!["CHOWN".to_owned()];
    spec.capabilities_add = vec!["SYS_PTRACE".to_owned()];
    spec.memory_bytes = Some(64 * 1024 * 1024);
    spec.resource_limits = vec![container::ResourceLimit { name: "nofile".to_owned(), soft: 100, hard: 200 }];
    driver.launch(spec).await.unwrap();
    let status = "grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups)' /proc/PID/status; grep 'open files' /proc/PID/limits; \
                  sort /proc/PID/cgroup; cat /proc/PID/oom_score_adj";
    let status = status.replace("sort", "/bin/busybox sort");
    let (_, ours) = done(&*driver, "rights", script(&status.replace("PID", "$$"))).await;
    let (_, first) = done(&*driver, "rights", script(&status.replace("PID", "1"))).await;
    assert_eq!(ours, first);
    assert!(ours.contains("CapPrm") && ours.contains("Seccomp:\t2"), "{ours}");
    assert!(ours.ends_with("\n0\n"), "{ours}");
    // The limit of memory is the container's: it is the command that is killed.
    let hungry = "x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done";
    assert_eq!(done(&*driver, "rights", script(hungry)).await.0, 137);
    // Nothing of this process is to be found in it.
    let (_, files) = done(&*driver, "rights", script("ls /proc/self/fd")).await;
    assert!(files.lines().count() <= 4, "{files}");
    end(&*driver, "rights").await;
}

async fn as_another_user(target: &Target) {
    let driver = target.open().await;
    let mut spec = idle("users");
    spec.user = Some("job".to_owned());
    driver.launch(spec).await.unwrap();
    let id =
        || script("id -u; id -g; id -G; echo $HOME; grep CapEff /proc/self/status; echo x > /dev/stdout");
    let (_, job) = done(&*driver, "users", id()).await;
    assert_eq!(job, "1000\n1000\n1000 44\n/home\nCapEff:\t0000000000000000\nx\n");
    let root = ExecSpec { user: Some("0:44".to_owned()), ..id() };
    let (_, root) = done(&*driver, "users", root).await;
    assert!(root.starts_with("0\n44\n"), "{root}");
    assert!(!root.contains("CapEff:\t0000000000000000"), "{root}");
    let nobody = ExecSpec { user: Some("nobody-here".to_owned()), ..id() };
    match driver.exec("users", nobody).await {
        Err(DriverError::CannotExec(reason)) => {
            assert!(reason.contains("unable to find user nobody-here"), "{reason}")
        }
        Ok(exec) => {
            let Ended { code, output } = exec.finish(1000).await.unwrap();
            let output = String::from_utf8_lossy(&output).into_owned();
            assert!(code == 126 && output.contains("unable to find user nobody-here"), "{code} {output}");
        }
        Err(other) => panic!("{other}"),
    }
    end(&*driver, "users").await;
}

async fn reads_its_input_to_the_end(target: &Target) {
    let driver = with_idle(target, "input").await;
    let Exec { mut input, output, exit, .. } = driver.exec("input", command(&["wc", "-c"])).await.unwrap();
    let writing = async {
        input.write_all(&vec![b'x'; 1_000_000]).await.unwrap();
        input.shutdown().await.unwrap();
    };
    let ((), pieces, code) = tokio::join!(writing, output.collect::<Vec<_>>(), exit);
    let bytes: Vec<u8> = pieces.into_iter().flat_map(|(_, bytes)| bytes).collect();
    assert_eq!((code, String::from_utf8(bytes).unwrap().trim()), (Ok(0), "1000000"));
    end(&*driver, "input").await;
}

async fn on_a_terminal(target: &Target) {
    let driver = with_idle(target, "terminal").await;
    let on = |text: &str| ExecSpec { terminal: Some(SIZE), ..script(text) };
    // Docker sets the size when the command has begun.
    let text = "while ! /bin/busybox stty size 2>/dev/null | grep -q '30 90'; do sleep 0.02; done; \
                test -t 0 && test -t 1 && test -t 2 && echo $TERM; /bin/busybox stty size; echo err >&2; \
                echo x > /dev/tty; exit 4";
    let (code, shown) = done(&*driver, "terminal", on(text)).await;
    assert_eq!((code, shown.as_str()), (4, "xterm\r\n30 90\r\nerr\r\nx\r\n"));

    let Exec { mut input, mut output, exit, resize } = driver
        .exec(
            "terminal",
            on("read line; echo got $line; \
        while ! /bin/busybox stty size 2>/dev/null | grep '40 100'; do sleep 0.02; done; sleep 100"),
        )
        .await
        .unwrap();
    resize(TerminalSize { columns: 100, rows: 40 }).await.unwrap();
    input.write_all(b"words\n").await.unwrap();
    let mut shown = String::new();
    while !shown.contains("40 100") {
        let (_, bytes) = output.next().await.unwrap();
        shown.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(shown.contains("got words"), "{shown}");
    // Ctrl-C, as a terminal makes a signal of it.
    input.write_all(b"\x03").await.unwrap();
    let (_, code) = tokio::join!(output.collect::<Vec<_>>(), exit);
    assert_eq!(code, Ok(130));
    end(&*driver, "terminal").await;
}

/// Waits until no process of the container has this in its command line.
async fn gone(driver: &dyn Driver, name: &str, word: &str) -> bool {
    for _ in 0..100 {
        let (_, processes) = done(driver, name, command(&["ps"])).await;
        if !processes.contains(word) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

async fn dropped_it_is_killed(target: &Target) {
    let driver = with_idle(target, "dropped").await;
    for spec in [
        command(&["sleep", "4321"]),
        ExecSpec { terminal: Some(SIZE), ..command(&["sleep", "4321"]) },
        script("trap '' HUP TERM INT; sleep 4321; true"),
    ] {
        let exec = driver.exec("dropped", spec).await.unwrap();
        while gone_now(&*driver, "4321").await {}
        drop(exec);
        assert!(gone(&*driver, "dropped", "4321").await);
    }
    // The same for one that is waited for no more.
    let waiting = driver.exec("dropped", command(&["sleep", "4321"])).await.unwrap().finish(0);
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
    assert!(gone(&*driver, "dropped", "4321").await);
    end(&*driver, "dropped").await;
}

async fn gone_now(driver: &dyn Driver, word: &str) -> bool {
    !done(driver, "dropped", command(&["ps"])).await.1.contains(word)
}

async fn what_it_leaves_behind(target: &Target) {
    let driver = with_idle(target, "behind").await;
    let begun = std::time::Instant::now();
    let (code, output) = done(&*driver, "behind", script("sleep 30 & echo done")).await;
    assert_eq!((code, output.as_str()), (0, "done\n"));
    assert!(begun.elapsed() < Duration::from_secs(20));
    end(&*driver, "behind").await;
}

async fn only_in_running_containers(target: &Target) {
    let driver = target.open().await;
    let nowhere = driver.exec("nowhere", command(&["true"])).await.map(drop);
    assert_eq!(nowhere, Err(DriverError::Lost("nowhere".to_owned())));
    assert_eq!(driver.stats("nowhere").await, Err(DriverError::Lost("nowhere".to_owned())));
    for name in ["../x", ""] {
        let answer = driver.exec(name, command(&["true"])).await.map(drop);
        assert_eq!(answer, Err(DriverError::Lost(name.to_owned())));
    }
    driver.launch(run("ended", &["true"])).await.unwrap();
    driver.wait("ended").await.unwrap();
    for terminal in [None, Some(SIZE)] {
        let answer = driver.exec("ended", ExecSpec { terminal, ..command(&["true"]) }).await.map(drop);
        assert_eq!(answer, Err(DriverError::NotRunning("ended".to_owned())));
    }
    assert_eq!(driver.stats("ended").await, Err(DriverError::NotRunning("ended".to_owned())));
    driver.remove("ended").await.unwrap();
    // A command ends with its container.
    driver.launch(idle("ending")).await.unwrap();
    let Exec { mut output, exit, input: _input, .. } =
        driver.exec("ending", script("echo here; exec sleep 100")).await.unwrap();
    // Docker answers before the command has begun; one that the end overtakes would be 126, not killed.
    assert_eq!(output.next().await, Some((LogStream::Stdout, b"here\n".to_vec())));
    let (code, _, stopped) =
        tokio::join!(exit, output.count(), driver.stop("ending", Duration::from_secs(30)));
    stopped.unwrap();
    assert_eq!(code, Ok(137));
    driver.remove("ending").await.unwrap();
}

async fn many_at_once(target: &Target) {
    let driver = with_idle(target, "crowd").await;
    let one = |index: usize| {
        let driver = &driver;
        async move { done(&**driver, "crowd", script(&format!("echo {index}; exit {index}"))).await }
    };
    let all = futures_util::future::join_all((0..20).map(one)).await;
    for (index, (code, output)) in all.into_iter().enumerate() {
        assert_eq!((code, output), (i32::try_from(index).unwrap(), format!("{index}\n")));
    }
    end(&*driver, "crowd").await;
}

async fn stats(target: &Target) {
    let driver = target.open().await;
    let mut spec = shell("stats", "trap 'exit 0' TERM; i=0; while true; do i=$((i+1)); done");
    spec.memory_bytes = Some(32 * 1024 * 1024);
    driver.launch(spec).await.unwrap();
    let first = driver.stats("stats").await.unwrap();
    let busy = || async {
        loop {
            let now = driver.stats("stats").await.unwrap();
            if now.cpu_nanoseconds > first.cpu_nanoseconds + 50_000_000 {
                return now;
            }
        }
    };
    let later = tokio::time::timeout(Duration::from_secs(30), busy()).await.unwrap();
    assert_eq!(later.memory_limit_bytes, Some(32 * 1024 * 1024));
    assert!(later.memory_bytes > 0 && later.memory_bytes <= later.memory_bytes_max, "{later:?}");
    assert!(later.pids >= 1 && later.read_at >= first.read_at, "{later:?}");
    end(&*driver, "stats").await;
}
