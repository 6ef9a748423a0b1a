//! Gathers messages until they are a batch: as many as the pipe wants, or as there are when its window ends.
//!
//! The window is in the pipe's time; how long a queue is asked to wait is the queue's business. What has been gathered
//! survives whoever stops waiting for the rest of it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use api::AwsError;
use futures_util::future::{BoxFuture, Either, select};
use types::Timestamp;

use crate::limits::BATCH_BYTES;
use crate::line::Line;
use crate::shipment::Received;

type Asked = BoxFuture<'static, Result<Vec<Received>, AwsError>>;

/// A batch that is being made.
pub(crate) struct Gathering {
    line: Arc<Line>,
    size: usize,
    window: Duration,
    held: Vec<Received>,
    bytes: usize,
    /// When the window of what is held ends.
    until: Option<Timestamp>,
    /// What the queue has been asked for.
    asked: Option<Asked>,
}

impl Gathering {
    pub(crate) fn new(line: Arc<Line>) -> Self {
        let (size, window) = line.batching();
        Self { line, size, window, held: Vec::new(), bytes: 0, until: None, asked: None }
    }

    /// The next batch. Nothing is lost where it is not waited for.
    ///
    /// # Errors
    /// What the source answers; what is held stays.
    pub(crate) async fn next(&mut self) -> Result<Vec<Received>, AwsError> {
        loop {
            if self.is_complete() {
                return Ok(self.take());
            }
            let (line, count) = (Arc::clone(&self.line), self.size.saturating_sub(self.held.len()));
            let asked = self.asked.get_or_insert_with(|| Box::pin(async move { line.receive(count).await }));
            let answer = match self.until {
                None => asked.await,
                Some(until) => match select(asked, pin!(self.line.clock().sleep_until(until))).await {
                    Either::Left((answer, _)) => answer,
                    Either::Right(_) => continue,
                },
            };
            self.asked = None;
            self.hold(answer?);
        }
    }

    /// What is held now.
    pub(crate) fn take(&mut self) -> Vec<Received> {
        (self.bytes, self.until) = (0, None);
        std::mem::take(&mut self.held)
    }

    fn is_complete(&self) -> bool {
        let is_late = self.until.is_some_and(|until| until <= self.line.clock().now());
        !self.held.is_empty() && (is_late || self.held.len() >= self.size || self.bytes >= BATCH_BYTES)
    }

    fn hold(&mut self, received: Vec<Received>) {
        for message in received {
            // A message whose visibility ended within a long window is given again: only its last handle is good.
            match self.held.iter_mut().find(|held| held.message_id == message.message_id) {
                Some(held) => *held = message,
                None => {
                    let body = message.event.get("body").and_then(serde_json::Value::as_str);
                    self.bytes = self.bytes.saturating_add(body.map_or(0, str::len));
                    self.held.push(message);
                }
            }
        }
        if self.until.is_none() && !self.held.is_empty() {
            self.until = Some(self.line.clock().now() + self.window);
        }
    }
}
