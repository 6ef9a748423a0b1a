//! Finds out which driver this machine can run, and says why, and what to do where it cannot.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::docker::{DockerConfig, DockerDriver, socket};
use crate::driver::{Driver, DriverKind};

/// What the choice of a driver depends on. The caller reads the environment; nothing here does.
#[derive(Clone, Debug, Default)]
pub struct DriverConfig {
    /// The driver that the user asked for; the best one that works when absent.
    pub wanted: Option<DriverKind>,
    /// Where the embedded driver keeps containers and images. An absolute path.
    pub data_directory: PathBuf,
    /// This program: see `EmbeddedConfig::executable`.
    pub executable: PathBuf,
    /// Offers this machine's own file system as the image `host` (embedded driver only).
    pub allow_host_image: bool,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `XDG_RUNTIME_DIR`, where engines without root listen.
    pub runtime_directory: Option<PathBuf>,
    /// Tells our containers from those of others on the same engine: something that belongs to the data directory.
    pub owner: String,
    /// How registries are reached (embedded driver only; Docker has its own configuration).
    #[cfg(target_os = "linux")]
    pub registry: crate::image::RegistryOptions,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Whose need it is.
    pub driver: DriverKind,
    /// What was looked at.
    pub name: &'static str,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do, where it is not.
    pub advice: &'static str,
}

/// What was found, and which driver it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The driver that [`choose`] gives, if any.
    pub chosen: Option<DriverKind>,
    /// The engine's socket, where the driver is Docker.
    pub socket: Option<PathBuf>,
    /// Why this one, or why none.
    pub reason: String,
    /// Everything that was looked at.
    pub checks: Vec<Check>,
    /// What networks of tasks can do with that driver. Where something is missing, containers run all the same.
    pub network: Vec<Check>,
}

/// No driver can run containers here. The text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

/// Looks at this machine.
pub async fn diagnose(config: &DriverConfig) -> Report {
    let mut checks = embedded_checks(&config.data_directory);
    let embedded = !checks.is_empty() && checks.iter().all(|check| check.ok);
    let mut engine = None;
    // An engine is not talked to where the user wants none.
    if config.wanted != Some(DriverKind::Embedded) {
        for path in socket::candidates(config.docker_host.as_deref(), config.runtime_directory.as_deref()) {
            let check = engine_check(&path, &config.owner).await;
            if check.ok && engine.is_none() {
                engine = Some(path);
            }
            checks.push(check);
        }
    }
    let (chosen, reason) = match (config.wanted, embedded, &engine) {
        (Some(DriverKind::Embedded), true, _) => (Some(DriverKind::Embedded), "it was asked for".to_owned()),
        (Some(DriverKind::Embedded), false, _) => {
            (None, "the embedded driver was asked for and cannot run here".to_owned())
        }
        (Some(DriverKind::Docker), _, Some(path)) => {
            (Some(DriverKind::Docker), format!("it was asked for, and answers at {}", path.display()))
        }
        (Some(DriverKind::Docker), _, None) => {
            (None, "Docker was asked for, and no engine answers on a Unix socket".to_owned())
        }
        (None, true, _) => {
            (Some(DriverKind::Embedded), "this machine has all it needs, and it is the fastest".to_owned())
        }
        (None, false, Some(path)) => (
            Some(DriverKind::Docker),
            format!("the embedded driver cannot run here, and an engine answers at {}", path.display()),
        ),
        (None, false, None) => {
            (None, "the embedded driver cannot run here, and no engine answers on a Unix socket".to_owned())
        }
    };
    let socket = engine.filter(|_| chosen == Some(DriverKind::Docker));
    let network = chosen.map(network_checks).unwrap_or_default();
    Report { chosen, socket, reason, checks, network }
}

