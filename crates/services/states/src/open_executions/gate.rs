//! Back-pressure: how many steps may be on their way to the disk.
//!
//! Whoever starts an execution, or wakes one and waits for the step to be kept, passes here first and keeps the pass until
//! it is. Where the disk is behind, they wait here, fair between state machines, instead of growing what waits for the disk.
//! Not here is who has several steps on the way at once, and would wait for passes that it holds itself: wakes by time
//! (`runner::wakes`) and Map Runs (`map_runs::driver`) have bounds of their own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::fair_queue::{FairQueue, Limits};

/// Where steps wait for a place among those that are on their way to the disk.
#[derive(Clone)]
pub(super) struct Gate(Arc<Mutex<FairQueue<oneshot::Sender<Pass>>>>);

/// A place among the steps on their way; dropped, it is another's.
pub(super) struct Pass {
    gate: Gate,
    /// None once the place is given back.
    lane: Option<Arc<str>>,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(FairQueue::new(limits))))
    }

    /// Waits for a place for a step of `lane`. Who stops waiting has none.
    pub(super) async fn pass(&self, lane: &str) -> Pass {
        let waiting = {
            let mut queue = self.lock();
            if queue.enter(lane) {
                return Pass { gate: self.clone(), lane: Some(lane.into()) };
            }
            let (place, waiting) = oneshot::channel();
            queue.push(lane, place);
            waiting
        };
        // Nobody's turn would come where places were free and all who wait did so before they were.
        self.let_in();
        match waiting.await {
            Ok(pass) => pass,
            // The gate is here, and with it the sender, until it has sent.
            Err(_) => Pass { gate: self.clone(), lane: None },
        }
    }

    /// Gives free places to those who wait.
    fn let_in(&self) {
        loop {
            let next = self.lock().pop();
            let Some((lane, waiting)) = next else { return };
            if let Err(mut unwanted) = waiting.send(Pass { gate: self.clone(), lane: Some(lane) })
                && let Some(lane) = unwanted.lane.take()
            {
                self.lock().done(&lane);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, FairQueue<oneshot::Sender<Pass>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            self.gate.lock().done(&lane);
            self.gate.let_in();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_pass_is_handed_on_in_turn_and_past_those_who_have_gone() {
        let gate = Gate::new(Limits { of_all: 2, of_a_lane: 2 });
        let first = gate.pass("a").now_or_never().unwrap();
        let _second = gate.pass("a").now_or_never().unwrap();
        let mut gone = Box::pin(gate.pass("a"));
        let mut third = Box::pin(gate.pass("a"));
        let mut of_another = Box::pin(gate.pass("b"));
        assert!(gone.as_mut().now_or_never().is_none());
        assert!(third.as_mut().now_or_never().is_none());
        assert!(of_another.as_mut().now_or_never().is_none());
        drop(gone);
        drop(first);
        assert!(third.as_mut().now_or_never().is_none(), "the other lane's turn is before it");
        let of_another = of_another.as_mut().now_or_never().unwrap();
        drop(of_another);
        assert!(third.as_mut().now_or_never().is_some());
    }

    #[test]
    fn a_pass_that_nobody_takes_is_not_lost() {
        let gate = Gate::new(Limits { of_all: 1, of_a_lane: 1 });
        let first = gate.pass("a").now_or_never().unwrap();
        let mut second = Box::pin(gate.pass("a"));
        assert!(second.as_mut().now_or_never().is_none());
        // The pass is on its way to it when it hangs up.
        drop(first);
        drop(second);
        assert!(gate.pass("b").now_or_never().is_some());
    }
}
