//! The events that archives keep: entries of logs, one log for each archive and day.
//!
//! An event is appended by the batch that accepts it. Its place says when it came, its entry's time is the event's own: so a
//! window of time is read by the log's index, and what has been kept for long enough goes a day's log at a time. Nothing
//! of it is in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Batch, Entry, Order, Range, Slice};
use types::Timestamp;

use crate::limits::{ARCHIVE_COUNTED_MIN, ARCHIVE_PAGE_BYTES, ARCHIVE_SETTLED, REPLAYED_AT_A_TIME};
use crate::{Error, Inner};

/// The days on which each archive has kept something: `ID/DAY`.
const DAYS: &str = "events/archive-day";
/// How far a day's events were counted: `ID/DAY`.
pub const COUNTS: &str = "events/archive-count";

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Events that can come in a millisecond.
const PLACES_PER_MS_BITS: u32 = 21;
/// Bytes of an event's time, as its size counts it.
const TIME_BYTES: usize = "2023-11-14T22:13:20Z".len();

/// Gives every archived event a place of its own, later ones later, also where the clock is set back.
#[derive(Default)]
pub struct Places {
    last: AtomicU64,
}

impl Places {
    /// The next place.
    fn next(&self, now: Timestamp) -> u64 {
        let of_clock = place_at(now);
        let last = self.last.fetch_max(of_clock, Ordering::SeqCst);
        if last < of_clock { of_clock } else { self.last.fetch_add(1, Ordering::SeqCst) + 1 }
    }

    /// The first place that is behind all that were given.
    pub fn end(&self, now: Timestamp) -> u64 {
        place_at(now).max(self.last.load(Ordering::SeqCst)) + 1
    }

    fn note(&self, place: u64) {
        self.last.fetch_max(place, Ordering::SeqCst);
    }
}

/// The first place at a time.
pub fn place_at(time: Timestamp) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(0);
    millis.min((1 << (63 - PLACES_PER_MS_BITS)) - 1) << PLACES_PER_MS_BITS
}

fn day_of(place: u64) -> u64 {
    (place >> PLACES_PER_MS_BITS) / DAY_MS
}

fn first_place(day: u64) -> u64 {
    day.saturating_mul(DAY_MS) << PLACES_PER_MS_BITS
}

fn day_key(id: &str, day: u64) -> String {
    format!("{id}/{day:06}")
}

fn log(day_key: &str) -> String {
    format!("events/archive/{day_key}")
}

/// An event, as it is read again.
pub struct Kept {
    /// Where it is.
    pub at: Place,
    /// The event's id.
    pub id: String,
    /// The event, as JSON.
    pub event: String,
}

/// Where an archived event is, in the order in which events are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    day: u64,
    /// The event's own time.
    pub time: Timestamp,
    sequence: u64,
}

/// Which events are wanted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Window {
    /// Only events of this second and later ones.
    pub from: Timestamp,
    /// Only events of this second and earlier ones.
    pub to: Timestamp,
    /// Only events that came before this place.
    pub before: u64,
}

/// How much an archive holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// How many events.
    pub events: u64,
    /// Their sizes.
    pub bytes: u64,
}

/// A tally of a day's events up to a place.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Counted {
    to: u64,
    tally: Tally,
}

/// What an archive has to know of an event.
#[derive(Deserialize)]
struct Facts<'e> {
    #[serde(borrow)]
    id: Cow<'e, str>,
    #[serde(borrow)]
    source: Cow<'e, str>,
    #[serde(rename = "detail-type", borrow)]
    detail_type: Cow<'e, str>,
    time: Timestamp,
    #[serde(borrow)]
    resources: Vec<&'e RawValue>,
    #[serde(borrow)]
    detail: &'e RawValue,
}

impl Facts<'_> {
    /// The event's size, as recorded: the texts of its source, detail type, time, detail and resources.
    fn size(&self) -> usize {
        let resources: usize = self.resources.iter().map(|one| one.get().len().saturating_sub(2)).sum();
        self.source.len() + self.detail_type.len() + TIME_BYTES + self.detail.get().len() + resources
    }
}

