//! The process dies after each batch in turn, and a new one goes on with what is kept.
//!
//! A life runs in a runtime of its own on a store that stops to answer after so many batches; then the runtime is
//! dropped, and another life begins on the same store. Whatever was acknowledged has its effect, and has it once: an
//! execution by its name, a task by its token, a log stream by its name, a message by its idempotency key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clock::VirtualClock;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use store::{Batch, Entry, Error, Lsn, Range, Record, Slice, SqliteStore, Store, Ticket, TimerQueue};
use tokio::sync::{oneshot, watch};

use crate::world::{CLUSTER, Given, LOG_GROUP, MACHINE, QUEUE, ROLE, Targets, World, in_time, start};

/// A store that lets so many batches through, and then never answers again.
pub struct Mortal {
    store: Arc<SqliteStore>,
    left: watch::Sender<usize>,
    unanswered: Mutex<Vec<oneshot::Sender<Result<Lsn, Error>>>>,
}

impl Mortal {
    pub fn new(store: Arc<SqliteStore>, batches: usize) -> Arc<Self> {
        Arc::new(Self { store, left: watch::Sender::new(batches), unanswered: Mutex::default() })
    }

    /// So many batches it still takes.
    pub fn left(&self) -> usize {
        *self.left.borrow()
    }

    async fn death(&self) {
        let _ = self.left.subscribe().wait_for(|left| *left == 0).await;
    }
}

impl Store for Mortal {
    fn submit(&self, batch: Batch) -> Ticket {
        let alive = self.left.send_if_modified(|left| {
            let alive = *left > 0;
            *left = left.saturating_sub(1);
            alive
        });
        if alive {
            return self.store.submit(batch);
        }
        let (settle, ticket) = Ticket::new();
        self.unanswered.lock().unwrap().push(settle);
        ticket
    }

    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        self.store.get(table, key)
    }

    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        self.store.list(table, range)
    }

    fn read<'a>(&'a self, log: &'a str, slice: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>> {
        self.store.read(log, slice)
    }

    fn timers(&self, queue: &'static str) -> BoxFuture<'_, Result<TimerQueue, Error>> {
        self.store.timers(queue)
    }
}

/// What the caller was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<(BTreeSet<String>, bool)>>);

/// Rules for events and for a schedule, three events, and two occurrences of the schedule.
async fn live(world: &World, told: &Told) {
    let machine = json!({"Id": "machine", "Arn": MACHINE, "RoleArn": ROLE});
    let cluster = json!({
        "Id": "cluster", "Arn": CLUSTER, "RoleArn": ROLE,
        "EcsParameters": {"TaskDefinitionArn": "job"},
        "InputTransformer": {
            "InputPathsMap": {"id": "$.id"},
            "InputTemplate": "{\"containerOverrides\": [{\"name\": \"job\", \"command\": [<id>]}]}",
        },
    });
    let log = json!({"Id": "log", "Arn": LOG_GROUP});
    let queue = json!({"Id": "queue", "Arn": QUEUE});
    world.rule("pattern", json!([machine, cluster, log, queue])).await;
    world.ok("PutRule", json!({"Name": "schedule", "ScheduleExpression": "cron(* * * * ? *)"})).await;
    world.ok("PutTargets", json!({"Rule": "schedule", "Targets": [machine]})).await;
    told.0.lock().unwrap().1 = true;
    for at in 0..3 {
        let event = world.event(json!({"at": at})).await;
        told.0.lock().unwrap().0.insert(event);
    }
    for seconds in [40, 100] {
        world.clock.advance_to(start() + Duration::from_secs(seconds));
        executions(&world.targets, |all| all.values().any(|one| one.contains(&occurrence(seconds)))).await;
    }
    idle(world).await;
}

fn occurrence(seconds: u64) -> String {
    format!("\"time\":\"{}\"", (start() + Duration::from_secs(seconds)).to_iso_seconds())
}

/// The executions there are, by their names, with their inputs, once they are as wanted.
async fn executions(
    targets: &Targets,
    are: impl Fn(&BTreeMap<String, String>) -> bool,
) -> BTreeMap<String, String> {
    let mut count = 0;
    loop {
        let given = targets.given_of("StartExecution", count).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let all = given.iter().map(|one| (text(&one.input["name"]), text(&one.input["input"]))).collect();
        if are(&all) {
            return all;
        }
        count = given.len() + 1;
    }
}

