//! What happens when a rule's schedule is due while what its last occurrence has set to work still works: an extension, off
//! where no tag asks for it.
//!
//! The tag `runwright:overlap` of the rule asks for it: `skip` leaves the new occurrence out, `queue` has it wait. What works
//! are the executions and the tasks that the occurrence's deliveries have started, and each delivery itself until its
//! target has taken it or it was given up.

use std::time::Duration;

use api::{AwsError, Call, Principal};
use schedule::Overlap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Batch, Range};
use types::Timestamp;

use crate::delivery::Delivery;
use crate::names::{BusName, DEFAULT_BUS};
use crate::registry::CompiledRule;
use crate::{Error, Inner};

/// Where what a rule's last occurrence has set to work is kept: key is the rule's and a target's id; written by firings and
/// by what ends deliveries.
pub const TABLE: &str = "events/work";
/// Where it is kept when an occurrence that waits last saw it at work: key is the rule's; written by firings.
const SEEN: &str = "events/work-seen";

/// How far what went to one target has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// The target has not taken it yet.
    Delivering,
    /// An execution was started.
    Execution(String),
    /// Tasks were started.
    Tasks(String, Vec<String>),
    /// Nothing that can be followed, or nothing any more.
    Over,
}

impl Work {
    /// What a target's answer says was started.
    fn of(target: &str, answer: &Value) -> Self {
        if let Some(execution) = answer["executionArn"].as_str() {
            return Self::Execution(execution.to_owned());
        }
        let tasks = answer["tasks"].as_array().into_iter().flatten();
        let tasks: Vec<String> =
            tasks.filter_map(|task| Some(task["taskArn"].as_str()?.to_owned())).collect();
        if tasks.is_empty() { Self::Over } else { Self::Tasks(target.to_owned(), tasks) }
    }
}

/// How far what is at work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtWork {
    /// A target has not taken it yet.
    Delivering,
    /// A target has, and works.
    Started,
}

impl AtWork {
    /// How long an occurrence waits for a target that has not taken the one before it.
    const DELIVERING_PAUSE: Duration = Duration::from_secs(1);

    /// When an occurrence that was due at `due` and waits for it looks again.
    pub fn look_again(self, due: Timestamp, now: Timestamp) -> Timestamp {
        match self {
            Self::Delivering => now + Self::DELIVERING_PAUSE,
            Self::Started => Overlap::look_again(due, now),
        }
    }
}

/// What is at work, as an occurrence that is due finds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How far what is at work has come.
    pub at_work: Option<AtWork>,
    /// When an occurrence that waits last saw something at work.
    pub seen: Option<Timestamp>,
}

/// Adds to a batch: the occurrence's deliveries are what the rule's next occurrence looks at.
pub fn follow(batch: &mut Batch, bus: &BusName, rule: &CompiledRule, held_up_until: Option<Timestamp>) {
    let key = bus.rule_key(&rule.name);
    batch.delete_prefix(TABLE, parts(&key));
    for target in &rule.targets {
        put(batch, &key, &target.target.id, &Work::Delivering);
    }
    match held_up_until {
        Some(time) => see(batch, &key, time),
        None => drop(batch.delete(SEEN, key)),
    }
}

/// Adds to a batch: an occurrence that waits has seen something at work.
pub fn see(batch: &mut Batch, rule_key: &str, now: Timestamp) {
    // A number under a text key: it cannot fail to be written.
    batch.put(SEEN, rule_key, serde_json::to_vec(&now).unwrap_or_default());
}

/// Adds to a batch: a rule that goes leaves nothing to look at.
pub fn forget(batch: &mut Batch, rule_key: &str) {
    batch.delete_prefix(TABLE, parts(rule_key));
    batch.delete(SEEN, rule_key);
}

/// Adds to a batch what a delivery has set to work; without an answer it was given up.
pub fn note(batch: &mut Batch, delivery: &Delivery, answer: Option<&Value>) {
    let work = answer.map_or(Work::Over, |answer| Work::of(&delivery.target.arn, answer));
    put(batch, &delivery.default_bus().rule_key(&delivery.rule_name), &delivery.target.id, &work);
}

fn put(batch: &mut Batch, rule_key: &str, target: &str, work: &Work) {
    let key = format!("{}{target}", parts(rule_key));
    batch.put(TABLE, key, serde_json::to_vec(work).unwrap_or_default());
}

/// No rule's name holds a slash.
fn parts(rule_key: &str) -> String {
    format!("{rule_key}/")
}

impl Delivery {
    /// Rules with schedules are on the default bus only.
    fn default_bus(&self) -> BusName {
        BusName { account: self.account.clone(), region: self.region.clone(), name: DEFAULT_BUS.to_owned() }
    }
}

impl Inner {
    /// What the rule's last occurrence has set to work and is still there.
    pub(crate) async fn find_work(&self, bus: &BusName, rule_key: &str) -> Result<Found, Error> {
        let mut at_work = None;
        for work in self.work.list(Range::prefix(&parts(rule_key))).await? {
            if at_work != Some(AtWork::Started) {
                at_work = self.at_work(bus, &work.value).await.or(at_work);
            }
        }
        let seen = self.store.get(SEEN, rule_key).await?;
        let seen = seen.and_then(|record| serde_json::from_slice(&record.value).ok());
        Ok(Found { at_work, seen })
    }

    /// How far it has come, if it still works. What cannot be asked does not.
    async fn at_work(&self, bus: &BusName, work: &Work) -> Option<AtWork> {
        let is_started = match work {
            Work::Delivering => return Some(AtWork::Delivering),
            Work::Over => false,
            Work::Execution(arn) => {
                let answer = self.ask(bus, "states", "DescribeExecution", json!({"executionArn": arn})).await;
                let is_open = |status: &Value| status == "RUNNING" || status == "PENDING_REDRIVE";
                answer.is_ok_and(|execution| is_open(&execution["status"]))
            }
            Work::Tasks(cluster, tasks) => {
                let input = json!({"cluster": cluster, "tasks": tasks});
                let answer = self.ask(bus, "ecs", "DescribeTasks", input).await;
                let runs = |task: &Value| task["lastStatus"] != "STOPPED";
                answer.is_ok_and(|answer| answer["tasks"].as_array().into_iter().flatten().any(runs))
            }
        };
        is_started.then_some(AtWork::Started)
    }

    async fn ask(
        &self,
        bus: &BusName,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let principal = Principal::service("events.amazonaws.com");
        let call = Call::new(principal, &bus.account, &bus.region, service, operation, input);
        self.dispatcher.call(call).await
    }
}

/// What the rule's tags ask for. They were checked when they came.
pub fn wanted(tags: &std::collections::BTreeMap<String, String>) -> Option<Overlap> {
    Overlap::of(tags).unwrap_or_default()
}
