//! What the program is told: flags, then the environment, then `runwright.toml`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use schedule::Missed;
use serde::Deserialize;
use types::{AccountId, Region};

use crate::capacity::{self, LimitKind, Memory, Processors, TaskLimit};
use crate::time_options::{ClockChoice, MissedChoice, missed};

/// Where the configuration file is looked for when nobody says where it is.
const FILE_NAME: &str = "runwright.toml";
/// Most days that closed executions can be kept: a hundred years.
const DAYS_MAX: i64 = 36_500;

/// Options that several commands share. What is absent here may be in the file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// Read this configuration file [default: runwright.toml, if there is one].
    #[arg(long, env = "RUNWRIGHT_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Listen here [default: 127.0.0.1:4566; for `run`: a free port].
    #[arg(long, env = "RUNWRIGHT_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,

    /// Keep data here [default: the platform's data directory; for `run`: nothing is kept].
    #[arg(long, env = "RUNWRIGHT_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Accept the key "test" with the secret "test" as root, and allow the image "host". Only on loopback.
    #[arg(long, env = "RUNWRIGHT_DEV", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub dev: Option<bool>,

    /// What runs containers.
    #[arg(long, env = "RUNWRIGHT_DRIVER", value_name = "DRIVER")]
    pub driver: Option<DriverChoice>,

    /// Docker Engine's or Podman's socket [default: DOCKER_HOST, then where they usually are].
    #[arg(long, env = "RUNWRIGHT_DOCKER_HOST", value_name = "unix://PATH")]
    pub docker_host: Option<String>,

    /// Allow the image "host": this machine's file system, read-only under a private writable layer.
    #[arg(long, env = "RUNWRIGHT_HOST_IMAGE", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub host_image: Option<bool>,

    /// Allow tasks to mount this folder of this machine and what is in it, by host.sourcePath; may be repeated.
    #[arg(long, env = "RUNWRIGHT_ALLOW_BIND", value_name = "DIR", value_delimiter = ':')]
    pub allow_bind: Vec<PathBuf>,

    /// Keep closed executions with their histories for so many days [default: 90].
    #[arg(long, env = "RUNWRIGHT_RETENTION_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
    pub retention_days: Option<u32>,

    /// Run ECS tasks with at most so many processors [default: those that this machine gives to this process;
    /// with --dev and for `run`: unlimited].
    #[arg(long, env = "RUNWRIGHT_CAPACITY_CPUS", value_name = "NUMBER|unlimited")]
    pub capacity_cpus: Option<Processors>,

    /// Run ECS tasks with at most so much memory [default: what this machine gives to this process; with --dev
    /// and for `run`: unlimited].
    #[arg(long, env = "RUNWRIGHT_CAPACITY_MEMORY", value_name = "MIB|SIZE|unlimited")]
    pub capacity_memory: Option<Memory>,

    /// What becomes of ECS tasks that do not fit now [default: refuse].
    #[arg(long, env = "RUNWRIGHT_PLACEMENT", value_name = "PLACEMENT")]
    pub placement: Option<PlacementChoice>,

    /// Run at most N ECS tasks at a time of this cluster or task definition family. May be given several times.
    #[arg(
        long,
        env = "RUNWRIGHT_TASK_LIMIT",
        value_delimiter = ',',
        value_name = "cluster/NAME=N|family/NAME=N"
    )]
    pub task_limit: Vec<TaskLimit>,

    /// The account [default: 000000000000].
    #[arg(long, env = "RUNWRIGHT_ACCOUNT", value_name = "12 DIGITS", value_parser = account)]
    pub account: Option<String>,

    /// What time it is: the machine's, or a time that stands until `runwright clock` moves it [default: wall].
    #[arg(long, env = "RUNWRIGHT_CLOCK", value_name = "wall|virtual[:START]")]
    pub clock: Option<ClockChoice>,

    /// What becomes of schedules' times that fell into a downtime: skip them, make up for the last, or for all [default: skip].
    #[arg(long, env = "RUNWRIGHT_MISSED_SCHEDULES", value_name = "WHICH")]
    pub missed_schedules: Option<MissedChoice>,

    /// How long ago a time that is made up for may have been [default: 24h].
    #[arg(long, env = "RUNWRIGHT_MISSED_WINDOW", value_name = "DURATION")]
    pub missed_window: Option<String>,

    /// The region of what this program does by itself [default: us-east-1]. Clients name theirs.
    #[arg(long, env = "RUNWRIGHT_REGION", value_name = "REGION")]
    pub region: Option<String>,
}

