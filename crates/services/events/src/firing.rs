//! Fires schedules: a timer per rule, which makes an event when it is due and sets itself anew.
//!
//! The event's deliveries and the next timer are one batch: an occurrence fires once, whenever the process dies.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Batch, Timer};
use types::Timestamp;

use crate::delivery;
use crate::event::scheduled;
use crate::limits::FIRING_LATE_MAX;
use crate::names::BusName;
use crate::rule::Rule;
use crate::{Error, Inner};

const QUEUE: &str = "events/schedule";

/// What the timer of a rule says.
#[derive(Serialize, Deserialize)]
struct Payload {
    account: types::AccountId,
    region: types::Region,
    bus: String,
    rule: String,
}

/// Adds the rule's next occurrence to a batch, or takes it away where there is none.
pub fn set_timer(batch: &mut Batch, bus: &BusName, rule: &Rule, after: Timestamp) {
    let key = bus.rule_key(&rule.name);
    match rule.next_due(after) {
        Some(due) => {
            let payload = Payload {
                account: bus.account.clone(),
                region: bus.region.clone(),
                bus: bus.name.clone(),
                rule: rule.name.clone(),
            };
            batch.set_timer(QUEUE, key, due, serde_json::to_vec(&payload).unwrap_or_default());
        }
        None => {
            batch.clear_timer(QUEUE, key);
        }
    }
}

/// Takes a rule's timer away.
pub fn clear_timer(batch: &mut Batch, bus: &BusName, rule: &str) {
    batch.clear_timer(QUEUE, bus.rule_key(rule));
}

/// Fires schedules from now on.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut timers = inner.store.timers(QUEUE).await?;
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let clock = inner.dispatcher.clock().clone();
        while let Some(timer) = timers.next(&clock).await {
            if let Err(error) = inner.fire_due(&timer, clock.now()).await {
                // The timer stays in the store: it is given again at the next start.
                tracing::error!(rule = timer.key, %error, "a schedule could not be fired");
            }
        }
    });
    Ok(())
}

impl Inner {
    async fn fire_due(&self, timer: &Timer, now: Timestamp) -> Result<(), Error> {
        let Ok(Payload { account, region, bus, rule }) = serde_json::from_slice(&timer.payload) else {
            return Err(Error::Invalid(format!("the timer {} cannot be read", timer.key)));
        };
        let bus = BusName { account, region, name: bus };
        let Some(seen) = self.rules.get(&timer.key).await? else { return Ok(()) };
        let mut batch = Batch::new();
        batch.require_version("events/rule", timer.key.as_str(), seen.version);
        set_timer(&mut batch, &bus, &seen.value, now);
        if now.since(timer.due) <= FIRING_LATE_MAX && seen.value.is_enabled() {
            self.plan_occurrence(&mut batch, &bus, &rule, timer.due, now);
        } else {
            tracing::warn!(rule, due = %timer.due, "the schedule was due while nobody was there: skipped");
        }
        match self.store.submit(batch).durable().await {
            // The rule was changed meanwhile, and its timer with it.
            Err(store::Error::Conflict { .. }) => Ok(()),
            other => other.map(drop).map_err(Error::from),
        }
    }

    /// Adds the deliveries of one occurrence to a batch; returns the id of its event.
    pub(crate) fn plan_occurrence(
        &self,
        batch: &mut Batch,
        bus: &BusName,
        rule: &str,
        due: Timestamp,
        now: Timestamp,
    ) -> String {
        let id = api::ids::uuid();
        if let Some(rule) = self.registry.rule(bus, rule) {
            let event = scheduled(bus, &rule.arn, &id, due);
            delivery::plan(batch, bus, &rule, &id, &event, now);
        }
        id
    }
}
