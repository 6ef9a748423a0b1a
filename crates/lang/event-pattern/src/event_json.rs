//! Reads the JSON text of an event in one pass, without recursion.
//!
//! Strict JSON (RFC 8259), whole text. Half a surrogate pair in an escape becomes U+FFFD.

use std::borrow::Cow;

use crate::error::EventError;
use crate::event::{Children, Event, Leaf, Member, Value};
use crate::number::Number;

/// Reads `text` as an event.
pub(crate) fn parse(text: &str) -> Result<Event<'_>, EventError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), position: 0 };
    let mut arena: Vec<Member<'_>> = Vec::with_capacity(text.len() / 24);
    let root = reader.document(&mut arena)?;
    match root {
        Value::Object(children) => Ok(Event::new(arena, children)),
        Value::Leaf(_) | Value::Array(_) => Err(EventError::NotAnObject),
    }
}

/// Reads the string that starts at `position`, and says where it ends.
pub(crate) fn string(text: &str, position: usize) -> Result<(Cow<'_, str>, usize), EventError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), position };
    let string = reader.string()?;
    Ok((string, reader.position))
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
}

/// A container being read: its key in its parent, and where its members start on the stack.
struct Open<'a> {
    key: Cow<'a, str>,
    is_array: bool,
    first_member: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self, arena: &mut Vec<Member<'a>>) -> Result<Value<'a>, EventError> {
        let mut open: Vec<Open<'a>> = Vec::new();
        let mut stack: Vec<Member<'a>> = Vec::new();
        let mut key = Cow::Borrowed("");
        loop {
            // A value starts here; `key` is its key.
            let mut done = match self.after_whitespace() {
                Some(byte @ (b'{' | b'[')) => {
                    self.position += 1;
                    let is_array = byte == b'[';
                    open.push(Open { key: std::mem::take(&mut key), is_array, first_member: stack.len() });
                    if self.after_whitespace() == Some(if is_array { b']' } else { b'}' }) {
                        self.position += 1;
                        close(&mut open, &mut stack, arena)
                    } else {
                        None
                    }
                }
                _ => Some(Member { key: std::mem::take(&mut key), value: Value::Leaf(self.leaf()?) }),
            };
            // Completed values close their containers, as long as closing brackets follow.
            while let Some(member) = done.take() {
                let Some(container) = open.last() else { return self.end(member.value) };
                let is_array = container.is_array;
                stack.push(member);
                match self.after_whitespace() {
                    Some(b',') => self.position += 1,
                    Some(b']') if is_array => {
                        self.position += 1;
                        done = close(&mut open, &mut stack, arena);
                    }
                    Some(b'}') if !is_array => {
                        self.position += 1;
                        done = close(&mut open, &mut stack, arena);
                    }
                    _ => return Err(self.error()),
                }
            }
            if open.last().is_some_and(|container| !container.is_array) {
                key = self.key()?;
            }
        }
    }

    fn end(&mut self, value: Value<'a>) -> Result<Value<'a>, EventError> {
        match self.after_whitespace() {
            None => Ok(value),
            Some(_) => Err(self.error()),
        }
    }

    fn key(&mut self) -> Result<Cow<'a, str>, EventError> {
        if self.after_whitespace() != Some(b'"') {
            return Err(self.error());
        }
        let key = self.string()?;
        if self.after_whitespace() != Some(b':') {
            return Err(self.error());
        }
        self.position += 1;
        Ok(key)
    }

    fn leaf(&mut self) -> Result<Leaf<'a>, EventError> {
        match self.peek() {
            Some(b'"') => Ok(Leaf::String(self.string()?)),
            Some(b't') => self.literal("true", Leaf::True),
            Some(b'f') => self.literal("false", Leaf::False),
            Some(b'n') => self.literal("null", Leaf::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.error()),
        }
    }

    fn literal(&mut self, word: &str, leaf: Leaf<'a>) -> Result<Leaf<'a>, EventError> {
        if self.bytes.get(self.position..self.position + word.len()) != Some(word.as_bytes()) {
            return Err(self.error());
        }
        self.position += word.len();
        Ok(leaf)
    }

    fn number(&mut self) -> Result<Leaf<'a>, EventError> {
        let start = self.position;
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        match self.peek() {
            Some(b'0') => self.position += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.position += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.position += 1;
            }
            self.digits()?;
        }
        Ok(Leaf::Number(Number::new(self.slice(start))))
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), EventError> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.error());
        }
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.position += 1;
        }
        Ok(())
    }

    /// Reads a string; the current byte is its opening quote.
    fn string(&mut self) -> Result<Cow<'a, str>, EventError> {
        self.position += 1;
        let start = self.position;
        self.skip_plain();
        if self.peek() == Some(b'"') {
            let text = self.slice(start);
            self.position += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut text = self.slice(start).to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => {
                    self.position += 1;
                    text.push(self.escape()?);
                }
                _ => return Err(self.error()),
            }
            let start = self.position;
            self.skip_plain();
            text.push_str(self.slice(start));
        }
    }

    /// Moves to the next quote, backslash, control character or the end.
    fn skip_plain(&mut self) {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let plain = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
        self.position += plain;
    }

    fn escape(&mut self) -> Result<char, EventError> {
        let Some(byte) = self.peek() else { return Err(self.error()) };
        let character = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.position += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.error()),
        };
        self.position += 1;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, EventError> {
        let high = self.hex4()?;
        let after_high = self.position;
        if (0xD800..0xDC00).contains(&high) && self.bytes.get(after_high..after_high + 2) == Some(b"\\u") {
            self.position += 2;
            let low = self.hex4()?;
            if (0xDC00..0xE000).contains(&low) {
                let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.position = after_high;
        }
        Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Result<u32, EventError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.error()) };
            code = code * 16 + digit;
            self.position += 1;
        }
        Ok(code)
    }

    fn after_whitespace(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.position += 1;
        }
        self.peek()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn slice(&self, start: usize) -> &'a str {
        self.text.get(start..self.position).unwrap_or_default()
    }

    fn error(&self) -> EventError {
        EventError::NotJson { offset: self.position }
    }
}

/// Moves the members of the innermost container into the arena and returns it as a member of its parent.
fn close<'a>(
    open: &mut Vec<Open<'a>>,
    stack: &mut Vec<Member<'a>>,
    arena: &mut Vec<Member<'a>>,
) -> Option<Member<'a>> {
    let container = open.pop()?;
    let children = Children { start: arena.len(), count: stack.len() - container.first_member };
    arena.extend(stack.drain(container.first_member..));
    let value = if container.is_array { Value::Array(children) } else { Value::Object(children) };
    Some(Member { key: container.key, value })
}
