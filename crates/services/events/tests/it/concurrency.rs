//! Requests that meet: they follow each other, as on AWS.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::world::{LOG_GROUP, World};

const PATTERN: &str = r#"{"source": ["s"]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_one_rule_follow_each_other() {
    let world = Arc::new(World::new().await);
    world.ok("PutRule", json!({"Name": "r", "EventPattern": PATTERN})).await;
    let calls = (0..40).map(|at| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let (operation, input) = match at % 4 {
                0 => {
                    ("PutRule", json!({"Name": "r", "EventPattern": PATTERN, "Description": at.to_string()}))
                }
                1 => {
                    let target =
                        json!({"Id": format!("t{}", at % 5), "Arn": LOG_GROUP, "Input": at.to_string()});
                    ("PutTargets", json!({"Rule": "r", "Targets": [target]}))
                }
                2 => (
                    "TagResource",
                    json!({
                        "ResourceARN": "arn:aws:events:us-east-1:000000000000:rule/r",
                        "Tags": [{"Key": format!("k{at}"), "Value": ""}],
                    }),
                ),
                _ => (if at % 8 == 3 { "DisableRule" } else { "EnableRule" }, json!({"Name": "r"})),
            };
            world.ok(operation, input).await
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let tags = world
        .ok("ListTagsForResource", json!({"ResourceARN": "arn:aws:events:us-east-1:000000000000:rule/r"}))
        .await;
    assert_eq!(tags["Tags"].as_array().unwrap().len(), 10);
    // What matches is what is kept: the registry is not older than the store.
    world.ok("EnableRule", json!({"Name": "r"})).await;
    let kept = world.ok("ListTargetsByRule", json!({"Rule": "r"})).await;
    let ids = |all: &[Value], name: &str| -> BTreeSet<String> {
        all.iter().map(|one| one[name].as_str().unwrap().to_owned()).collect()
    };
    let event = world.event(json!({})).await;
    let outcomes = world.outcomes(&event).await;
    assert_eq!(ids(&outcomes, "TargetId"), ids(kept["Targets"].as_array().unwrap(), "Id"));
    assert_eq!(outcomes.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bus_is_created_once_and_a_limit_holds() {
    let world = Arc::new(World::new().await);
    let create = |input: Value| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.call("CreateEventBus", input).await.map_err(|error| error.code) })
    };
    let calls: Vec<_> = (0..8).map(|_| create(json!({"Name": "b"}))).collect();
    let mut created = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => created += 1,
            Err(code) => assert_eq!(code, "ResourceAlreadyExistsException"),
        }
    }
    assert_eq!(created, 1);

    for at in 0..298 {
        world.ok("PutRule", json!({"Name": format!("r{at}"), "EventPattern": PATTERN})).await;
    }
    let calls = (0..8).map(|at| {
        let world = Arc::clone(&world);
        let input = json!({"Name": format!("new{at}"), "EventPattern": PATTERN});
        tokio::spawn(async move { world.call("PutRule", input).await.map_err(|error| error.code) })
    });
    let mut refused = 0;
    for call in calls.collect::<Vec<_>>() {
        refused += usize::from(call.await.unwrap().is_err_and(|code| code == "LimitExceededException"));
    }
    assert_eq!(refused, 6);
}

#[tokio::test]
async fn all_pages_of_many_rules_make_the_whole_list() {
    let world = World::new().await;
    let names: BTreeSet<String> = (0..250).map(|at| format!("n{at}")).collect();
    for name in &names {
        world.ok("PutRule", json!({"Name": name, "EventPattern": PATTERN})).await;
    }
    world.ok("PutRule", json!({"Name": "other", "EventPattern": PATTERN})).await;
    for (limit, pages) in [(Value::Null, 3), (json!(100), 3), (json!(7), 36)] {
        let (mut token, mut seen, mut count) = (Value::Null, Vec::new(), 0);
        loop {
            let mut input = json!({"NamePrefix": "n"});
            for (name, value) in [("Limit", &limit), ("NextToken", &token)] {
                if !value.is_null() {
                    input[name] = value.clone();
                }
            }
            let page = world.ok("ListRules", input).await;
            seen.extend(
                page["Rules"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|rule| rule["Name"].as_str().unwrap().to_owned()),
            );
            count += 1;
            token = page["NextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(seen, names.iter().cloned().collect::<Vec<_>>());
        assert_eq!(count, pages);
    }
}
