//! Delivers what executions tell others: log events to CloudWatch Logs, status changes to EventBridge.
//!
//! Both wait in queues, so that a crash loses none; after a crash some may be delivered twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::{AwsError, Call, Dispatcher, Fault, Principal};
use serde_json::{Value, json};
use store::{Batch, Store, Timer};
use types::{AccountId, Region, Timestamp};

use crate::Error;
use crate::limits::{EVENT_BYTES, EVENT_ENTRIES, LOG_BYTES, LOG_EVENTS};
use crate::name;
use crate::plan::LogEntry;
use crate::tables;

/// How long to wait before a delivery is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Who writes to log groups.
pub(crate) const LOG_DELIVERY: &str = "delivery.logs.amazonaws.com";

/// Who tells of executions.
pub(crate) const STATES: &str = "states.amazonaws.com";

/// Delivers.
pub(crate) struct Delivery {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) dispatcher: Dispatcher,
}

/// A stream of a log group, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stream {
    region: String,
    account: String,
    log_group: String,
    log_stream: String,
}

impl Delivery {
    /// Delivers entries of the queue `tables::LOG`, those of one stream together.
    pub(crate) async fn log(&self, timers: Vec<Timer>) -> Result<(), Error> {
        let mut streams: BTreeMap<Stream, Vec<(Timer, LogEntry)>> = BTreeMap::new();
        let mut batch = Batch::new();
        for timer in timers {
            match log_entry(&timer) {
                Some((stream, entry)) => streams.entry(stream).or_default().push((timer, entry)),
                None => unreadable(&mut batch, tables::LOG, &timer),
            }
        }
        for (stream, entries) in streams {
            let mut events: Vec<(Timestamp, String)> = entries
                .iter()
                .flat_map(|(_, entry)| entry.messages.iter())
                .map(|message| (message.timestamp, message.message.clone()))
                .collect();
            // One request's events must be in the order of time.
            events.sort_by_key(|(timestamp, _)| *timestamp);
            let delivered = self.put_log_events(&stream, &events).await;
            for (timer, _) in &entries {
                self.settle(&mut batch, tables::LOG, timer, delivered.as_ref().err());
            }
        }
        self.submit(batch).await
    }

    async fn put_log_events(&self, stream: &Stream, events: &[(Timestamp, String)]) -> Result<(), AwsError> {
        for events in requests(events) {
            let log_events: Vec<Value> = events
                .iter()
                .map(|(timestamp, message)| json!({"timestamp": timestamp.as_millis(), "message": message}))
                .collect();
            let input = json!({
                "logGroupName": stream.log_group,
                "logStreamName": stream.log_stream,
                "logEvents": log_events,
            });
            match self.call_logs(stream, "PutLogEvents", input.clone()).await {
                Err(error) if error.code == "ResourceNotFoundException" => {
                    self.create_stream(stream).await?;
                    self.call_logs(stream, "PutLogEvents", input).await?;
                }
                answer => {
                    answer?;
                }
            }
        }
        Ok(())
    }

    async fn create_stream(&self, stream: &Stream) -> Result<(), AwsError> {
        let input = json!({"logGroupName": stream.log_group, "logStreamName": stream.log_stream});
        match self.call_logs(stream, "CreateLogStream", input).await {
            Err(error) if error.code != "ResourceAlreadyExistsException" => Err(error),
            _ => Ok(()),
        }
    }

    async fn call_logs(&self, stream: &Stream, operation: &str, input: Value) -> Result<Value, AwsError> {
        let place = (Region::new(&stream.region), AccountId::new(&stream.account));
        self.call(LOG_DELIVERY, place, "logs", operation, input).await
    }

    /// Delivers entries of the queue `tables::STATUS_CHANGE` in their order, as many as fit into one request.
    pub(crate) async fn status_changes(&self, timers: Vec<Timer>) -> Result<(), Error> {
        let mut places: BTreeMap<(String, String), Vec<(Timer, Value)>> = BTreeMap::new();
        let mut batch = Batch::new();
        for timer in timers {
            match status_change(&timer) {
                Some((place, entry)) => places.entry(place).or_default().push((timer, entry)),
                None => unreadable(&mut batch, tables::STATUS_CHANGE, &timer),
            }
        }
        for ((region, account), changes) in places {
            for changes in changes.chunk_by(by_request()) {
                let entries: Vec<&Value> = changes.iter().map(|(_, entry)| entry).collect();
                let place = (Region::new(&region), AccountId::new(&account));
                let answer =
                    self.call(STATES, place, "events", "PutEvents", json!({"Entries": entries})).await;
                for (timer, _) in changes {
                    self.settle(&mut batch, tables::STATUS_CHANGE, timer, answer.as_ref().err());
                }
            }
        }
        self.submit(batch).await
    }

