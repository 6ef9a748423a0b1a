//! An event, read once into a compact form that any number of patterns can be matched against.
//!
//! Values live in one array, the children of a container side by side; strings without escapes are borrowed from the
//! text. Duplicate keys are kept, because a pattern may match either. Numbers keep their literal text.

use std::borrow::Cow;

use crate::error::EventError;
use crate::event_json;
use crate::number::Number;

/// A JSON event.
///
/// Source: EventBridge User Guide, "Event structure".
#[derive(Clone, Debug)]
pub struct Event<'a> {
    members: Vec<Member<'a>>,
    root: Children,
}

impl<'a> Event<'a> {
    /// Reads an event.
    ///
    /// # Errors
    /// [`EventError::NotJson`] and [`EventError::NotAnObject`]; EventBridge answers both with `Parameter Event is not
    /// valid.`
    pub fn parse(text: &'a str) -> Result<Self, EventError> {
        event_json::parse(text)
    }

    pub(crate) fn new(members: Vec<Member<'a>>, root: Children) -> Self {
        Self { members, root }
    }

    pub(crate) fn root(&self) -> Children {
        self.root
    }

    pub(crate) fn members(&self, children: Children) -> &[Member<'a>] {
        self.members.get(children.start..children.start + children.count).unwrap_or_default()
    }
}

/// Where a container's members are, which also tells containers with members apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Children {
    pub(crate) start: usize,
    pub(crate) count: usize,
}

/// A value and its key; an array's elements have empty keys.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) value: Value<'a>,
}

/// A value of an event.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Leaf(Leaf<'a>),
    Array(Children),
    Object(Children),
}

/// A value without members.
#[derive(Clone, Debug)]
pub(crate) enum Leaf<'a> {
    Null,
    True,
    False,
    Number(Number<'a>),
    String(Cow<'a, str>),
}
