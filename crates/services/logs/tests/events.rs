//! Events through restarts, races and removal; pages against a model.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod world;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use store::{Order, Slice};
use world::{START, World};

async fn create(world: &World) {
    world.call("CreateLogGroup", json!({"logGroupName": "g"})).await.unwrap();
    world.call("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await.unwrap();
}

async fn put(world: &World, events: &[(i64, String)]) -> Result<Value, api::AwsError> {
    let events: Vec<_> =
        events.iter().map(|(time, message)| json!({"timestamp": time, "message": message})).collect();
    world.call("PutLogEvents", json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events})).await
}

fn messages(answer: &Value) -> Vec<String> {
    let events = answer["events"].as_array().unwrap();
    events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

async fn get(world: &World, more: Value) -> Value {
    let mut input = json!({"logGroupName": "g", "logStreamName": "s"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.call("GetLogEvents", input).await.unwrap()
}

/// All entries of all logs in a directory whose store is closed.
fn count(dir: &std::path::Path, table: &str) -> i64 {
    let database = rusqlite::Connection::open(dir.join("store.sqlite")).unwrap();
    database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_restart_at_the_same_instant_goes_on_behind_what_is_kept() {
    let world = World::new();
    create(&world).await;
    put(&world, &[(START, "a".into()), (START, "b".into())]).await.unwrap();
    let dir = world.close();
    // The clock stands where it stood, so that the same sequences would be given again.
    let world = World::in_dir(dir);
    put(&world, &[(START, "c".into())]).await.unwrap();
    assert_eq!(messages(&get(&world, json!({})).await), ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_put_at_the_same_time_are_all_kept() {
    let world = Arc::new(World::new());
    create(&world).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let world = Arc::clone(&world);
        writers.spawn(async move {
            for number in 0..20 {
                put(&world, &[(START, format!("{writer} {number}")), (START, "x".into())]).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let all = messages(&get(&world, json!({})).await);
    assert_eq!(all.len(), 16 * 20 * 2);
    for writer in 0..16 {
        let of_writer: Vec<_> =
            all.iter().filter_map(|message| message.strip_prefix(&format!("{writer} "))).collect();
        let in_order: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        assert_eq!(of_writer, in_order);
    }
}

#[tokio::test]
async fn what_expired_or_was_deleted_is_removed_in_the_background() {
    let world = World::new();
    create(&world).await;
    let events: Vec<_> = (0..5000).map(|number| (START - 50_000_000 + number, "old".to_owned())).collect();
    put(&world, &events).await.unwrap();
    put(&world, &[(START, "new".to_owned())]).await.unwrap();
    world.call("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "t"})).await.unwrap();
    let removing = world.logs.start();
    world.call("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await.unwrap();
    world.clock.advance(Duration::from_secs(24 * 3600 - 60));
    let streams = world.store.list("logs-streams", store::Range::prefix("")).await.unwrap();
    let stream: Value = serde_json::from_slice(&streams[0].value).unwrap();
    let log = stream["id"].as_str().unwrap();
    let left = |expected: usize| {
        let store = Arc::clone(&world.store);
        async move {
            while store.read(log, Slice { order: Order::Time, ..Slice::default() }).await.unwrap().len()
                != expected
            {
                tokio::task::yield_now().await;
            }
        }
    };
    left(1).await;
    world.call("DeleteLogGroup", json!({"logGroupName": "g"})).await.unwrap();
    left(0).await;
    while !world.store.list("logs-streams", store::Range::prefix("")).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    removing.abort();
    let _ = removing.await;
    let dir = world.close();
    assert_eq!((count(dir.path(), "entries"), count(dir.path(), "records")), (0, 0));
}

#[tokio::test]
async fn nothing_is_put_into_a_stream_that_was_deleted_and_created_again() {
    let world = World::new();
    create(&world).await;
    put(&world, &[(START, "old".into())]).await.unwrap();
    world.call("DeleteLogGroup", json!({"logGroupName": "g"})).await.unwrap();
    create(&world).await;
    put(&world, &[(START, "new".into())]).await.unwrap();
    assert_eq!(messages(&get(&world, json!({})).await), ["new"]);
}

#[tokio::test]
async fn a_page_is_at_most_a_mebibyte() {
    let world = World::new();
    create(&world).await;
    for number in 0..3 {
        put(&world, &[(START + number, format!("{number}{}", "x".repeat(600_000)))]).await.unwrap();
    }
    let first = get(&world, json!({"startFromHead": true})).await;
    assert_eq!(messages(&first).len(), 1);
    let second = get(&world, json!({"nextToken": first["nextForwardToken"]})).await;
    assert!(messages(&second)[0].starts_with('1'));
    let filtered = world.call("FilterLogEvents", json!({"logGroupName": "g"})).await.unwrap();
    assert_eq!(messages(&filtered).len(), 1);
    let token = filtered["nextToken"].clone();
    let filtered =
        world.call("FilterLogEvents", json!({"logGroupName": "g", "nextToken": token})).await.unwrap();
    assert!(messages(&filtered)[0].starts_with('1'));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the pages' size, forward and backward tokens give all events once and in order.
    #[test]
    fn pages_give_everything_once(
        batches in prop::collection::vec(prop::collection::vec(0..6i64, 1..8), 1..8), limit in 1..9usize
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check_pages(batches, limit));
    }

    /// No text is more than refused.
    #[test]
    fn any_text_is_a_pattern_or_is_refused(text in r#"[\[\]{}()$.*%"'?&|=!<>,a-c1é \\-]{0,24}"#, message in ".{0,20}") {
        if let Ok(pattern) = logs::filter_pattern::FilterPattern::parse(&text) {
            pattern.matches(&message);
            pattern.matches(r#"{"a": [1, "b", {"c": null}]}"#);
        }
    }
}

async fn check_pages(batches: Vec<Vec<i64>>, limit: usize) {
    let world = World::new();
    create(&world).await;
    let mut model = Vec::new();
    for (at, mut times) in batches.into_iter().enumerate() {
        times.sort_unstable();
        let events: Vec<_> =
            times.iter().enumerate().map(|(index, time)| (START + time, format!("{at}.{index}"))).collect();
        put(&world, &events).await.unwrap();
        model.extend(events);
    }
    model.sort_by_key(|(time, _)| *time);
    let model: Vec<_> = model.into_iter().map(|(_, message)| message).collect();

    let mut answer = get(&world, json!({"startFromHead": true, "limit": limit})).await;
    let mut forward = messages(&answer);
    while !messages(&answer).is_empty() {
        answer = get(&world, json!({"nextToken": answer["nextForwardToken"], "limit": limit})).await;
        forward.extend(messages(&answer));
    }
    assert_eq!(forward, model);

    let mut backward: Vec<Vec<String>> = Vec::new();
    answer = get(&world, json!({"limit": limit})).await;
    while !messages(&answer).is_empty() {
        backward.push(messages(&answer));
        answer = get(&world, json!({"nextToken": answer["nextBackwardToken"], "limit": limit})).await;
    }
    assert_eq!(backward.into_iter().rev().flatten().collect::<Vec<_>>(), model);

    let mut filtered = Vec::new();
    let mut input = json!({"logGroupName": "g", "limit": limit});
    loop {
        let answer = world.call("FilterLogEvents", input.clone()).await.unwrap();
        filtered.extend(messages(&answer));
        match answer.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(filtered, model);
}
