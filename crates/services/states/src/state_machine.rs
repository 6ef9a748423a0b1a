//! State machines and their revisions: what is kept of them, in the store and in memory.
//!
//! A *revision* is everything that an execution needs of its machine; it never changes. An update makes a new one, and
//! running executions keep theirs. All machines are in memory with their versions and aliases, definitions are compiled
//! when first needed.

mod alias;
mod version;

use std::collections::{BTreeMap, HashMap, VecDeque};
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
use crate::name::{Qualifier, StateMachineArn};
use crate::retention::Retained;
use crate::tables::{self, ALIASES, REVISIONS, STATE_MACHINES, VERSIONS};

pub(crate) use alias::{AliasRecord, Route, WHOLE};
pub(crate) use version::{VersionRecord, version_arn};

/// Compiled definitions that stay in memory though no execution in memory has them.
const RECENT_DEFINITIONS: usize = 64;

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
    /// Number of the last version that was published; 0 before the first.
    #[serde(default)]
    pub(crate) last_version: u64,
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
    versions: Collection<VersionRecord>,
    aliases: Collection<AliasRecord>,
    store: Arc<dyn Store>,
    dispatcher: Dispatcher,
    table: RwLock<Table>,
    changes: Mutex<()>,
}

#[derive(Default)]
struct Table {
    records: BTreeMap<String, StateMachineRecord>,
    /// By machine and number.
    versions: BTreeMap<(String, u64), VersionRecord>,
    /// By machine and name.
    aliases: BTreeMap<(String, String), AliasRecord>,
    /// Definitions of current revisions.
    current: HashMap<String, Arc<Compiled>>,
    /// Definitions that are in use somewhere.
    used: HashMap<String, Weak<Compiled>>,
    /// Definitions that were compiled last: executions of old revisions wake one after the other.
    recent: VecDeque<Arc<Compiled>>,
}

/// One of the things that a change does.
pub(crate) enum Edit {
    /// Creates or replaces a machine.
    Machine(StateMachineRecord),
    /// Adds a revision.
    Revision(Arc<Compiled>),
    /// Deletes a machine, and with it its versions and aliases.
    DeleteMachine(String),
    /// Adds a version.
    Version(VersionRecord),
    DeleteVersion(VersionRecord),
    /// Creates or replaces an alias.
    Alias(AliasRecord),
    DeleteAlias(AliasRecord),
}

/// Which hold on a revision ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Retired {
    /// It is not the machine's current one any more.
    Current,
    /// The version with this number is deleted.
    Version(u64),
}

/// What is started: a machine with the revision that an execution runs.
pub(crate) struct Target {
    /// Key of the revision.
    pub(crate) revision: String,
    /// The version, where the revision was asked for as one, or by an alias.
    pub(crate) version_arn: Option<String>,
    pub(crate) alias_arn: Option<String>,
}

impl Table {
    fn versions_of(&self, machine: &str) -> impl DoubleEndedIterator<Item = &VersionRecord> {
        let of = |number| (machine.to_owned(), number);
        self.versions.range(of(0)..=of(u64::MAX)).map(|(_, version)| version)
    }

    fn aliases_of(&self, machine: &str) -> impl Iterator<Item = &AliasRecord> {
        let from = (machine.to_owned(), String::new());
        let aliases = self.aliases.range(from..).map(|(_, alias)| alias);
        aliases.take_while(move |alias| alias.machine == machine)
    }

    /// Takes over what is durable.
    fn take(&mut self, edit: Edit) {
        match edit {
            Edit::Machine(record) => {
                let before = self.records.insert(record.arn.clone(), record.clone());
                if let Some(before) = before.filter(|before| before.revision != record.revision) {
                    self.current.remove(&before.revision);
                }
            }
            Edit::DeleteMachine(arn) => {
                if let Some(record) = self.records.remove(&arn) {
                    self.current.remove(&record.revision);
                }
                self.versions.retain(|(machine, _), _| *machine != arn);
                self.aliases.retain(|(machine, _), _| *machine != arn);
            }
            Edit::Version(version) => self.versions.extend([keyed(version)]),
            Edit::DeleteVersion(version) => {
                self.versions.remove(&(version.machine, version.number));
            }
            Edit::Alias(alias) => self.aliases.extend([named(alias)]),
            Edit::DeleteAlias(alias) => {
                self.aliases.remove(&(alias.machine, alias.name));
            }
            // Definitions are kept by `StateMachines::keep`.
            Edit::Revision(_) => {}
        }
    }
}

fn keyed(version: VersionRecord) -> ((String, u64), VersionRecord) {
    ((version.machine.clone(), version.number), version)
}

fn named(alias: AliasRecord) -> ((String, String), AliasRecord) {
    ((alias.machine.clone(), alias.name.clone()), alias)
}

/// The right to change state machines: held from the look at what is there to the end of the change.
pub(crate) struct Change<'a>(#[expect(dead_code, reason = "held, not read")] MutexGuard<'a, ()>);

impl StateMachines {
    pub(crate) fn new(store: Arc<dyn Store>, dispatcher: Dispatcher) -> Self {
        Self {
            revisions: Collection::new(Arc::clone(&store), REVISIONS),
            records: Collection::new(Arc::clone(&store), STATE_MACHINES),
            versions: Collection::new(Arc::clone(&store), VERSIONS),
            aliases: Collection::new(Arc::clone(&store), ALIASES),
            store,
            dispatcher,
            table: RwLock::default(),
            changes: Mutex::default(),
        }
    }

