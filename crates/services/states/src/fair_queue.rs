//! Who is served next, where many wait: lanes in turn, and within a lane whoever came first.
//!
//! A lane is a state machine's: one with a hundred thousand executions that want something keeps another one's single
//! execution waiting for no more than a turn. How many are served at a time is bounded, over all and for each lane, so that
//! a lane whose services take long leaves places to the others. Pure: who serves, and what, is the caller's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Things that wait to be served.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    /// Those where something waits or is served.
    lanes: BTreeMap<Arc<str>, Lane<T>>,
    /// Lanes where something waits that may be served, each once.
    turns: VecDeque<Arc<str>>,
    served: usize,
    limits: Limits,
}

/// How many things are served at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) of_all: usize,
    pub(crate) of_a_lane: usize,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    served: usize,
}

impl<T> FairQueue<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { lanes: BTreeMap::new(), turns: VecDeque::new(), served: 0, limits }
    }

    /// Adds something at the end of its lane.
    pub(crate) fn push(&mut self, lane: &str, item: T) {
        let name = match self.lanes.get_key_value(lane) {
            Some((name, _)) => Arc::clone(name),
            None => lane.into(),
        };
        let of_a_lane = self.limits.of_a_lane;
        let lane = self.lanes.entry(Arc::clone(&name)).or_default();
        lane.waiting.push_back(item);
        if lane.waiting.len() == 1 && lane.served < of_a_lane {
            self.turns.push_back(name);
        }
    }

    /// Serves something of a lane at once, without waiting: where nobody waits and there is a place. [`Self::done`] follows.
    pub(crate) fn enter(&mut self, name: &str) -> bool {
        let lane = self.lanes.get_mut(name);
        let has_place = lane.as_ref().is_none_or(|lane| lane.served < self.limits.of_a_lane);
        if self.served >= self.limits.of_all || !self.turns.is_empty() || !has_place {
            return false;
        }
        match lane {
            Some(lane) => lane.served += 1,
            None => {
                self.lanes.insert(name.into(), Lane { waiting: VecDeque::new(), served: 1 });
            }
        }
        self.served += 1;
        true
    }

    /// Takes what is served next, if anything may be, with the name of its lane. [`Self::done`] follows.
    pub(crate) fn pop(&mut self) -> Option<(Arc<str>, T)> {
        if self.served >= self.limits.of_all {
            return None;
        }
        let name = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&name)?;
        let item = lane.waiting.pop_front()?;
        lane.served += 1;
        self.served += 1;
        if lane.served < self.limits.of_a_lane && !lane.waiting.is_empty() {
            self.turns.push_back(Arc::clone(&name));
        }
        Some((name, item))
    }

    /// Something that was taken from a lane has been served.
    pub(crate) fn done(&mut self, name: &str) {
        let Some((shared, _)) = self.lanes.get_key_value(name) else { return };
        let shared = Arc::clone(shared);
        let Some(lane) = self.lanes.get_mut(name).filter(|lane| lane.served > 0) else { return };
        let was_full = lane.served == self.limits.of_a_lane;
        lane.served -= 1;
        self.served -= 1;
        if lane.waiting.is_empty() {
            if lane.served == 0 {
                self.lanes.remove(name);
            }
        } else if was_full {
            self.turns.push_back(shared);
        }
    }
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), served: 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { of_all: 4, of_a_lane: 3 };

    fn popped(queue: &mut FairQueue<u32>, count: usize) -> Vec<(String, u32)> {
        (0..count).filter_map(|_| queue.pop()).map(|(lane, item)| (lane.to_string(), item)).collect()
    }

    #[test]
    fn lanes_are_served_in_turn() {
        let mut queue = FairQueue::new(Limits { of_all: 100, of_a_lane: 100 });
        for item in 0..1000 {
            queue.push("a", item);
        }
        queue.push("b", 0);
        queue.push("c", 0);
        queue.push("b", 1);
        let order: Vec<String> =
            popped(&mut queue, 7).iter().map(|(lane, item)| format!("{lane}{item}")).collect();
        assert_eq!(order, ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]);
    }

    #[test]
    fn a_lane_leaves_places_to_others() {
        let mut queue = FairQueue::new(LIMITS);
        for item in 0..10 {
            queue.push("a", item);
        }
        assert_eq!(popped(&mut queue, 10).len(), 3);
        queue.push("b", 0);
        queue.push("b", 1);
        assert_eq!(popped(&mut queue, 10), [("b".to_owned(), 0)]);
        // Places are free again in the order in which they are given back.
        queue.done("a");
        assert_eq!(popped(&mut queue, 10), [("b".to_owned(), 1)]);
        queue.done("a");
        assert_eq!(popped(&mut queue, 10), [("a".to_owned(), 3)]);
    }

    #[test]
    fn nothing_is_left_of_a_lane_that_was_served() {
        let mut queue = FairQueue::new(LIMITS);
        queue.push("a", 0);
        assert!(queue.pop().is_some());
        queue.done("a");
        // Once too often, and of a lane that there is not: nothing happens.
        queue.done("a");
        queue.done("b");
        assert!(queue.lanes.is_empty() && queue.turns.is_empty());
        assert_eq!(queue.served, 0);
    }

    #[test]
    fn only_who_finds_nobody_waiting_is_served_at_once() {
        let mut queue = FairQueue::new(LIMITS);
        assert!(queue.enter("a") && queue.enter("a") && queue.enter("a"));
        assert!(!queue.enter("a"), "a lane has so many places");
        queue.push("a", 0);
        assert!(queue.enter("b"), "who waits for the own lane's place keeps no other from one");
        assert!(!queue.enter("b"), "there are so many places");
        queue.push("b", 1);
        queue.done("a");
        assert!(!queue.enter("c"), "who waits comes first");
        assert_eq!(popped(&mut queue, 10).len(), 1);
    }

    #[derive(Clone, Debug)]
    enum Act {
        Push(u8),
        Pop,
        Done(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            3 => (0..5_u8).prop_map(Act::Push),
            3 => Just(Act::Pop),
            2 => any::<usize>().prop_map(Act::Done),
        ]
    }

    proptest! {
        /// In each lane, things are served in their order and once; limits hold; where something waits that may be served,
        /// something is; and whoever may be served waits for each other lane once at most.
        #[test]
        fn it_is_fair(acts in prop::collection::vec(act(), 0..300)) {
            let mut queue = FairQueue::new(LIMITS);
            let (mut pushed, mut served, mut running) = ([0_u32; 5], [0_u32; 5], Vec::<u8>::new());
            let mut passed_over = [[0_u32; 5]; 5];
            for act in acts {
                match act {
                    Act::Push(lane) => {
                        queue.push(&lane.to_string(), pushed[usize::from(lane)]);
                        pushed[usize::from(lane)] += 1;
                    }
                    Act::Pop => {
                        let of = |lane: usize| running.iter().filter(|other| usize::from(**other) == lane).count();
                        let may: Vec<usize> =
                            (0..5).filter(|lane| pushed[*lane] > served[*lane] && of(*lane) < LIMITS.of_a_lane).collect();
                        let is_full = running.len() == LIMITS.of_all;
                        match queue.pop() {
                            Some((name, item)) => {
                                let lane: u8 = name.parse().unwrap();
                                let at = usize::from(lane);
                                prop_assert!(!is_full && may.contains(&at));
                                prop_assert_eq!(item, served[at]);
                                served[at] += 1;
                                running.push(lane);
                                for (other, times) in passed_over.iter_mut().enumerate() {
                                    let waits = other != at && may.contains(&other);
                                    times[at] = if waits { times[at] + 1 } else { 0 };
                                    prop_assert!(times[at] <= 1);
                                }
                                passed_over[at] = [0; 5];
                            }
                            None => prop_assert!(is_full || may.is_empty()),
                        }
                    }
                    Act::Done(which) => {
                        if !running.is_empty() {
                            let lane = running.remove(which % running.len());
                            queue.done(&lane.to_string());
                        }
                    }
                }
            }
        }
    }
}
