//! JSON: an item for each element of an array, or each member of an object, that the document is or that a pointer finds
//! in it.
//!
//! The document is scanned byte by byte. What is on the way is skipped and what comes after the items is not looked at;
//! only the item that is being read is held, and parsed when it is complete.

use std::collections::VecDeque;

use serde_json::Value;

use super::Entry;
use super::lines::check_size;
use crate::error_name::Failure;
use crate::map_run::reader_failure;

/// Items while they are read.
#[derive(Debug)]
pub(super) struct JsonItems {
    /// The tokens of the pointer that lead to the items, the next one first.
    path: VecDeque<String>,
    place: Place,
    value: ValueScan,
    /// The item that is being read, or the name of a member.
    text: Vec<u8>,
    /// Whether what is being read is one of those, and not merely on the way.
    keeps: bool,
}

/// What comes next.
#[derive(Debug)]
enum Place {
    /// The value that the rest of the path leads into.
    Way,
    /// Something in an object, of which one member is looked for.
    Search {
        wanted: String,
        at: InObject,
    },
    /// Something in an array, of which one element is looked for.
    Count {
        wanted: usize,
        next: usize,
        at: InArray,
    },
    /// Something in the array whose elements are the items.
    Elements(InArray),
    /// Something in the object whose members are the items.
    Members(InObject),
    Over,
}

/// Where in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InArray {
    /// Behind `[`, where `]` may follow.
    Begin,
    /// Behind `,`.
    Element,
    /// In an element.
    Value,
    /// Behind an element.
    Separator,
}

/// Where in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
enum InObject {
    /// Behind `{`, where `}` may follow.
    Begin,
    /// Behind `,`.
    Member,
    /// In a member's name.
    Name,
    /// Behind a member's name.
    Colon(String),
    /// Behind the colon.
    BeforeValue(String),
    /// In a member's value.
    Value(String),
    /// Behind a member's value.
    Separator,
}

/// How far a value has been scanned.
#[derive(Clone, Copy, Debug, Default)]
struct ValueScan {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

/// What a byte means to a value.
#[derive(PartialEq, Eq)]
enum Step {
    /// It belongs to the value, which goes on.
    Inside,
    /// It is the value's last.
    Last,
    /// The value ended before it.
    Behind,
}

impl JsonItems {
    /// The items of the value that `pointer` finds; an empty pointer finds the document.
    pub(super) fn new(pointer: &str) -> Self {
        let tokens = pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
        Self {
            path: tokens.collect(),
            place: Place::Way,
            value: ValueScan::default(),
            text: Vec::new(),
            keeps: false,
        }
    }

    /// Whether all items have been read.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.place, Place::Over)
    }

