//! Where the open Map Runs are told what happens to them and to their children.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::lock::Mutex as Lock;
use tokio::sync::{OnceCell, mpsc};

use super::open_run::OpenRun;
use super::record::Ended;

/// Something that a Map Run's driver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A child has ended, and that is durable.
    Ended(Ended),
    /// The Map Run is to be given up.
    Stop,
    /// Its settings have changed.
    Updated,
}

/// The place of a Map Run in memory.
pub(crate) struct Inbox {
    notices: mpsc::UnboundedSender<Notice>,
    /// Held by whoever drives the Map Run: one at a time.
    pub(super) driver: Lock<mpsc::UnboundedReceiver<Notice>>,
    /// Read from the store when first needed. Notices of what happens meanwhile are in the inbox.
    pub(super) open: OnceCell<OpenRun>,
}

impl Inbox {
    fn new() -> Self {
        let (notices, receiver) = mpsc::unbounded_channel();
        Self { notices, driver: Lock::new(receiver), open: OnceCell::new() }
    }

    pub(super) fn tell(&self, notice: Notice) {
        // The receiver lives as long as the sender: both are here.
        let _ = self.notices.send(notice);
    }
}

/// The inboxes of all Map Runs that are worked on.
#[derive(Default)]
pub(crate) struct Inboxes(Mutex<HashMap<String, Arc<Inbox>>>);

impl Inboxes {
    /// The Map Run's inbox, and a new one where it has none.
    pub(super) fn get_or_new(&self, map_run: &str) -> Arc<Inbox> {
        let mut inboxes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inboxes.get(map_run) {
            Some(inbox) => Arc::clone(inbox),
            None => Arc::clone(inboxes.entry(map_run.to_owned()).or_insert_with(|| Arc::new(Inbox::new()))),
        }
    }

    /// Tells a Map Run, if anybody listens. Whoever begins to listen later reads the same from the store.
    pub(crate) fn tell(&self, map_run: &str, notice: Notice) {
        if let Some(inbox) = self.get(map_run) {
            inbox.tell(notice);
        }
    }

    /// Removes an inbox, unless another has taken its place.
    pub(super) fn remove(&self, map_run: &str, inbox: &Arc<Inbox>) {
        let mut inboxes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inboxes.get(map_run).is_some_and(|present| Arc::ptr_eq(present, inbox)) {
            inboxes.remove(map_run);
        }
    }

    pub(super) fn is_current(&self, map_run: &str, inbox: &Arc<Inbox>) -> bool {
        self.get(map_run).is_some_and(|present| Arc::ptr_eq(&present, inbox))
    }

    fn get(&self, map_run: &str) -> Option<Arc<Inbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(map_run).cloned()
    }
}
