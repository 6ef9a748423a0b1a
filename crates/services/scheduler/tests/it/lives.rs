//! A process that ends after each commit, again and again: each occurrence is invoked, under one id.
//!
//! A life runs in a runtime of its own, which is dropped with everything that was under way: no two lives are there at a
//! time, as no two processes are on one data directory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clock::VirtualClock;
use serde_json::json;
use store::{Batch, Range, SqliteStore, Store as _};

use crate::world::{LimitedStore, MACHINE, ROLE, Targets, World, schedule, time};

const DUE: &str = "2026-11-20T12:01:00Z";

/// What outlasts a life.
struct Rest {
    store: Arc<SqliteStore>,
    clock: VirtualClock,
    targets: Targets,
    _dir: tempfile::TempDir,
}

impl Rest {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let clock = VirtualClock::new(time("2026-11-20T12:00:00Z"));
        Self { store, clock, targets: Targets::default(), _dir: dir }
    }

    /// A life that ends with its last commit, or with the end of `script`; says whether it came to that.
    fn live(&self, batches: usize, script: impl AsyncFnOnce(&World)) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = LimitedStore::new(Arc::clone(&self.store), batches);
            let world = World::on(store, self.clock.clone(), self.targets.clone()).await;
            let dies = async {
                while !world.store.is_dead() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                biased;
                () = dies => false,
                () = script(&world) => true,
            }
        })
    }

    /// Creates schedules that are due once at [`DUE`], tell their number as their time, and delete themselves.
    fn create(&self, count: usize) {
        let is_done = self.live(usize::MAX, async |world| {
            let create = |number: usize| {
                let target =
                    json!({"Arn": MACHINE, "RoleArn": ROLE, "Input": format!(r#"{{"time": "{number}"}}"#)});
                let more =
                    json!({"Name": format!("s{number}"), "ActionAfterCompletion": "DELETE", "Target": target});
                world.call("CreateSchedule", schedule("at(2026-11-20T12:01:00)", more))
            };
            for created in futures_util::future::join_all((0..count).map(create)).await {
                created.unwrap();
            }
        });
        assert!(is_done);
    }

    /// Lets lives that end after so many commits follow each other until no schedule is left; says how many it took.
    fn live_on(&self, mut batches: impl FnMut() -> usize) -> usize {
        // Nobody is there when the time comes.
        self.clock.advance_to(time(DUE));
        let mut lives = 1;
        while !self.live(batches(), async |world| ended(world).await) {
            lives += 1;
        }
        lives
    }

    /// Asserts that each of `count` schedules was invoked, under one id.
    fn check(&self, count: usize) {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for given in self.targets.given() {
            ids.entry(given.time()).or_default().insert(given.input["name"].to_string());
        }
        assert_eq!(ids.len(), count);
        let twice: Vec<_> = ids.iter().filter(|(_, ids)| ids.len() > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }
}

/// Waits until all schedules have deleted themselves.
async fn ended(world: &World) {
    let first = Range { limit: 1, ..Range::prefix("") };
    while !world.store.inner.list("scheduler/schedule", first).await.unwrap().is_empty() {
        // Each write waits its turn behind what was submitted before it.
        world.store.inner.submit(Batch::new()).durable().await.unwrap();
    }
}

#[test]
fn an_occurrence_fires_once_with_a_crash_after_every_commit() {
    const MANY: usize = 60;
    let rest = Rest::new();
    rest.create(MANY);
    let lives = rest.live_on(|| 1);
    rest.check(MANY);
    // One for each firing and one for each outcome; the last may have found nothing to do.
    assert!((2 * MANY..=2 * MANY + 1).contains(&lives), "{lives} lives");
}

#[test]
fn a_thousand_occurrences_fire_once_through_lives_of_all_lengths() {
    const MANY: usize = 1000;
    let rest = Rest::new();
    rest.create(MANY);
    let mut random = 0x5EED_u64;
    let lives = rest.live_on(|| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % 60
    });
    rest.check(MANY);
    assert!(lives > 30, "{lives} lives");
}
