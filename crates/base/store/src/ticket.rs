//! What a writer holds while its batch is on the way to the disk.

use tokio::sync::oneshot;

use crate::Error;

/// The number of the transaction that a batch went out with; later transactions have greater ones, as long as the store
/// is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lsn(pub u64);

/// A batch's place in the queue. Dropping it does not take the batch back.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Result<Lsn, Error>>);

impl Ticket {
    /// A ticket, and the end by which the store settles it.
    pub fn new() -> (oneshot::Sender<Result<Lsn, Error>>, Self) {
        let (settle, settled) = oneshot::channel();
        (settle, Self(settled))
    }

    /// Waits until the batch is on disk.
    ///
    /// # Errors
    /// [`Error::Conflict`] where a precondition did not hold, [`Error::Unavailable`] where the store failed or closed.
    /// In both cases nothing of the batch was applied; after `Unavailable` that is certain only once the store reopened.
    pub async fn durable(self) -> Result<Lsn, Error> {
        self.0.await.unwrap_or_else(|_| Err(Error::closed()))
    }
}
