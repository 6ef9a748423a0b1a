//! A container driver without containers: what a container does is said by the name of its image.
//!
//! `exit-N` writes two lines and ends with N; `oom` is killed for its memory; `forever` runs until it is stopped;
//! `stubborn` runs until it is killed; `gated-N` runs until the test opens the gate; `cannot-start`, `lost`,
//! `missing` and `unavailable` do what they say. Commands in them are `pass`, `fail`, `hang`, and `gate`, which passes
//! once the gate is open.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use container::{
    BoxFuture, ContainerSpec, ContainerState, ContainerStats, ContainerSummary, Driver, DriverError,
    DriverKind, Exec, ExecSpec, Exit, Image, ImageError, LaunchError, LogChunk, LogLine, LogPosition,
    LogStream, Network, NetworkError, NetworkKind, NetworkSpec, PortMapping, PublishedPort, Started,
};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::watch;
use types::Timestamp;

#[derive(Default)]
pub struct ScriptedDriver {
    containers: Mutex<BTreeMap<String, Container>>,
    launches: Mutex<BTreeMap<String, u32>>,
    specs: Mutex<BTreeMap<String, ContainerSpec>>,
    stops: Mutex<Vec<String>>,
    gate: watch::Sender<bool>,
    pulls_hang: Mutex<bool>,
    most: Mutex<usize>,
    networks: Mutex<BTreeMap<String, Network>>,
    listeners: Mutex<BTreeMap<SocketAddrV4, SocketAddr>>,
}

#[derive(Clone)]
struct Container {
    spec: ContainerSpec,
    exit: watch::Sender<Option<Exit>>,
}

impl ScriptedDriver {
    /// How often each container's process was started, by the container's name in the task definition.
    pub fn launches(&self) -> BTreeMap<String, u32> {
        self.launches.lock().unwrap().clone()
    }

    /// What the container was started with.
    pub fn spec(&self, name: &str) -> Option<ContainerSpec> {
        self.specs.lock().unwrap().get(name).cloned()
    }

    /// The containers that were asked to stop while they ran, in this order.
    pub fn stops(&self) -> Vec<String> {
        self.stops.lock().unwrap().clone()
    }

    /// How many containers have not been removed.
    pub fn left(&self) -> usize {
        self.containers().len()
    }

    /// The most containers that were there at one time.
    pub fn most(&self) -> usize {
        *self.most.lock().unwrap()
    }

    /// Lets `gated` containers end.
    pub fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    /// Lets no image arrive.
    pub fn hang_pulls(&self) {
        *self.pulls_hang.lock().unwrap() = true;
    }

    /// Forgets all containers, as a machine that lost its disk does.
    pub fn lose_everything(&self) {
        self.containers().clear();
    }

    /// Where on this machine it was listened last for an address inside of a network.
    pub fn listener(&self, inside: SocketAddrV4) -> Option<SocketAddr> {
        self.listeners.lock().unwrap().get(&inside).copied()
    }

    fn containers(&self) -> MutexGuard<'_, BTreeMap<String, Container>> {
        self.containers.lock().unwrap()
    }

    fn container(&self, name: &str) -> Result<Container, DriverError> {
        self.containers().get(name).cloned().ok_or_else(|| DriverError::Lost(name.to_owned()))
    }
}

impl Driver for ScriptedDriver {
    fn kind(&self) -> DriverKind {
        DriverKind::Embedded
    }

    fn prepare_image<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<Image, ImageError>> {
        async move {
            if *self.pulls_hang.lock().unwrap() {
                std::future::pending::<()>().await;
            }
            if image == "missing" {
                return Err(ImageError::Denied {
                    image: "docker.io/library/missing:latest".to_owned(),
                    reason: "server message: insufficient_scope: authorization failed".to_owned(),
                });
            }
            Ok(Image { digest: "sha256:0123".to_owned(), ..Image::default() })
        }
        .boxed()
    }

