//! Reads an event in one pass that checks all of it and keeps only the fields that some rule names.
//!
//! What is no field's is passed over by `passing`, which checks as strictly as `event_json` does. The kept values
//! are borrowed from the text, unless a string has escapes.

use std::borrow::Cow;

use crate::error::EventError;
use crate::event::Leaf;
use crate::event_json;
use crate::field_tree::{FieldTree, NONE, ROOT};
use crate::found::{Found, FoundLeaf};
use crate::number::Number;
use crate::{passing, scan};

/// A container that fields lead into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    node: u32,
    is_array: bool,
    /// The array of this frame.
    array: u32,
    /// The innermost array element around this container.
    element: u32,
}

impl Frame {
    #[inline]
    fn inside(self, node: u32, is_array: bool, found: &mut Found<'_>) -> Self {
        let element = if self.is_array { found.open_element(self.array, self.element) } else { self.element };
        let array = if is_array { found.open_array() } else { NONE };
        Self { node, is_array, array, element }
    }
}

/// Reads `text`, and puts the fields of `tree` into `found`, which is empty.
pub(crate) fn read<'a>(tree: &FieldTree, text: &'a str, found: &mut Found<'a>) -> Result<(), EventError> {
    let mut reader = Reader { tree, text, bytes: text.as_bytes(), position: 0 };
    let is_object = reader.token() == b'{';
    if is_object && tree.has_children(ROOT) {
        reader.fields(found)?;
    } else {
        let first = reader.token();
        reader.pass(first)?;
    }
    if reader.token() != 0 || reader.position < text.len() {
        return Err(reader.error());
    }
    if is_object { Ok(()) } else { Err(EventError::NotAnObject) }
}

struct Reader<'t, 'a> {
    tree: &'t FieldTree,
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'_, 'a> {
    /// Reads the object at this position and all that fields lead into.
    fn fields(&mut self, found: &mut Found<'a>) -> Result<(), EventError> {
        if self.enter(false) {
            return Ok(());
        }
        let mut frame = Frame { node: ROOT, is_array: false, array: NONE, element: NONE };
        let mut frames = std::mem::take(&mut found.frames);
        loop {
            let node = if frame.is_array { frame.node } else { self.key(frame.node)? };
            match self.token() {
                opening @ (b'{' | b'[') if self.is_wanted_inside(node, opening) => {
                    frames.push(frame);
                    frame = frame.inside(node, opening == b'[', found);
                    if !self.enter(frame.is_array) {
                        continue;
                    }
                    frame = self.leave(frame, &mut frames, found);
                }
                first @ (b'{' | b'[') => self.pass(first)?,
                first => self.leaf(first, node, frame.element, found)?,
            }
            // A value is behind: the ends of containers may follow, and then the next one.
            loop {
                match self.token() {
                    b',' => break,
                    b'}' if !frame.is_array => {}
                    b']' if frame.is_array => {}
                    _ => return Err(self.error()),
                }
                self.position += 1;
                if frames.is_empty() {
                    found.frames = frames;
                    return Ok(());
                }
                frame = self.leave(frame, &mut frames, found);
            }
            self.position += 1;
        }
    }

    /// Passes an opening bracket, and the closing one if it follows: then it answers true.
    #[inline]
    fn enter(&mut self, is_array: bool) -> bool {
        self.position += 1;
        let is_empty = self.token() == if is_array { b']' } else { b'}' };
        self.position += usize::from(is_empty);
        is_empty
    }

    /// Closes a frame and returns to the one around it.
    #[inline]
    fn leave(&self, frame: Frame, frames: &mut Vec<Frame>, found: &mut Found<'a>) -> Frame {
        let outer = frames.pop().unwrap_or(frame);
        if frame.is_array {
            found.close_array(frame.array);
        }
        if outer.is_array {
            found.close_element(frame.element);
        }
        outer
    }

    #[inline]
    fn is_wanted_inside(&self, node: u32, opening: u8) -> bool {
        node != NONE && (self.tree.has_children(node) || opening == b'[' && self.tree.field(node) != NONE)
    }

    /// Reads a key with its colon.
    #[inline]
    fn key(&mut self, node: u32) -> Result<u32, EventError> {
        if self.token() != b'"' {
            return Err(self.error());
        }
        let start = self.position + 1;
        let (end, has_dot) = scan::key_end(self.bytes, start);
        let child = if self.bytes.get(end) == Some(&b'"') {
            self.position = end + 1;
            self.tree.child_of_key(node, self.bytes.get(start..end).unwrap_or_default(), has_dot)
        } else {
            let (key, end) = event_json::string(self.text, self.position)?;
            self.position = end;
            self.tree.child_of_key(node, key.as_bytes(), key.contains('.'))
        };
        self.position = passing::colon(self.bytes, self.position).map_err(not_json)?;
        Ok(child)
    }

    /// Reads a value that is no container, and keeps it if a field ends at `node`.
    #[inline]
    fn leaf(&mut self, first: u8, node: u32, element: u32, found: &mut Found<'a>) -> Result<(), EventError> {
        let field = if node == NONE { NONE } else { self.tree.field(node) };
        if field == NONE {
            return self.pass(first);
        }
        let start = self.position;
        let leaf = match first {
            b'"' => Leaf::String(self.kept_string()?),
            _ => {
                self.pass(first)?;
                match first {
                    b't' => Leaf::True,
                    b'f' => Leaf::False,
                    b'n' => Leaf::Null,
                    _ => Leaf::Number(Number::new(self.text.get(start..self.position).unwrap_or_default())),
                }
            }
        };
        found.keep(FoundLeaf { leaf, field, element });
        Ok(())
    }

    fn kept_string(&mut self) -> Result<Cow<'a, str>, EventError> {
        let start = self.position + 1;
        let end = scan::plain_end(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.position = end + 1;
            return Ok(Cow::Borrowed(self.text.get(start..end).unwrap_or_default()));
        }
        let (text, end) = event_json::string(self.text, self.position)?;
        self.position = end;
        Ok(text)
    }

    /// Passes a value that is no field's.
    #[inline]
    fn pass(&mut self, first: u8) -> Result<(), EventError> {
        let passed = match first {
            b'{' | b'[' => passing::container(self.bytes, self.position),
            _ => passing::scalar(self.bytes, self.position, first),
        };
        self.position = passed.map_err(not_json)?;
        Ok(())
    }

    /// The next byte that is no white space, without passing it; 0 at the end, which is nothing's beginning.
    #[inline]
    fn token(&mut self) -> u8 {
        let (byte, position) = passing::token(self.bytes, self.position);
        self.position = position;
        byte
    }

    #[cold]
    fn error(&self) -> EventError {
        not_json(self.position)
    }
}

#[cold]
fn not_json(offset: usize) -> EventError {
    EventError::NotJson { offset }
}
