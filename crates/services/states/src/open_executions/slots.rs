//! The places of open executions, by their ARNs, and which of those executions are in memory.
//!
//! An execution that waits is all in the store: its place stays, the rest may leave memory (*dormant*) and is read back by
//! whoever needs it. Those whose steps were kept last stay.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::lock::{Mutex as Lock, OwnedMutexGuard};

use super::{Error, Open, OpenExecutions};
use crate::limits::OPEN_EXECUTIONS;
use crate::name::execution_arn;

/// Parts that places are spread over, each behind its own lock: nobody waits for a place that is not theirs.
const SHARDS: usize = 16;

/// The place of one execution.
pub(super) type Slot = Lock<Place>;

/// What is in a place.
#[derive(Default)]
pub(super) enum Place {
    /// Nothing: the execution has not begun, or has ended.
    #[default]
    Empty,
    /// An execution that the store has.
    Dormant,
    /// An execution in memory.
    Open(Box<Open>),
}

/// A place that its holder has for itself.
pub(super) type Held = OwnedMutexGuard<Place>;

impl Place {
    pub(super) fn open(&self) -> Option<&Open> {
        match self {
            Self::Open(open) => Some(open),
            Self::Empty | Self::Dormant => None,
        }
    }

    pub(super) fn open_mut(&mut self) -> Option<&mut Open> {
        match self {
            Self::Open(open) => Some(open),
            Self::Empty | Self::Dormant => None,
        }
    }
}

impl From<Option<Open>> for Place {
    fn from(open: Option<Open>) -> Self {
        open.map_or(Self::Empty, |open| Self::Open(Box::new(open)))
    }
}

/// All places.
pub(super) struct Slots {
    shards: [Mutex<HashMap<Box<str>, Arc<Slot>>>; SHARDS],
    count: AtomicUsize,
    /// The last executions whose steps were kept.
    recent: Mutex<VecDeque<Kept>>,
    /// How many executions stay in memory while they wait.
    in_memory: usize,
}

/// An execution whose step has been kept: it may leave memory, unless another step has followed.
pub(super) struct Kept {
    pub(super) slot: Arc<Slot>,
    pub(super) step: u64,
}

impl Slots {
    pub(super) fn new(in_memory: usize) -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { shards, count: AtomicUsize::new(0), recent: Mutex::default(), in_memory }
    }

    fn shard(&self, arn: &str) -> MutexGuard<'_, HashMap<Box<str>, Arc<Slot>>> {
        let mut hasher = DefaultHasher::new();
        arn.hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or_default();
        lock(self.shards.get(at).unwrap_or(&self.shards[0]))
    }

    fn get(&self, arn: &str) -> Option<Arc<Slot>> {
        self.shard(arn).get(arn).cloned()
    }

    /// The place of an execution, and a new one that holds `place` where it has none.
    ///
    /// # Errors
    /// [`Error::ExecutionLimitExceeded`].
    pub(super) fn get_or_insert(&self, arn: &str, place: Place) -> Result<Arc<Slot>, Error> {
        let mut shard = self.shard(arn);
        if let Some(slot) = shard.get(arn) {
            return Ok(Arc::clone(slot));
        }
        if self.count.load(Ordering::Relaxed) >= OPEN_EXECUTIONS {
            return Err(Error::ExecutionLimitExceeded);
        }
        let slot = Arc::new(Slot::new(place));
        shard.insert(arn.into(), Arc::clone(&slot));
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(slot)
    }

    /// Removes a place, unless another has taken its place.
    pub(super) fn remove(&self, arn: &str, slot: &Arc<Slot>) {
        let mut shard = self.shard(arn);
        if shard.get(arn).is_some_and(|present| Arc::ptr_eq(present, slot)) {
            shard.remove(arn);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// ARNs that begin so, in their order.
    fn starting_with(&self, prefix: &str) -> Vec<String> {
        let mut arns = Vec::new();
        for shard in &self.shards {
            let shard = lock(shard);
            arns.extend(shard.keys().filter(|arn| arn.starts_with(prefix)).map(|arn| arn.to_string()));
        }
        arns.sort_unstable();
        arns
    }

    /// Takes note of a step that was kept. Where too many executions are in memory, the one whose last step is the longest
    /// ago leaves.
    pub(super) fn kept(&self, kept: Kept) {
        let mut recent = lock(&self.recent);
        recent.push_back(kept);
        let leaving = if recent.len() > self.in_memory { recent.pop_front() } else { None };
        drop(recent);
        if let Some(leaving) = leaving {
            leaving.leave();
        }
    }
}

impl Kept {
    /// Takes the execution out of memory, if this was its last step and nobody is at it.
    fn leave(self) {
        let Some(mut place) = self.slot.try_lock() else { return };
        if place.open().is_some_and(|open| open.step == self.step) {
            *place = Place::Dormant;
        }
    }
}

impl OpenExecutions {
    /// ARNs of the open standard executions of a state machine. Express ones outlive it.
    pub(crate) fn of_machine(&self, machine: &str) -> Vec<String> {
        self.slots.starting_with(&execution_arn(machine, ""))
    }

    /// The place of an execution, held: nobody else opens it meanwhile. What is there is in memory.
    ///
    /// # Errors
    /// [`Error::ExecutionLimitExceeded`]; as [`Self::restore`] where it is dormant.
    pub(super) async fn enter(&self, arn: &str) -> Result<(Arc<Slot>, Held), Error> {
        let (slot, mut place) = self.hold(arn).await?;
        self.awaken(arn, &mut place).await?;
        Ok((slot, place))
    }

    /// The place of an execution, held, as it is.
    ///
    /// # Errors
    /// [`Error::ExecutionLimitExceeded`].
    pub(super) async fn hold(&self, arn: &str) -> Result<(Arc<Slot>, Held), Error> {
        loop {
            let slot = self.slots.get_or_insert(arn, Place::Empty)?;
            let place = Arc::clone(&slot).lock_owned().await;
            // Whoever had it before may have removed it: it is no place any more.
            if self.slots.get(arn).is_some_and(|present| Arc::ptr_eq(&present, &slot)) {
                return Ok((slot, place));
            }
        }
    }

    /// The place of an execution, held, if it has one. What is there is in memory.
    ///
    /// # Errors
    /// As [`Self::restore`] where it is dormant.
    pub(super) async fn find(&self, arn: &str) -> Result<Option<(Arc<Slot>, Held)>, Error> {
        let Some(slot) = self.slots.get(arn) else { return Ok(None) };
        let mut place = Arc::clone(&slot).lock_owned().await;
        self.awaken(arn, &mut place).await?;
        if matches!(*place, Place::Empty) {
            self.slots.remove(arn, &slot);
            return Ok(None);
        }
        Ok(Some((slot, place)))
    }

    async fn awaken(&self, arn: &str, place: &mut Place) -> Result<(), Error> {
        if matches!(place, Place::Dormant) {
            *place = self.restore(arn).await?.into();
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
