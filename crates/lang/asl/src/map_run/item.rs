//! One item of a Map Run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An item, and what the context object tells of it as `$$.Map.Item`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// `Index`: its number, from 0.
    pub index: u64,
    /// `Key`: its name, where it is a member of an object.
    pub key: Option<String>,
    /// `Value`.
    pub value: Value,
    /// `Source`: `STATE_DATA`, or the URI of the bucket or the object that it was read from.
    pub source: Arc<str>,
}

impl Item {
    /// What a child is given for the item where there is no `ItemSelector`.
    pub fn input(&self) -> Value {
        match &self.key {
            Some(key) => json!({"Key": key, "Value": self.value}),
            None => self.value.clone(),
        }
    }
}
