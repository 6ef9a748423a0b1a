//! Every file in `cases/api`, in a world of its own that begins at 2026-11-20T12:00:00Z. A `QueueUrl` that is a name means
//! the queue of that name.

use std::time::Duration;

use api::AwsError;
use serde_json::Value;

use crate::world::{World, url};

#[tokio::test]
async fn every_case_is_as_its_file_says() {
    cases::run(concat!(env!("CARGO_MANIFEST_DIR"), "/cases/api"), 10, World::new).await;
}

impl cases::World for World {
    async fn call(&self, operation: &str, mut input: Value) -> Result<Value, AwsError> {
        if let Some(name) = input["QueueUrl"].as_str().filter(|name| !name.contains('/')) {
            input["QueueUrl"] = url(name).into();
        }
        self.call(operation, input).await
    }

    async fn advance(&self, by: Duration) {
        self.advance(by.as_secs()).await;
    }
}
