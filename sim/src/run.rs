//! One run: lives of the process, one after the other, and what happens in them, one thing at a time.
//!
//! The engine runs until every task of it waits. Then chance decides what happens next: some batches become durable, the
//! clock goes on, the disk refuses, the process dies. So the order of everything follows from the seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clock::Clock;
use serde_json::Value;
use tokio::task::JoinSet;
use types::Timestamp;

use crate::check;
use crate::client::Client;
use crate::door::Door;
use crate::faults::Faults;
use crate::faulty_store::FaultyStore;
use crate::idle::Idle;
use crate::panics;
use crate::process::Process;
use crate::random::Random;
use crate::world::World;
use crate::{worker, workload};

/// More things than happen in any run.
const STEPS_MAX: u64 = 400_000;

/// Steps of a process whose disk takes nothing any more, at most.
const DYING_STEPS_MAX: u64 = 200;

/// And so long at most: with the longest downtime less than a minute, in which nothing is given up, so that all does the
/// same as if nothing had happened.
const DYING: Duration = Duration::from_secs(30);

/// What follows when everything is over may wait so long.
const SETTLING: Duration = Duration::from_secs(2 * 3_600);

/// Runs in a hundred that go on for half a year, to see what is forgotten.
const LATER_PERCENT: u64 = 10;

/// Longer than anything is kept that has ended, but for superseded definitions.
const HALF_A_YEAR: Duration = Duration::from_secs(180 * 86_400);

/// How a run came out.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What must not have happened.
    pub violations: Vec<String>,
    /// Equal for equal runs.
    pub hash: u64,
    /// Crashes of the process.
    pub crashes: u64,
    /// Groups of batches that became durable.
    pub commits: u64,
    /// Groups that were refused.
    pub refusals: u64,
    /// Work that was asked for, and containers.
    pub effects: u64,
    /// Executions whose start was acknowledged, or that were found.
    pub executions: u64,
    /// How the executions ended: ARN, description and history.
    pub ended: Vec<(String, Value, Vec<Value>)>,
}

/// How a life ends.
enum End {
    Crashed,
    Finished,
    Stuck(String),
}

/// Runs the clients of a seed, those only whose names `only` has if it has any.
pub fn simulate(seed: u64, faults: Faults, only: &[String], prints: bool) -> Report {
    api::ids::make_reproducible(Some(Random::new(seed, "ids").number()));
    panics::forget();
    let mut clients = workload::clients(seed);
    clients.retain(|client: &Client| only.is_empty() || only.contains(&client.name));
    let world = Arc::new(World::new(seed, clients, faults, prints));
    let report = Run::new(&world, faults).finish();
    api::ids::make_reproducible(None);
    report
}

struct Run<'a> {
    world: &'a Arc<World>,
    faults: Faults,
    random: Random,
    crashes: u64,
    commits: u64,
    commits_of_life: u64,
    refusals: u64,
    steps: u64,
    /// The step of the crash, and the last moment before it, once the disk takes nothing any more.
    doom: Option<(u64, Timestamp)>,
}

impl<'a> Run<'a> {
    fn new(world: &'a Arc<World>, faults: Faults) -> Self {
        let random = Random::new(world.seed, "run");
        Self {
            world,
            faults,
            random,
            crashes: 0,
            commits: 0,
            commits_of_life: 0,
            refusals: 0,
            steps: 0,
            doom: None,
        }
    }

    fn finish(mut self) -> Report {
        let trace = &self.world.trace;
        loop {
            match self.live() {
                End::Crashed => {
                    self.crashes += 1;
                    let downtime = Duration::from_millis(self.random.below(20_000));
                    trace.note(&format!("crashed; up again after {} ms", downtime.as_millis()));
                    self.world.clock.advance(downtime);
                }
                End::Finished => break,
                End::Stuck(why) => {
                    trace.violation(why);
                    break;
                }
            }
        }
        if trace.violations().is_empty() {
            check::at_the_end(self.world);
        }
        panics::take().into_iter().for_each(|panic| trace.violation(panic));
        Report {
            seed: self.world.seed,
            violations: trace.violations(),
            hash: trace.hash(),
            crashes: self.crashes,
            commits: self.commits,
            refusals: self.refusals,
            effects: self.world.receiver.counts().0 + self.world.containers.started(),
            executions: self.world.ledger.acknowledged(),
            ended: self.world.ledger.ended(),
        }
    }

