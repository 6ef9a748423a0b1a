//! What is written: no more batches than there is to say.

use std::sync::Arc;

use clock::VirtualClock;
use serde_json::{Value, json};
use store::{SqliteStore, Store};

use crate::crash::Mortal;
use crate::world::{LOG_GROUP, Targets, World, start};

const PATTERN: &str = r#"{"source": ["s"]}"#;

/// A world, and how many batches were submitted since it was last asked.
async fn counting() -> (World, impl FnMut() -> usize, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = Mortal::new(Arc::new(SqliteStore::open(dir.path()).unwrap()), usize::MAX);
    let world =
        World::on(Arc::clone(&store) as Arc<dyn Store>, VirtualClock::new(start()), Targets::default()).await;
    let mut before = usize::MAX;
    let count = move || {
        let left = store.left();
        std::mem::replace(&mut before, left) - left
    };
    (world, count, dir)
}

fn entries(count: usize) -> Value {
    let entry = json!({"Source": "s", "DetailType": "t", "Detail": "{}"});
    json!({"Entries": vec![entry; count]})
}

#[tokio::test]
async fn all_deliveries_of_a_request_are_one_batch() {
    let (world, mut count, _dir) = counting().await;
    world.ok("PutEvents", entries(10)).await;
    assert_eq!(count(), 0, "nothing matches: there is nothing to keep");
    let targets = [1, 2, 3].map(|id| json!({"Id": id.to_string(), "Arn": LOG_GROUP}));
    world.rule("r", json!(targets)).await;
    world.rule("other", json!(targets)).await;
    count();
    let answer = world.ok("PutEvents", entries(10)).await;
    for entry in answer["Entries"].as_array().unwrap() {
        assert_eq!(world.outcomes(entry["EventId"].as_str().unwrap()).await.len(), 6);
    }
    assert_eq!(count(), 1 + 60, "one to accept, one for each delivery's end");
}

#[tokio::test]
async fn what_is_so_already_is_not_written() {
    let (world, mut count, _dir) = counting().await;
    let managed = json!({
        "Name": "m", "EventPattern": PATTERN, "ManagedBy": "states.amazonaws.com",
        "Targets": [{"Id": "1", "Arn": "arn:aws:states:us-east-1:::"}],
    });
    world.ok("internal:PutManagedRule", managed.clone()).await;
    assert_eq!(count(), 1);
    world.ok("internal:PutManagedRule", managed.clone()).await;
    assert_eq!(count(), 0);
    let mut changed = managed;
    changed["Targets"][0]["Id"] = json!("2");
    world.ok("internal:PutManagedRule", changed).await;
    assert_eq!(count(), 1);

    world.rule("r", json!([{"Id": "1", "Arn": LOG_GROUP}])).await;
    count();
    world.ok("EnableRule", json!({"Name": "r"})).await;
    world.ok("RemoveTargets", json!({"Rule": "r", "Ids": ["2"]})).await;
    world.ok("DeleteRule", json!({"Name": "missing"})).await;
    world.call("PutRule", json!({"Name": "r", "EventPattern": "{"})).await.unwrap_err();
    assert_eq!(count(), 0);
}
