//! The process dies after each batch in turn: each connection has its secret then, and no secret is without a connection.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clock::VirtualClock;
use serde_json::{Value, json};
use store::SqliteStore;

use crate::crash::life;
use crate::world::{REGION, Targets, World, in_time, start};

fn parameters(value: &str) -> Value {
    json!({"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": value}})
}

/// Connections come, change, lose what they know, and go.
async fn live(world: &World) {
    let create = |name: &str| json!({"Name": name, "AuthorizationType": "API_KEY", "AuthParameters": parameters("first")});
    world.ok("CreateConnection", create("c")).await;
    world.ok("UpdateConnection", json!({"Name": "c", "AuthParameters": parameters("second")})).await;
    world.ok("DeauthorizeConnection", json!({"Name": "c"})).await;
    world.ok("UpdateConnection", json!({"Name": "c", "AuthParameters": parameters("third")})).await;
    world.ok("CreateConnection", create("d")).await;
    world.ok("DeleteConnection", json!({"Name": "d"})).await;
    agree(world).await;
}

/// Waits until the secrets that EventBridge owns say what the connections do.
async fn agree(world: &World) {
    let look = async {
        loop {
            let (wanted, found) = (of_connections(world).await, of_secrets(world).await);
            if wanted == found {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(look).await;
}

/// The ARNs of the connections' secrets, and the keys that the connections know.
async fn of_connections(world: &World) -> BTreeSet<(String, String)> {
    let listed = world.ok("ListConnections", json!({})).await;
    let mut all = BTreeSet::new();
    for connection in listed["Connections"].as_array().unwrap() {
        let described = world.ok("DescribeConnection", json!({"Name": connection["Name"]})).await;
        let asked = json!({"ConnectionArn": connection["ConnectionArn"]});
        let known = world.ok("internal:RetrieveConnectionCredentials", asked).await;
        let key = known["AuthParameters"]["ApiKeyAuthParameters"]["ApiKeyValue"].as_str();
        assert_eq!(key.is_some(), described["SecretArn"].is_string(), "{described}");
        all.extend(key.map(|key| (described["SecretArn"].as_str().unwrap().to_owned(), key.to_owned())));
    }
    all
}

/// The same of the secrets.
async fn of_secrets(world: &World) -> BTreeSet<(String, String)> {
    let filters = json!({"Filters": [{"Key": "owning-service", "Values": ["events"]}]});
    let found = world.call_of("secretsmanager", REGION, "BatchGetSecretValue", filters).await.unwrap();
    let secret = |one: &Value| {
        let value: Value = serde_json::from_str(one["SecretString"].as_str().unwrap()).unwrap();
        (one["ARN"].as_str().unwrap().to_owned(), value["api_key_value"].as_str().unwrap().to_owned())
    };
    found["SecretValues"].as_array().unwrap().iter().map(secret).collect()
}

#[test]
fn whenever_it_dies_secrets_are_those_of_connections() {
    let mut deaths = 0;
    for batches in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let (clock, targets) = (VirtualClock::new(start()), Targets::default());
        let finished = life(&store, batches, &clock, &targets, |world| async move { live(&world).await });
        life(&store, usize::MAX, &clock, &targets, |world| async move {
            world.clock.advance(Duration::from_secs(60));
            agree(&world).await;
        });
        if finished {
            break;
        }
        deaths += 1;
    }
    assert!(deaths >= 15, "died only {deaths} times");
}
