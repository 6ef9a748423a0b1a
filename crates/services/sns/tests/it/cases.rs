//! Every file in `cases/api`, in a world of its own that begins at 2026-11-20T12:00:00Z.

use std::time::Duration;

use api::AwsError;
use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn every_case_is_as_its_file_says() {
    cases::run(concat!(env!("CARGO_MANIFEST_DIR"), "/cases/api"), 3, World::new).await;
}

impl cases::World for World {
    async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call(operation, input).await
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}
