//! What is on disk is not what was given.

use cases::World as _;
use serde_json::json;

use crate::world::World;

const PLAIN: &str = "correct horse battery staple";

#[tokio::test]
async fn no_file_holds_a_value_in_clear() {
    let world = World::new().await;
    world
        .call("PutParameter", json!({"Name": "/db/password", "Type": "SecureString", "Value": PLAIN}))
        .await
        .unwrap();
    world.store.submit(store::Batch::new()).durable().await.unwrap();
    let mut bytes = 0;
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        let file = std::fs::read(entry.unwrap().path()).unwrap();
        bytes += file.len();
        assert!(!file.windows(PLAIN.len()).any(|window| window == PLAIN.as_bytes()));
    }
    assert!(bytes > 0);
}