    fn launch(&self, spec: ContainerSpec) -> BoxFuture<'_, Result<Started, LaunchError>> {
        async move {
            if spec.image == "cannot-start" {
                return Err(LaunchError::CannotStart(
                    "exec: \"nope\": executable file not found in $PATH".to_owned(),
                ));
            }
            if spec.image == "unavailable" {
                return Err(LaunchError::Unavailable("no engine".to_owned()));
            }
            let mut containers = self.containers();
            let found = containers.contains_key(&spec.name);
            if !found {
                self.specs.lock().unwrap().insert(label(&spec), spec.clone());
                *self.launches.lock().unwrap().entry(label(&spec)).or_default() += 1;
                let container =
                    Container { spec: spec.clone(), exit: watch::Sender::new(immediate_exit(&spec.image)) };
                containers.insert(spec.name.clone(), container);
                let mut most = self.most.lock().unwrap();
                *most = containers.len().max(*most);
            }
            Ok(Started {
                runtime_id: format!("runtime-{}", spec.name),
                image_digest: "sha256:0123".to_owned(),
                started_at: Timestamp::from_seconds(1),
                found,
            })
        }
        .boxed()
    }

    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Exit, DriverError>> {
        async move {
            let container = self.container(name)?;
            if container.spec.image == "lost" {
                return Err(DriverError::Lost(name.to_owned()));
            }
            if let Some(code) = container.spec.image.strip_prefix("gated-") {
                let mut gate = self.gate.subscribe();
                let mut exit = container.exit.subscribe();
                tokio::select! {
                    _ = gate.wait_for(|open| *open) => { container.exit.send_replace(Some(exited(code.parse().unwrap()))); }
                    _ = exit.wait_for(Option::is_some) => {}
                }
            }
            let mut exit = container.exit.subscribe();
            let exit = exit.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            Ok(exit)
        }
        .boxed()
    }

    fn stop<'a>(&'a self, name: &'a str, timeout: Duration) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let container = self.container(name)?;
            assert!(timeout >= Duration::from_secs(1));
            let code = if container.spec.image == "stubborn" { 137 } else { 143 };
            container.exit.send_if_modified(|exit| {
                let runs = exit.is_none();
                if runs {
                    self.stops.lock().unwrap().push(label(&container.spec));
                }
                exit.get_or_insert_with(|| exited(code));
                runs
            });
            Ok(())
        }
        .boxed()
    }

    fn read_logs<'a>(
        &'a self,
        name: &'a str,
        from: LogPosition,
    ) -> BoxFuture<'a, Result<LogChunk, DriverError>> {
        async move {
            let container = self.container(name)?;
            // The first line is there at once, the second one when the container has ended.
            if from == LogPosition::default() {
                return Ok(chunk("first", "1", false));
            }
            container.exit.subscribe().wait_for(Option::is_some).await.unwrap();
            Ok(chunk("last", "2", true))
        }
        .boxed()
    }

    fn free_logs<'a>(
        &'a self,
        _: &'a str,
        _: &'a LogPosition,
        _: &'a LogPosition,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        async { Ok(()) }.boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ContainerSummary>, DriverError>> {
        let summaries = self
            .containers()
            .values()
            .map(|one| ContainerSummary {
                name: one.spec.name.clone(),
                image: one.spec.image.clone(),
                labels: one.spec.labels.clone(),
                state: if one.exit.borrow().is_some() {
                    ContainerState::Ended
                } else {
                    ContainerState::Running
                },
            })
            .collect();
        async move { Ok(summaries) }.boxed()
    }

    fn exec<'a>(&'a self, name: &'a str, spec: ExecSpec) -> BoxFuture<'a, Result<Exec, DriverError>> {
        async move {
            self.container(name)?;
            let code = match spec.command.first().map(String::as_str) {
                Some("pass") => Some(0),
                Some("gate") => Some(i32::from(!*self.gate.borrow())),
                Some("hang") => None,
                _ => Some(1),
            };
            let exit = async move {
                match code {
                    Some(code) => Ok(code),
                    None => std::future::pending().await,
                }
            };
            Ok(Exec {
                input: Box::new(tokio::io::sink()),
                output: futures_util::stream::empty().boxed(),
                exit: exit.boxed(),
                resize: Box::new(|_| async { Ok(()) }.boxed()),
            })
        }
        .boxed()
    }

    fn stats<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<ContainerStats, DriverError>> {
        async move { Ok(ContainerStats::default()) }.boxed()
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        self.containers().remove(name);
        async move { Ok(()) }.boxed()
    }

    fn provide_network(&self, spec: NetworkSpec) -> BoxFuture<'_, Result<Network, NetworkError>> {
        let mut networks = self.networks.lock().unwrap();
        let address = Ipv4Addr::new(172, 31, 0, 4 + u8::try_from(networks.len()).unwrap());
        let network = networks.entry(spec.name.clone()).or_insert_with(|| network(&spec, address));
        let network = network.clone();
        async move { Ok(network) }.boxed()
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        self.networks.lock().unwrap().remove(name);
        async move { Ok(()) }.boxed()
    }

    fn list_networks(&self) -> BoxFuture<'_, Result<Vec<String>, DriverError>> {
        let names = self.networks.lock().unwrap().keys().cloned().collect();
        async move { Ok(names) }.boxed()
    }

    /// There is no network to listen in: it listens on this machine, somewhere.
    fn listen_in_network<'a>(
        &'a self,
        name: &'a str,
        address: SocketAddrV4,
    ) -> BoxFuture<'a, Result<TcpListener, NetworkError>> {
        let known = self.networks.lock().unwrap().contains_key(name);
        async move {
            if !known {
                return Err(NetworkError::Unknown(name.to_owned()));
            }
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            listener.set_nonblocking(true).unwrap();
            self.listeners.lock().unwrap().insert(address, listener.local_addr().unwrap());
            Ok(listener)
        }
        .boxed()
    }
}