/// Which driver to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverChoice {
    /// The embedded one where it can run, else Docker Engine or Podman.
    #[default]
    Auto,
    /// Linux namespaces and control groups, without a daemon.
    Embedded,
    /// Docker Engine or Podman.
    Docker,
}

/// What becomes of tasks that do not fit now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlacementChoice {
    /// RunTask answers `RESOURCE:CPU`, `RESOURCE:MEMORY` or `RESOURCE:PORTS`.
    Refuse,
    /// They wait in `PROVISIONING`, and start in the order of their arrival.
    Queue,
}

/// Everything decided.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// Where data is kept.
    pub data_dir: PathBuf,
    /// Whether `test`/`test` is root.
    pub dev: bool,
    /// Which driver to use.
    pub driver: DriverChoice,
    /// Docker's socket, if somebody named it.
    pub docker_host: Option<String>,
    /// Whether the image `host` is allowed.
    pub host_image: bool,
    /// The folders of this machine that tasks may mount.
    pub allow_bind: Vec<PathBuf>,
    /// How long closed executions are kept.
    pub retention: Duration,
    /// Which subnets and security groups tasks may name that are not there.
    pub stand_ins: ecs::StandIns,
    /// How many tasks may run.
    pub capacity: ecs::Capacity,
    /// The account.
    pub account: AccountId,
    /// What becomes of schedules' times that fell into a downtime.
    pub missed: Missed,
    /// Which clock to go by.
    pub clock: ClockChoice,
    /// The region of what the program does by itself.
    pub region: Region,
}

/// A data directory that is gone when this is dropped.
pub struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the temporary data directory stays");
        }
    }
}

impl Settings {
    /// What `serve`, `env`, `doctor` and `image` work with.
    ///
    /// # Errors
    /// A file that cannot be read or says what nobody understands; `--dev` on an address that others can reach.
    pub fn decide(self) -> anyhow::Result<Config> {
        let settings = self.with_file()?;
        let listen = settings.listen.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4566));
        settings.with_defaults(listen, default_data_dir)
    }

    /// What `run` works with: a free port, the image `host` allowed, and data that are gone at the end unless a
    /// directory was named.
    ///
    /// # Errors
    /// As for [`Settings::decide`].
    pub fn for_run(self) -> anyhow::Result<(Config, Option<Temporary>)> {
        let mut settings = self.with_file()?;
        settings.host_image.get_or_insert(true);
        settings.capacity_cpus.get_or_insert(Processors::UNLIMITED);
        settings.capacity_memory.get_or_insert(Memory::UNLIMITED);
        let listen = settings.listen.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
        let temporary = settings.data_dir.is_none();
        let config = settings.with_defaults(listen, temporary_data_dir)?;
        // Nobody can make subnets before a template is run.
        let config = Config { stand_ins: ecs::StandIns::All, ..config };
        let temporary = temporary.then(|| Temporary(config.data_dir.clone()));
        Ok((config, temporary))
    }

    fn with_file(self) -> anyhow::Result<Self> {
        let file = match &self.config {
            Some(path) => read(path)?,
            None if Path::new(FILE_NAME).exists() => read(Path::new(FILE_NAME))?,
            None => Self::default(),
        };
        Ok(Self {
            config: self.config,
            listen: self.listen.or(file.listen),
            data_dir: self.data_dir.or(file.data_dir),
            dev: self.dev.or(file.dev),
            driver: self.driver.or(file.driver),
            docker_host: self.docker_host.or(file.docker_host),
            host_image: self.host_image.or(file.host_image),
            allow_bind: if self.allow_bind.is_empty() { file.allow_bind } else { self.allow_bind },
            retention_days: self.retention_days.or(file.retention_days),
            capacity_cpus: self.capacity_cpus.or(file.capacity_cpus),
            capacity_memory: self.capacity_memory.or(file.capacity_memory),
            placement: self.placement.or(file.placement),
            task_limit: if self.task_limit.is_empty() { file.task_limit } else { self.task_limit },
            account: self.account.or(file.account),
            missed_schedules: self.missed_schedules.or(file.missed_schedules),
            missed_window: self.missed_window.or(file.missed_window),
            clock: self.clock.or(file.clock),
            region: self.region.or(file.region),
        })
    }

    fn with_defaults(
        self,
        listen: SocketAddr,
        data_dir: fn() -> anyhow::Result<PathBuf>,
    ) -> anyhow::Result<Config> {
        let dev = self.dev.unwrap_or(false);
        if dev && !listen.ip().is_loopback() {
            bail!(
                "--dev accepts the key test/test: it is refused on {listen}, which other machines may reach. Listen \
                 on 127.0.0.1, or leave --dev out and use the keys that `runwright env` prints."
            );
        }
        let capacity = self.capacity(dev);
        let account = self.account.unwrap_or_else(|| "000000000000".to_owned());
        Ok(Config {
            listen,
            data_dir: self.data_dir.map_or_else(data_dir, Ok)?,
            dev,
            driver: self.driver.unwrap_or_default(),
            docker_host: self.docker_host.or_else(|| std::env::var("DOCKER_HOST").ok()),
            host_image: self.host_image.unwrap_or(dev),
            allow_bind: absolute(self.allow_bind)?,
            retention: retention(self.retention_days)?,
            stand_ins: if dev { ecs::StandIns::Placeholders } else { ecs::StandIns::None },
            capacity,
            account: AccountId::new(self::account(&account).map_err(anyhow::Error::msg)?),
            missed: missed(self.missed_schedules, self.missed_window.as_deref())?,
            clock: self.clock.unwrap_or_default(),
            region: Region::new(self.region.unwrap_or_else(|| "us-east-1".to_owned())),
        })
    }
}

