//! Effects that wait to be performed: fair between state machines, in order for each task.
//!
//! Effects of one execution begin in the order in which its steps decided them, and those of different tasks run side by
//! side. Those of one task run one after the other: what stops a job sees what the call that began it has come to. An effect
//! whose task is busy waits outside of the queue, and takes the place of the one before it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::fair_queue::{FairQueue, Limits};
use crate::name;

/// Effects that wait, by the keys of the queue `tables::EFFECT`.
#[derive(Debug)]
pub(crate) struct EffectQueue<T> {
    waiting: FairQueue<(String, T)>,
    /// Tasks an effect of which is performed, and what waits for that.
    busy: BTreeMap<String, Busy<T>>,
}

#[derive(Debug)]
struct Busy<T> {
    lane: Arc<str>,
    behind: VecDeque<T>,
}

impl<T> EffectQueue<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { waiting: FairQueue::new(limits), busy: BTreeMap::new() }
    }

    /// Adds the effect under a key.
    pub(crate) fn push(&mut self, key: &str, effect: T) {
        self.waiting.push(name::executions_of_machine(key), (task(key).to_owned(), effect));
    }

    /// Takes the next effect that may be performed, with the name of its task. [`Self::done`] follows.
    pub(crate) fn pop(&mut self) -> Option<(String, T)> {
        loop {
            let (lane, (task, effect)) = self.waiting.pop()?;
            match self.busy.get_mut(&task) {
                Some(busy) => {
                    busy.behind.push_back(effect);
                    self.waiting.done(&lane);
                }
                None => {
                    self.busy.insert(task.clone(), Busy { lane, behind: VecDeque::new() });
                    return Some((task, effect));
                }
            }
        }
    }

    /// An effect of a task has been performed. Gives the one that waited for that, which is to be performed now.
    pub(crate) fn done(&mut self, task: &str) -> Option<T> {
        let busy = self.busy.get_mut(task)?;
        let next = busy.behind.pop_front();
        if next.is_none() {
            let lane = Arc::clone(&busy.lane);
            self.busy.remove(task);
            self.waiting.done(&lane);
        }
        next
    }
}

/// What the keys of all effects of a task have in common.
fn task(key: &str) -> &str {
    match key.rsplit_once('#') {
        Some((execution, rest)) => {
            let number = rest.split('/').next().unwrap_or_default();
            key.get(..execution.len() + 1 + number.len()).unwrap_or(key)
        }
        None => key,
    }
}

#[cfg(test)]
mod tests {
    use asl::TaskId;

    use super::*;
    use crate::tables;

    const A: &str = "arn:aws:states:us-east-1:000000000000:execution:a:e";
    const B: &str = "arn:aws:states:us-east-1:000000000000:execution:b:e";

    fn queue(limit: usize) -> EffectQueue<&'static str> {
        EffectQueue::new(Limits { of_all: limit, of_a_lane: limit })
    }

    fn popped(queue: &mut EffectQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).map(|(_, effect)| effect).collect()
    }

    #[test]
    fn a_cancellation_waits_for_the_call_of_its_task_and_for_no_other() {
        let mut queue = queue(10);
        queue.push(&tables::invocation(A, TaskId(1)), "call 1");
        queue.push(&tables::invocation(A, TaskId(12)), "call 12");
        queue.push(&tables::cancellation(A, TaskId(1)), "cancel 1");
        queue.push(&tables::inspection(A, TaskId(1)), "look at 1");
        queue.push(&tables::invocation(B, TaskId(1)), "call of another");
        assert_eq!(popped(&mut queue), ["call 1", "call of another", "call 12"]);
        let task = tables::invocation(A, TaskId(1));
        assert_eq!(queue.done(&task), Some("cancel 1"));
        assert_eq!(popped(&mut queue), [""; 0]);
        assert_eq!(queue.done(&task), Some("look at 1"));
        assert_eq!(queue.done(&task), None);
        queue.push(&task, "again");
        assert_eq!(popped(&mut queue), ["again"]);
    }

    #[test]
    fn what_waits_for_its_task_keeps_nobody_from_a_place() {
        let mut queue = queue(2);
        queue.push(&tables::invocation(A, TaskId(1)), "call 1");
        for _ in 0..10 {
            queue.push(&tables::inspection(A, TaskId(1)), "look at 1");
        }
        queue.push(&tables::invocation(A, TaskId(2)), "call 2");
        queue.push(&tables::invocation(A, TaskId(3)), "call 3");
        assert_eq!(popped(&mut queue), ["call 1", "call 2"]);
        assert_eq!(queue.done(&tables::invocation(A, TaskId(2))), None);
        assert_eq!(popped(&mut queue), ["call 3"]);
    }
}