fn immediate_exit(image: &str) -> Option<Exit> {
    match image.strip_prefix("exit-") {
        Some(code) => Some(exited(code.parse().unwrap())),
        None if image == "oom" => Some(Exit { oom_killed: true, ..exited(137) }),
        None => None,
    }
}

fn exited(code: i32) -> Exit {
    let time = Timestamp::from_seconds(2);
    Exit { code, oom_killed: false, started_at: time, finished_at: time }
}

fn chunk(message: &str, next: &str, ended: bool) -> LogChunk {
    let line = LogLine {
        timestamp: Timestamp::from_seconds(1),
        stream: LogStream::Stdout,
        message: message.to_owned(),
        partial: false,
    };
    LogChunk { lines: vec![line], next: LogPosition::from_text(next), ended }
}

fn label(spec: &ContainerSpec) -> String {
    spec.labels["com.amazonaws.ecs.container-name"].clone()
}

/// A network in which every mapping without a port of this machine gets one from 49153 on.
fn network(spec: &NetworkSpec, address: Ipv4Addr) -> Network {
    if spec.kind == NetworkKind::Isolated {
        return Network::default();
    }
    let published = |(mapping, dynamic): (&PortMapping, u16)| PublishedPort {
        container_port: mapping.container_port,
        host_port: mapping.host_port.unwrap_or(dynamic),
        protocol: mapping.protocol,
    };
    Network {
        address: Some(address),
        prefix: 20,
        gateway: Some(Ipv4Addr::new(172, 31, 0, 1)),
        mac_address: Some(format!("02:00:ac:1f:00:{:02x}", address.octets()[3])),
        ports: spec.port_mappings.iter().zip(49_153..).map(published).collect(),
        dns_servers: vec![Ipv4Addr::new(172, 31, 0, 2).into()],
    }
}
