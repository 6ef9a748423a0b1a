//! Tags whose keys begin with `aws:`.

use api::Principal;
use serde_json::{Value, json};

use crate::world::World;

/// CloudFormation says with them whose a resource is.
#[tokio::test(flavor = "multi_thread")]
async fn reserved_tags_are_for_services() {
    let world = World::new();
    let process = world.process().await;
    let pass = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let arn = process.create("m", &pass).await;
    let cloudformation = || Principal::service("cloudformation.amazonaws.com");
    let tags = json!([{"key": "aws:cloudformation:stack-name", "value": "s"}]);
    let input = json!({"resourceArn": arn, "tags": tags});
    process.call("TagResource", input.clone()).await.unwrap_err();
    process.call_as(cloudformation(), "TagResource", input).await.unwrap();
    // They do not count.
    let own: Vec<Value> = (0..50).map(|n| json!({"key": format!("k{n}"), "value": ""})).collect();
    process.call("TagResource", json!({"resourceArn": arn, "tags": own})).await.unwrap();
    let untag = json!({"resourceArn": arn, "tagKeys": ["aws:cloudformation:stack-name", "k1"]});
    process.call("UntagResource", untag.clone()).await.unwrap_err();
    let listed = process.call("ListTagsForResource", json!({"resourceArn": arn})).await.unwrap();
    assert_eq!(listed["tags"].as_array().unwrap().len(), 51);
    assert_eq!(listed["tags"][0], tags[0]);
    process.call_as(cloudformation(), "UntagResource", untag).await.unwrap();
}
