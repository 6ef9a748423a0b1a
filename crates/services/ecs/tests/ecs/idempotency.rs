//! Client tokens.

use serde_json::json;

use crate::crash::{prepare, run};
use crate::support::World;

#[tokio::test]
async fn a_token_stands_for_one_request() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    let first = process.call("RunTask", run()).await.unwrap();
    assert_eq!(process.call("RunTask", run()).await.unwrap(), first);

    let mut other = run();
    other["startedBy"] = json!("somebody");
    let error = process.call("RunTask", other).await.unwrap_err();
    assert_eq!(error.code, "ConflictException");
    assert_eq!(error.members["resourceIds"], json!([first["tasks"][0]["taskArn"]]));

    let tasks = process.call("ListTasks", json!({})).await.unwrap();
    assert_eq!(tasks["taskArns"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn requests_at_the_same_time_start_one_task() {
    let world = World::new();
    let process = world.start().await;
    prepare(&world, &process, &["forever"]).await;
    let (one, other) = tokio::join!(process.call("RunTask", run()), process.call("RunTask", run()));
    assert_eq!(one.unwrap(), other.unwrap());
}
