//! The thread that brings the database up to date with the journal.

use std::sync::Arc;

use rusqlite::Connection;

use super::Options;
use super::apply::apply;
use super::progress::{Progress, Work};
use super::view::View;
use crate::Error;
use crate::journal::Shelf;
use crate::sqlite::apply::LogIds;
use crate::sqlite::committer::is_passing;

/// The one writer of the database.
pub(super) struct Follower {
    pub(super) connection: Connection,
    pub(super) view: Arc<View>,
    pub(super) progress: Arc<Progress>,
    pub(super) shelf: Arc<Shelf>,
    pub(super) options: Options,
}

impl Follower {
    /// Works until the store is closed. Then everything is in the database, unless it could not be written.
    pub(super) fn run(self) {
        let mut logs = LogIds::default();
        loop {
            match self.progress.next(self.options) {
                Work::Prepare => {
                    if let Err(error) = self.shelf.prepare() {
                        // Whoever needs the segment tries again, and says so where it fails.
                        tracing::warn!(%error, "a segment of the journal could not be made ahead");
                    }
                }
                Work::Apply => drop(self.apply(&mut logs)),
                Work::Close => {
                    while self.apply(&mut logs) {}
                    break;
                }
            }
        }
        self.progress.ended();
        if let Err((_, cause)) = self.connection.close() {
            tracing::warn!(%cause, "the store was not closed cleanly");
        }
    }

    /// Brings the next layer into the database; `false` where there was none or it failed.
    fn apply(&self, logs: &mut LogIds) -> bool {
        let frozen = {
            let mut layers = self.view.layers_mut();
            let had_frozen = layers.frozen.is_some();
            let frozen = layers.freeze();
            if frozen.is_some() && !had_frozen {
                self.progress.froze();
            }
            frozen
        };
        let Some(frozen) = frozen else { return false };
        if let Err(cause) = apply(&self.connection, logs, &frozen) {
            let may_pass = is_passing(&cause);
            tracing::error!(%cause, passing = may_pass, "the store's database could not follow its journal");
            self.progress.stumbled(Error::unavailable(cause), may_pass);
            return false;
        }
        let thawed = self.view.layers_mut().thaw();
        self.progress.applied(frozen.last);
        self.checkpoint();
        if let Err(error) = self.shelf.retire(frozen.last) {
            tracing::warn!(%error, "a segment of the journal could not be taken back");
        }
        // Freeing what the layer has held takes its time: here, where nobody waits.
        drop((thawed, frozen));
        true
    }

    /// Brings the database's own log into the database, so that it does not grow.
    fn checkpoint(&self) {
        let done = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(cause) = done {
            tracing::warn!(%cause, "the store's database keeps its log for now");
        }
    }
}
