//! State machines and their revisions: what is kept of them, in the store and in memory.
//!
//! A *revision* is everything that an execution needs of its machine; it never changes. An update makes a new one, and
//! running executions keep theirs. All machines are in memory, definitions are compiled when first needed.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use api::Dispatcher;
use asl::{MachineKind, StateMachine};
use futures_util::lock::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use store::{Batch, Collection, Range, Store};
use types::Timestamp;

use crate::Error;
use crate::integrations::Kept;
use crate::logging::Logging;
use crate::tables::{REVISIONS, STATE_MACHINES};

/// A registered state machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StateMachineRecord {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) kind: MachineKind,
    pub(crate) status: StateMachineStatus,
    pub(crate) creation_date: Timestamp,
    /// In the order in which their keys were first set.
    pub(crate) tags: Vec<(String, String)>,
    /// Key of the current revision.
    pub(crate) revision: String,
}

/// How a state machine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum StateMachineStatus {
    Active,
    Deleting,
}

/// `type` of an answer.
pub(crate) fn type_name(kind: MachineKind) -> &'static str {
    match kind {
        MachineKind::Standard => "STANDARD",
        MachineKind::Express => "EXPRESS",
    }
}

impl StateMachineStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Deleting => "DELETING",
        }
    }
}

/// What an execution runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Revision {
    pub(crate) key: String,
    pub(crate) state_machine_arn: String,
    pub(crate) state_machine_name: String,
    pub(crate) kind: MachineKind,
    pub(crate) definition: String,
    pub(crate) role_arn: String,
    pub(crate) logging: Logging,
    /// Whether the caller named the encryption type, which answers then repeat.
    pub(crate) encryption_named: bool,
    /// `revisionId`: absent until the first update.
    pub(crate) revision_id: Option<String>,
    pub(crate) update_date: Timestamp,
}

/// A revision with its definition compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) revision: Revision,
    pub(crate) machine: Arc<StateMachine>,
}

/// All state machines.
pub(crate) struct StateMachines {
    revisions: Collection<Revision>,
    records: Collection<StateMachineRecord>,
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    table: RwLock<Table>,
    changes: Mutex<()>,
}

#[derive(Default)]
struct Table {
    records: BTreeMap<String, StateMachineRecord>,
    /// Definitions of current revisions.
    current: HashMap<String, Arc<Compiled>>,
    /// Definitions that are in use somewhere.
    used: HashMap<String, Weak<Compiled>>,
}

/// The right to change state machines: held from the look at what is there to the end of the change.
pub(crate) struct Change<'a>(#[expect(dead_code, reason = "held, not read")] MutexGuard<'a, ()>);

impl StateMachines {
    pub(crate) fn new(store: Arc<dyn Store>, dispatcher: Dispatcher) -> Self {
        Self {
            revisions: Collection::new(Arc::clone(&store), REVISIONS),
            records: Collection::new(Arc::clone(&store), STATE_MACHINES),
            store,
            dispatcher,
            table: RwLock::default(),
            changes: Mutex::default(),
        }
    }

    /// Reads all state machines from the store.
    pub(crate) async fn load(&self) -> Result<(), Error> {
        let records = self.records.list(Range::prefix("")).await?;
        self.write(|table| {
            table.records = records.into_iter().map(|record| (record.key, record.value)).collect();
        });
        Ok(())
    }

    /// Waits until nobody else changes state machines.
    pub(crate) async fn change(&self) -> Change<'_> {
        Change(self.changes.lock().await)
    }

    pub(crate) fn get(&self, arn: &str) -> Option<StateMachineRecord> {
        self.read(|table| table.records.get(arn).cloned())
    }

    /// The machine, where executions of that type can be started.
    ///
    /// # Errors
    /// [`Error::StateMachineDoesNotExist`]; [`Error::StateMachineDeleting`].
    pub(crate) fn startable(&self, arn: &str, kind: MachineKind) -> Result<StateMachineRecord, Error> {
        // A machine of another type has taken the place of the one that was asked for.
        let record = self.get(arn).filter(|record| record.kind == kind);
        match record.ok_or_else(|| Error::StateMachineDoesNotExist(arn.to_owned()))? {
            record if record.status == StateMachineStatus::Deleting => {
                Err(Error::StateMachineDeleting(record.arn))
            }
            record => Ok(record),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.read(|table| table.records.len())
    }

    /// Machines whose ARNs begin with `prefix`, in the order of their ARNs, after `after`.
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<StateMachineRecord> {
        let from = match after {
            Some(after) => Bound::Excluded(after.to_owned()),
            None => Bound::Included(prefix.to_owned()),
        };
        self.read(|table| {
            let records = table.records.range((from, Bound::Unbounded)).map(|(_, record)| record);
            records.take_while(|record| record.arn.starts_with(prefix)).take(limit).cloned().collect()
        })
    }

    /// The revision with its definition compiled.
    pub(crate) async fn compiled(&self, key: &str) -> Result<Arc<Compiled>, Error> {
        if let Some(compiled) = self.read(|table| table.used.get(key).and_then(Weak::upgrade)) {
            return Ok(compiled);
        }
        let revision = self.revision(key).await?;
        let machine = asl::parse_with(&revision.definition, revision.kind, &Kept(&self.dispatcher))
            .map_err(|diagnostics| Error::Inconsistent(asl::invalid_definition_message(&diagnostics)))?;
        let compiled = Arc::new(Compiled { revision, machine: Arc::new(machine) });
        self.keep(&compiled);
        Ok(compiled)
    }

    /// The revision as it is kept.
    pub(crate) async fn revision(&self, key: &str) -> Result<Revision, Error> {
        let kept = self.revisions.get(key).await?;
        kept.map(|kept| kept.value).ok_or_else(|| Error::Inconsistent(format!("there is no revision {key}")))
    }

    /// Creates or replaces a machine, with a new revision where there is one, and waits until that is durable.
    pub(crate) async fn put(
        &self,
        _: &Change<'_>,
        record: StateMachineRecord,
        compiled: Option<Arc<Compiled>>,
        mut batch: Batch,
    ) -> Result<(), Error> {
        self.records.put(&mut batch, &record.arn, &record);
        if let Some(compiled) = &compiled {
            self.revisions.put(&mut batch, &compiled.revision.key, &compiled.revision);
        }
        self.store.submit(batch).durable().await?;
        let superseded = self.write(|table| {
            let before = table.records.insert(record.arn.clone(), record.clone());
            before.filter(|before| before.revision != record.revision)
        });
        if let Some(before) = superseded {
            self.write(|table| table.current.remove(&before.revision));
        }
        if let Some(compiled) = &compiled {
            self.keep(compiled);
        }
        Ok(())
    }

    /// Deletes a machine's record, and waits until that is durable.
    pub(crate) async fn remove(&self, _: &Change<'_>, arn: &str, mut batch: Batch) -> Result<(), Error> {
        self.records.delete(&mut batch, arn);
        self.store.submit(batch).durable().await?;
        self.write(|table| {
            if let Some(record) = table.records.remove(arn) {
                table.current.remove(&record.revision);
            }
        });
        Ok(())
    }

    fn keep(&self, compiled: &Arc<Compiled>) {
        let key = &compiled.revision.key;
        self.write(|table| {
            table.used.retain(|_, used| used.strong_count() > 0);
            table.used.insert(key.clone(), Arc::downgrade(compiled));
            let is_current = table.records.get(&compiled.revision.state_machine_arn);
            if is_current.is_some_and(|record| record.revision == *key) {
                table.current.insert(key.clone(), Arc::clone(compiled));
            }
        });
    }

    fn read<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner))
    }
}
