//! A service as the handlers of resource types call it: its errors in their words.

use serde_json::{Map, Value, json};

use super::{Deletion, Failure, Tagging, tags};
use crate::door::{CallError, Door};
use crate::stack::Tag;

/// A service, and the name that AWS's SDK has for it in the texts of errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    /// Such as `ec2`.
    service: &'static str,
    /// Such as `Ec2`.
    sdk: &'static str,
    /// Whether its handlers use the older SDK, whose texts are others.
    is_old: bool,
}

/// How a service changes tags of a resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct TagOperations {
    /// The operation that sets some.
    pub set: &'static str,
    /// The operation that removes some.
    pub remove: &'static str,
    /// The member that gives those to be set.
    pub tags: &'static str,
    /// The member that gives those to be removed.
    pub keys: &'static str,
    /// How tags are written.
    pub form: TagForm,
}

/// How a service writes tags.
#[derive(Clone, Copy, Debug)]
pub(super) enum TagForm {
    /// As a list of pairs, with these names for a key and a value.
    Pairs(&'static str, &'static str),
    /// As such a list also where they are removed.
    PairsBothWays(&'static str, &'static str),
    /// As an object.
    Map,
}

/// `TagResource` and `UntagResource` of a service whose members begin with a capital letter.
pub(super) const TAG_RESOURCE: TagOperations = TagOperations {
    set: "TagResource",
    remove: "UntagResource",
    tags: "Tags",
    keys: "TagKeys",
    form: TagForm::Pairs("Key", "Value"),
};

/// The same of a service whose members begin with a small letter.
pub(super) const SMALL_TAG_RESOURCE: TagOperations =
    TagOperations { tags: "tags", keys: "tagKeys", form: TagForm::Pairs("key", "value"), ..TAG_RESOURCE };

impl TagForm {
    /// Tags as the service takes them; `None` where there are none.
    pub fn of(self, given: &[Tag]) -> Option<Value> {
        match self {
            Self::Pairs(key, value) | Self::PairsBothWays(key, value) => tags::listed(given, key, value),
            Self::Map => tags::mapped(given),
        }
    }

    fn keys(self, keys: Vec<String>) -> Value {
        match self {
            Self::PairsBothWays(name, _) => keys.into_iter().map(|key| json!({ name: key })).collect(),
            Self::Pairs(..) | Self::Map => json!(keys),
        }
    }
}

impl Client {
    pub const fn new(service: &'static str, sdk: &'static str) -> Self {
        Self { service, sdk, is_old: false }
    }

    /// A service whose handlers use the older SDK.
    pub const fn old(service: &'static str, sdk: &'static str) -> Self {
        Self { service, sdk, is_old: true }
    }

    /// What a call's error is to a stack.
    pub fn failure(&self, error: &CallError) -> Failure {
        match self.is_old {
            true => Failure::of_old_call(self.sdk, error),
            false => Failure::of_call(self.sdk, error),
        }
    }

    /// Calls `operation`.
    ///
    /// # Errors
    /// Whatever it answers.
    pub async fn call(&self, door: &Door, operation: &str, input: Value) -> Result<Value, Failure> {
        self.ask(door, operation, input).await.map_err(|error| self.failure(&error))
    }

    /// The same, with the error as the service gave it.
    ///
    /// # Errors
    /// Whatever it answers.
    pub async fn ask(&self, door: &Door, operation: &str, input: Value) -> Result<Value, CallError> {
        door.call(self.service, operation, input).await
    }

    /// The same, one of several tries: the service answers a second one with what the first has made.
    ///
    /// # Errors
    /// Whatever it answers.
    pub async fn call_once(
        &self,
        door: &Door,
        token: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, Failure> {
        let answer = door.call_once(token, self.service, operation, input).await;
        answer.map_err(|error| self.failure(&error))
    }

    /// Calls an operation that deletes at once. What is not there is deleted.
    ///
    /// # Errors
    /// Whatever else it answers.
    pub async fn delete(&self, door: &Door, operation: &str, input: Value) -> Result<Deletion, Failure> {
        match self.ask(door, operation, input).await {
            Err(error) if !error.is_not_found() => Err(self.failure(&error)),
            Ok(_) | Err(_) => Ok(Deletion::Done),
        }
    }

    /// Whether a call that looks for something finds it.
    ///
    /// # Errors
    /// Whatever it answers but that there is no such thing.
    pub async fn has(&self, door: &Door, operation: &str, input: Value) -> Result<bool, Failure> {
        match self.ask(door, operation, input).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// Changes the tags of the resource that the members `resource` name.
    ///
    /// # Errors
    /// Whatever the operations answer.
    pub async fn retag(
        &self,
        door: &Door,
        operations: TagOperations,
        resource: &Value,
        before: &[Tag],
        after: &[Tag],
    ) -> Result<(), Failure> {
        let (set, gone) = tags::difference(before, after);
        if let Some(set) = operations.form.of(&set) {
            self.call(door, operations.set, with(resource, operations.tags, set)).await?;
        }
        if !gone.is_empty() {
            let keys = operations.form.keys(gone);
            self.call(door, operations.remove, with(resource, operations.keys, keys)).await?;
        }
        Ok(())
    }

    /// The call that puts tags on the resource that the members `resource` name.
    pub fn tagging(&self, operations: TagOperations, resource: &Value, tags: &[Tag]) -> Option<Tagging> {
        let tags = operations.form.of(tags)?;
        let input = with(resource, operations.tags, tags);
        Some(Tagging { service: self.service, operation: operations.set, input })
    }
}

/// An input with one more member.
fn with(input: &Value, member: &str, value: Value) -> Value {
    let members = input.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
    members.chain([(member.to_owned(), value)]).collect::<Map<_, _>>().into()
}