    /// Reads all state machines from the store.
    pub(crate) async fn load(&self) -> Result<(), Error> {
        let records = self.records.list(Range::prefix("")).await?;
        let versions = self.versions.list(Range::prefix("")).await?;
        let aliases = self.aliases.list(Range::prefix("")).await?;
        self.write(|table| {
            table.records = records.into_iter().map(|record| (record.key, record.value)).collect();
            table.versions = versions.into_iter().map(|record| keyed(record.value)).collect();
            table.aliases = aliases.into_iter().map(|record| named(record.value)).collect();
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

    /// What an execution of that type runs. `seed` decides where an alias has two versions.
    ///
    /// # Errors
    /// [`Error::StateMachineDoesNotExist`]; [`Error::StateMachineDeleting`].
    pub(crate) fn target(
        &self,
        arn: &StateMachineArn,
        kind: MachineKind,
        seed: u64,
    ) -> Result<Target, Error> {
        let missing = || Error::StateMachineDoesNotExist(arn.to_string());
        // A machine of another type has taken the place of the one that was asked for.
        let record = self.get(&arn.machine).filter(|record| record.kind == kind).ok_or_else(missing)?;
        if record.status == StateMachineStatus::Deleting {
            return Err(Error::StateMachineDeleting(record.arn));
        }
        let (version, alias_arn) = match &arn.qualifier {
            None => {
                return Ok(Target { revision: record.revision, version_arn: None, alias_arn: None });
            }
            Some(Qualifier::Version(number)) => (Some(*number), None),
            Some(Qualifier::Alias(name)) => {
                let alias = self.alias(&arn.machine, name).ok_or_else(missing)?;
                (alias.route(seed), Some(alias.arn()))
            }
        };
        let version = version.and_then(|number| self.version(&arn.machine, number)).ok_or_else(missing)?;
        Ok(Target { version_arn: Some(version.arn()), revision: version.revision, alias_arn })
    }

    pub(crate) fn version(&self, machine: &str, number: u64) -> Option<VersionRecord> {
        self.read(|table| table.versions.get(&(machine.to_owned(), number)).cloned())
    }

    /// All versions of a machine, the oldest first.
    pub(crate) fn versions(&self, machine: &str) -> Vec<VersionRecord> {
        self.read(|table| table.versions_of(machine).cloned().collect())
    }

    pub(crate) fn alias(&self, machine: &str, name: &str) -> Option<AliasRecord> {
        self.read(|table| table.aliases.get(&(machine.to_owned(), name.to_owned())).cloned())
    }

    /// All aliases of a machine, in the order of their names.
    pub(crate) fn aliases(&self, machine: &str) -> Vec<AliasRecord> {
        self.read(|table| table.aliases_of(machine).cloned().collect())
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

    /// Does all of a change at once, with what is in `batch`, and waits until that is durable.
    pub(crate) async fn apply(
        &self,
        _: &Change<'_>,
        edits: Vec<Edit>,
        mut batch: Batch,
    ) -> Result<(), Error> {
        for edit in &edits {
            self.keep_edit(&mut batch, edit);
        }
        self.store.submit(batch).durable().await?;
        for edit in edits {
            match edit {
                Edit::Revision(compiled) => self.keep(&compiled),
                edit => self.write(|table| table.take(edit)),
            }
        }
        Ok(())
    }

    fn keep_edit(&self, batch: &mut Batch, edit: &Edit) {
        match edit {
            Edit::Machine(record) => self.records.put(batch, &record.arn, record),
            Edit::Revision(compiled) => {
                self.revisions.put(batch, &compiled.revision.key, &compiled.revision);
            }
            Edit::DeleteMachine(arn) => {
                self.records.delete(batch, arn);
                batch.delete_prefix(VERSIONS, tables::of_machine(arn));
                batch.delete_prefix(ALIASES, tables::of_machine(arn));
            }
            Edit::Version(version) => {
                self.versions.put(batch, &tables::version(&version.machine, version.number), version);
            }
            Edit::DeleteVersion(version) => {
                self.versions.delete(batch, &tables::version(&version.machine, version.number));
            }
            Edit::Alias(alias) => self.aliases.put(batch, &tables::alias(&alias.machine, &alias.name), alias),
            Edit::DeleteAlias(alias) => {
                self.aliases.delete(batch, &tables::alias(&alias.machine, &alias.name));
            }
        }
    }

    /// Adds to `batch` that a revision is forgotten once no execution can need it any more, unless `arn`'s machine or one
    /// of its versions other than `gone` still has it.
    pub(crate) fn retire(&self, batch: &mut Batch, arn: &str, revision: &str, gone: Retired, now: Timestamp) {
        let used = self.read(|table| {
            let current = table.records.get(arn).is_some_and(|record| record.revision == revision);
            let mut versions = table.versions_of(arn).filter(|version| version.revision == revision);
            match gone {
                Retired::Current => versions.next().is_some(),
                Retired::Version(number) => current || versions.any(|version| version.number != number),
            }
        });
        if !used {
            Retained::Revision.keep(batch, revision, now);
        }
    }

    /// Adds to `batch` that all revisions of a machine are forgotten once no execution can need them any more.
    pub(crate) fn retire_all(&self, batch: &mut Batch, record: &StateMachineRecord, now: Timestamp) {
        let versions = self.versions(&record.arn).into_iter().map(|version| version.revision);
        for revision in versions.chain([record.revision.clone()]) {
            Retained::Revision.keep(batch, &revision, now);
        }
    }

    fn keep(&self, compiled: &Arc<Compiled>) {
        let key = &compiled.revision.key;
        self.write(|table| {
            table.used.retain(|_, used| used.strong_count() > 0);
            table.used.insert(key.clone(), Arc::downgrade(compiled));
            table.recent.push_front(Arc::clone(compiled));
            table.recent.truncate(RECENT_DEFINITIONS);
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
