//! Stacks, change sets, templates, events and exports in the store.
//!
//! Every change of a stack is one batch that requires the version it was read at: two writers cannot undo each other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use store::{Batch, Collection, Range, Slice, Store, Versioned};
use types::{AccountId, Region, Timestamp};

use crate::Error;
use crate::change_set::ChangeSet;
use crate::event::Event;
use crate::limits::DELETED_STACK_DAYS;
use crate::stack::{Resource, Stack, State, Status};

/// The queue whose timers are stacks with an operation: the payload is the stack's key.
pub const QUEUE: &str = "cloudformation/operation";

const STACKS: &str = "cloudformation/stack";
const NAMES: &str = "cloudformation/name";
const RESOURCES: &str = "cloudformation/resource";
const TEMPLATES: &str = "cloudformation/template";
const CHANGE_SETS: &str = "cloudformation/change-set";
const EXPORTS: &str = "cloudformation/export";

/// Everything CloudFormation keeps.
#[derive(Clone)]
pub struct Stacks {
    store: Arc<dyn Store>,
    stacks: Collection<Stack>,
    names: Collection<String>,
    resources: Collection<Resource>,
    templates: Collection<String>,
    change_sets: Collection<ChangeSet>,
    exports: Collection<Export>,
}

/// What a stack exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// The name by which it is imported.
    pub name: String,
    /// The value.
    pub value: String,
    /// ARN of the stack.
    pub stack_id: String,
    /// Name of the stack.
    pub stack_name: String,
}

/// A stack as it was read.
pub struct Loaded {
    seen: Versioned<Stack>,
    seen_resources: IndexMap<String, Resource>,
    /// The stack, to be changed.
    pub state: State,
}

