//! Containers without processes: how long one runs and how it ends follows from the work in its environment.
//!
//! They outlive the process that started them, as real ones do. Work is the variable `KEY`, which no other container may
//! have.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::{Clock, VirtualClock};
use container::{
    BoxFuture, ContainerSpec, ContainerState, ContainerStats, ContainerSummary, Driver, DriverError,
    DriverKind, Exec, ExecSpec, Exit, Image, ImageError, LaunchError, LogChunk, LogLine, LogPosition,
    LogStream, Network, NetworkError, NetworkSpec, Started,
};
use tokio::sync::Notify;
use types::Timestamp;

use crate::door::Ways;
use crate::random::Random;
use crate::receiver::{Fate, fate, unique};
use crate::trace::Trace;

/// Longest run of a container that ends by itself.
const RUN_MS_MAX: u64 = 90_000;

/// The driver, and all its containers.
pub struct Containers {
    seed: u64,
    clock: Clock,
    trace: Arc<Trace>,
    ways: Arc<Ways>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    containers: BTreeMap<String, Container>,
    /// The container that each piece of work was started in.
    by_key: BTreeMap<String, String>,
    /// Every network that there ever was, and whether it still is there.
    networks: BTreeMap<String, (Network, bool)>,
}

#[derive(Clone)]
struct Container {
    spec: ContainerSpec,
    started_at: Timestamp,
    /// When it ends, and with which code; `None` where it runs until it is stopped.
    end: Option<(Timestamp, i32)>,
    changed: Arc<Notify>,
}

impl Containers {
    /// No containers.
    pub fn new(seed: u64, clock: &VirtualClock, trace: Arc<Trace>, ways: Arc<Ways>) -> Self {
        Self { seed, clock: Clock::Virtual(clock.clone()), trace, ways, state: Mutex::default() }
    }

    /// How many were ever started.
    pub fn started(&self) -> u64 {
        self.state().by_key.len() as u64
    }

    /// Names of those that still run, or have not been removed.
    pub fn left(&self) -> Vec<String> {
        self.state().containers.keys().cloned().collect()
    }

    fn find(&self, name: &str) -> Result<Container, DriverError> {
        self.state().containers.get(name).cloned().ok_or_else(|| DriverError::Lost(name.to_owned()))
    }

    /// Starts a container, unless there is one of that name. The flag says whether there was.
    fn start(&self, spec: ContainerSpec) -> (Timestamp, bool) {
        let mut state = self.state();
        if let Some(found) = state.containers.get(&spec.name) {
            return (found.started_at, true);
        }
        let key = key(&spec);
        self.trace.note(&format!("container for {key}"));
        let now = self.clock.now();
        let runs = Duration::from_millis(Random::new(self.seed, &key).below(RUN_MS_MAX));
        let end = match fate(self.seed, &key) {
            Fate::Done => Some((now + runs, 0)),
            Fate::Failed => Some((now + runs, 1)),
            Fate::Silent => None,
        };
        let name = spec.name.clone();
        let work = unique(&key, variable(&spec, "EXECUTION"));
        if let Some(first) = state.by_key.insert(work, name.clone()) {
            self.trace.violation(format!("the work {key} was started in {first} and in {name}"));
        }
        state.containers.insert(name, Container { spec, started_at: now, end, changed: Arc::default() });
        (now, false)
    }

    async fn end(&self, name: &str) -> Result<(Container, Timestamp, i32), DriverError> {
        loop {
            let container = self.find(name)?;
            let changed = container.changed.notified();
            match container.end {
                Some((at, code)) if at <= self.clock.now() => return Ok((container.clone(), at, code)),
                Some((at, _)) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = self.clock.sleep_until(at) => {}
                },
                None => changed.await,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(spec: &ContainerSpec) -> String {
    variable(spec, "KEY").unwrap_or(&spec.name).to_owned()
}

fn variable<'a>(spec: &'a ContainerSpec, name: &str) -> Option<&'a str> {
    spec.environment.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
}

impl Driver for Containers {
    fn kind(&self) -> DriverKind {
        DriverKind::Embedded
    }

    fn prepare_image<'a>(&'a self, image: &'a str) -> BoxFuture<'a, Result<Image, ImageError>> {
        Box::pin(async move {
            self.ways.pass(&self.clock).await;
            Ok(Image { name: image.to_owned(), digest: "sha256:0123".to_owned(), ..Image::default() })
        })
    }

    fn launch(&self, spec: ContainerSpec) -> BoxFuture<'_, Result<Started, LaunchError>> {
        Box::pin(async move {
            self.ways.pass(&self.clock).await;
            let runtime_id = spec.name.clone();
            let (started_at, found) = self.start(spec);
            self.ways.pass(&self.clock).await;
            Ok(Started { runtime_id, image_digest: "sha256:0123".to_owned(), started_at, found })
        })
    }