/// Waits until no delivery is pending.
pub async fn idle(world: &World) {
    let look = async {
        loop {
            let outcomes = world.store.list("events/outcome", Range::prefix("")).await.unwrap();
            if outcomes.iter().all(|one| !String::from_utf8_lossy(&one.value).contains("PENDING")) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(look).await;
}

/// Lets `script` live on a store that takes so many batches; says whether it came to its end.
pub fn life<F: Future<Output = ()>>(
    store: &Arc<SqliteStore>,
    batches: usize,
    clock: &VirtualClock,
    targets: &Targets,
    script: impl FnOnce(Arc<World>) -> F,
) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mortal = Mortal::new(Arc::clone(store), batches);
    runtime.block_on(async {
        let world =
            Arc::new(World::on(Arc::clone(&mortal) as Arc<dyn Store>, clock.clone(), targets.clone()).await);
        tokio::select! {
            () = script(world) => true,
            () = mortal.death() => {
                // What was under way when the store fell silent still reaches its target.
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                false
            }
        }
    })
}

#[test]
fn whenever_it_dies_nothing_is_lost_and_nothing_is_done_twice() {
    let mut deaths = 0;
    for batches in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let (clock, targets, told) = (VirtualClock::new(start()), Targets::default(), Told::default());
        let script = |world: Arc<World>| {
            let told = told.clone();
            async move { live(&world, &told).await }
        };
        let finished = life(&store, batches, &clock, &targets, script);
        let (events, schedule_is_there) = told.0.lock().unwrap().clone();
        let died_at = clock_of(&clock).since(start()).as_secs();
        life(&store, usize::MAX, &clock, &targets, |world| async move {
            idle(&world).await;
            if !schedule_is_there {
                return;
            }
            for seconds in [40, 100, 160].into_iter().filter(|seconds| *seconds >= died_at) {
                world.clock.advance_to(start() + Duration::from_secs(seconds));
                executions(&world.targets, |all| all.values().any(|one| one.contains(&occurrence(seconds))))
                    .await;
            }
            idle(&world).await;
        });
        check(batches, &targets, &events, schedule_is_there);
        check_nothing_is_left(&store, &clock, &targets);
        if finished {
            break;
        }
        deaths += 1;
    }
    assert!(deaths >= 15, "died only {deaths} times");
}