/// Opens the best driver, or the one that was asked for.
///
/// # Errors
/// [`Refusal`], with what to do about it.
pub async fn choose(config: &DriverConfig) -> Result<Arc<dyn Driver>, Refusal> {
    let report = diagnose(config).await;
    match (report.chosen, &report.socket) {
        (Some(DriverKind::Docker), Some(socket)) => {
            let engine = DockerConfig { socket: socket.clone(), owner: config.owner.clone() };
            let driver = DockerDriver::connect(engine).await;
            Ok(Arc::new(driver.map_err(|error| Refusal(error.to_string()))?))
        }
        (Some(DriverKind::Embedded), _) => open_embedded(config),
        (Some(DriverKind::Docker) | None, _) => Err(Refusal(report.to_string())),
    }
}

#[cfg(target_os = "linux")]
fn open_embedded(config: &DriverConfig) -> Result<Arc<dyn Driver>, Refusal> {
    let config = crate::embedded::EmbeddedConfig {
        data_directory: config.data_directory.clone(),
        executable: config.executable.clone(),
        allow_host_image: config.allow_host_image,
        registry: config.registry.clone(),
    };
    let driver = crate::embedded::EmbeddedDriver::open(config);
    Ok(Arc::new(driver.map_err(|error| Refusal(error.to_string()))?))
}

#[cfg(not(target_os = "linux"))]
fn open_embedded(_: &DriverConfig) -> Result<Arc<dyn Driver>, Refusal> {
    Err(Refusal("the embedded driver needs Linux".to_owned()))
}

#[cfg(target_os = "linux")]
fn embedded_checks(data_directory: &Path) -> Vec<Check> {
    crate::embedded::needs::check(data_directory)
}

#[cfg(target_os = "linux")]
fn network_checks(driver: DriverKind) -> Vec<Check> {
    match driver {
        DriverKind::Embedded => crate::embedded::network::needs::check(),
        DriverKind::Docker => vec![docker_network()],
    }
}

#[cfg(not(target_os = "linux"))]
fn network_checks(_: DriverKind) -> Vec<Check> {
    vec![docker_network()]
}

fn docker_network() -> Check {
    Check {
        driver: DriverKind::Docker,
        name: "networks",
        ok: true,
        found: "addresses, outbound NAT and port mappings are the engine's".to_owned(),
        advice: "",
    }
}

#[cfg(not(target_os = "linux"))]
fn embedded_checks(_: &Path) -> Vec<Check> {
    vec![Check {
        driver: DriverKind::Embedded,
        name: "Linux",
        ok: false,
        found: std::env::consts::OS.to_owned(),
        advice: "run Docker or Podman here, or the server on Linux",
    }]
}

async fn engine_check(path: &Path, owner: &str) -> Check {
    let check = |ok, found, advice| Check { driver: DriverKind::Docker, name: "engine", ok, found, advice };
    if !path.exists() {
        let found = format!("{}: no such socket", path.display());
        return check(
            false,
            found,
            "start Docker or Podman's API service, or set DOCKER_HOST=unix:///its/socket",
        );
    }
    let config = DockerConfig { socket: path.to_owned(), owner: owner.to_owned() };
    match DockerDriver::connect(config).await {
        Ok(_) => check(true, format!("{} answers", path.display()), ""),
        Err(error) => {
            let found = format!("{}: {error}", path.display());
            check(false, found, "start the engine, or become a member of the group that owns its socket")
        }
    }
}

impl fmt::Display for Report {
    /// One line on the choice, then one per check.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.chosen {
            Some(DriverKind::Embedded) => {
                writeln!(f, "containers run in the embedded driver: {}", self.reason)?
            }
            Some(DriverKind::Docker) => writeln!(f, "containers run in Docker: {}", self.reason)?,
            None => writeln!(f, "containers cannot run: {}", self.reason)?,
        }
        for check in self.checks.iter().chain(&self.network) {
            let driver = match check.driver {
                DriverKind::Embedded => "embedded",
                DriverKind::Docker => "docker",
            };
            let mark = if check.ok { "ok" } else { "not ok" };
            write!(f, "  {driver}: {}: {mark} ({})", check.name, check.found)?;
            if check.ok { writeln!(f)? } else { writeln!(f, ": {}", check.advice)? }
        }
        Ok(())
    }
}