    fn wait<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Exit, DriverError>> {
        Box::pin(async move {
            let (container, finished_at, code) = self.end(name).await?;
            Ok(Exit { code, oom_killed: false, started_at: container.started_at, finished_at })
        })
    }

    fn stop<'a>(&'a self, name: &'a str, _timeout: Duration) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move {
            self.ways.pass(&self.clock).await;
            let now = self.clock.now();
            let changed = {
                let mut state = self.state();
                let container =
                    state.containers.get_mut(name).ok_or_else(|| DriverError::Lost(name.to_owned()))?;
                if container.end.is_none_or(|(at, _)| at > now) {
                    container.end = Some((now, 143));
                }
                Arc::clone(&container.changed)
            };
            changed.notify_waiters();
            Ok(())
        })
    }

    fn read_logs<'a>(
        &'a self,
        name: &'a str,
        from: LogPosition,
    ) -> BoxFuture<'a, Result<LogChunk, DriverError>> {
        Box::pin(async move {
            let container = self.find(name)?;
            if from == LogPosition::default() {
                return Ok(chunk(&key(&container.spec), container.started_at, "1", false));
            }
            let (_, at, code) = self.end(name).await?;
            Ok(chunk(&format!("exit {code}"), at, "2", true))
        })
    }

    fn free_logs<'a>(
        &'a self,
        _: &'a str,
        _: &'a LogPosition,
        _: &'a LogPosition,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async { Ok(()) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ContainerSummary>, DriverError>> {
        let now = self.clock.now();
        let summaries = self
            .state()
            .containers
            .values()
            .map(|one| ContainerSummary {
                name: one.spec.name.clone(),
                image: one.spec.image.clone(),
                labels: one.spec.labels.clone(),
                state: match one.end {
                    Some((at, _)) if at <= now => ContainerState::Ended,
                    _ => ContainerState::Running,
                },
            })
            .collect();
        Box::pin(async move { Ok(summaries) })
    }

    fn exec<'a>(&'a self, _: &'a str, _: ExecSpec) -> BoxFuture<'a, Result<Exec, DriverError>> {
        Box::pin(async move { Err(DriverError::CannotExec("these containers have no programs".to_owned())) })
    }

    fn stats<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<ContainerStats, DriverError>> {
        Box::pin(async move { Ok(ContainerStats::default()) })
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move {
            self.ways.pass(&self.clock).await;
            let mut state = self.state();
            let now = self.clock.now();
            if state.containers.get(name).is_some_and(|one| one.end.is_none_or(|(at, _)| at > now)) {
                return Err(DriverError::StillRunning(name.to_owned()));
            }
            state.containers.remove(name);
            Ok(())
        })
    }

    fn provide_network(&self, spec: NetworkSpec) -> BoxFuture<'_, Result<Network, NetworkError>> {
        Box::pin(async move {
            self.ways.pass(&self.clock).await;
            let network = {
                let mut state = self.state();
                // Never given away twice: what reaches a dead task's address would be a bug to find.
                let next = u32::try_from(state.networks.len()).unwrap_or(u32::MAX).saturating_add(4);
                let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() | next);
                state.networks.entry(spec.name).or_insert((network(address), true)).0.clone()
            };
            self.ways.pass(&self.clock).await;
            Ok(network)
        })
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move {
            self.ways.pass(&self.clock).await;
            if let Some((_, exists)) = self.state().networks.get_mut(name) {
                *exists = false;
            }
            Ok(())
        })
    }

    fn list_networks(&self) -> BoxFuture<'_, Result<Vec<String>, DriverError>> {
        let state = self.state();
        let existing = state.networks.iter().filter(|(_, (_, exists))| *exists);
        let names = existing.map(|(name, _)| name.clone()).collect();
        drop(state);
        Box::pin(async move { Ok(names) })
    }

    fn listen_in_network<'a>(
        &'a self,
        _: &'a str,
        _: SocketAddrV4,
    ) -> BoxFuture<'a, Result<TcpListener, NetworkError>> {
        Box::pin(async { Err(NetworkError::Unsupported("simulated networks have no sockets".to_owned())) })
    }
}

fn network(address: Ipv4Addr) -> Network {
    Network {
        address: Some(address),
        prefix: 8,
        gateway: Some(Ipv4Addr::new(10, 0, 0, 1)),
        ..Network::default()
    }
}

fn chunk(message: &str, timestamp: Timestamp, next: &str, ended: bool) -> LogChunk {
    let line = LogLine { timestamp, stream: LogStream::Stdout, message: message.to_owned(), partial: false };
    LogChunk { lines: vec![line], next: LogPosition::from_text(next), ended }
}
