//! A service outside of the engine, which tasks call: what it answers follows from what it is asked, so that it is the
//! same with and without crashes; when it answers does not.
//!
//! It goes under the name of Amazon SQS ([`post`](crate::post)). A message's body is the *key* of a piece of work, which no other work has; where
//! there is a token in it, the work is done later, by a [`Worker`](crate::worker). It notes under which request each key
//! came: one that comes again has to come as the same request.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::{AwsError, Context};
use clock::Clock;
use serde_json::{Value, json};
use tokio::sync::Notify;
use types::Timestamp;

use crate::random::Random;
use crate::trace::Trace;

/// Longest time until a call is answered, or work done.
const WORK_MS_MAX: u64 = 60_000;

/// What becomes of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is done.
    Done,
    /// It fails.
    Failed,
    /// Nobody ever hears of it again.
    Silent,
}

/// What becomes of the work `key`, whoever asks and however often. States whose names begin with `Broken` fail until they
/// are redriven.
pub fn fate(seed: u64, key: &str) -> Fate {
    let mut random = Random::new(seed, key);
    if key.split('/').nth(2).is_some_and(|state| state.starts_with("Broken")) {
        return if key.ends_with("/0") { Fate::Failed } else { Fate::Done };
    }
    match random.below(100) {
        0..80 => Fate::Done,
        80..94 => Fate::Failed,
        _ => Fate::Silent,
    }
}

/// What no other work has in common with this: the key, but for executions of events. An event that a client has put twice,
/// for want of an answer, starts two executions, and both do the same.
pub fn unique(key: &str, execution: Option<&str>) -> String {
    if key.starts_with('v') { format!("{key} of {}", execution.unwrap_or_default()) } else { key.to_owned() }
}

/// Work that is done later.
#[derive(Clone, Debug)]
pub struct Delegated {
    /// The work.
    pub key: String,
    /// The token of the task that waits.
    pub token: String,
    /// When it is done.
    pub due: Timestamp,
    /// Whether somebody has begun to report it: what came of that may not be known.
    pub is_tried: bool,
    /// Whether the engine knows.
    pub is_reported: bool,
}

/// The service.
pub struct Receiver {
    seed: u64,
    trace: Arc<Trace>,
    state: Mutex<State>,
    /// Told of delegated work.
    pub delegated: Notify,
}

struct State {
    random: Random,
    /// The request under which each key came, and what it asked for.
    requests: BTreeMap<String, (String, Value)>,
    work: BTreeMap<String, Delegated>,
    calls: u64,
}

impl Receiver {
    /// One that nobody has asked yet.
    pub fn new(seed: u64, trace: Arc<Trace>) -> Self {
        let state = State {
            random: Random::new(seed, "receiver"),
            requests: BTreeMap::new(),
            work: BTreeMap::new(),
            calls: 0,
        };
        Self { seed, trace, state: Mutex::new(state), delegated: Notify::new() }
    }

    /// How many pieces of work were asked for, and how many calls that took.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.requests.len() as u64, state.calls)
    }

    /// Work that is still to be reported.
    pub fn open_work(&self) -> Vec<Delegated> {
        let state = self.state();
        state.work.values().filter(|work| !work.is_reported).cloned().collect()
    }

    /// Notes that somebody begins to report the work; returns whether somebody had before.
    pub fn try_report(&self, token: &str) -> bool {
        let mut state = self.state();
        state.work.get_mut(token).is_some_and(|work| std::mem::replace(&mut work.is_tried, true))
    }

    /// Notes that the engine knows.
    pub fn reported(&self, token: &str) {
        if let Some(work) = self.state().work.get_mut(token) {
            work.is_reported = true;
        }
    }

    /// Notes a call: the key came under this request, or a second time under the same.
    fn note(&self, key: &str, request: &str, input: &Value) {
        self.trace.note(&format!("asked for {key}"));
        let mut state = self.state();
        state.calls += 1;
        let asked = (request.to_owned(), input.clone());
        let key = &unique(key, input["QueueUrl"].as_str());
        let first = state.requests.entry(key.to_owned()).or_insert_with(|| asked.clone()).clone();
        drop(state);
        if first != asked {
            self.trace.violation(format!("the work {key} was asked for as {first:?} and as {asked:?}"));
        }
    }

    fn delegate(&self, key: &str, token: &str, clock: &Clock) {
        if fate(self.seed, key) == Fate::Silent {
            return;
        }
        let mut state = self.state();
        let due = clock.now() + Duration::from_millis(state.random.between(0, WORK_MS_MAX));
        state.work.entry(token.to_owned()).or_insert_with(|| Delegated {
            key: key.to_owned(),
            token: token.to_owned(),
            due,
            is_tried: false,
            is_reported: false,
        });
        drop(state);
        self.delegated.notify_one();
    }

    /// Takes the work that a message asks for, and answers when it is done, or when it is to be done later.
    ///
    /// # Errors
    /// Work that fails.
    pub async fn answer(&self, cx: &Context, input: Value) -> Result<Value, AwsError> {
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (key, token) = (text("MessageBody"), text("MessageGroupId"));
        self.note(&key, &cx.request_id, &input);
        let clock = cx.dispatcher.clock();
        let pause = self.pause();
        clock.sleep_until(clock.now() + pause).await;
        if !token.is_empty() {
            self.delegate(&key, &token, clock);
            return Ok(json!({"MessageId": "m"}));
        }
        match fate(self.seed, &key) {
            Fate::Done => Ok(json!({ "MessageId": Random::new(self.seed, &key).below(1000).to_string() })),
            Fate::Failed => Err(AwsError::new("Refused", format!("The work {key} fails."))),
            Fate::Silent => pending().await,
        }
    }

    fn pause(&self) -> Duration {
        let mut state = self.state();
        let longest = if state.random.percent(70) { 20 } else { WORK_MS_MAX };
        Duration::from_millis(state.random.below(longest))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
