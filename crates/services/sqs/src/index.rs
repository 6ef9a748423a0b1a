//! The messages of one queue in memory: which can be received, in which order, and which not before when.
//!
//! Nothing here is a message's content: that is a row in the store. Nothing here knows the time either: it is given.
//!
//! In a standard queue every visible message can be received. In a FIFO queue the messages of a group are received in
//! their order, and none while one of the group is in flight.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use types::Timestamp;

/// A message's place in its queue.
pub(crate) type Place = u64;

/// All messages of a queue.
#[derive(Debug, Default)]
pub(crate) struct Index {
    messages: BTreeMap<Place, Entry>,
    /// By the time they were sent, for those that are kept too long.
    ages: BTreeSet<(Timestamp, Place)>,
    /// Those of a standard queue that can be received; of a FIFO queue the first of each group that can.
    ready: BTreeSet<Place>,
    /// Those that are delayed or in flight, by the end of that.
    hidden: BTreeSet<(Timestamp, Place)>,
    groups: HashMap<Arc<str>, Group>,
    in_flight: usize,
}

/// What is known of a message.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) sent: Timestamp,
    /// How often it was received.
    pub(crate) receives: u32,
    /// How often of them elsewhere, before it was moved here.
    pub(crate) receives_before: u32,
    /// When it was first received.
    pub(crate) received_first: Option<Timestamp>,
    pub(crate) visibility: Visibility,
    /// Its group, in a FIFO queue.
    pub(crate) group: Option<Arc<str>>,
}

/// Whether a message can be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    Visible,
    Delayed { until: Timestamp },
    InFlight { since: Timestamp, until: Timestamp },
}

/// The messages of a group that are not in flight, and how many are.
#[derive(Debug, Default)]
struct Group {
    waiting: BTreeSet<Place>,
    in_flight: usize,
}

/// How messages are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taking {
    pub(crate) now: Timestamp,
    /// When they are visible again.
    pub(crate) until: Timestamp,
    pub(crate) count_max: usize,
    /// How often a message is received before it goes elsewhere.
    pub(crate) receives_max: Option<u32>,
}

/// Messages that were taken, and are in flight now.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) received: Vec<Place>,
    /// Those that have been received too often: they are to go elsewhere.
    pub(crate) exhausted: Vec<Place>,
}

/// How many messages there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) in_flight: usize,
    pub(crate) delayed: usize,
}

impl Index {
    /// Adds a message.
    pub(crate) fn insert(&mut self, place: Place, entry: Entry) {
        self.ages.insert((entry.sent, place));
        let (group, visibility) = (entry.group.clone(), entry.visibility);
        self.messages.insert(place, entry);
        if let Some(group) = &group
            && !matches!(visibility, Visibility::InFlight { .. })
        {
            self.groups.entry(Arc::clone(group)).or_default().waiting.insert(place);
        }
        self.enter(place, visibility, group.as_ref());
    }

    /// Removes a message.
    pub(crate) fn remove(&mut self, place: Place) -> Option<Entry> {
        let entry = self.messages.get(&place)?.clone();
        self.leave(place, entry.visibility, entry.group.as_ref());
        self.messages.remove(&place);
        self.ages.remove(&(entry.sent, place));
        if let Some(name) = &entry.group
            && let Some(group) = self.groups.get_mut(name)
        {
            group.waiting.remove(&place);
            self.review(name);
        }
        Some(entry)
    }

    /// What is known of a message.
    pub(crate) fn get(&self, place: Place) -> Option<&Entry> {
        self.messages.get(&place)
    }

    /// Makes visible what was hidden until now.
    pub(crate) fn wake(&mut self, now: Timestamp) {
        while let Some((until, place)) = self.hidden.first().copied().filter(|(until, _)| *until <= now) {
            self.set_visibility(place, Visibility::Visible);
            // A place without a message would stay first for ever.
            self.hidden.remove(&(until, place));
        }
    }

