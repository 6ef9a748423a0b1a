//! Fires schedules: a timer per rule, which makes an event when it is due and sets itself anew.
//!
//! The event's deliveries and the next timer are one batch: an occurrence fires once, whenever the process dies.

use std::sync::Arc;

use api::{Occurrence, Outcome};
use schedule::{Lateness, Overlap, Verdict};
use serde::{Deserialize, Serialize};
use store::{Batch, Timer, Versioned};
use types::Timestamp;

use crate::delivery::{self, Arrival};
use crate::event::scheduled;
use crate::limits::{FIRING_LATE_MAX, FIRINGS_CONCURRENT_MAX, STORE_PAUSE};
use crate::names::BusName;
use crate::rule::Rule;
use crate::{Error, Inner, overlap};

const QUEUE: &str = "events/schedule";

/// What the timer of a rule says: whose it is, and of which schedule.
#[derive(Serialize, Deserialize)]
struct Payload {
    account: types::AccountId,
    region: types::Region,
    bus: String,
    rule: String,
    expression: String,
    scheduled_from: Timestamp,
    /// When the occurrence was due, where the timer is due later: it waits for the one before it.
    #[serde(default)]
    waits_since: Option<Timestamp>,
}

/// What becomes of an occurrence.
struct Decided {
    batch: Batch,
    due: Timestamp,
    /// None: it waits.
    outcome: Option<Outcome>,
}

impl Payload {
    /// Whether the rule still has the schedule that the timer was set for.
    fn is_of(&self, rule: &Rule) -> bool {
        rule.is_enabled()
            && rule.schedule_expression.as_deref() == Some(&self.expression)
            && rule.scheduled_from == self.scheduled_from
    }
}

/// Adds the rule's next occurrence to a batch, or takes it away where there is none.
pub fn set_timer(batch: &mut Batch, bus: &BusName, rule: &Rule, after: Timestamp) {
    match rule.next_due(after) {
        Some(due) => put_timer(batch, bus, rule, due, None),
        None => clear_timer(batch, bus, &rule.name),
    }
}

fn put_timer(batch: &mut Batch, bus: &BusName, rule: &Rule, due: Timestamp, waits_since: Option<Timestamp>) {
    let payload = Payload {
        account: bus.account.clone(),
        region: bus.region.clone(),
        bus: bus.name.clone(),
        rule: rule.name.clone(),
        expression: rule.schedule_expression.clone().unwrap_or_default(),
        scheduled_from: rule.scheduled_from,
        waits_since,
    };
    let payload = serde_json::to_vec(&payload).unwrap_or_default();
    batch.set_timer(QUEUE, bus.rule_key(&rule.name), due, payload);
}

/// Takes a rule's timer away.
pub fn clear_timer(batch: &mut Batch, bus: &BusName, rule: &str) {
    batch.clear_timer(QUEUE, bus.rule_key(rule));
}

/// Fires schedules from now on. What is due at the same time is written together.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    inner.watched_since.get_or_init(|| inner.dispatcher.clock().now());
    let timers = inner.store.timers(QUEUE).await?;
    let (clock, working) = (inner.dispatcher.clock().clone(), Arc::clone(inner));
    tokio::spawn(timers.serve(clock, FIRINGS_CONCURRENT_MAX, move |timer| {
        let inner = Arc::clone(&working);
        async move { inner.fire(&timer).await }
    }));
    Ok(())
}

impl Inner {
    /// Fires a timer, as often as the store has to be asked for that.
    async fn fire(&self, timer: &Timer) {
        let clock = self.dispatcher.clock();
        while let Err(error) = self.fire_due(timer, clock.now()).await {
            tracing::error!(rule = timer.key, %error, "a schedule could not be fired");
            if !error.may_pass() {
                // The timer stays in the store: it is given again at the next start.
                return;
            }
            clock.sleep_until(clock.now() + STORE_PAUSE).await;
        }
    }