impl Stacks {
    /// The tables in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            stacks: Collection::new(Arc::clone(&store), STACKS),
            names: Collection::new(Arc::clone(&store), NAMES),
            resources: Collection::new(Arc::clone(&store), RESOURCES),
            templates: Collection::new(Arc::clone(&store), TEMPLATES),
            change_sets: Collection::new(Arc::clone(&store), CHANGE_SETS),
            exports: Collection::new(Arc::clone(&store), EXPORTS),
            store,
        }
    }

    /// The store itself, for its timers.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Reads a stack with its resources.
    pub async fn load(&self, key: &str) -> Result<Option<Loaded>, store::Error> {
        let Some(seen) = self.stacks.get(key).await? else { return Ok(None) };
        let records = self.resources.list(Range::prefix(&format!("{key}/"))).await?;
        let mut resources: Vec<Resource> = records.into_iter().map(|record| record.value).collect();
        // In the order in which they came into the stack.
        resources.sort_by_key(|resource| (resource.order, resource.logical_id.clone()));
        let resources: IndexMap<String, Resource> =
            resources.into_iter().map(|resource| (resource.logical_id.clone(), resource)).collect();
        let state = State { stack: seen.value.clone(), resources: resources.clone() };
        Ok(Some(Loaded { seen, seen_resources: resources, state }))
    }

    /// The stack of that name, which is not deleted, or of that ARN.
    pub async fn find(
        &self,
        account: &AccountId,
        region: &Region,
        name_or_arn: &str,
    ) -> Result<Option<Loaded>, store::Error> {
        let scope = format!("{account}/{region}");
        let uuid = match name_or_arn.strip_prefix("arn:") {
            Some(_) => match name_or_arn.split_once(":stack/").and_then(|(_, rest)| rest.split_once('/')) {
                Some((_, uuid)) => uuid.to_owned(),
                None => return Ok(None),
            },
            None => match self.names.get(&format!("{scope}/{name_or_arn}")).await? {
                Some(uuid) => uuid.value,
                None => return Ok(None),
            },
        };
        let loaded = self.load(&format!("{scope}/{uuid}")).await?;
        Ok(loaded
            .filter(|loaded| !name_or_arn.starts_with("arn:") || loaded.state.stack.arn() == name_or_arn))
    }

    /// All stacks of an account and a region, the newest first.
    pub async fn all(&self, account: &AccountId, region: &Region) -> Result<Vec<Stack>, store::Error> {
        let records = self.stacks.list(Range::prefix(&format!("{account}/{region}/"))).await?;
        let mut stacks: Vec<Stack> = records.into_iter().map(|record| record.value).collect();
        stacks.sort_by(|one, other| (other.created, &other.uuid).cmp(&(one.created, &one.uuid)));
        Ok(stacks)
    }

    /// Adds to `batch`: a new stack with its first event. Its name must be free.
    pub fn create(&self, batch: &mut Batch, stack: &mut Stack, event: Event) {
        let name_key = format!("{}/{}/{}", stack.account, stack.region, stack.name);
        self.names.create(batch, &name_key, &stack.uuid);
        append(batch, stack, [event]);
        if stack.operation.is_some() {
            batch.set_timer(QUEUE, stack.key(), stack.created, Vec::new());
        }
        self.stacks.create(batch, &stack.key(), stack);
    }

    /// Adds to `batch`: what has changed of a stack since it was read, and its events.
    pub fn change(&self, batch: &mut Batch, loaded: &mut Loaded, events: Vec<Event>, now: Timestamp) {
        let Loaded { seen, seen_resources, state } = loaded;
        let key = state.stack.key();
        append(batch, &mut state.stack, events);
        for (index, resource) in state.resources.values_mut().enumerate() {
            resource.order = index;
        }
        for (id, resource) in &state.resources {
            if seen_resources.get(id) != Some(resource) {
                self.resources.put(batch, &format!("{key}/{id}"), resource);
            }
        }
        for id in seen_resources.keys().filter(|id| !state.resources.contains_key(*id)) {
            self.resources.delete(batch, &format!("{key}/{id}"));
        }
        self.change_exports(batch, &seen.value, &state.stack);
        match (&seen.value.operation, &state.stack.operation) {
            (None, Some(_)) => {
                batch.set_timer(QUEUE, key.as_str(), now, Vec::new());
            }
            (Some(_), None) => {
                batch.clear_timer(QUEUE, key.as_str());
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
        if state.stack.status == Status::DeleteComplete {
            let stack = &state.stack;
            self.names.delete(batch, &format!("{}/{}/{}", stack.account, stack.region, stack.name));
        }
        self.stacks.replace(batch, seen, &state.stack);
    }

    fn change_exports(&self, batch: &mut Batch, before: &Stack, after: &Stack) {
        let key = |name: &str| format!("{}/{}/{name}", after.account, after.region);
        for output in &before.outputs {
            if let Some(name) = &output.export_name {
                self.exports.delete(batch, &key(name));
            }
        }
        for output in &after.outputs {
            if let Some(name) = &output.export_name {
                let export = Export {
                    name: name.clone(),
                    value: output.value.clone(),
                    stack_id: after.arn(),
                    stack_name: after.name.clone(),
                };
                self.exports.put(batch, &key(name), &export);
            }
        }
    }

    /// Writes a batch.
    ///
    /// # Errors
    /// `Concurrent` where a stack in it was changed by somebody else.
    pub async fn commit(&self, batch: Batch, name: &str) -> Result<(), Error> {
        match self.store.submit(batch).durable().await {
            Ok(_) => Ok(()),
            Err(store::Error::Conflict { .. }) => Err(Error::Concurrent(name.to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Events of a stack, the newest first: `limit` of them before the sequence `before`.
    pub async fn events(
        &self,
        stack: &Stack,
        before: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Event)>, store::Error> {
        let slice = Slice { to_sequence: before, descending: true, limit, ..Slice::default() };
        let log = log(stack);
        let entries = self.store.read(&log, slice).await?;
        entries
            .into_iter()
            .map(|entry| match serde_json::from_slice(&entry.payload) {
                Ok(event) => Ok((entry.sequence, event)),
                Err(error) => Err(store::Error::Malformed {
                    table: log.clone(),
                    key: entry.sequence.to_string(),
                    cause: error.to_string(),
                }),
            })
            .collect()
    }

    /// Adds to `batch`: the text of a template.
    pub fn put_template(&self, batch: &mut Batch, id: &str, text: &str) {
        self.templates.put(batch, id, &text.to_owned());
    }

    /// Adds to `batch`: drop the templates of a stack that nothing refers to any more.
    pub async fn sweep_templates(
        &self,
        batch: &mut Batch,
        stack: &Stack,
        kept: &[&str],
    ) -> Result<(), store::Error> {
        for record in self.templates.list(Range::prefix(&format!("{}/", stack.key()))).await? {
            if !kept.contains(&record.key.as_str()) {
                self.templates.delete(batch, &record.key);
            }
        }
        Ok(())
    }

    /// Adds to `batch`: forget the stacks that were deleted long ago.
    pub async fn forget_deleted(
        &self,
        batch: &mut Batch,
        account: &AccountId,
        region: &Region,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let kept_for = Duration::from_secs(DELETED_STACK_DAYS * 24 * 60 * 60);
        for stack in self.all(account, region).await? {
            if stack.deleted.is_some_and(|deleted| deleted + kept_for < now) {
                let key = stack.key();
                self.stacks.delete(batch, &key);
                batch.delete_prefix(RESOURCES, format!("{key}/"));
                batch.delete_prefix(TEMPLATES, format!("{key}/"));
                batch.trim(log(&stack), Timestamp::MAX);
            }
        }
        Ok(())
    }

    /// The text of a template.
    pub async fn template(&self, id: &str) -> Result<Option<String>, store::Error> {
        Ok(self.templates.get(id).await?.map(|record| record.value))
    }

    /// Everything that is exported in an account and a region.
    pub async fn exports(
        &self,
        account: &AccountId,
        region: &Region,
    ) -> Result<BTreeMap<String, Export>, store::Error> {
        let records = self.exports.list(Range::prefix(&format!("{account}/{region}/"))).await?;
        Ok(records.into_iter().map(|record| (record.value.name.clone(), record.value)).collect())
    }

    /// Change sets, by `account/region/uuid`.
    pub fn change_sets(&self) -> &Collection<ChangeSet> {
        &self.change_sets
    }

    /// The change sets of a stack, the oldest first.
    pub async fn change_sets_of(&self, stack: &Stack) -> Result<Vec<Versioned<ChangeSet>>, store::Error> {
        let prefix = format!("{}/{}/", stack.account, stack.region);
        let mut records = self.change_sets.list(Range::prefix(&prefix)).await?;
        records.retain(|record| record.value.stack_uuid == stack.uuid);
        records.sort_by_key(|record| record.value.created);
        Ok(records)
    }
}

/// Adds to `batch`: a stack's next events.
fn append(batch: &mut Batch, stack: &mut Stack, events: impl IntoIterator<Item = Event>) {
    for event in events {
        match serde_json::to_vec(&event) {
            Ok(payload) => batch.append(log(stack), stack.event_sequence, event.time, payload),
            // Events are plain data with text keys: this cannot fail, and must not be lost silently if it ever does.
            Err(error) => unreachable!("an event cannot be written: {error}"),
        };
        stack.event_sequence += 1;
    }
}

fn log(stack: &Stack) -> String {
    format!("cloudformation/{}", stack.key())
}