impl Settings {
    fn capacity(&self, dev: bool) -> ecs::Capacity {
        let overflow = match self.placement.unwrap_or(PlacementChoice::Refuse) {
            PlacementChoice::Refuse => ecs::Overflow::Refuse,
            PlacementChoice::Queue => ecs::Overflow::Queue,
        };
        // Who tries a stack out has a small machine, and on AWS there is always room: tasks share it as they can.
        let machine = |size: fn() -> Option<u64>| if dev { None } else { size() };
        let limits = |kind| capacity::limits(&self.task_limit, kind);
        ecs::Capacity {
            cpu_units: self
                .capacity_cpus
                .map_or_else(|| machine(capacity::machine_cpu_units), Processors::units),
            memory_mib: self
                .capacity_memory
                .map_or_else(|| machine(capacity::machine_memory_mib), Memory::mib),
            overflow,
            cluster_limits: limits(LimitKind::Cluster),
            family_limits: limits(LimitKind::Family),
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Settings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a configuration", path.display()))
}

fn absolute(folders: Vec<PathBuf>) -> anyhow::Result<Vec<PathBuf>> {
    let absolute = folders.into_iter().map(std::path::absolute);
    absolute.collect::<Result<_, _>>().context("a folder of --allow-bind has no absolute path")
}

fn retention(days: Option<u32>) -> anyhow::Result<Duration> {
    match days.map(i64::from) {
        None => Ok(states::limits::HISTORY_RETENTION),
        Some(days @ 1..=DAYS_MAX) => Ok(Duration::from_secs(days.unsigned_abs() * 86_400)),
        // The command line has been checked already.
        Some(days) => bail!("retention-days is {days}: it is a number from 1 to {DAYS_MAX}"),
    }
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not an account: twelve digits"))
    }
}

/// `/var/lib/runwright` for root; else `$XDG_DATA_HOME/runwright`, `~/.local/share/runwright`.
fn default_data_dir() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    if let Some(folder) = std::env::var_os("XDG_DATA_HOME").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder).join("runwright"));
    }
    match home {
        Some(home) if home == Path::new("/root") => Ok(PathBuf::from("/var/lib/runwright")),
        Some(home) => Ok(home.join(".local/share/runwright")),
        None => bail!("there is no HOME: say where to keep data with --data-dir"),
    }
}

fn temporary_data_dir() -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("runwright-{}", api::ids::alphanumeric(10)));
    std::fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runwright.toml");
        std::fs::write(&file, "listen = \"127.0.0.1:1\"\nregion = \"eu-central-1\"\ndata-dir = \"/d\"\n")
            .unwrap();
        let flags = Settings {
            config: Some(file),
            listen: Some("127.0.0.1:2".parse().unwrap()),
            ..Settings::default()
        };
        let config = flags.decide().unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.region.as_str(), "eu-central-1");
        assert_eq!(config.data_dir, Path::new("/d"));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runwright.toml");
        std::fs::write(&file, "lisen = \"127.0.0.1:1\"\n").unwrap();
        let error = Settings { config: Some(file), ..Settings::default() }.decide().unwrap_err();
        assert!(format!("{error:#}").contains("unknown field `lisen`"), "{error:#}");
    }

    #[test]
    fn dev_stays_on_loopback() {
        let settings = Settings {
            listen: Some("0.0.0.0:4566".parse().unwrap()),
            dev: Some(true),
            data_dir: Some(PathBuf::from("/d")),
            ..Settings::default()
        };
        assert!(settings.decide().unwrap_err().to_string().starts_with("--dev accepts the key test/test"));
    }
}
