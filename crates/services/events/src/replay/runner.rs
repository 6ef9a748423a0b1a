//! Moves replays forward: some events at a time, each time in one batch with how far the replay has come.
//!
//! So a replay goes on after a restart where it was, and hands no event over twice. There is a pause after each batch:
//! deliveries are to keep up with it.

use std::sync::Arc;

use store::{Batch, Timer};
use types::Timestamp;

use super::{Replay, State};
use crate::archive::kept::Kept;
use crate::delivery::Arrival;
use crate::limits::{REPLAY_KEPT, REPLAY_PAUSE, REPLAYS_ACTIVE_MAX, STORE_PAUSE};
use crate::names::BusName;
use crate::{Error, Inner};

/// One timer for each replay, under its key: when it goes on, or is forgotten.
const QUEUE: &str = "events/replay";

/// Adds to a batch: the replay goes on at `due`.
pub fn set_timer(batch: &mut Batch, key: &str, due: Timestamp) {
    batch.set_timer(QUEUE, key, due, Vec::new());
}

/// Replays from now on.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let timers = inner.store.timers(QUEUE).await?;
    let (clock, working) = (inner.dispatcher.clock().clone(), Arc::clone(inner));
    tokio::spawn(timers.serve(clock, REPLAYS_ACTIVE_MAX, move |timer| {
        let inner = Arc::clone(&working);
        async move { inner.go_on(&timer).await }
    }));
    Ok(())
}

impl Inner {
    /// Takes a step, as often as the store has to be asked for that.
    async fn go_on(&self, timer: &Timer) {
        let clock = self.dispatcher.clock();
        while let Err(error) = self.step(&timer.key, clock.now()).await {
            // Somebody has cancelled it meanwhile: it is looked at again.
            if matches!(error, Error::Concurrent(_)) {
                continue;
            }
            tracing::error!(replay = timer.key, %error, "a replay could not go on");
            if !error.may_pass() {
                return;
            }
            clock.sleep_until(clock.now() + STORE_PAUSE).await;
        }
    }

    async fn step(&self, key: &str, now: Timestamp) -> Result<(), Error> {
        let mut batch = Batch::new();
        match self.replays.get(key).await? {
            Some(seen) if seen.value.ended.is_some_and(|ended| now < ended + REPLAY_KEPT) => {
                // The timer of a step that has been taken: the one that forgets the replay is set already.
                return Ok(());
            }
            Some(seen) if seen.value.ended.is_none() => {
                let replay = self.replayed(&mut batch, key, &seen.value, now).await?;
                self.replays.replace(&mut batch, &seen, &replay);
                let due = replay.ended.map_or(now + REPLAY_PAUSE, |ended| ended + REPLAY_KEPT);
                set_timer(&mut batch, key, due);
            }
            Some(seen) => {
                self.replays.delete(&mut batch, &seen.key);
                batch.clear_timer(QUEUE, key);
            }
            None => {
                batch.clear_timer(QUEUE, key);
            }
        }
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    /// The replay after its next step, whose deliveries are added to `batch`.
    async fn replayed(
        &self,
        batch: &mut Batch,
        key: &str,
        replay: &Replay,
        now: Timestamp,
    ) -> Result<Replay, Error> {
        let ended = |state| Replay { state, ended: Some(now), ..replay.clone() };
        if replay.state == State::Cancelling {
            return Ok(ended(State::Cancelled));
        }
        let Some((bus, archive)) = self.source(key, replay).await? else {
            let reason = format!("Archive {} does not exist.", replay.archive);
            return Ok(Replay { state_reason: Some(reason), ..ended(State::Failed) });
        };
        let oldest = archive.oldest(now);
        let (events, is_last) = self.archived(&archive.id, oldest, &replay.window(), replay.last).await?;
        for kept in &events {
            self.replay_event(batch, &bus, replay, kept, now);
        }
        let moved = if is_last {
            ended(State::Completed)
        } else {
            Replay { state: State::Running, ..replay.clone() }
        };
        Ok(Replay { last: events.last().map(|kept| kept.at).or(replay.last), ..moved })
    }

    /// The replay's bus and archive, where the archive is still that one.
    async fn source(
        &self,
        key: &str,
        replay: &Replay,
    ) -> Result<Option<(BusName, crate::archive::Archive)>, Error> {
        let Some(region) = key.strip_suffix(&replay.name) else { return Ok(None) };
        let archive = self.archives.get(&format!("{region}{}", replay.archive)).await?;
        let archive = archive.map(|archive| archive.value).filter(|archive| archive.id == replay.archive_id);
        let mut parts = region.split('/');
        let (Some(account), Some(region), Some(archive)) = (parts.next(), parts.next(), archive) else {
            return Ok(None);
        };
        let bus = BusName {
            account: types::AccountId::new(account),
            region: types::Region::new(region),
            name: replay.bus.clone(),
        };
        Ok(Some((bus, archive)))
    }

    /// Adds the deliveries of an event that comes again, to the rules that the replay is for.
    fn replay_event(&self, batch: &mut Batch, bus: &BusName, replay: &Replay, kept: &Kept, now: Timestamp) {
        let Some(event) = named(&kept.event, &replay.name) else { return };
        let arrival = Arrival { id: &kept.id, event: &event, forwarded: false, watched: false };
        for matched in self.registry.matches(bus, &event).unwrap_or_default() {
            if replay.filter_arns.is_empty() || replay.filter_arns.contains(&matched.arn) {
                self.take(batch, bus, &matched, &arrival, now);
            }
        }
    }
}

/// The event with the replay's name as its last member.
fn named(event: &str, replay: &str) -> Option<String> {
    // Names hold nothing that JSON would escape.
    Some(format!("{},\"replay-name\":\"{replay}\"}}", event.trim_end().strip_suffix('}')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replayed_events_say_so_last() {
        assert_eq!(named(r#"{"id":"1"}"#, "r").as_deref(), Some(r#"{"id":"1","replay-name":"r"}"#));
    }
}
