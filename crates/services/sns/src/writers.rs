//! One writer of a topic at a time: what a request reads of it and its subscriptions stays true until it has written.
//!
//! Messages of standard topics never wait here; those of a FIFO topic do, because they have an order.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};

use crate::names::TopicName;

/// So many topics can be written to at once, where their names' hashes differ.
const STRIPES: usize = 64;

/// Who may write to which topic.
pub struct Writers([Mutex<()>; STRIPES]);

impl Default for Writers {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Writers {
    /// Waits until nobody else changes `topic`, and keeps it so until the guard is dropped.
    pub async fn of(&self, topic: &TopicName) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        topic.hash(&mut hasher);
        let [first, rest @ ..] = &self.0;
        let stripe = usize::try_from(hasher.finish() % STRIPES as u64).unwrap_or(0);
        stripe.checked_sub(1).and_then(|at| rest.get(at)).unwrap_or(first).lock().await
    }
}