    /// When something hidden is visible next.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        self.hidden.first().map(|(until, _)| *until)
    }

    /// Changes whether a message can be received.
    pub(crate) fn set_visibility(&mut self, place: Place, visibility: Visibility) {
        let Some(entry) = self.messages.get_mut(&place) else { return };
        let before = std::mem::replace(&mut entry.visibility, visibility);
        let group = entry.group.clone();
        self.leave(place, before, group.as_ref());
        if let Some(name) = &group {
            let group = self.groups.entry(Arc::clone(name)).or_default();
            match visibility {
                Visibility::InFlight { .. } => group.waiting.remove(&place),
                Visibility::Visible | Visibility::Delayed { .. } => group.waiting.insert(place),
            };
        }
        self.enter(place, visibility, group.as_ref());
    }

    /// Takes messages that can be received, the oldest first; of a FIFO queue as many as there are of the first group,
    /// then of the next.
    pub(crate) fn take(&mut self, taking: &Taking) -> Taken {
        self.wake(taking.now);
        let mut taken = Taken::default();
        while taken.received.len() < taking.count_max
            && let Some(place) = self.ready.first().copied()
        {
            // Whatever becomes of it, it is not looked at again.
            self.ready.remove(&place);
            let group = self.messages.get(&place).and_then(|entry| entry.group.clone());
            match group.and_then(|group| self.groups.get(&group)) {
                None => self.take_one(place, taking, &mut taken),
                Some(group) => {
                    let waiting: Vec<Place> =
                        group.waiting.iter().copied().take(taking.count_max + BEHIND_EXHAUSTED).collect();
                    self.take_group(&waiting, taking, &mut taken);
                }
            }
        }
        taken
    }

    fn take_group(&mut self, waiting: &[Place], taking: &Taking, taken: &mut Taken) {
        for place in waiting {
            let is_visible =
                self.messages.get(place).is_some_and(|entry| entry.visibility == Visibility::Visible);
            // What is delayed holds up what is behind it.
            if taken.received.len() == taking.count_max || !is_visible {
                return;
            }
            self.take_one(*place, taking, taken);
        }
    }

    fn take_one(&mut self, place: Place, taking: &Taking, taken: &mut Taken) {
        let in_flight = Visibility::InFlight { since: taking.now, until: taking.until };
        self.set_visibility(place, in_flight);
        let Some(entry) = self.messages.get_mut(&place) else { return };
        if taking.receives_max.is_some_and(|max| entry.receives.saturating_sub(entry.receives_before) >= max)
        {
            taken.exhausted.push(place);
            return;
        }
        entry.receives = entry.receives.saturating_add(1);
        entry.received_first.get_or_insert(taking.now);
        taken.received.push(place);
    }

    /// Messages that were sent before `before`, the oldest first.
    pub(crate) fn older_than(&self, before: Timestamp, limit: usize) -> Vec<Place> {
        let old = self.ages.iter().take_while(|(sent, _)| *sent < before);
        old.take(limit).map(|(_, place)| *place).collect()
    }

    /// When the oldest message was sent.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.ages.first().map(|(sent, _)| *sent)
    }

    /// Places and messages in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Place, &Entry)> {
        self.messages.iter().map(|(place, entry)| (*place, entry))
    }

    /// Whether a message can be received without waiting.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn counts(&self) -> Counts {
        let delayed = self.hidden.len().saturating_sub(self.in_flight);
        let visible = self.messages.len().saturating_sub(self.hidden.len());
        Counts { visible, in_flight: self.in_flight, delayed }
    }

    /// Takes a message out of the sets that its visibility puts it into.
    fn leave(&mut self, place: Place, visibility: Visibility, group: Option<&Arc<str>>) {
        match visibility {
            Visibility::Visible => {}
            Visibility::Delayed { until } => {
                self.hidden.remove(&(until, place));
            }
            Visibility::InFlight { until, .. } => {
                self.hidden.remove(&(until, place));
                self.in_flight -= 1;
                if let Some(group) = group.and_then(|name| self.groups.get_mut(name)) {
                    group.in_flight -= 1;
                }
            }
        }
        self.ready.remove(&place);
    }

    /// Puts a message into the sets that its visibility puts it into.
    fn enter(&mut self, place: Place, visibility: Visibility, group: Option<&Arc<str>>) {
        match visibility {
            Visibility::Visible if group.is_none() => {
                self.ready.insert(place);
            }
            Visibility::Visible => {}
            Visibility::Delayed { until } => {
                self.hidden.insert((until, place));
            }
            Visibility::InFlight { until, .. } => {
                self.hidden.insert((until, place));
                self.in_flight += 1;
                if let Some(name) = group {
                    self.groups.entry(Arc::clone(name)).or_default().in_flight += 1;
                }
            }
        }
        if let Some(name) = group {
            self.review(name);
        }
    }

    /// Finds out whether a group's first message can be received.
    fn review(&mut self, name: &Arc<str>) {
        let Some(group) = self.groups.get(name) else { return };
        for place in group.waiting.iter().take(2) {
            self.ready.remove(place);
        }
        match group.waiting.first() {
            Some(first) if group.in_flight == 0 => {
                let entry = self.messages.get(first);
                if entry.is_some_and(|entry| entry.visibility == Visibility::Visible) {
                    self.ready.insert(*first);
                }
            }
            None if group.in_flight == 0 => {
                self.groups.remove(name);
            }
            _ => {}
        }
    }
}