/// Adds an event to what an archive keeps.
pub fn keep(batch: &mut Batch, places: &Places, id: &str, event: &str, now: Timestamp) {
    // It was made here, or matched as an event: what is none cannot be replayed either.
    let Ok(facts) = serde_json::from_str::<Facts<'_>>(event) else { return };
    let place = places.next(now);
    let day = day_key(id, day_of(place));
    let payload = format!("{} {event}", facts.size());
    batch.append(log(&day), place, facts.time, payload.into_bytes());
    batch.put(DAYS, day, Vec::new());
}

/// An entry's size and event.
fn parts(payload: &[u8]) -> Option<(u64, &str)> {
    let (size, event) = std::str::from_utf8(payload).ok()?.split_once(' ')?;
    Some((size.parse().ok()?, event))
}

fn read(day: u64, entry: &Entry) -> Option<Kept> {
    let (_, event) = parts(&entry.payload)?;
    let facts: Facts<'_> = serde_json::from_str(event).ok()?;
    Some(Kept {
        at: Place { day, time: entry.time, sequence: entry.sequence },
        id: facts.id.into_owned(),
        event: event.to_owned(),
    })
}

impl Inner {
    /// Learns which places were given before: later ones follow.
    pub(crate) async fn load_places(&self) -> Result<(), Error> {
        let days = self.store.list(DAYS, Range::prefix("")).await?;
        let keys = days.into_iter().filter_map(|day| Some((day.key.split_once('/')?.0.to_owned(), day.key)));
        // Keys are sorted: of an archive's days the last one stays.
        for newest_day in keys.collect::<BTreeMap<_, _>>().values() {
            let newest = Slice { descending: true, limit: 1, ..Slice::default() };
            if let Some(entry) = self.store.read(&log(newest_day), newest).await?.first() {
                self.places.note(entry.sequence);
            }
        }
        Ok(())
    }

    /// The days on which an archive has kept something.
    async fn archived_days(&self, id: &str) -> Result<Vec<u64>, Error> {
        let days = self.store.list(DAYS, Range::prefix(&format!("{id}/"))).await?;
        Ok(days.iter().filter_map(|day| day.key.rsplit('/').next()?.parse().ok()).collect())
    }

    /// How much an archive holds of what came since the place `oldest`.
    pub(crate) async fn tally(&self, id: &str, oldest: u64, now: Timestamp) -> Result<Tally, Error> {
        let mut sum = Tally::default();
        for day in self.archived_days(id).await? {
            if first_place(day + 1) > oldest {
                let tally = self.tally_of_day(id, day, oldest, now).await?;
                sum.events += tally.events;
                sum.bytes += tally.bytes;
            }
        }
        Ok(sum)
    }

    /// Counts a day's events from where they were counted to.
    async fn tally_of_day(&self, id: &str, day: u64, oldest: u64, now: Timestamp) -> Result<Tally, Error> {
        let key = day_key(id, day);
        let is_whole = oldest <= first_place(day);
        let known = if is_whole { self.counts.get(&key).await? } else { None };
        let known = known.map_or(Counted { to: oldest, tally: Tally::default() }, |known| known.value);
        // A batch may still be on its way to the store with a place that was given a moment ago.
        let settled = place_at(now - ARCHIVE_SETTLED);
        let (mut counted, mut kept, mut limit) = (known, known, REPLAYED_AT_A_TIME);
        loop {
            let slice = Slice { from_sequence: counted.to, limit, ..Slice::default() };
            let page = self.store.read(&log(&key), slice).await?;
            for entry in &page {
                counted.tally.events += 1;
                counted.tally.bytes += parts(&entry.payload).map_or(0, |(size, _)| size);
                counted.to = entry.sequence + 1;
                if entry.sequence < settled {
                    kept = counted;
                }
            }
            if page.len() < limit {
                break;
            }
            limit = next_limit(&page);
        }
        if is_whole && kept.tally.events >= known.tally.events + ARCHIVE_COUNTED_MIN {
            let mut batch = Batch::new();
            self.counts.put(&mut batch, &key, &kept);
            self.store.submit(batch).durable().await?;
        }
        Ok(counted.tally)
    }

