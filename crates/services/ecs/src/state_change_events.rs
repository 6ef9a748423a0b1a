//! Tells EventBridge of each change of a task, "ECS Task State Change", and of what services do: events from `aws.ecs`.
//!
//! Events are timers that are set in the batch that makes the change, so none is lost. They are sent in their order,
//! again and again until EventBridge has taken them; one may arrive twice when the server is killed in between.

use api::{Call, Dispatcher, Fault, Principal};
use clock::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Batch, Timer, TimerQueue};
use types::{AccountId, Region, Timestamp};

use crate::lifecycle::StateChange;
use crate::limits;
use crate::retry::Delays;
use crate::service::Service;
use crate::service::announcement::Announcement;
use crate::tables::{EVENT_QUEUE, Tables};
use crate::task::Task;

/// An event that waits to be sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Event {
    account: AccountId,
    region: Region,
    #[serde(alias = "task_arn")]
    resource: String,
    #[serde(default = "of_a_task")]
    detail_type: String,
    at: Timestamp,
    detail: Value,
}

/// Adds to `batch`: the events of a task's changes.
pub fn put(batch: &mut Batch, task: &Task, changes: &[StateChange]) {
    for change in changes {
        let event = Event {
            account: AccountId::new(task.account.as_str()),
            region: Region::new(task.region.as_str()),
            resource: task.arn.clone(),
            detail_type: of_a_task(),
            at: change.at,
            detail: change.detail.clone(),
        };
        put_event(batch, format!("{}/{:010}", task.key(), change.version), &event);
    }
}

/// Adds to `batch`: what a service tells, and to the service that it has told that.
pub fn put_announcements(batch: &mut Batch, service: &mut Service, announcements: &[Announcement]) {
    for announcement in announcements {
        let event = Event {
            account: AccountId::new(service.account.as_str()),
            region: Region::new(service.region.as_str()),
            resource: service.arn.clone(),
            detail_type: announcement.detail_type.to_owned(),
            at: announcement.at,
            detail: announcement.detail.clone(),
        };
        service.announced += 1;
        // No task has such an id.
        put_event(batch, format!("{}!service/{:010}", service.key(), service.announced), &event);
    }
}

fn put_event(batch: &mut Batch, key: String, event: &Event) {
    match serde_json::to_vec(event) {
        Ok(payload) => batch.set_timer(EVENT_QUEUE, key, event.at, payload),
        Err(error) => unreachable!("an event is plain data: {error}"),
    };
}

fn of_a_task() -> String {
    "ECS Task State Change".to_owned()
}

/// Sends the events of the queue, in their order.
pub async fn run(tables: Tables, dispatcher: Dispatcher, mut queue: TimerQueue) {
    let clock = dispatcher.clock().clone();
    let mut waiting = None;
    loop {
        let Some(first) = next(&mut waiting, &mut queue, &clock).await else { return };
        let Some(event) = parse(&tables, &first) else { continue };
        let mut events = vec![(first, event)];
        gather(&tables, &mut events, &mut waiting, &mut queue, &clock).await;
        send(&dispatcher, &events).await;
        let mut batch = Batch::new();
        for (timer, _) in events {
            batch.clear_timer(EVENT_QUEUE, timer.key);
        }
        tokio::spawn(forget(tables.clone(), clock.clone(), batch));
    }
}

/// Removes events that were sent, as often as it takes the store to keep that.
async fn forget(tables: Tables, clock: Clock, batch: Batch) {
    let mut delays = Delays::endless();
    while let Err(error) = tables.store.submit(batch.clone()).durable().await {
        tracing::warn!(%error, "events of tasks that were sent are not removed yet");
        delays.wait(&clock).await;
    }
}

async fn next(waiting: &mut Option<Timer>, queue: &mut TimerQueue, clock: &Clock) -> Option<Timer> {
    match waiting.take() {
        Some(timer) => Some(timer),
        None => queue.next(clock).await,
    }
}

/// Adds to `events` what is due already and goes to the same account and region.
async fn gather(
    tables: &Tables,
    events: &mut Vec<(Timer, Event)>,
    waiting: &mut Option<Timer>,
    queue: &mut TimerQueue,
    clock: &Clock,
) {
    while events.len() < limits::EVENTS_PER_REQUEST {
        let due = tokio::select! {
            biased;
            timer = queue.next(clock) => timer,
            () = std::future::ready(()) => None,
        };
        let Some(timer) = due else { return };
        let Some(event) = parse(tables, &timer) else { continue };
        let together = events
            .first()
            .is_some_and(|(_, first)| first.account == event.account && first.region == event.region);
        if !together {
            *waiting = Some(timer);
            return;
        }
        events.push((timer, event));
    }
}

/// The event of a timer. What cannot be read can never be sent: it is reported, and removed.
fn parse(tables: &Tables, timer: &Timer) -> Option<Event> {
    match serde_json::from_slice(&timer.payload) {
        Ok(event) => Some(event),
        Err(error) => {
            tracing::error!(%error, key = timer.key, "an event cannot be read");
            let mut batch = Batch::new();
            batch.clear_timer(EVENT_QUEUE, timer.key.clone());
            drop(tables.store.submit(batch));
            None
        }
    }
}

/// Sends events until EventBridge has taken them all, or has refused for so long that it never will.
async fn send(dispatcher: &Dispatcher, events: &[(Timer, Event)]) {
    let mut left: Vec<&Event> = events.iter().map(|(_, event)| event).collect();
    let mut delays = Delays::new(limits::EVENT_ATTEMPTS);
    loop {
        left = match attempt(dispatcher, &left).await {
            Ok(left) if left.is_empty() => return,
            Ok(left) => left,
            Err(error) if error.fault() == Fault::Sender => {
                tracing::error!(%error, count = left.len(), "EventBridge refuses events of tasks");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "EventBridge does not take events of tasks yet");
                left
            }
        };
        if !delays.wait(dispatcher.clock()).await {
            tracing::error!(count = left.len(), "events of tasks are given up");
            return;
        }
    }
}

/// Sends events once; returns those that were not taken.
async fn attempt<'a>(dispatcher: &Dispatcher, events: &[&'a Event]) -> Result<Vec<&'a Event>, api::AwsError> {
    let Some(first) = events.first() else { return Ok(Vec::new()) };
    let entries: Vec<Value> = events.iter().map(|event| entry(event)).collect();
    let call = Call::new(
        Principal::service("ecs.amazonaws.com"),
        &first.account,
        &first.region,
        "events",
        "PutEvents",
        json!({ "Entries": entries }),
    );
    let answer = dispatcher.call(call).await?;
    let results = answer.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
    let failed = |at: usize| results.get(at).is_some_and(|result| result.get("ErrorCode").is_some());
    Ok(events.iter().enumerate().filter(|(at, _)| failed(*at)).map(|(_, event)| *event).collect())
}

fn entry(event: &Event) -> Value {
    json!({
        "Source": "aws.ecs",
        "DetailType": event.detail_type,
        "Detail": event.detail.to_string(),
        "Resources": [event.resource],
        "Time": event.at,
    })
}
