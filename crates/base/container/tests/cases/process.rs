//! What runs, as whom, with what.

use container::{ContainerSpec, ImageError, LaunchError, Mount, NetworkMode, ResourceLimit, Sharing};

use super::Add;
use crate::support::{CONFIGURED_IMAGE, Target, complete, run, shell};

pub fn add<'a>(target: &'a Target, add: Add<'_, 'a>) {
    add("arguments_arrive_as_they_are", Box::pin(arguments_arrive_as_they_are(target)));
    add("environment_is_merged", Box::pin(environment_is_merged(target)));
    add("image_settings_hold_until_replaced", Box::pin(image_settings_hold_until_replaced(target)));
    add("entry_point_and_command", Box::pin(entry_point_and_command(target)));
    add("runs_as_a_user", Box::pin(runs_as_a_user(target)));
    add("refuses_what_cannot_start", Box::pin(refuses_what_cannot_start(target)));
    add("refuses_unknown_images", Box::pin(refuses_unknown_images(target)));
    add("refuses_impossible_specifications", Box::pin(refuses_impossible_specifications(target)));
    add("writes_stay_in_the_container", Box::pin(writes_stay_in_the_container(target)));
    add("mounts", Box::pin(mounts(target)));
    add("limits", Box::pin(limits(target)));
    add("network", Box::pin(network(target)));
    add("what_a_machine_cannot_give", Box::pin(what_a_machine_cannot_give(target)));
    add("isolation", Box::pin(isolation(target)));
    add("kernel_parameters", Box::pin(kernel_parameters(target)));
    add("name_servers_of_its_own", Box::pin(name_servers_of_its_own(target)));
    add("shares_with_this_machine", Box::pin(shares_with_this_machine(target)));
    add("input_stays_open", Box::pin(input_stays_open(target)));
}

async fn arguments_arrive_as_they_are(target: &Target) {
    let driver = target.open().await;
    let arguments = ["a b", "", "'single' \"double\"", "$HOME `x` \\", "grüße 世界", "-n", "*"];
    let mut spec = run("arguments", &["sh", "-c", "for a in \"$@\"; do echo \"<$a>\"; done", "sh"]);
    spec.command.as_mut().unwrap().extend(arguments.map(str::to_owned));
    let (code, lines) = complete(&*driver, spec).await;
    assert_eq!(code, 0);
    assert_eq!(lines, arguments.map(|argument| format!("<{argument}>")));
}

async fn environment_is_merged(target: &Target) {
    let driver = target.open().await;
    let mut spec = run(
        "environment",
        &["sh", "-c", "echo $FROM_IMAGE $BOTH $OWN; echo \"$SPACED\"; echo ${UNSET-unset}"],
    );
    spec.image = CONFIGURED_IMAGE.to_owned();
    spec.entry_point = Some(vec![]);
    let variables = [("BOTH", "spec"), ("OWN", "1"), ("OWN", "own"), ("SPACED", " a = b ")];
    spec.environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let (_, lines) = complete(&*driver, spec).await;
    assert_eq!(lines, ["image spec own", " a = b ", "unset"]);
}

async fn image_settings_hold_until_replaced(target: &Target) {
    let driver = target.open().await;
    let image = driver.prepare_image(CONFIGURED_IMAGE).await.unwrap();
    assert_eq!((image.working_directory.as_str(), image.user.as_deref()), ("/home", Some("job")));
    assert_eq!(
        (image.entry_point, image.command),
        (vec!["echo".into(), "entry".into()], vec!["command".into()])
    );
    assert_eq!(image.stop_signal.as_deref(), Some("SIGUSR2"));
    assert!(image.digest.starts_with("sha256:"), "{}", image.digest);

    let script = "pwd; id -u; echo $HOME";
    let mut spec = shell("settings", script);
    spec.image = CONFIGURED_IMAGE.to_owned();
    spec.entry_point = Some(vec![]);
    assert_eq!(complete(&*driver, spec.clone()).await.1, ["/home", "1000", "/home"]);
    spec.working_directory = Some("/made/for it".to_owned());
    spec.user = Some("0".to_owned());
    assert_eq!(complete(&*driver, spec).await.1, ["/made/for it", "0", "/root"]);
}