    /// The next events of a window behind `after`, at most [`REPLAYED_AT_A_TIME`], and whether they are the last ones.
    ///
    /// Days follow each other as they were; the events of one day come in the order of their own times.
    pub(crate) async fn archived(
        &self,
        id: &str,
        oldest: u64,
        window: &Window,
        after: Option<Place>,
    ) -> Result<(Vec<Kept>, bool), Error> {
        let mut found = Vec::new();
        for day in self.archived_days(id).await? {
            let after = match after {
                Some(after) if after.day > day => continue,
                after => after.filter(|after| after.day == day),
            };
            for slice in slices(oldest, window, after) {
                let limit = REPLAYED_AT_A_TIME - found.len();
                let entries = self.store.read(&log(&day_key(id, day)), Slice { limit, ..slice }).await?;
                found.extend(entries.iter().filter_map(|entry| read(day, entry)));
                if entries.len() >= limit {
                    return Ok((found, false));
                }
            }
        }
        Ok((found, true))
    }

    /// Removes the days of which nothing came since `oldest`; all of them for [`u64::MAX`].
    pub(crate) async fn drop_archived(&self, id: &str, oldest: u64) -> Result<(), Error> {
        for day in self.archived_days(id).await? {
            if first_place(day + 1) <= oldest {
                let key = day_key(id, day);
                let mut batch = Batch::new();
                batch.trim(log(&key), Timestamp::MAX);
                batch.delete(COUNTS, key.as_str()).delete(DAYS, key);
                // One at a time: a day can hold many.
                self.store.submit(batch).durable().await?;
            }
        }
        Ok(())
    }
}

/// What is to be read of a day's log: the rest of the second at which it was left, and all later ones.
fn slices(oldest: u64, window: &Window, after: Option<Place>) -> impl Iterator<Item = Slice> {
    let whole = Slice {
        from_sequence: oldest,
        to_sequence: window.before,
        from_time: window.from,
        to_time: later(window.to),
        order: Order::Time,
        ..Slice::default()
    };
    let rest = after.map(|after| Slice {
        from_sequence: oldest.max(after.sequence + 1),
        from_time: after.time,
        to_time: later(after.time),
        ..whole
    });
    let others = match after {
        Some(after) => Slice { from_time: later(after.time), ..whole },
        None => whole,
    };
    rest.into_iter().chain([others])
}

/// The millisecond behind a time. Events' times are whole seconds: nothing lies between.
fn later(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millis() + 1)
}

/// How many entries to read next, so that they take no more memory than they should.
fn next_limit(page: &[Entry]) -> usize {
    let bytes: usize = page.iter().map(|entry| entry.payload.len()).sum();
    let each = bytes / page.len().max(1);
    (ARCHIVE_PAGE_BYTES / each.max(1)).clamp(REPLAYED_AT_A_TIME, REPLAYED_AT_A_TIME * 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_grow_whatever_the_clock_does() {
        let places = Places::default();
        let mut last = 0;
        for millis in [5, 5, 7, 3, 3, 8] {
            let place = places.next(Timestamp::from_millis(millis));
            assert!(place > last, "{place} after {last}");
            assert!(places.end(Timestamp::from_millis(millis)) > place);
            last = place;
        }
        assert!(places.next(Timestamp::MAX) < 1 << 63);
    }

    #[test]
    fn the_first_place_of_a_day_is_of_the_day() {
        let noon = Timestamp::from_seconds(1_700_000_000);
        let day = day_of(place_at(noon));
        assert_eq!(day, 19_675);
        assert_eq!(day_of(first_place(day)), day);
        assert_eq!(day_of(first_place(day + 1) - 1), day);
    }
}