    /// Removes what is delivered, or cannot be; sets anew what may be later.
    fn settle(&self, batch: &mut Batch, queue: &'static str, timer: &Timer, error: Option<&AwsError>) {
        match error {
            Some(error) if error.fault() == Fault::Receiver => {
                let due = self.dispatcher.clock().now() + RETRY;
                batch.set_timer(queue, timer.key.as_str(), due, timer.payload.clone());
            }
            Some(error) => {
                tracing::warn!(queue, key = timer.key, %error, "not delivered");
                batch.clear_timer(queue, timer.key.as_str());
            }
            None => {
                batch.clear_timer(queue, timer.key.as_str());
            }
        }
    }

    async fn call(
        &self,
        principal: &str,
        (region, account): (Region, AccountId),
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let call = Call::new(Principal::service(principal), &account, &region, service, operation, input);
        self.dispatcher.call(call).await
    }

    async fn submit(&self, batch: Batch) -> Result<(), Error> {
        self.store.submit(batch).durable().await?;
        Ok(())
    }
}

fn log_entry(timer: &Timer) -> Option<(Stream, LogEntry)> {
    let entry: LogEntry = serde_json::from_slice(&timer.payload).ok()?;
    let (execution, _) = timer.key.rsplit_once('#')?;
    let (region, account) = name::place(execution).ok()?;
    let stream = Stream {
        region: region.as_str().to_owned(),
        account: account.as_str().to_owned(),
        log_group: entry.log_group.clone(),
        log_stream: entry.log_stream.clone(),
    };
    Some((stream, entry))
}

fn status_change(timer: &Timer) -> Option<((String, String), Value)> {
    let entry = serde_json::from_slice(&timer.payload).ok()?;
    let (execution, _) = timer.key.rsplit_once('#')?;
    let (region, account) = name::place(execution).ok()?;
    Some(((region.as_str().to_owned(), account.as_str().to_owned()), entry))
}

/// Whether an entry goes into the request of the one before it.
fn by_request() -> impl FnMut(&(Timer, Value), &(Timer, Value)) -> bool {
    let (mut entries, mut bytes) = (1, 0);
    move |(before, _), (timer, _)| {
        bytes += before.payload.len();
        let fits = entries < EVENT_ENTRIES && bytes + timer.payload.len() <= EVENT_BYTES;
        (entries, bytes) = if fits { (entries + 1, bytes) } else { (1, 0) };
        fits
    }
}

fn unreadable(batch: &mut Batch, queue: &'static str, timer: &Timer) {
    tracing::error!(queue, key = timer.key, "an entry cannot be read");
    batch.clear_timer(queue, timer.key.as_str());
}

/// Cuts events into runs that fit one `PutLogEvents` each.
fn requests(events: &[(Timestamp, String)]) -> Vec<&[(Timestamp, String)]> {
    let mut runs = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (at, (_, message)) in events.iter().enumerate() {
        let size = message.len() + 26;
        if at > from && (bytes + size > LOG_BYTES || at - from == LOG_EVENTS) {
            runs.extend(events.get(from..at));
            (from, bytes) = (at, 0);
        }
        bytes += size;
    }
    runs.extend(events.get(from..).filter(|run| !run.is_empty()));
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_stay_within_the_limits() {
        let event = |bytes: usize| (Timestamp::from_seconds(0), "x".repeat(bytes));
        let lengths =
            |events: &[(Timestamp, String)]| requests(events).iter().map(|run| run.len()).collect::<Vec<_>>();
        assert_eq!(lengths(&[]), Vec::<usize>::new());
        assert_eq!(lengths(&[event(10), event(10)]), [2]);
        assert_eq!(lengths(&[event(1_000_000), event(100_000), event(10)]), [1, 2]);
        assert_eq!(lengths(&vec![event(1); 10_001]), [10_000, 1]);
    }
}
