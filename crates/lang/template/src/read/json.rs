//! JSON to nodes. A reader of its own, since positions, duplicate keys and the numbers' texts are wanted.

use indexmap::IndexMap;

use crate::TemplateError;
use crate::limits::DOCUMENT_DEPTH_MAX;
use crate::node::{Node, Position, Value};

pub(super) fn read(text: &str) -> Result<Node, TemplateError> {
    let mut reader = Reader { rest: text, position: Position { line: 1, column: 1 } };
    reader.skip_whitespace();
    let node = reader.value(0)?;
    reader.skip_whitespace();
    if reader.rest.is_empty() { Ok(node) } else { Err(reader.unexpected()) }
}

struct Reader<'t> {
    rest: &'t str,
    position: Position,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Node, TemplateError> {
        let position = self.position;
        if depth > DOCUMENT_DEPTH_MAX {
            return Err(TemplateError::TooDeep(position));
        }
        let value = match self.peek() {
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Quoted(self.string()?),
            Some(_) => self.word()?,
            None => return Err(self.unexpected()),
        };
        Ok(Node { position, value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, TemplateError> {
        let mut members = IndexMap::new();
        self.take('{')?;
        if self.take_after_whitespace('}') {
            return Ok(Value::Map(members));
        }
        loop {
            self.skip_whitespace();
            let position = self.position;
            let key = self.string()?;
            self.skip_whitespace();
            self.take(':')?;
            self.skip_whitespace();
            let node = self.value(depth + 1)?;
            if members.insert(key.clone(), node).is_some() {
                return Err(TemplateError::DuplicateKey { key, position });
            }
            if self.take_after_whitespace('}') {
                return Ok(Value::Map(members));
            }
            self.take(',')?;
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, TemplateError> {
        let mut elements = Vec::new();
        self.take('[')?;
        if self.take_after_whitespace(']') {
            return Ok(Value::List(elements));
        }
        loop {
            self.skip_whitespace();
            elements.push(self.value(depth + 1)?);
            if self.take_after_whitespace(']') {
                return Ok(Value::List(elements));
            }
            self.take(',')?;
        }
    }

    /// `true`, `false`, `null` or a number.
    fn word(&mut self) -> Result<Value, TemplateError> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let length = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let word = self.rest.get(..length).unwrap_or_default();
        let value = match word {
            "null" => Value::Null,
            "true" | "false" => Value::Plain(word.to_owned()),
            _ if serde_json::from_str::<serde_json::Number>(word).is_ok() => Value::Plain(word.to_owned()),
            _ => return Err(self.unexpected()),
        };
        for _ in 0..length {
            self.next();
        }
        Ok(value)
    }

    fn string(&mut self) -> Result<String, TemplateError> {
        self.take('"')?;
        let mut text = String::new();
        loop {
            match self.peek() {
                Some('"') => {
                    self.next();
                    return Ok(text);
                }
                Some('\\') => {
                    self.next();
                    text.push(self.escape()?);
                }
                Some(c) if c >= ' ' => {
                    self.next();
                    text.push(c);
                }
                Some(_) | None => return Err(self.unexpected()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, TemplateError> {
        let escaped = match self.peek() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode_escape(),
            Some(_) | None => return Err(self.unexpected()),
        };
        self.next();
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, TemplateError> {
        let first = self.code_unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or_else(|| self.unexpected());
        }
        // Beyond the basic plane JSON writes two code units.
        self.take('\\')?;
        let second = self.code_unit()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(self.unexpected());
        }
        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        char::from_u32(code).ok_or_else(|| self.unexpected())
    }

    fn code_unit(&mut self) -> Result<u32, TemplateError> {
        self.take('u')?;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|c| c.to_digit(16)).ok_or_else(|| self.unexpected())?;
            unit = unit * 16 + digit;
            self.next();
        }
        Ok(unit)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) {
        let mut chars = self.rest.chars();
        match chars.next() {
            Some('\n') => self.position = Position { line: self.position.line + 1, column: 1 },
            Some(_) => self.position.column += 1,
            None => {}
        }
        self.rest = chars.as_str();
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn take(&mut self, wanted: char) -> Result<(), TemplateError> {
        if self.peek() != Some(wanted) {
            return Err(self.unexpected());
        }
        self.next();
        Ok(())
    }

    fn take_after_whitespace(&mut self, wanted: char) -> bool {
        self.skip_whitespace();
        self.take(wanted).is_ok()
    }

    /// AWS's column is the one behind the character that it did not expect: recorded for `{"this is invalid JSON"=`.
    fn unexpected(&self) -> TemplateError {
        let Position { line, column } = self.position;
        let column = if self.rest.is_empty() { column } else { column + 1 };
        TemplateError::JsonNotWellFormed(Position { line, column })
    }
}
