//! The context object, `$$`: what an execution knows about itself.

use serde_json::{Map, Value, json};
use types::Timestamp;

use crate::execution::ExecutionSpec;
use crate::payload::Payload;

/// What the context object of one state is made of. Its parts are built when they are asked for.
pub(crate) struct ContextObject<'a> {
    pub(crate) spec: &'a ExecutionSpec,
    /// What it is instead, token and item aside, where a state is tested.
    pub(crate) given: Option<&'a Map<String, Value>>,
    pub(crate) input: &'a Payload,
    pub(crate) state: StateContext<'a>,
    /// The token of the task, where the state waits for one.
    pub(crate) token: Option<&'a str>,
    /// The item of the innermost Map state around.
    pub(crate) item: Option<Item<'a>>,
}

/// `$$.State`.
pub(crate) struct StateContext<'a> {
    pub(crate) name: &'a str,
    pub(crate) entered_time: Timestamp,
    /// Of states that can be retried.
    pub(crate) retry_count: Option<u32>,
}

/// `$$.Map.Item`.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) index: u64,
    /// Of a member of an object.
    pub(crate) key: Option<&'a str>,
    pub(crate) value: &'a Value,
    pub(crate) source: Option<&'a str>,
}

/// `Source` of items that a state has from its input.
pub(crate) const STATE_DATA: &str = "STATE_DATA";

impl Item<'_> {
    fn to_json(self) -> Value {
        let mut item = Map::new();
        item.insert("Index".to_owned(), self.index.into());
        if let Some(key) = self.key {
            item.insert("Key".to_owned(), key.into());
        }
        item.insert("Value".to_owned(), self.value.clone());
        if let Some(source) = self.source {
            item.insert("Source".to_owned(), source.into());
        }
        Value::Object(item)
    }
}

impl ContextObject<'_> {
    /// The object with its members, or with the member `first` only, and in it the member `second` only.
    ///
    /// A member that does not exist gives the whole object, or the whole member: what a path then misses, it misses.
    pub(crate) fn part(&self, first: Option<&str>, second: Option<&str>) -> Value {
        let wanted = |name: &str| first.is_none_or(|first| first == name);
        let mut object = match self.given {
            Some(given) => given.clone(),
            None => self.own(first, second),
        };
        if let (true, Some(token)) = (wanted("Task") && !object.contains_key("Task"), self.token) {
            object.insert("Task".to_owned(), json!({"Token": token}));
        }
        if let (true, Some(item)) = (wanted("Map"), self.item) {
            object.insert("Map".to_owned(), json!({"Item": item.to_json()}));
        }
        Value::Object(object)
    }

    /// The members that the execution makes.
    fn own(&self, first: Option<&str>, second: Option<&str>) -> Map<String, Value> {
        let wanted = |name: &str| first.is_none_or(|first| first == name);
        let mut object = Map::new();
        if wanted("Execution") {
            object.insert("Execution".to_owned(), self.execution(first.and(second)));
        }
        if wanted("StateMachine") {
            let machine = json!({"Id": self.spec.state_machine_arn, "Name": self.spec.state_machine_name});
            object.insert("StateMachine".to_owned(), machine);
        }
        if wanted("State") {
            object.insert("State".to_owned(), self.state());
        }
        object
    }

    fn execution(&self, only: Option<&str>) -> Value {
        let mut execution = Map::new();
        execution.insert("Id".to_owned(), self.spec.arn.as_str().into());
        if only.is_none_or(|only| only == "Input") {
            execution.insert("Input".to_owned(), self.input.value().clone());
        }
        execution.insert("StartTime".to_owned(), self.spec.start_time.to_iso_millis().into());
        execution.insert("Name".to_owned(), self.spec.name.as_str().into());
        execution.insert("RoleArn".to_owned(), self.spec.role_arn.as_ref().into());
        execution.insert("RedriveCount".to_owned(), self.spec.redrive_count.into());
        if let Some(redriven) = self.spec.redrive_time {
            execution.insert("RedriveTime".to_owned(), redriven.to_iso_millis().into());
        }
        Value::Object(execution)
    }

    fn state(&self) -> Value {
        let StateContext { name, entered_time, retry_count } = &self.state;
        let mut state = Map::new();
        state.insert("Name".to_owned(), (*name).into());
        state.insert("EnteredTime".to_owned(), entered_time.to_iso_millis().into());
        if let Some(retry_count) = retry_count {
            state.insert("RetryCount".to_owned(), (*retry_count).into());
        }
        Value::Object(state)
    }
}