    /// Takes the next bytes, the last ones where `ended`.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        ended: bool,
        entries: &mut VecDeque<Entry>,
    ) -> Result<(), Failure> {
        for byte in bytes {
            if self.is_over() {
                return Ok(());
            }
            self.take(*byte, entries)?;
        }
        check_size(&self.text)?;
        if ended && !self.is_over() {
            return Err(match self.place {
                Place::Way => not_iterable(),
                _ => invalid("it ends too early"),
            });
        }
        Ok(())
    }

    fn take(&mut self, byte: u8, entries: &mut VecDeque<Entry>) -> Result<(), Failure> {
        let place = std::mem::replace(&mut self.place, Place::Over);
        self.place = match place {
            Place::Over => Place::Over,
            Place::Way if byte.is_ascii_whitespace() => Place::Way,
            Place::Way => self.enter(byte)?,
            Place::Search { wanted, at } => self.search(wanted, at, byte)?,
            Place::Count { wanted, next, at } => self.count(wanted, next, at, byte)?,
            Place::Elements(at) => self.element(at, byte, entries)?,
            Place::Members(at) => self.member(at, byte, entries)?,
        };
        Ok(())
    }

    /// The first byte of the value that the rest of the path leads into.
    fn enter(&mut self, byte: u8) -> Result<Place, Failure> {
        match (self.path.pop_front(), byte) {
            (None, b'[') => Ok(Place::Elements(InArray::Begin)),
            (None, b'{') => Ok(Place::Members(InObject::Begin)),
            (Some(wanted), b'{') => Ok(Place::Search { wanted, at: InObject::Begin }),
            (Some(wanted), b'[') => {
                let wanted = wanted.parse().map_err(|_| not_iterable())?;
                Ok(Place::Count { wanted, next: 0, at: InArray::Begin })
            }
            _ => Err(not_iterable()),
        }
    }

    /// In an object on the way.
    fn search(&mut self, wanted: String, at: InObject, byte: u8) -> Result<Place, Failure> {
        self.keeps = matches!(at, InObject::Begin | InObject::Member | InObject::Name);
        match self.in_object(at, byte)? {
            // It does not have the member.
            None => Err(not_iterable()),
            Some(InObject::BeforeValue(name)) if name == wanted => Ok(Place::Way),
            Some(at) => Ok(Place::Search { wanted, at }),
        }
    }

    /// In an array on the way.
    fn count(&mut self, wanted: usize, next: usize, at: InArray, byte: u8) -> Result<Place, Failure> {
        if next == wanted && matches!(at, InArray::Begin | InArray::Element) && byte != b']' {
            return if byte.is_ascii_whitespace() {
                Ok(Place::Count { wanted, next, at })
            } else {
                self.enter(byte)
            };
        }
        self.keeps = false;
        match self.in_array(at, byte)? {
            // It does not have the element.
            None => Err(not_iterable()),
            Some(after) => {
                let counted = after == InArray::Element && at != InArray::Element;
                Ok(Place::Count { wanted, next: next + usize::from(counted), at: after })
            }
        }
    }

    /// In the array of the items.
    fn element(&mut self, at: InArray, byte: u8, entries: &mut VecDeque<Entry>) -> Result<Place, Failure> {
        self.keeps = true;
        let after = self.in_array(at, byte)?;
        if at == InArray::Value && after != Some(InArray::Value) {
            entries.push_back((None, self.complete()?));
        }
        Ok(after.map_or(Place::Over, Place::Elements))
    }

    /// In the object of the items.
    fn member(&mut self, at: InObject, byte: u8, entries: &mut VecDeque<Entry>) -> Result<Place, Failure> {
        let name = match &at {
            InObject::Value(name) => Some(name.clone()),
            _ => None,
        };
        self.keeps = true;
        let after = self.in_object(at, byte)?;
        if let Some(name) = name.filter(|_| !matches!(after, Some(InObject::Value(_)))) {
            entries.push_back((Some(name), self.complete()?));
        }
        Ok(after.map_or(Place::Over, Place::Members))
    }

    /// The next byte in an array: where it leads, `None` behind the array.
    fn in_array(&mut self, at: InArray, byte: u8) -> Result<Option<InArray>, Failure> {
        match (at, byte) {
            (InArray::Value, _) => match self.in_value(byte) {
                Step::Inside => Ok(Some(InArray::Value)),
                Step::Last => Ok(Some(InArray::Separator)),
                Step::Behind => self.in_array(InArray::Separator, byte),
            },
            (_, byte) if byte.is_ascii_whitespace() => Ok(Some(at)),
            (InArray::Begin | InArray::Separator, b']') => Ok(None),
            (InArray::Separator, b',') => Ok(Some(InArray::Element)),
            (InArray::Separator, _) => Err(invalid("a comma is missing")),
            (InArray::Begin | InArray::Element, byte) => match self.begin_value(byte) {
                Step::Last => Ok(Some(InArray::Separator)),
                Step::Inside | Step::Behind => Ok(Some(InArray::Value)),
            },
        }
    }

    /// The next byte in an object: where it leads, `None` behind the object.
    fn in_object(&mut self, at: InObject, byte: u8) -> Result<Option<InObject>, Failure> {
        match (at, byte) {
            (InObject::Value(name), _) => match self.in_value(byte) {
                Step::Inside => Ok(Some(InObject::Value(name))),
                Step::Last => Ok(Some(InObject::Separator)),
                Step::Behind => self.in_object(InObject::Separator, byte),
            },
            (InObject::Name, _) => Ok(Some(match self.in_value(byte) {
                Step::Last => InObject::Colon(self.name()?),
                Step::Inside | Step::Behind => InObject::Name,
            })),
            (at, byte) if byte.is_ascii_whitespace() => Ok(Some(at)),
            (InObject::Begin | InObject::Separator, b'}') => Ok(None),
            (InObject::Separator, b',') => Ok(Some(InObject::Member)),
            (InObject::Separator, _) => Err(invalid("a comma is missing")),
            (InObject::Begin | InObject::Member, b'"') => {
                self.begin_value(byte);
                Ok(Some(InObject::Name))
            }
            (InObject::Begin | InObject::Member, _) => Err(invalid("a member has no name")),
            (InObject::Colon(name), b':') => Ok(Some(InObject::BeforeValue(name))),
            (InObject::Colon(_), _) => Err(invalid("a colon is missing")),
            (InObject::BeforeValue(name), byte) => {
                self.begin_value(byte);
                Ok(Some(InObject::Value(name)))
            }
        }
    }

    /// The first byte of a value. It is never the last: a number may go on.
    fn begin_value(&mut self, byte: u8) -> Step {
        self.text.clear();
        self.value = ValueScan::default();
        self.in_value(byte)
    }

    /// A byte of a value, or the one behind it.
    fn in_value(&mut self, byte: u8) -> Step {
        let step = self.value.step(byte);
        if self.keeps && step != Step::Behind {
            self.text.push(byte);
        }
        step
    }

    fn complete(&mut self) -> Result<Value, Failure> {
        check_size(&self.text)?;
        let text = std::mem::take(&mut self.text);
        serde_json::from_slice(&text).map_err(|error| invalid(&error.to_string()))
    }

    fn name(&mut self) -> Result<String, Failure> {
        match self.complete()? {
            Value::String(name) => Ok(name),
            _ => Err(invalid("a member has no name")),
        }
    }
}

impl ValueScan {
    fn step(&mut self, byte: u8) -> Step {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    return self.last_at_top();
                }
                _ => {}
            }
            return Step::Inside;
        }
        match byte {
            b'"' => self.in_string = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' if self.depth > 0 => {
                self.depth -= 1;
                return self.last_at_top();
            }
            b',' | b']' | b'}' if self.depth == 0 => return Step::Behind,
            byte if self.depth == 0 && byte.is_ascii_whitespace() => return Step::Behind,
            _ => {}
        }
        Step::Inside
    }

    fn last_at_top(self) -> Step {
        if self.depth == 0 { Step::Last } else { Step::Inside }
    }
}

fn not_iterable() -> Failure {
    reader_failure("Attempting to map over non-iterable node.")
}

fn invalid(what: &str) -> Failure {
    reader_failure(format!("The JSON of the object is not valid: {what}"))
}
