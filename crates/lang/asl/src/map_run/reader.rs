//! Reads the items of a Map Run out of what its `ItemReader` names.
//!
//! A machine without IO: [`ItemReader::advance`] says what it wants, the caller gives it and asks again. However large an
//! object is, no more of it is held than the chunk that was given last and the item that is not complete yet.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::{Item, ItemSource, ReaderResource, reader_failure};
use crate::error_name::Failure;

/// What an [`ItemReader`] gives or wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// The next item.
    Item(Item),
    /// Call S3. `ListObjectsV2` is answered with [`ItemReader::listed`]; the object that `GetObject` opens with
    /// [`ItemReader::chunk`]s, until [`ItemReader::object_end`].
    Call(ReaderCall),
    /// The next chunk of the object that is open, or its end.
    Bytes,
    /// There are no more items. An object may still be open, and need not be read to its end.
    End,
}

/// A call of S3, as the state machine's role.
#[derive(Clone, Debug, PartialEq)]
pub struct ReaderCall {
    /// Which operation.
    pub operation: ReaderResource,
    /// Its input.
    pub parameters: Value,
}

/// Reads items.
#[derive(Debug)]
pub struct ItemReader {
    ready: VecDeque<Item>,
}

impl ItemReader {
    /// A reader of all the items of a source.
    ///
    /// # Errors
    /// `States.ItemReaderFailed` where the configuration can give no items.
    pub fn new(source: &ItemSource) -> Result<Self, Failure> {
        match source {
            ItemSource::Items(items) => Ok(Self { ready: state_data(items.value()) }),
            ItemSource::Reader { .. } => Err(reader_failure("The ItemReader cannot be read.")),
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// `States.ItemReaderFailed`: what was read is not what the configuration says.
    pub fn advance(&mut self) -> Result<Next, Failure> {
        Ok(self.ready.pop_front().map_or(Next::End, Next::Item))
    }

    /// What `ListObjectsV2` answered.
    pub fn listed(&mut self, _answer: &Value) {}

    /// The next bytes of the object that is open.
    pub fn chunk(&mut self, _bytes: &[u8]) {}

    /// The object that is open has no more bytes.
    pub fn object_end(&mut self) {}
}

/// The elements of an array, or the members of an object.
fn state_data(items: &Value) -> VecDeque<Item> {
    let source: Arc<str> = "STATE_DATA".into();
    let item = |(index, (key, value)): (u64, (Option<String>, &Value))| Item {
        index,
        key,
        value: value.clone(),
        source: Arc::clone(&source),
    };
    match items {
        Value::Object(members) => {
            (0..).zip(members.iter().map(|(key, value)| (Some(key.clone()), value))).map(item).collect()
        }
        _ => {
            let elements = items.as_array().into_iter().flatten();
            (0..).zip(elements.map(|value| (None, value))).map(item).collect()
        }
    }
}