/// Four minutes of 250 rules, through lives of all lengths.
#[test]
fn a_thousand_occurrences_fire_once_through_lives_that_end_again_and_again() {
    const RULES: usize = 250;
    const MINUTES: u64 = 4;
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
    let (clock, targets) = (VirtualClock::new(start()), Targets::default());
    let is_done = life(&store, usize::MAX, &clock, &targets, |world| async move {
        let machine = json!([{"Id": "machine", "Arn": MACHINE, "RoleArn": ROLE}]);
        for number in 0..RULES {
            let rule = json!({"Name": format!("r{number}"), "ScheduleExpression": "cron(* * * * ? *)"});
            world.ok("PutRule", rule).await;
            world.ok("PutTargets", json!({"Rule": format!("r{number}"), "Targets": machine})).await;
        }
    });
    assert!(is_done);
    let (mut random, mut lives) = (0x5EED_u64, 0);
    for minute in 0..MINUTES {
        // Nobody is there when the time comes.
        clock.advance_to(start() + Duration::from_secs(40 + minute * 60));
        let count = RULES * usize::try_from(minute + 1).unwrap();
        let mut is_done = false;
        while !is_done {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let batches = usize::try_from(random >> 33).unwrap() % 40 + 1;
            is_done = life(&store, batches, &clock, &targets, |world| async move {
                delivered(&world, count).await;
            });
            lives += 1;
        }
    }
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for given in targets.given() {
        let event: Value = serde_json::from_str(given.input["input"].as_str().unwrap()).unwrap();
        let occurrence = format!("{} {}", event["resources"][0], event["time"]);
        names.entry(occurrence).or_default().insert(given.input["name"].to_string());
    }
    assert_eq!(names.len(), RULES * usize::try_from(MINUTES).unwrap());
    let twice: Vec<_> = names.iter().filter(|(_, names)| names.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(lives > 30, "{lives} lives");
}

/// Waits until so many deliveries were made, and none is pending.
async fn delivered(world: &World, count: usize) {
    let look = async {
        while world.store.list("events/outcome", Range::prefix("")).await.unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    };
    in_time(look).await;
    idle(world).await;
}

fn clock_of(clock: &VirtualClock) -> types::Timestamp {
    clock::Clock::Virtual(clock.clone()).now()
}

fn check(batches: usize, targets: &Targets, events: &BTreeSet<String>, schedule_is_there: bool) {
    let given = targets.given();
    let of = |operation: &'static str| given.iter().filter(move |one| one.operation == operation);
    let executions: BTreeMap<&str, &str> = of("StartExecution")
        .map(|one| (one.input["name"].as_str().unwrap(), one.input["input"].as_str().unwrap()))
        .collect();
    let tasks: BTreeMap<&str, String> = of("RunTask")
        .map(|one| (one.input["clientToken"].as_str().unwrap(), one.input["overrides"].to_string()))
        .collect();
    let streams: BTreeMap<&str, &str> = of("PutLogEvents")
        .map(|one| {
            let message = one.input["logEvents"][0]["message"].as_str().unwrap();
            (one.input["logStreamName"].as_str().unwrap(), message)
        })
        .collect();
    let messages = messages(&given);
    for event in events {
        let count = |texts: Vec<&str>| texts.iter().filter(|text| text.contains(event.as_str())).count();
        assert_eq!(count(executions.values().copied().collect()), 1, "{batches}: executions of {event}");
        assert_eq!(count(tasks.values().map(String::as_str).collect()), 1, "{batches}: tasks of {event}");
        assert_eq!(count(streams.values().copied().collect()), 1, "{batches}: streams of {event}");
        assert_eq!(
            count(messages.values().map(String::as_str).collect()),
            1,
            "{batches}: messages of {event}"
        );
    }
    for seconds in [40, 100, 160] {
        let occurrence = occurrence(seconds);
        let fired = executions
            .values()
            .filter(|input| input.contains("Scheduled Event") && input.contains(&occurrence))
            .count();
        assert_eq!(fired, usize::from(schedule_is_there), "{batches}: occurrences at {seconds} s");
    }
    // Nothing else was started: what was not acknowledged has no more than one effect of each kind.
    assert!(
        tasks.len() <= 4 && streams.len() <= 4 && messages.len() <= 4,
        "{batches}: {} tasks, {} streams",
        tasks.len(),
        streams.len()
    );
    assert!(executions.len() <= 4 + 3, "{batches}: {} executions", executions.len());
}

/// The messages that a queue would have, by their idempotency keys: whether they came alone or with others.
fn messages(given: &[Given]) -> BTreeMap<String, String> {
    let body = |message: &Value| message["MessageBody"].as_str().unwrap().to_owned();
    let mut messages = BTreeMap::new();
    for one in given {
        let Some(key) = &one.idempotency_key else { continue };
        match one.input["Entries"].as_array() {
            Some(entries) => messages.extend(
                entries.iter().map(|entry| (format!("{key}/{}", entry["Id"].as_str().unwrap()), body(entry))),
            ),
            None => drop(messages.insert(key.clone(), body(&one.input))),
        }
    }
    messages
}

/// A third life has nothing to do but what it is asked: everything before was ended, not only done.
fn check_nothing_is_left(store: &Arc<SqliteStore>, clock: &VirtualClock, targets: &Targets) {
    let before = targets.given().len();
    life(store, usize::MAX, clock, targets, |world| async move {
        world.rule("pattern", json!([{"Id": "machine", "Arn": MACHINE, "RoleArn": ROLE}])).await;
        world.ok("RemoveTargets", json!({"Rule": "pattern", "Ids": ["cluster", "log", "queue"]})).await;
        let event = world.event(json!({})).await;
        world.outcomes(&event).await;
    });
    assert_eq!(targets.given().len(), before + 1);
}

#[test]
fn a_store_that_cannot_write_for_a_while_loses_no_occurrence() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let ill = Arc::new(Ill {
            store: SqliteStore::open(dir.path()).unwrap(),
            is_ill: watch::Sender::new(false),
        });
        let clock = VirtualClock::new(start());
        let world = World::on(Arc::clone(&ill) as Arc<dyn Store>, clock.clone(), Targets::default()).await;
        let machine = json!({"Id": "machine", "Arn": MACHINE, "RoleArn": ROLE});
        world.ok("PutRule", json!({"Name": "schedule", "ScheduleExpression": "cron(* * * * ? *)"})).await;
        world.ok("PutTargets", json!({"Rule": "schedule", "Targets": [machine]})).await;
        ill.is_ill.send_replace(true);
        clock.advance_to(start() + Duration::from_secs(40));
        let refused = world.call("PutRule", json!({"Name": "x", "ScheduleExpression": "rate(1 day)"})).await;
        let refused = refused.unwrap_err();
        assert_eq!((refused.code.as_ref(), refused.status), ("InternalException", 500));
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        ill.is_ill.send_replace(false);
        clock.advance(Duration::from_secs(1));
        executions(&world.targets, |all| all.values().any(|one| one.contains(&occurrence(40)))).await;
        clock.advance(Duration::from_secs(60));
        executions(&world.targets, |all| all.values().any(|one| one.contains(&occurrence(100)))).await;
        idle(&world).await;
        assert_eq!(world.targets.given().len(), 2);
    });
}

/// A store that refuses batches while it is ill, as one on a full disk does.
struct Ill {
    store: SqliteStore,
    is_ill: watch::Sender<bool>,
}

impl Store for Ill {
    fn submit(&self, batch: Batch) -> Ticket {
        if !*self.is_ill.borrow() {
            return self.store.submit(batch);
        }
        let (settle, ticket) = Ticket::new();
        let _ = settle.send(Err(Error::unavailable("the disk is full")));
        ticket
    }

    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        self.store.get(table, key)
    }

    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        self.store.list(table, range)
    }

    fn read<'a>(&'a self, log: &'a str, slice: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>> {
        self.store.read(log, slice)
    }

    fn timers(&self, queue: &'static str) -> BoxFuture<'_, Result<TimerQueue, Error>> {
        self.store.timers(queue)
    }
}