async fn entry_point_and_command(target: &Target) {
    let driver = target.open().await;
    let texts = |texts: &[&str]| Some(texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
    let cases = [
        (None, None, "entry command"),
        (None, texts(&["other"]), "entry other"),
        (texts(&["echo", "mine"]), None, "mine"),
        (texts(&["echo", "mine"]), texts(&["too"]), "mine too"),
        (texts(&[]), texts(&["echo", "bare"]), "bare"),
        (None, texts(&[]), "entry command"),
    ];
    for (entry_point, command, expected) in cases {
        let spec = ContainerSpec {
            name: "rules".to_owned(),
            image: CONFIGURED_IMAGE.to_owned(),
            entry_point: entry_point.clone(),
            command: command.clone(),
            ..ContainerSpec::default()
        };
        assert_eq!(complete(&*driver, spec).await.1, [expected], "{entry_point:?} {command:?}");
    }
}

async fn runs_as_a_user(target: &Target) {
    let driver = target.open().await;
    for (user, expected) in [
        ("1000", "1000 1000 1000 44"),
        ("job", "1000 1000 1000 44"),
        ("job:extra", "1000 44 44"),
        ("7:9", "7 9 9"),
    ] {
        let mut spec =
            shell("user", "echo $(id -u) $(id -g) $(id -G); echo error > /dev/stderr; echo > /forbidden");
        spec.user = Some(user.to_owned());
        let (code, lines) = complete(&*driver, spec).await;
        assert_ne!(code, 0);
        // Some drivers list the primary group twice.
        let ids = lines.iter().find(|line| line.starts_with(|c: char| c.is_ascii_digit())).unwrap();
        let mut words: Vec<&str> = ids.split(' ').collect();
        words.dedup();
        let mut wanted: Vec<&str> = expected.split(' ').collect();
        wanted.dedup();
        assert_eq!(words, wanted, "{user}");
        assert!(
            lines.contains(&"error".to_owned()),
            "{user}: a user may open its own standard error: {lines:?}"
        );
    }
}

async fn refuses_what_cannot_start(target: &Target) {
    let driver = target.open().await;
    let cases = [
        (
            run("refused", &["no-such-program", "x"]),
            "exec: \"no-such-program\": executable file not found in $PATH: unknown",
        ),
        (
            run("refused", &["/no/such"]),
            "exec: \"/no/such\": stat /no/such: no such file or directory: unknown",
        ),
        (run("refused", &["/etc/not-a-program"]), "exec: \"/etc/not-a-program\": permission denied: unknown"),
    ];
    for (spec, expected) in cases {
        let error = driver.launch(spec.clone()).await.unwrap_err();
        let expected = format!(
            "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: \
             failed to create shim task: OCI runtime create failed: runc create failed: unable to start container \
             process: {expected}"
        );
        assert_eq!(error.to_string(), expected);
        assert!(matches!(error, LaunchError::CannotStart(_)));
        assert_eq!(driver.launch(spec.clone()).await.unwrap_err(), error, "the same once more");
        assert_eq!(
            driver.wait("refused").await,
            Err(container::DriverError::NotStarted("refused".to_owned()))
        );
        driver.stop("refused", std::time::Duration::ZERO).await.unwrap();
        assert_eq!(driver.list().await.unwrap()[0].state, container::ContainerState::Ended);
        assert!(driver.read_logs("refused", Default::default()).await.unwrap().ended);
        driver.remove("refused").await.unwrap();
    }
    let mut spec = run("refused", &["true"]);
    spec.user = Some("stranger".to_owned());
    let error = driver.launch(spec).await.unwrap_err().to_string();
    assert!(error.contains("unable to find user stranger: no matching entries in passwd file"), "{error}");
    driver.remove("refused").await.unwrap();
}

async fn refuses_unknown_images(target: &Target) {
    let driver = target.open().await;
    let mut spec = run("unknown", &["true"]);
    spec.image = "localhost:1/no/such:1".to_owned();
    let error = driver.launch(spec.clone()).await.unwrap_err();
    assert!(error.to_string().starts_with("CannotPullContainerError: "), "{error}");
    assert!(matches!(error, LaunchError::Image(_)));
    spec.image = "Not A Name".to_owned();
    let error = driver.launch(spec).await.unwrap_err();
    assert!(matches!(error, LaunchError::Image(ImageError::InvalidReference(_))), "{error:?}");
    assert_eq!(driver.list().await.unwrap(), [], "the name stays free");
}

async fn refuses_impossible_specifications(target: &Target) {
    let driver = target.open().await;
    let base = run("impossible", &["true"]);
    let bad = [
        ContainerSpec { name: "../x".to_owned(), ..base.clone() },
        ContainerSpec { working_directory: Some("relative".to_owned()), ..base.clone() },
        ContainerSpec { command: Some(vec!["a\0b".to_owned()]), ..base.clone() },
        ContainerSpec { environment: vec![("A=B".to_owned(), String::new())], ..base.clone() },
        ContainerSpec { stop_signal: Some("SIGNOPE".to_owned()), ..base.clone() },
        ContainerSpec {
            mounts: vec![Mount::Tmpfs { target: "x".to_owned(), size_bytes: 1, options: Vec::new() }],
            ..base.clone()
        },
    ];
    for spec in bad {
        let error = driver.launch(spec.clone()).await.unwrap_err();
        assert!(matches!(error, LaunchError::CannotCreate(_)), "{spec:?}: {error:?}");
    }
    assert_eq!(driver.list().await.unwrap(), []);
}

async fn writes_stay_in_the_container(target: &Target) {
    let driver = target.open().await;
    let script = "exec 2>&1; cat /tmp/mark 2>/dev/null; echo mark > /tmp/mark && rm /etc/group && cat /tmp/mark; ls /etc/group";
    for _ in 0..2 {
        let (_, lines) = complete(&*driver, shell("writes", script)).await;
        assert_eq!(lines[0], "mark");
        assert!(lines[1].contains("No such file"), "{lines:?}");
    }
    let mut spec = shell("writes", "echo x > /tmp/mark || echo refused");
    spec.read_only_root = true;
    assert!(complete(&*driver, spec).await.1.contains(&"refused".to_owned()));
}

async fn mounts(target: &Target) {
    let driver = target.open().await;
    let shared = tempfile::tempdir().unwrap();
    std::fs::write(shared.path().join("in"), "from the host\n").unwrap();
    let bind = |target: &str, read_only| Mount::Bind {
        source: shared.path().to_owned(),
        target: target.to_owned(),
        read_only,
    };
    let script = "exec 2>/dev/null; cat /deep/er/in; echo out > /deep/er/out; echo x > /fixed/x || echo read-only; \
                  dd if=/dev/zero of=/scratch/big bs=1k count=100 2>&1 | grep -o 'No space'; ls /scratch; stat -c 'mode %a' /scratch";
    let mut spec = shell("mounts", script);
    spec.mounts = vec![
        bind("/deep/er", false),
        bind("/fixed", true),
        Mount::Tmpfs {
            target: "/scratch".to_owned(),
            size_bytes: 65536,
            options: vec!["mode=0750".to_owned()],
        },
    ];
    let (_, lines) = complete(&*driver, spec).await;
    assert_eq!(lines[0], "from the host");
    assert!(lines.contains(&"read-only".to_owned()) && lines.contains(&"No space".to_owned()), "{lines:?}");
    assert!(lines.contains(&"mode 750".to_owned()), "{lines:?}");
    assert_eq!(std::fs::read_to_string(shared.path().join("out")).unwrap(), "out\n");
    assert!(!shared.path().join("x").exists());
}

async fn limits(target: &Target) {
    let driver = target.open().await;
    let mut spec = shell(
        "limits",
        "ulimit -n; ulimit -Hn; cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max 2>/dev/null; cat pids/pids.max pids.max 2>/dev/null; cat cpu/cpu.shares cpu/cpu.cfs_quota_us 2>/dev/null; cat cpu.max 2>/dev/null",
    );
    spec.resource_limits = vec![ResourceLimit { name: "nofile".to_owned(), soft: 100, hard: 200 }];
    spec.memory_bytes = Some(64 * 1024 * 1024);
    spec.pids_limit = Some(50);
    spec.cpu_units = Some(256);
    spec.cpu_limit_units = Some(512);
    let (_, lines) = complete(&*driver, spec).await;
    let first: Vec<&str> = lines.iter().map(String::as_str).take(4).collect();
    assert_eq!(first, ["100", "200", "67108864", "50"], "{lines:?}");
    assert!(
        lines.ends_with(&["256".to_owned(), "50000".to_owned()])
            || lines.ends_with(&["50000 100000".to_owned()]),
        "{lines:?}"
    );

    let mut spec = shell("limits", "echo small");
    spec.memory_bytes = Some(6 * 1024 * 1024); // The least that ECS and Docker take.
    assert_eq!(complete(&*driver, spec).await, (0, vec!["small".to_owned()]));

    let mut spec = shell("limits", "for i in $(seq 40); do sleep 1 & done; echo started");
    spec.pids_limit = Some(20); // Fewer are too few for runc itself.
    let (code, lines) = complete(&*driver, spec).await;
    assert!(code != 0 && lines.iter().any(|line| line.contains("can't fork")), "{code} {lines:?}");
}

async fn network(target: &Target) {
    let driver = target.open().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let names = "cat /etc/hostname; test -s /etc/hosts && grep -c localhost /etc/hosts; ls /sys/class/net";
    let mut spec = shell("network", names);
    spec.network = NetworkMode::Private;
    spec.hostname = Some("named".to_owned());
    let (_, lines) = complete(&*driver, spec).await;
    assert_eq!(lines.first().map(String::as_str), Some("named"));
    assert_eq!(lines.last().map(String::as_str), Some("lo"), "{lines:?}");

    let port = listener.local_addr().unwrap().port();
    let mut spec = shell("network", &format!("grep -c :$(printf %04X {port}) /proc/net/tcp"));
    assert_eq!(complete(&*driver, spec.clone()).await, (0, vec!["1".to_owned()]), "the host's network");
    spec.network = NetworkMode::Private;
    assert_eq!(complete(&*driver, spec).await, (1, vec!["0".to_owned()]), "a network of its own");

    let mut first = shell("first", "sleep 60");
    first.network = NetworkMode::Private;
    driver.launch(first).await.unwrap();
    let mut second = shell("second", "readlink /proc/self/ns/net");
    second.network = NetworkMode::Container("first".to_owned());
    let shared = complete(&*driver, second).await.1;
    let mut third = shell("third", "readlink /proc/self/ns/net");
    assert_ne!(complete(&*driver, third.clone()).await.1, shared);
    driver.stop("first", std::time::Duration::ZERO).await.unwrap();
    driver.remove("first").await.unwrap();
    third.network = NetworkMode::Container("first".to_owned());
    assert!(driver.launch(third).await.is_err(), "its container is gone");
    driver.remove("third").await.unwrap();
}

async fn isolation(target: &Target) {
    let driver = target.open().await;
    let script = "exec 2>/dev/null; echo $$; \
                  mount -t tmpfs x /tmp 2>/dev/null && echo mounted; \
                  unshare -U true 2>/dev/null && echo user namespace; \
                  mknod /tmp/disk b 8 0 2>/dev/null && dd if=/tmp/disk of=/dev/null count=1 2>/dev/null && echo disk; \
                  echo x > /proc/sys/kernel/hostname && echo proc; \
                  head -c 1 /proc/kcore | wc -c; \
                  grep CapEff /proc/self/status; grep '^Seccomp:' /proc/self/status; \
                  ls /proc | grep -c '^[0-9]'";
    let (_, lines) = complete(&*driver, shell("isolation", script)).await;
    let wrong = ["mounted", "user namespace", "disk", "proc"];
    assert!(!lines.iter().any(|line| wrong.contains(&line.as_str())), "{lines:?}");
    assert_eq!(lines[0], "1");
    assert!(lines.contains(&"0".to_owned()), "/proc/kcore is masked: {lines:?}");
    assert!(lines.contains(&"CapEff:\t00000000a80425fb".to_owned()), "Docker's capabilities: {lines:?}");
    assert!(lines.contains(&"Seccomp:\t2".to_owned()), "{lines:?}");
    let mut spec = shell(
        "isolation",
        "exec 2>/dev/null; grep CapEff /proc/self/status; chown 1 /etc/passwd || echo refused",
    );
    spec.capabilities_drop = vec!["ALL".to_owned()];
    spec.capabilities_add = vec!["KILL".to_owned()];
    let (_, lines) = complete(&*driver, spec).await;
    assert_eq!(lines[0], "CapEff:\t0000000000000020");
    assert!(lines.contains(&"refused".to_owned()), "{lines:?}");
}

async fn kernel_parameters(target: &Target) {
    let driver = target.open().await;
    let look = "cat /proc/sys/kernel/msgmax /proc/sys/net/core/somaxconn";
    let controls = [("kernel.msgmax", "4096"), ("net.core.somaxconn", "77")];
    let mut spec = shell("parameters", look);
    spec.network = NetworkMode::Private;
    spec.system_controls = controls.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(complete(&*driver, spec.clone()).await, (0, vec!["4096".to_owned(), "77".to_owned()]));
    spec.network = NetworkMode::Host;
    let refused = driver.launch(spec.clone()).await;
    assert!(matches!(refused, Err(LaunchError::CannotCreate(_))), "the network is this machine's");
    for name in ["kernel.hostname", "vm.swappiness", "net..x", "net./../kernel/panic"] {
        spec.system_controls = [(name.to_owned(), "1".to_owned())].into();
        let refused = driver.launch(spec.clone()).await;
        assert!(matches!(refused, Err(LaunchError::CannotCreate(_))), "{name}: {refused:?}");
    }
}

async fn name_servers_of_its_own(target: &Target) {
    let driver = target.open().await;
    let mut spec = shell("resolver", "cat /etc/resolv.conf");
    spec.dns_servers = vec!["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
    spec.dns_search_domains = vec!["one.example".to_owned(), "two.example".to_owned()];
    let (_, lines) = complete(&*driver, spec).await;
    let has = |line: &str| lines.iter().any(|found| found == line);
    assert!(has("nameserver 192.0.2.1") && has("nameserver 192.0.2.2"), "{lines:?}");
    assert!(has("search one.example two.example"), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("nameserver")).count(), 2, "{lines:?}");
}

async fn shares_with_this_machine(target: &Target) {
    let driver = target.open().await;
    let look = "readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc";
    let ours = ["pid", "ipc"].map(|kind| {
        let link = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        link.to_str().unwrap().to_owned()
    });
    let spec =
        ContainerSpec { processes: Sharing::Host, inter_process: Sharing::Host, ..shell("shares", look) };
    assert_eq!(complete(&*driver, spec).await.1, ours);
    let (_, theirs) = complete(&*driver, shell("shares-nothing", look)).await;
    assert!(theirs[0] != ours[0] && theirs[1] != ours[1], "{theirs:?}");
    // What a program leaves behind ends with it, although it is not in a namespace that does.
    let leave = "sleep 600 & echo $!";
    let spec = ContainerSpec { processes: Sharing::Host, ..shell("leaves", leave) };
    let (_, left) = complete(&*driver, spec).await;
    let process = std::path::PathBuf::from(format!("/proc/{}", left[0]));
    for _ in 0..1000 {
        if !process.exists() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{} goes on", process.display());
}

async fn input_stays_open(target: &Target) {
    let driver = target.open().await;
    let wait = "exec 3<&0; cat <&3 & sleep 0.2; kill $! && echo waited";
    let spec = ContainerSpec { open_input: true, ..shell("input", wait) };
    assert_eq!(complete(&*driver, spec).await, (0, vec!["waited".to_owned()]));
}

/// Every task on Fargate asks for so many.
async fn what_a_machine_cannot_give(target: &Target) {
    let driver = target.open().await;
    let limit = ResourceLimit { name: "nofile".to_owned(), soft: 65535, hard: 65535 };
    let spec = ContainerSpec { resource_limits: vec![limit], ..shell("files", "ulimit -n") };
    let (code, lines) = complete(&*driver, spec).await;
    assert!(code == 0 && lines[0].parse::<u64>().unwrap() <= 65535, "{lines:?}");
}
