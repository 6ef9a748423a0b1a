//! One writer at a time: what a request reads of a bus and its rules stays true until it has written.
//!
//! AWS lets concurrent changes of one rule follow each other; so a request waits here instead of being told of a
//! conflict. It also keeps the registry in the order of the store. Events and deliveries never wait here.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};

use crate::names::BusName;

/// So many buses can be written to at once, where their names' hashes differ.
const STRIPES: usize = 32;

/// Who may write to which bus.
pub struct Writers([Mutex<()>; STRIPES]);

impl Default for Writers {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Writers {
    /// Waits until nobody else changes `bus` or its rules, and keeps it so until the guard is dropped.
    pub async fn of(&self, bus: &BusName) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        bus.hash(&mut hasher);
        let [first, rest @ ..] = &self.0;
        let stripe = usize::try_from(hasher.finish() % STRIPES as u64).unwrap_or(0);
        stripe.checked_sub(1).and_then(|at| rest.get(at)).unwrap_or(first).lock().await
    }
}
