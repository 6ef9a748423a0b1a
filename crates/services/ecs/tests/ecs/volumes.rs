//! Empty volumes.

use serde_json::json;

use crate::crash::run;
use crate::support::World;

#[tokio::test]
async fn a_volume_lives_and_dies_with_its_task() {
    let world = World::new();
    let process = world.start().await;
    process.call("CreateCluster", json!({})).await.unwrap();
    let mount = json!([{"sourceVolume": "shared", "containerPath": "/data", "readOnly": true}]);
    let definition = json!({
        "family": "job", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "requiresCompatibilities": ["FARGATE"], "volumes": [{"name": "shared", "host": {}}],
        "containerDefinitions": [{"name": "c0", "image": "gated-0", "mountPoints": mount}],
    });
    let registered = process.call("RegisterTaskDefinition", definition).await.unwrap();
    assert_eq!(registered["taskDefinition"]["containerDefinitions"][0]["mountPoints"], mount);

    process.call("RunTask", run()).await.unwrap();
    world.event(|detail| detail["lastStatus"] == "RUNNING").await;
    let mounts = world.driver.spec("c0").unwrap().mounts;
    let [container::Mount::Bind { source, target, read_only: true }] = mounts.as_slice() else {
        panic!("{mounts:?}")
    };
    assert_eq!(target, "/data");
    assert!(source.is_dir());

    world.driver.open_gate();
    world.stopped().await;
    assert!(!source.exists());
    assert_eq!(std::fs::read_dir(world.volumes.path()).unwrap().count(), 0);
}
