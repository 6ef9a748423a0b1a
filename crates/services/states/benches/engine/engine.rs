//! The service on a store of its own, and a run of executions through its door.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use api::{AwsError, Call, Dispatcher, Principal, Service};
use clock::Clock;
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};
use states::{Config, States};
use store::{Batch, LocalStore, Store};
use tempfile::TempDir;
use types::{AccountId, Region};

use crate::Outcome;

/// A service that runs.
pub struct Engine {
    door: Dispatcher,
    service: Arc<States>,
    store: Arc<dyn Store>,
    dir: TempDir,
}

/// What a run of executions came to.
pub struct Run {
    /// Executions.
    pub executions: u32,
    /// From the first start until nothing ran any more.
    pub elapsed: Duration,
    /// CPU time of the whole process.
    pub cpu: Duration,
    /// Syncs of the store.
    pub syncs: u64,
}

impl Engine {
    /// A service on a fresh store under `parent`.
    pub async fn start(parent: &Path) -> Outcome<Self> {
        let dir = tempfile::tempdir_in(parent)?;
        let store: Arc<dyn Store> = Arc::new(LocalStore::open(&dir.path().join("store"))?);
        let door = Dispatcher::new(Clock::Wall);
        let service = Arc::new(States::new(Arc::clone(&store), door.clone(), Config::default()));
        door.install([Arc::clone(&service) as Arc<dyn Service>]);
        service.start().await?;
        Ok(Self { door, service, store, dir })
    }

    /// Where it keeps its data.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Creates a machine; its ARN.
    pub async fn create(&self, name: &str, kind: &str, definition: &str) -> Outcome<String> {
        let role = "arn:aws:iam::000000000000:role/bench";
        let input = json!({"name": name, "type": kind, "roleArn": role, "definition": definition});
        let created = call(&self.door, "CreateStateMachine", input).await?;
        Ok(created["stateMachineArn"].as_str().unwrap_or_default().to_owned())
    }

    /// Starts `count` executions by `callers` at a time, and waits until none runs.
    pub async fn run(&self, start: &Start, callers: u32, count: u32) -> Outcome<Run> {
        let syncs = self.syncs().await?;
        let (begun, cpu) = (Instant::now(), cpu()?);
        self.start_all(start, callers, count).await?;
        self.wait_for_end(&start.machine, start.operation).await?;
        let elapsed = begun.elapsed();
        let cpu = self::cpu()?.saturating_sub(cpu);
        let syncs = self.syncs().await?.saturating_sub(syncs);
        Ok(Run { executions: count, elapsed, cpu, syncs })
    }

    async fn start_all(&self, start: &Start, callers: u32, count: u32) -> Outcome<()> {
        let next = Arc::new(AtomicU32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            let (door, next, start) = (self.door.clone(), Arc::clone(&next), start.clone());
            tasks.spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    let input = json!({"stateMachineArn": start.machine, "input": start.input});
                    let answer = call(&door, start.operation, input).await?;
                    if answer["status"].as_str().is_some_and(|status| status != "SUCCEEDED") {
                        return Err(format!("an execution ended so: {answer}").into());
                    }
                }
                Outcome::Ok(())
            });
        }
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok(())
    }

    async fn wait_for_end(&self, machine: &str, operation: &str) -> Outcome<()> {
        if operation != "StartExecution" {
            return Ok(());
        }
        while self.has_executions(machine, "RUNNING").await? {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for status in ["FAILED", "TIMED_OUT", "ABORTED"] {
            if self.has_executions(machine, status).await? {
                return Err(format!("an execution of {machine} is {status}").into());
            }
        }
        Ok(())
    }

    async fn has_executions(&self, machine: &str, status: &str) -> Outcome<bool> {
        let input = json!({"stateMachineArn": machine, "statusFilter": status, "maxResults": 1});
        let answer = call(&self.door, "ListExecutions", input).await?;
        Ok(answer["executions"].as_array().is_some_and(|executions| !executions.is_empty()))
    }

    /// The number of the store's last transaction; each is one sync. A batch that changes nothing takes none.
    async fn syncs(&self) -> Outcome<u64> {
        Ok(self.store.submit(Batch::new()).durable().await?.0)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.service.stop();
    }
}

/// What is started.
#[derive(Clone)]
pub struct Start {
    /// The machine's ARN.
    pub machine: String,
    /// `StartExecution` or `StartSyncExecution`.
    pub operation: &'static str,
    /// The execution's input.
    pub input: String,
}

impl Run {
    /// Microseconds of CPU for each of `transitions` of an execution.
    pub fn cpu_per_transition(&self, transitions: u32) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.transitions(transitions)
    }

    /// Transitions a second, of executions with `transitions` each.
    pub fn per_second(&self, transitions: u32) -> f64 {
        self.transitions(transitions) / self.elapsed.as_secs_f64()
    }

    /// All transitions, of executions with `transitions` each.
    pub fn transitions(&self, transitions: u32) -> f64 {
        f64::from(self.executions) * f64::from(transitions)
    }
}

async fn call(door: &Dispatcher, operation: &str, input: Value) -> Result<Value, AwsError> {
    let account = AccountId::new("000000000000");
    let principal = Principal::Root { account: account.clone() };
    let region = Region::new("us-east-1");
    door.call(Call::new(principal, &account, &region, "states", operation, input)).await
}

/// CPU time of this process so far, in user mode and in the kernel.
fn cpu() -> Outcome<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = |time: nix::sys::time::TimeVal| {
        use nix::sys::time::TimeValLike as _;
        u64::try_from(time.num_microseconds()).unwrap_or_default()
    };
    Ok(Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time())))
}