    /// One life of the process, in a runtime of its own: when that is dropped, so is everything in it.
    fn live(&mut self) -> End {
        let idle = Idle::default();
        let parked = idle.clone();
        let runtime =
            tokio::runtime::Builder::new_current_thread().on_thread_park(move || parked.parked()).build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return End::Stuck(format!("no runtime: {error}")),
        };
        let reads = Random::new(self.random.number(), "reads");
        let store =
            Arc::new(FaultyStore::new(Arc::clone(&self.world.disk), &self.world.clock, reads, &self.faults));
        self.commits_of_life = 0;
        self.doom = None;
        runtime.block_on(self.control(&store, &idle))
    }

    async fn control(&mut self, store: &Arc<FaultyStore>, idle: &Idle) -> End {
        let (is_over, has_ended) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(everything(
            Arc::clone(self.world),
            Arc::clone(store),
            Arc::clone(&is_over),
            Arc::clone(&has_ended),
        ));
        loop {
            idle.wait().await;
            self.steps += 1;
            if is_over.load(Ordering::Relaxed) && store.waiting() == 0 {
                return End::Finished;
            }
            if has_ended.load(Ordering::Relaxed) {
                return self.crash(store, store.waiting());
            }
            if self.steps > STEPS_MAX {
                return End::Stuck("it goes on for ever".to_owned());
            }
            if let Some(end) = self.step(store) {
                return end;
            }
        }
    }

    /// Lets one thing happen.
    fn step(&mut self, store: &FaultyStore) -> Option<End> {
        let waiting = store.waiting();
        let due = self.world.clock.next_due();
        let now = Clock::Virtual(self.world.clock.clone()).now();
        if self.is_to_crash(due) {
            if self.doom.is_some() || !self.random.percent(self.faults.broken_disk_percent) {
                return Some(self.crash(store, waiting));
            }
            self.world.trace.note("the disk takes nothing any more");
            store.break_disk();
            self.doom = Some((self.steps + self.random.below(DYING_STEPS_MAX), now + DYING));
        }
        let is_slow = self.random.percent(self.faults.slow_sync_percent);
        match due {
            // Nothing is so slow that hours pass.
            Some(due) if waiting == 0 || (is_slow && due.since(now) < Duration::from_secs(5)) => {
                self.tick(due)
            }
            _ if waiting > 0 => self.write(store, waiting),
            _ => return Some(End::Stuck("everything waits for nothing".to_owned())),
        }
        None
    }

    fn is_to_crash(&mut self, due: Option<Timestamp>) -> bool {
        if let Some((step, time)) = self.doom {
            return self.steps >= step || due.is_none_or(|due| due > time);
        }
        let scheduled =
            self.faults.crash_after_commits > 0 && self.commits_of_life >= self.faults.crash_after_commits;
        let by_chance = self.random.permille(self.faults.crash_permille);
        self.crashes < self.faults.crashes_max && (scheduled || by_chance)
    }

    fn crash(&mut self, store: &FaultyStore, waiting: usize) -> End {
        let is_torn = self.random.percent(self.faults.torn_percent);
        let survivors = if is_torn { self.random.below(waiting as u64 + 1) as usize } else { 0 };
        self.world.trace.note(&format!("crash with {waiting} on their way, of which {survivors} arrive"));
        store.crash(survivors);
        End::Crashed
    }

    fn tick(&self, due: Timestamp) {
        self.world.trace.note("tick");
        self.world.clock.advance_to(due);
    }

    fn write(&mut self, store: &FaultyStore, waiting: usize) {
        let count = self.random.some_of(waiting);
        if self.refusals < self.faults.refusals_max && self.random.permille(self.faults.refuse_permille) {
            self.refusals += 1;
            self.world.trace.note(&format!("refused {count} of {waiting}"));
            return store.refuse(count);
        }
        let digest = store.sync(count);
        self.commits += 1;
        self.commits_of_life += 1;
        self.world.trace.note(&format!("synced {count} of {waiting}: {digest:x}"));
        self.world.clock.advance(Duration::from_millis(self.random.below(3)));
    }
}

/// What happens in a life: the process starts, what was acknowledged is looked at, the clients go on; and when all are
/// done and everything has settled, all is looked at once more.
async fn everything(
    world: Arc<World>,
    store: Arc<FaultyStore>,
    is_over: Arc<AtomicBool>,
    has_ended: Arc<AtomicBool>,
) {
    let process = match Process::start(&world, Arc::clone(&store)).await {
        Ok(process) => process,
        Err(error) => {
            // A full disk: somebody starts it again.
            world.trace.note(&format!("the process does not start: {error}"));
            return has_ended.store(true, Ordering::Relaxed);
        }
    };
    if world.is_later.load(Ordering::Relaxed) {
        later(&world, &process.door).await;
        return is_over.store(true, Ordering::Relaxed);
    }
    world.ledger.verify(&process.door).await;
    let (ledger, trace) = (&world.ledger, &world.trace);
    let mut workers = JoinSet::new();
    workers.spawn(worker::work(
        world.seed,
        process.door.clone(),
        Arc::clone(&world.receiver),
        Arc::clone(trace),
    ));
    let mut clients = JoinSet::new();
    for client in &world.clients {
        clients.spawn(Arc::clone(client).run(process.door.clone(), Arc::clone(ledger), Arc::clone(trace)));
    }
    while clients.join_next().await.is_some() {}
    world.ways.calm();
    store.calm();
    process.door.sleep(SETTLING).await;
    check::executions(&world, &process.door).await;
    if Random::new(world.seed, "later").percent(LATER_PERCENT) {
        world.is_later.store(true, Ordering::Relaxed);
        later(&world, &process.door).await;
    }
    is_over.store(true, Ordering::Relaxed);
}

/// Lets half a year pass.
async fn later(world: &World, door: &Door) {
    door.sleep(HALF_A_YEAR).await;
    check::is_forgotten(world, door).await;
}
