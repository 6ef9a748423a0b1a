//! What the wire asks: whose key is this, and until when.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::sync::Arc;
use std::time::Duration;

use api::{Call, Dispatcher, Principal, Service};
use clock::{Clock, VirtualClock};
use iam::{Configuration, Iam};
use serde_json::{Value, json};
use store::{SqliteStore, Store};
use types::{AccountId, Region, Timestamp};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",
    "Principal":{"AWS":"000000000000","Service":"ecs-tasks.amazonaws.com"}}}"#;

struct World {
    dir: tempfile::TempDir,
    clock: VirtualClock,
    dispatcher: Dispatcher,
    iam: Iam,
}

fn account() -> AccountId {
    AccountId::new("000000000000")
}

impl World {
    fn new() -> Self {
        Self::in_dir(tempfile::tempdir().unwrap(), Configuration::default())
    }

    fn in_dir(dir: tempfile::TempDir, configuration: Configuration) -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let clock = VirtualClock::new(Timestamp::from_seconds(1_800_000_000));
        let dispatcher = Dispatcher::new(Clock::Virtual(clock.clone()));
        let iam = Iam::new(store, &dispatcher, configuration);
        let services: [Arc<dyn Service>; 2] = [Arc::new(iam.sts()), Arc::new(iam.clone())];
        dispatcher.install(services);
        Self { dir, clock, dispatcher, iam }
    }

    async fn root(&self, service: &str, operation: &str, input: Value) -> Value {
        self.call(Principal::Root { account: account() }, service, operation, input).await
    }

    async fn call(&self, principal: Principal, service: &str, operation: &str, input: Value) -> Value {
        let call = Call {
            principal,
            account: account(),
            region: Region::new("us-east-1"),
            service: service.to_owned(),
            operation: operation.to_owned(),
            input,
            request_id: "request".to_owned(),
            idempotency_key: None,
        };
        self.dispatcher.call(call).await.unwrap()
    }

    async fn assume(&self) -> String {
        let role = json!({"RoleName": "R", "AssumeRolePolicyDocument": TRUST, "Path": "/a/"});
        self.root("iam", "CreateRole", role).await;
        let session = json!({"RoleArn": "arn:aws:iam::000000000000:role/a/R", "RoleSessionName": "session"});
        let answer = self.root("sts", "AssumeRole", session).await;
        answer["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn the_root_key_is_created_once_and_kept() {
    let world = World::new();
    let of = account();
    let (one, other) = tokio::join!(world.iam.ensure_root_key(&of), world.iam.ensure_root_key(&of));
    let key = one.unwrap();
    assert_eq!(key, other.unwrap());
    assert_eq!((key.access_key_id.len(), key.secret_access_key.len()), (20, 40));
    let World { dir, iam, dispatcher, .. } = world;
    drop((iam, dispatcher));
    let again = World::in_dir(dir, Configuration::default());
    assert_eq!(again.iam.ensure_root_key(&account()).await.unwrap(), key);
    let credential = again.iam.credential(&key.access_key_id).await.unwrap().unwrap();
    assert_eq!(credential.principal, Principal::Root { account: account() });
    assert_eq!(credential.secret_access_key, key.secret_access_key);
    assert_eq!((&credential.session_token, credential.expires), (&None, None));
    assert!(again.iam.credential("AKIAUNKNOWN").await.unwrap().is_none());
}

#[tokio::test]
async fn the_test_key_is_root_where_it_is_configured() {
    let world = World::new();
    assert!(world.iam.credential("test").await.unwrap().is_none());
    let configuration = Configuration { test_key_account: Some(account()) };
    let world = World::in_dir(tempfile::tempdir().unwrap(), configuration);
    let credential = world.iam.credential("test").await.unwrap().unwrap();
    assert_eq!(credential.secret_access_key, "test");
    assert_eq!(credential.principal, Principal::Root { account: account() });
}

#[tokio::test]
async fn a_session_is_its_role_until_it_expires_and_is_then_forgotten() {
    let world = World::new();
    let id = world.assume().await;
    let credential = world.iam.credential(&id).await.unwrap().unwrap();
    assert_eq!(credential.principal, Principal::role("arn:aws:iam::000000000000:role/a/R", "session"));
    assert_eq!(credential.expires, Some(Timestamp::from_seconds(1_800_003_600)));
    assert!(credential.session_token.as_ref().unwrap().len() >= 300);

    let forgetting = world.iam.start();
    world.clock.advance(Duration::from_secs(3600 + 24 * 3600 - 1));
    assert!(world.iam.credential(&id).await.unwrap().is_some());
    world.clock.advance(Duration::from_secs(1));
    while world.iam.credential(&id).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    forgetting.abort();
}

#[tokio::test]
async fn a_service_is_not_bound_by_what_a_role_allows_its_callers() {
    let world = World::new();
    world.assume().await;
    let session = json!({
        "RoleArn": "arn:aws:iam::000000000000:role/a/R", "RoleSessionName": "session", "DurationSeconds": 21600,
    });
    let answer =
        world.call(Principal::service("ecs-tasks.amazonaws.com"), "sts", "AssumeRole", session).await;
    let id = answer["Credentials"]["AccessKeyId"].as_str().unwrap();
    let credential = world.iam.credential(id).await.unwrap().unwrap();
    assert_eq!(credential.expires, Some(Timestamp::from_seconds(1_800_021_600)));
    assert_eq!(credential.principal.arn(), "arn:aws:sts::000000000000:assumed-role/R/session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_at_the_same_time_are_all_made() {
    let world = Arc::new(World::new());
    world.assume().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let tag = json!({"RoleName": "r", "Tags": [{"Key": format!("k{number}"), "Value": ""}]});
            world.root("iam", "TagRole", tag).await;
        });
    }
    tasks.join_all().await;
    let tags = world.root("iam", "ListRoleTags", json!({"RoleName": "R"})).await;
    assert_eq!(tags["Tags"].as_array().unwrap().len(), 8);
}
