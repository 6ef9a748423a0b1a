//! The doctor on this machine, whatever it is.

use container::DriverKind;
use container::doctor::{DriverConfig, choose, diagnose};

fn config(home: &tempfile::TempDir) -> DriverConfig {
    DriverConfig {
        data_directory: home.path().join("data"),
        executable: "/proc/self/exe".into(),
        docker_host: Some(format!("unix://{}", home.path().join("no.sock").display())),
        owner: "doctor".to_owned(),
        ..DriverConfig::default()
    }
}

#[tokio::test]
async fn says_what_it_looked_at() {
    let home = tempfile::tempdir().unwrap();
    let report = diagnose(&config(&home)).await;
    let names: Vec<&str> = report.checks.iter().map(|check| check.name).collect();
    if cfg!(target_os = "linux") {
        let embedded =
            ["root", "namespaces", "overlayfs", "control groups", "system call filters", "open files"];
        assert_eq!(names, [&embedded[..], &["engine"]].concat());
    }
    let embedded =
        report.checks.iter().filter(|check| check.driver == DriverKind::Embedded).all(|check| check.ok);
    assert_eq!(report.chosen, embedded.then_some(DriverKind::Embedded), "{report}");
    assert!(report.checks.iter().all(|check| check.ok || !check.advice.is_empty()));
    assert!(!home.path().join("data/overlayfs-check").exists());
    if embedded {
        assert_eq!(choose(&config(&home)).await.map(|driver| driver.kind()), Ok(DriverKind::Embedded));
    }
}

#[tokio::test]
async fn refuses_with_advice() {
    let home = tempfile::tempdir().unwrap();
    let wanted = DriverConfig { wanted: Some(DriverKind::Docker), ..config(&home) };
    let refusal = choose(&wanted).await.map(|driver| driver.kind()).unwrap_err().to_string();
    assert!(refusal.starts_with("containers cannot run: Docker was asked for"), "{refusal}");
    assert!(refusal.contains("no such socket") && refusal.contains("DOCKER_HOST=unix://"), "{refusal}");
}
