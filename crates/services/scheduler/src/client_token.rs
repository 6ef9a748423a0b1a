//! Idempotency: a request that repeats a `ClientToken` gets the answer of the first one.
//!
//! The answer is kept in the batch of the change itself, for [`CLIENT_TOKEN_KEPT`]. Old ones are removed in `delivery`.

use api::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Batch;

use crate::limits::{CLIENT_TOKEN_KEPT, CONFLICTS_MAX};
use crate::names::prefix;
use crate::{Error, Inner};

/// Where answers are kept: key is account, region and token; written with the change that the request asked for.
pub const TABLE: &str = "scheduler/client-token";
/// When they are removed.
pub const QUEUE: &str = "scheduler/client-token";

/// A request that was served, and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answered {
    operation: String,
    input: Value,
    answer: Value,
}

/// A request that may be a repeated one.
pub struct Request {
    /// `None` without a token.
    key: Option<String>,
    token: String,
    operation: &'static str,
    input: Value,
}

impl Request {
    /// The request of an operation.
    pub fn new(cx: &Context, operation: &'static str, token: Option<&str>, input: &impl Serialize) -> Self {
        let key = token.map(|token| format!("{}{token}", prefix(cx)));
        // Inputs came as JSON: they can be written as such.
        let input = serde_json::to_value(input).unwrap_or_default();
        Self { key, token: token.unwrap_or_default().to_owned(), operation, input }
    }
}

impl Inner {
    /// The answer that the request got before.
    ///
    /// # Errors
    /// [`Error::ClientTokenReused`] where the token came with another request.
    pub(crate) async fn answered<T: DeserializeOwned>(&self, request: &Request) -> Result<Option<T>, Error> {
        let Some(key) = &request.key else { return Ok(None) };
        let Some(seen) = self.client_tokens.get(key).await? else { return Ok(None) };
        if seen.value.operation != request.operation || seen.value.input != request.input {
            return Err(Error::ClientTokenReused(request.token.clone()));
        }
        Ok(serde_json::from_value(seen.value.answer).ok())
    }

    /// Adds the request's answer to the batch that makes it true.
    pub(crate) fn keep_answer(
        &self,
        batch: &mut Batch,
        cx: &Context,
        request: &Request,
        answer: &impl Serialize,
    ) {
        let Some(key) = &request.key else { return };
        let answer = serde_json::to_value(answer).unwrap_or_default();
        let answered =
            Answered { operation: request.operation.to_owned(), input: request.input.clone(), answer };
        self.client_tokens.create(batch, key, &answered);
        batch.set_timer(QUEUE, key.as_str(), cx.now + CLIENT_TOKEN_KEPT, Vec::new());
    }

    /// Makes the change that a request asks for, once: a request that meets its own repetition gets the answer of that.
    pub(crate) async fn once<T, F>(
        &self,
        request: &Request,
        change: impl Fn() -> F + Send,
    ) -> Result<T, Error>
    where
        T: DeserializeOwned,
        F: Future<Output = Result<T, Error>> + Send,
    {
        match self.retried(change).await {
            // The repetition may have been served after this one looked for its answer and before it looked further.
            Err(error) => self.answered(request).await?.ok_or(error),
            answer => answer,
        }
    }

    /// Makes a change again as long as others change the same records meanwhile.
    pub(crate) async fn retried<T, F>(&self, change: impl Fn() -> F + Send) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        for _ in 0..CONFLICTS_MAX {
            match change().await {
                Err(Error::Concurrent(_)) => {}
                other => return other,
            }
        }
        change().await
    }
}
