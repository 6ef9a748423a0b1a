//! Moves the clock: from one time at which something is due to the next, each time as soon as everything has come to rest.
//!
//! At rest means: no batch is on its way, no timer is due, and nobody has lain down or got up for a moment. Containers and
//! requests to the world outside take real time: the clock stands meanwhile, for so long as the person allows at one
//! moment, and goes on without them then.

use std::time::{Duration, Instant};

use anyhow::bail;
use api::{Call, Dispatcher, Principal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Batch, Store as _};
use tokio::sync::mpsc::UnboundedSender;
use types::{AccountId, Region, Timestamp};

use super::happening::{Happening, What};
use super::kept::keep;
use super::ledger::TimerName;
use super::{Names, VirtualTime};

/// How long nothing may stir before everything is at rest, looked at in steps.
const STEP: Duration = Duration::from_millis(1);
const QUIET_STEPS: u32 = 2;
/// How long work inside of this process may stand still before the clock goes on without it.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// How long others may stir, with nothing due, before they are taken for clients of their own.
const RESTLESS_AFTER: Duration = Duration::from_secs(10);
/// A task of ECS has a timer here until it has stopped.
const TASKS: &str = "ecs/task";
/// An operation on a stack has a timer here; it may wait for tasks of ECS.
const STACKS: &str = "cloudformation/operation";
/// An open Map Run has a timer here; what it waits for has timers of its own.
const MAP_RUNS: &str = "states/map_run_order";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Advance {
    /// How far.
    pub to: To,
    /// How long, in real time, containers are waited for at one moment.
    pub patience: Duration,
}

impl Advance {
    /// How long containers are waited for where nobody says.
    pub const PATIENCE: Duration = Duration::from_secs(60);
}

/// How far the clock is to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    /// By so much.
    By(Duration),
    /// To this time.
    Time(Timestamp),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Moved {
    /// Where the clock stood.
    pub from: Timestamp,
    /// Where it stands.
    pub to: Timestamp,
}

/// Why a moment is left.
enum Rest {
    AtRest,
    /// These were waited for long enough.
    LeavingBehind(Vec<TimerName>),
}

impl VirtualTime {
    /// Moves the clock, and tells what happens as it does. Where nobody listens any more, the clock stops.
    ///
    /// # Errors
    /// A time in the past, and a store that cannot keep the time.
    pub async fn advance(
        &self,
        dispatcher: &Dispatcher,
        advance: Advance,
        told: &UnboundedSender<Happening>,
    ) -> anyhow::Result<Moved> {
        // One at a time.
        let mut left_alone = self.left_alone.lock().await;
        let from = self.now();
        let to = match advance.to {
            To::By(by) => from + by,
            To::Time(to) if to < from => bail!("time does not go back: the clock stands at {from}"),
            To::Time(to) => to,
        };
        loop {
            let now = self.now();
            while let Rest::LeavingBehind(names) =
                self.rest(dispatcher, &mut left_alone, advance.patience).await
            {
                for name in names {
                    let subject = match (task(dispatcher, &name).await, &name) {
                        (Some(task), _) => {
                            format!("the task {}", task["taskArn"].as_str().unwrap_or_default())
                        }
                        (None, (STACKS, stack)) => format!("the stack {stack}"),
                        (None, (queue, key)) => format!("{key} of {queue}"),
                    };
                    // Whoever listened may have gone.
                    let _ = told.send(Happening { time: now, what: What::StillRunning { subject } });
                    left_alone.insert(name);
                }
            }
            let due = self.ledger.due(now);
            left_alone.retain(|name| due.contains(name));
            let told_all = self.heard.take().into_iter().all(|happening| told.send(happening).is_ok());
            if now >= to || !told_all || told.is_closed() {
                return self.stand(from).await;
            }
            self.step(to);
        }
    }

    /// Makes sure that the time outlasts the process.
    async fn stand(&self, from: Timestamp) -> anyhow::Result<Moved> {
        self.ledger.submit(Batch::new()).durable().await?;
        Ok(Moved { from, to: self.now() })
    }

    /// Moves the clock to the next time at which anything is due, or to `to`.
    fn step(&self, to: Timestamp) {
        let now = self.now();
        let sleepers = self.clock.next_due().filter(|due| *due > now);
        let next = [sleepers, self.ledger.next_due(now)].into_iter().flatten().fold(to, Timestamp::min);
        let mut batch = Batch::new();
        keep(&mut batch, next);
        // Whatever is written at that time is durable later than the time itself.
        drop(self.ledger.submit(batch));
        self.clock.advance_to(next);
    }

    /// Waits until everything has come to rest, or has been waited for long enough.
    async fn rest(&self, dispatcher: &Dispatcher, left_alone: &mut Names, patience: Duration) -> Rest {
        let (begun, mut known) = (Instant::now(), Names::new());
        let (mut stirred, mut quiet, mut last_stir) = (self.stirred(), 0, begun);
        loop {
            tokio::time::sleep(STEP).await;
            quiet += 1;
            if stirred != self.stirred() {
                (stirred, quiet, last_stir) = (self.stirred(), 0, Instant::now());
            }
            let (tasks, others) = self.awaited(left_alone);
            for name in tasks.iter().filter(|name| !known.contains(*name)) {
                if is_of_service(task(dispatcher, name).await.as_ref()) {
                    left_alone.insert(name.clone());
                }
            }
            known.extend(tasks.iter().cloned());
            if self.ledger.is_writing() || !others.is_empty() {
                if last_stir.elapsed() > STUCK_AFTER {
                    return Rest::LeavingBehind(others);
                }
            } else if !tasks.is_empty() {
                if begun.elapsed() > patience {
                    return Rest::LeavingBehind(tasks);
                }
            } else if quiet >= QUIET_STEPS || begun.elapsed() > RESTLESS_AFTER {
                return Rest::AtRest;
            }
        }
    }

    /// What is due and waited for: containers and stacks that wait for some, and what is done in this process.
    fn awaited(&self, left_alone: &Names) -> (Vec<TimerName>, Vec<TimerName>) {
        let due = self.ledger.due(self.now()).into_iter();
        let awaited = due.filter(|name| name.0 != MAP_RUNS && !left_alone.contains(name));
        awaited.partition(|(queue, _)| [TASKS, STACKS].contains(queue))
    }

    fn stirred(&self) -> u64 {
        self.ledger.stirred() + self.clock.stirred()
    }
}

/// The task of ECS that a timer stands for, as DescribeTasks shows it; `None` where it stands for something else.
async fn task(dispatcher: &Dispatcher, (queue, key): &TimerName) -> Option<Value> {
    let parts: Vec<&str> = key.split('/').collect();
    let (TASKS, [account, region, cluster, id]) = (*queue, parts.as_slice()) else { return None };
    let account = AccountId::new(*account);
    let input = json!({"cluster": cluster, "tasks": [id]});
    let root = Principal::Root { account: account.clone() };
    let call = Call::new(root, &account, &Region::new(*region), "ecs", "DescribeTasks", input);
    let answer = dispatcher.call(call).await.ok()?;
    answer["tasks"].as_array()?.first().cloned()
}

/// Whether a task is meant to run for ever.
fn is_of_service(task: Option<&Value>) -> bool {
    task.and_then(|task| task["group"].as_str()).is_some_and(|group| group.starts_with("service:"))
}