    async fn fire_due(&self, timer: &Timer, now: Timestamp) -> Result<(), Error> {
        let Ok(payload) = serde_json::from_slice::<Payload>(&timer.payload) else {
            return Err(Error::Invalid(format!("the timer {} cannot be read", timer.key)));
        };
        let bus = BusName {
            account: payload.account.clone(),
            region: payload.region.clone(),
            name: payload.bus.clone(),
        };
        loop {
            // A rule that is gone or has another schedule has another timer, or none.
            let Some(seen) = self.rules.get(&timer.key).await? else { return Ok(()) };
            if !payload.is_of(&seen.value) {
                return Ok(());
            }
            let due = payload.waits_since.unwrap_or(timer.due);
            let Decided { batch, due, outcome } = self.occurrence(&bus, &seen, due, now).await?;
            match self.store.submit(batch).durable().await {
                // Somebody changed the rule, perhaps only its targets: this occurrence is looked at again.
                Err(store::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    let schedule = &bus.rule_arn(&seen.value.name).to_string();
                    if let Some(outcome) = outcome {
                        self.dispatcher.tell(Occurrence { schedule, due, outcome });
                    }
                    return Ok(());
                }
            }
        }
    }

    /// The deliveries of one occurrence and the timer of the next one, if nobody changes the rule before.
    async fn occurrence(
        &self,
        bus: &BusName,
        seen: &Versioned<Rule>,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<Decided, Error> {
        let rule = &seen.value;
        let overlap = overlap::wanted(&rule.tags);
        let found = match overlap {
            Some(_) => self.find_work(bus, &seen.key).await?,
            None => overlap::Found::default(),
        };
        let mut batch = Batch::new();
        batch.require_version("events/rule", seen.key.as_str(), seen.version);
        // An occurrence that waited for the one before it is not late.
        let was_held_up = overlap == Some(Overlap::Queue) && found.seen.is_some_and(|time| time >= due);
        let looked_at = if was_held_up { due } else { now };
        match self.verdict(rule, due, looked_at, now) {
            Verdict::IsMissed { next_after } => {
                tracing::warn!(rule = seen.key, %due, "the schedule was due while nobody was there: skipped");
                set_timer(&mut batch, bus, rule, next_after);
                Ok(Decided { batch, due, outcome: Some(Outcome::Missed) })
            }
            Verdict::Fires(due) => match overlap.zip(found.at_work) {
                Some((Overlap::Skip, _)) => {
                    tracing::warn!(rule = seen.key, %due, "the occurrence before is still at work: left out");
                    set_timer(&mut batch, bus, rule, due);
                    Ok(Decided { batch, due, outcome: Some(Outcome::Overlapped) })
                }
                Some((Overlap::Queue, at_work)) => {
                    put_timer(&mut batch, bus, rule, at_work.look_again(due, now), Some(due));
                    overlap::see(&mut batch, &seen.key, now);
                    Ok(Decided { batch, due, outcome: None })
                }
                None => {
                    set_timer(&mut batch, bus, rule, due);
                    let held_up_until = was_held_up.then_some(now);
                    self.deliver_occurrence(
                        &mut batch,
                        bus,
                        rule,
                        (due, now),
                        overlap.map(|_| held_up_until),
                    );
                    Ok(Decided { batch, due, outcome: Some(Outcome::Fired) })
                }
            },
        }
    }

    fn verdict(&self, rule: &Rule, due: Timestamp, looked_at: Timestamp, now: Timestamp) -> Verdict {
        let missed = self.missed.get().copied().unwrap_or_default();
        let watched_since = self.watched_since.get().copied().unwrap_or(now);
        let lateness = Lateness { max: FIRING_LATE_MAX, watched_since };
        missed.decide(due, looked_at, lateness, |after| rule.next_due(after))
    }

    /// Adds an occurrence's deliveries to a batch. Where they are followed it is said how long the one before held it up.
    fn deliver_occurrence(
        &self,
        batch: &mut Batch,
        bus: &BusName,
        rule: &Rule,
        (due, now): (Timestamp, Timestamp),
        followed: Option<Option<Timestamp>>,
    ) {
        let rule = self.registry.compile(bus, rule.clone());
        let id = api::ids::uuid();
        let event = scheduled(bus, &rule.arn, &id, due);
        let arrival = Arrival { id: &id, event: &event, forwarded: false, watched: false };
        match followed {
            Some(held_up_until) => {
                overlap::follow(batch, bus, &rule, held_up_until);
                delivery::plan_followed(batch, bus, &rule, &arrival, now);
            }
            None => delivery::plan(batch, bus, &rule, &arrival, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use api::Dispatcher;
    use clock::{Clock, VirtualClock};
    use store::{SqliteStore, Store};

    use super::*;
    use crate::Events;
    use crate::rule::State;

    fn rule(scheduled_from: Timestamp) -> Rule {
        Rule {
            name: "r".to_owned(),
            event_pattern: None,
            schedule_expression: Some("rate(1 minute)".to_owned()),
            state: State::Enabled,
            description: None,
            role_arn: None,
            managed_by: None,
            tags: BTreeMap::new(),
            targets: vec![crate::generated::types::Target {
                id: "1".to_owned(),
                arn: "arn:aws:logs:us-east-1:000000000000:log-group:g".to_owned(),
                ..Default::default()
            }],
            scheduled_from,
        }
    }

    /// The timer that a batch sets.
    fn timer(batch: &Batch) -> Timer {
        let mut timers = batch.mutations.iter().filter_map(|mutation| match mutation {
            store::Mutation::SetTimer { queue, key, due, payload } if *queue == QUEUE => {
                Some(Timer { key: key.clone(), due: *due, payload: payload.clone() })
            }
            _ => None,
        });
        timers.next_back().unwrap()
    }

    fn bus() -> BusName {
        BusName {
            account: types::AccountId::new("000000000000"),
            region: types::Region::new("us-east-1"),
            name: "default".to_owned(),
        }
    }

    /// A service that has not been started: nobody takes its timers.
    fn events(clock: &VirtualClock) -> (Events, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
        (Events::new(store, Dispatcher::new(Clock::Virtual(clock.clone()))), dir)
    }

    #[tokio::test]
    async fn only_another_schedule_sets_another_timer() {
        let clock = VirtualClock::new(Timestamp::from_seconds(0));
        let (events, _dir) = events(&clock);
        let (inner, bus) = (events.inner, bus());
        inner.save_rule(&bus, None, rule(Timestamp::from_seconds(0))).await.unwrap();
        let mut timers = inner.store.timers(QUEUE).await.unwrap();
        // Due, and not looked at yet.
        clock.advance(Duration::from_secs(60));
        let seen = inner.rule_of(&bus, "r").await.unwrap();
        let changed =
            Rule { targets: Vec::new(), event_pattern: Some("{}".to_owned()), ..seen.value.clone() };
        inner.save_rule(&bus, Some(&seen), changed).await.unwrap();
        // By the wall clock everything is due.
        assert_eq!(timers.next(&Clock::Wall).await.unwrap().due, Timestamp::from_seconds(60));

        let seen = inner.rule_of(&bus, "r").await.unwrap();
        let anew = Rule { scheduled_from: Timestamp::from_seconds(60), ..seen.value.clone() };
        inner.save_rule(&bus, Some(&seen), anew).await.unwrap();
        let kept = inner.store.timers(QUEUE).await.unwrap().next(&Clock::Wall).await.unwrap();
        assert_eq!(kept.due, Timestamp::from_seconds(120));
    }

    /// A timer that was given to the service just before the rule was changed.
    #[tokio::test]
    async fn a_timer_of_an_earlier_schedule_fires_nothing() {
        let now = Timestamp::from_seconds(60);
        let (events, _dir) = events(&VirtualClock::new(now));
        let (inner, bus) = (events.inner, bus());
        let mut set = Batch::new();
        set_timer(&mut set, &bus, &rule(Timestamp::from_seconds(0)), Timestamp::from_seconds(0));
        let due = timer(&set);
        assert_eq!(due.due, now);

        let fires = async |kept: Option<Rule>| {
            let mut batch = Batch::new();
            match kept {
                Some(kept) => inner.rules.put(&mut batch, &due.key, &kept),
                None => inner.rules.delete(&mut batch, &due.key),
            }
            inner.store.submit(batch).durable().await.unwrap();
            inner.registry.watch_all();
            let before = inner.outcomes.list(store::Range::prefix("")).await.unwrap().len();
            inner.fire_due(&due, now).await.unwrap();
            inner.outcomes.list(store::Range::prefix("")).await.unwrap().len() - before
        };
        let earlier = rule(Timestamp::from_seconds(0));
        assert_eq!(fires(None).await, 0);
        assert_eq!(fires(Some(rule(Timestamp::from_seconds(30)))).await, 0);
        assert_eq!(fires(Some(Rule { state: State::Disabled, ..earlier.clone() })).await, 0);
        let other = Some("rate(2 minutes)".to_owned());
        assert_eq!(fires(Some(Rule { schedule_expression: other, ..earlier.clone() })).await, 0);
        assert_eq!(fires(Some(Rule { description: Some("changed".to_owned()), ..earlier })).await, 1);
    }
}
