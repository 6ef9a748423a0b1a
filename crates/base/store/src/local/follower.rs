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
use crate::sqlite::vacuum;

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
                Work::Apply => {
                    if self.apply(&mut logs) {
                        self.give_back();
                    }
                }
                Work::Close => {
                    while self.apply(&mut logs) {}
                    self.checkpoint("TRUNCATE");
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
        self.checkpoint("PASSIVE");
        if let Err(error) = self.shelf.retire(frozen.last) {
            tracing::warn!(%error, "a segment of the journal could not be taken back");
        }
        // Freeing what the layer has held takes its time: here, where nobody waits.
        drop((thawed, frozen));
        true
    }

    /// Gives the space of what was deleted back to the disk, until there is something else to do.
    fn give_back(&self) {
        let step = || {
            let is_due = self.progress.is_idle(self.options) && vacuum::is_due(&self.connection)?;
            if is_due {
                vacuum::step(&self.connection)?;
            }
            Ok::<_, rusqlite::Error>(is_due)
        };
        loop {
            match step() {
                Ok(true) => {}
                Ok(false) => return,
                Err(cause) => return tracing::warn!(%cause, "free space was not given back"),
            }
        }
    }

    /// Brings the database's own log into the database, so that it does not grow.
    fn checkpoint(&self, mode: &str) {
        let done = self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        if let Err(cause) = done {
            tracing::warn!(%cause, "the store's database keeps its log for now");
        }
    }
}
