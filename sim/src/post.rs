//! Amazon SQS as everybody here calls it: the service itself, and behind URLs that are none the [`Receiver`] of work.

use std::sync::Arc;

use api::model::ServiceModel;
use api::{AwsError, Context, Service};
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::receiver::Receiver;

/// What a queue's URL begins with. What tasks of machines call a queue does not.
const URL: &str = "https://";

/// Both.
pub struct Post {
    /// The queues.
    pub sqs: sqs::Sqs,
    /// Who works.
    pub receiver: Arc<Receiver>,
}

impl Service for Post {
    fn name(&self) -> &'static str {
        self.sqs.name()
    }

    fn model(&self) -> &'static ServiceModel {
        self.sqs.model()
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        let is_work = input["QueueUrl"].as_str().is_some_and(|url| !url.starts_with(URL));
        match is_work && operation == "SendMessage" {
            true => Box::pin(self.receiver.answer(cx, input)),
            false => self.sqs.serve(cx, operation, input),
        }
    }
}
