//! What the tests of this crate share: images made of this machine's static busybox, and both drivers.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod daemon;
pub mod image;
pub mod runner;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use container::docker::{DockerConfig, DockerDriver};
use container::embedded::{EmbeddedConfig, EmbeddedDriver};
use container::{ContainerSpec, Driver, DriverKind, LogLine, LogPosition};
use serde_json::json;

/// The image that the suite runs.
pub const IMAGE: &str = "busybox:latest";
/// An image with an entry point and a command of its own, and a few settings.
pub const CONFIGURED_IMAGE: &str = "configured:1";

/// How to open a driver again, in this process or another.
#[derive(Clone, Debug)]
pub enum Target {
    Embedded { data: PathBuf },
    Docker { socket: PathBuf },
}

impl Target {
    pub fn kind(&self) -> DriverKind {
        match self {
            Self::Embedded { .. } => DriverKind::Embedded,
            Self::Docker { .. } => DriverKind::Docker,
        }
    }

    /// As a command line argument.
    pub fn to_argument(&self) -> String {
        match self {
            Self::Embedded { data } => format!("embedded={}", data.display()),
            Self::Docker { socket } => format!("docker={}", socket.display()),
        }
    }

    pub fn from_argument(argument: &str) -> Self {
        match argument.split_once('=').unwrap() {
            ("embedded", data) => Self::Embedded { data: data.into() },
            (_, socket) => Self::Docker { socket: socket.into() },
        }
    }

    pub async fn open(&self) -> Arc<dyn Driver> {
        match self {
            Self::Embedded { data } => Arc::new(open_embedded(data)),
            Self::Docker { socket } => Arc::new(open_docker(socket).await),
        }
    }

    /// Makes the suite's images known.
    pub async fn load_images(&self, home: &Path) {
        let archive = home.join("image.tar");
        for (name, run) in [(IMAGE, json!({ "Cmd": ["sh"] })), (CONFIGURED_IMAGE, configured())] {
            image::write_busybox(&archive, name, run);
            match self {
                Self::Embedded { data } => drop(open_embedded(data).images().load(&archive).unwrap()),
                Self::Docker { socket } => {
                    open_docker(socket).await.load(std::fs::read(&archive).unwrap()).await.unwrap();
                }
            }
        }
    }
}

fn configured() -> serde_json::Value {
    json!({
        "Entrypoint": ["echo", "entry"],
        "Cmd": ["command"],
        "Env": ["PATH=/bin", "FROM_IMAGE=image", "BOTH=image"],
        "WorkingDir": "/home",
        "User": "job",
        "StopSignal": "SIGUSR2",
    })
}

pub fn open_embedded(data: &Path) -> EmbeddedDriver {
    EmbeddedDriver::open(EmbeddedConfig {
        data_directory: data.to_owned(),
        executable: "/proc/self/exe".into(),
        allow_host_image: true,
        registry: Default::default(),
    })
    .unwrap()
}

pub async fn open_docker(socket: &Path) -> DockerDriver {
    DockerDriver::connect(DockerConfig { socket: socket.to_owned(), owner: "suite".to_owned() })
        .await
        .unwrap()
}

/// A container of [`IMAGE`] that runs a shell command.
pub fn shell(name: &str, script: &str) -> ContainerSpec {
    run(name, &["sh", "-c", script])
}

/// A container of [`IMAGE`] that runs a program.
pub fn run(name: &str, command: &[&str]) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        image: IMAGE.to_owned(),
        command: Some(command.iter().map(|&argument| argument.to_owned()).collect()),
        ..ContainerSpec::default()
    }
}

/// Everything the container writes until it ends.
pub async fn all_lines(driver: &dyn Driver, name: &str) -> Vec<LogLine> {
    let mut lines = Vec::new();
    let mut from = LogPosition::default();
    loop {
        let chunk = driver.read_logs(name, from).await.unwrap();
        lines.extend(chunk.lines);
        if chunk.ended {
            return lines;
        }
        from = chunk.next;
    }
}

pub fn messages(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.message.as_str()).collect()
}

/// Launches, waits, and returns the exit code and the lines; removes it.
pub async fn complete(driver: &dyn Driver, spec: ContainerSpec) -> (i32, Vec<String>) {
    let name = spec.name.clone();
    driver.launch(spec).await.unwrap();
    let exit = driver.wait(&name).await.unwrap();
    let lines = all_lines(driver, &name).await;
    driver.remove(&name).await.unwrap();
    (exit.code, lines.into_iter().map(|line| line.message).collect())
}