/// How many messages of a group are looked at beyond those that are wanted, for some may be exhausted.
const BEHIND_EXHAUSTED: usize = 10;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// What happens to a queue.
    #[derive(Clone, Debug)]
    enum Step {
        Send { group: u8, delay: u64 },
        Take { count: usize, seconds: u64 },
        Delete { nth: usize },
        Hide { nth: usize, seconds: u64 },
        Pass { seconds: u64 },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..4u8, 0..3u64).prop_map(|(group, delay)| Step::Send { group, delay }),
            3 => (1..5usize, 0..6u64).prop_map(|(count, seconds)| Step::Take { count, seconds }),
            1 => (0..9usize).prop_map(|nth| Step::Delete { nth }),
            1 => (0..9usize, 0..6u64).prop_map(|(nth, seconds)| Step::Hide { nth, seconds }),
            1 => (1..4u64).prop_map(|seconds| Step::Pass { seconds }),
        ]
    }

    /// The same queue told plainly: all messages in their order, looked through at every step.
    #[derive(Default)]
    struct Plain(BTreeMap<Place, (Option<u8>, Visibility)>);

    impl Plain {
        fn wake(&mut self, now: Timestamp) {
            for (_, visibility) in self.0.values_mut() {
                match *visibility {
                    Visibility::Delayed { until } | Visibility::InFlight { until, .. } if until <= now => {
                        *visibility = Visibility::Visible;
                    }
                    _ => {}
                }
            }
        }

        fn take(&mut self, taking: &Taking) -> Vec<Place> {
            self.wake(taking.now);
            let is_in_flight = |visibility: &Visibility| matches!(visibility, Visibility::InFlight { .. });
            let mut found: Vec<Place> = Vec::new();
            let mut groups = BTreeSet::new();
            for (place, (group, visibility)) in &self.0 {
                match group {
                    None if *visibility == Visibility::Visible => found.push(*place),
                    None => {}
                    Some(group) if is_in_flight(visibility) || !groups.insert(group) => {}
                    Some(group) => {
                        let all = || self.0.iter().filter(|(_, (other, _))| other.as_ref() == Some(group));
                        if !all().any(|(_, (_, visibility))| is_in_flight(visibility)) {
                            let ready =
                                all().take_while(|(_, (_, visibility))| *visibility == Visibility::Visible);
                            found.extend(ready.map(|(place, _)| *place));
                        }
                    }
                }
            }
            found.truncate(taking.count_max);
            let in_flight = Visibility::InFlight { since: taking.now, until: taking.until };
            for place in &found {
                self.0.entry(*place).and_modify(|(_, visibility)| *visibility = in_flight);
            }
            found
        }

        fn counts(&self) -> Counts {
            let count = |is: fn(&Visibility) -> bool| self.0.values().filter(|(_, one)| is(one)).count();
            Counts {
                visible: count(|one| *one == Visibility::Visible),
                in_flight: count(|one| matches!(one, Visibility::InFlight { .. })),
                delayed: count(|one| matches!(one, Visibility::Delayed { .. })),
            }
        }
    }

    fn run(steps: Vec<Step>, is_fifo: bool) -> Result<(), TestCaseError> {
        let (mut index, mut plain) = (Index::default(), Plain::default());
        let (mut now, mut last) = (Timestamp::from_seconds(0), 0);
        for step in steps {
            match step {
                Step::Send { group, delay } => {
                    last += 1;
                    let group = is_fifo.then_some(group);
                    let until = now + Duration::from_secs(delay);
                    let visibility =
                        if delay > 0 { Visibility::Delayed { until } } else { Visibility::Visible };
                    let entry = Entry {
                        sent: now,
                        receives: 0,
                        receives_before: 0,
                        received_first: None,
                        visibility,
                        group: group.map(|group| Arc::from(group.to_string())),
                    };
                    index.insert(last, entry);
                    plain.0.insert(last, (group, visibility));
                }
                Step::Take { count, seconds } => {
                    let until = now + Duration::from_secs(seconds);
                    let taking = Taking { now, until, count_max: count, receives_max: None };
                    prop_assert_eq!(index.take(&taking).received, plain.take(&taking));
                }
                Step::Delete { nth } => {
                    if let Some(place) = plain.0.keys().nth(nth).copied() {
                        plain.0.remove(&place);
                        prop_assert!(index.remove(place).is_some());
                    }
                }
                Step::Hide { nth, seconds } => {
                    let in_flight =
                        plain.0.iter_mut().filter(|(_, (_, one))| matches!(one, Visibility::InFlight { .. }));
                    if let Some((place, (_, visibility))) = in_flight.into_iter().nth(nth) {
                        *visibility =
                            Visibility::InFlight { since: now, until: now + Duration::from_secs(seconds) };
                        index.set_visibility(*place, *visibility);
                    }
                }
                Step::Pass { seconds } => now = now + Duration::from_secs(seconds),
            }
            index.wake(now);
            plain.wake(now);
            prop_assert_eq!(index.counts(), plain.counts());
            prop_assert_eq!(index.len(), plain.0.len());
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn a_standard_queue_is_what_a_plain_list_is(steps in prop::collection::vec(step(), 1..60)) {
            run(steps, false)?;
        }

        #[test]
        fn a_fifo_queue_is_what_a_plain_list_is(steps in prop::collection::vec(step(), 1..60)) {
            run(steps, true)?;
        }
    }
}
