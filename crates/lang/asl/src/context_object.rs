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
    /// `$$.Map.Item`, or no more of it than the member `only`.
    fn to_json(self, only: Option<&str>) -> Value {
        let mut item = Members::new(only);
        item.set("Index", || self.index.into());
        if let Some(key) = self.key {
            item.set("Key", || key.into());
        }
        item.set("Value", || self.value.clone());
        if let Some(source) = self.source {
            item.set("Source", || source.into());
        }
        item.into_value()
    }
}

/// An object of which perhaps only one member is wanted: the others, which may be large, are not made.
struct Members<'a> {
    only: Option<&'a str>,
    members: Map<String, Value>,
}

impl<'a> Members<'a> {
    fn new(only: Option<&'a str>) -> Self {
        Self { only, members: Map::new() }
    }

    fn set(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if self.only.is_none_or(|only| only == name) {
            self.members.insert(name.to_owned(), value());
        }
    }

    fn into_value(self) -> Value {
        Value::Object(self.members)
    }
}

impl ContextObject<'_> {
    /// The object with its members, or with the member `first` only, and in it the member `second` only.
    ///
    /// A member that does not exist gives an object without it: what a path then misses, it misses.
    pub(crate) fn part(&self, first: Option<&str>, second: Option<&str>) -> Value {
        self.narrowed([first, second, None])
    }

    /// The object with no more in it than what the first names of a path lead to.
    ///
    /// An `ItemSelector` is evaluated for every item: nothing may be copied that it does not ask for.
    pub(crate) fn narrowed(&self, path: [Option<&str>; 3]) -> Value {
        let [first, second, third] = path;
        let wanted = |name: &str| first.is_none_or(|first| first == name);
        let mut object = match self.given {
            Some(given) => given.clone(),
            None => self.own(path),
        };
        if let (true, Some(token)) = (wanted("Task") && !object.contains_key("Task"), self.token) {
            object.insert("Task".to_owned(), json!({"Token": token}));
        }
        if let (true, Some(item)) = (wanted("Map"), self.item) {
            let only = third.filter(|_| first.is_some() && second == Some("Item"));
            object.insert("Map".to_owned(), json!({"Item": item.to_json(only)}));
        }
        Value::Object(object)
    }

    /// The members that the execution makes.
    fn own(&self, path: [Option<&str>; 3]) -> Map<String, Value> {
        let [first, second, third] = path;
        let mut object = Members::new(first);
        let inside = first.and(second);
        object.set("Execution", || self.execution(inside, inside.and(third)));
        object.set(
            "StateMachine",
            || json!({"Id": self.spec.state_machine_arn, "Name": self.spec.state_machine_name}),
        );
        object.set("State", || self.state());
        object.members
    }

    fn execution(&self, only: Option<&str>, of_input: Option<&str>) -> Value {
        let mut execution = Members::new(only);
        execution.set("Id", || self.spec.arn.as_str().into());
        execution.set("Input", || member_of(self.input.value(), of_input));
        execution.set("StartTime", || self.spec.start_time.to_iso_millis().into());
        execution.set("Name", || self.spec.name.as_str().into());
        execution.set("RoleArn", || self.spec.role_arn.as_ref().into());
        execution.set("RedriveCount", || self.spec.redrive_count.into());
        if let Some(redriven) = self.spec.redrive_time {
            execution.set("RedriveTime", || redriven.to_iso_millis().into());
        }
        execution.into_value()
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

/// An object with no more in it than the member `only`; anything else as it is.
fn member_of(value: &Value, only: Option<&str>) -> Value {
    let (Some(only), Value::Object(members)) = (only, value) else { return value.clone() };
    Value::Object(members.get(only).map(|member| (only.to_owned(), member.clone())).into_iter().collect())
}
