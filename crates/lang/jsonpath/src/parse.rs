//! From text to a compiled [`Path`].

use crate::filter::Filter;
use crate::{ParseError, Path, Segment};

/// Paths in filters in paths, and parentheses in filters, go this deep.
const DEPTH: usize = 32;

/// Compiles a whole text.
pub(crate) fn path(text: &str) -> Result<Path, ParseError> {
    let mut cursor = Cursor { text, position: 0, depth: 0, in_filter: false };
    cursor.expect("$", "A path begins with $")?;
    let segments = segments(&mut cursor)?;
    if cursor.rest().is_empty() {
        Ok(Path { text: text.to_owned(), segments })
    } else {
        Err(cursor.error("Unexpected character"))
    }
}

/// A place in a text.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    position: usize,
    depth: usize,
    /// Whether operators may follow a name.
    in_filter: bool,
}

impl<'a> Cursor<'a> {
    /// What is not read yet.
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// What was read since `start`.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.position).unwrap_or_default()
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        Some(next)
    }

    pub(crate) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.position += text.len();
        }
        found
    }

    pub(crate) fn expect(&mut self, text: &str, reason: &'static str) -> Result<(), ParseError> {
        if self.eat(text) { Ok(()) } else { Err(self.error(reason)) }
    }

    pub(crate) fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.position += length;
        &rest[..length]
    }

    pub(crate) fn blanks(&mut self) {
        self.take_while(|c| c.is_ascii_whitespace());
    }

    pub(crate) fn error(&self, reason: &'static str) -> ParseError {
        ParseError { path: self.text.to_owned(), reason, position: self.position }
    }

    /// Runs `parse` one level deeper.
    pub(crate) fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.depth == DEPTH {
            return Err(self.error("Too deeply nested"));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }
}

/// The segments behind `$` or `@`, up to the first character that cannot belong to them.
pub(crate) fn segments(cursor: &mut Cursor<'_>) -> Result<Vec<Segment>, ParseError> {
    let mut segments = Vec::new();
    loop {
        if cursor.eat("..") {
            segments.push(Segment::Descend);
            if cursor.peek() != Some('[') {
                segments.push(dotted(cursor)?);
            }
        } else if cursor.eat(".") {
            // Jayway reads `$.[0]` as `$[0]`.
            if cursor.peek() != Some('[') {
                segments.push(dotted(cursor)?);
            }
        } else if cursor.peek() == Some('[') {
            segments.push(cursor.nested(bracketed)?);
        } else {
            return Ok(segments);
        }
    }
}

fn dotted(cursor: &mut Cursor<'_>) -> Result<Segment, ParseError> {
    if cursor.eat("*") {
        return Ok(Segment::Wildcard);
    }
    let in_filter = cursor.in_filter;
    let name = cursor.take_while(|c| is_name(c) && !(in_filter && is_operator(c)));
    if name.is_empty() {
        return Err(cursor.error("A property's name is missing"));
    }
    if cursor.eat("(") {
        cursor.take_while(|c| c != ')');
        cursor.expect(")", "A function's arguments are not closed")?;
        return Ok(Segment::Function(name.to_owned()));
    }
    Ok(Segment::Property(name.to_owned()))
}

/// What a name without brackets may have in it.
fn is_name(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !".[](),?*'\"".contains(c)
}

/// What ends a name where a comparison may follow.
fn is_operator(c: char) -> bool {
    "=<>!&|~".contains(c)
}

fn bracketed(cursor: &mut Cursor<'_>) -> Result<Segment, ParseError> {
    cursor.expect("[", "A bracket is missing")?;
    cursor.blanks();
    let segment = match cursor.peek() {
        Some('\'' | '"') => properties(cursor)?,
        Some('*') => {
            cursor.next();
            Segment::Wildcard
        }
        Some('?') => filter(cursor)?,
        _ => indices(cursor)?,
    };
    cursor.blanks();
    cursor.expect("]", "A bracket is not closed")?;
    Ok(segment)
}

fn properties(cursor: &mut Cursor<'_>) -> Result<Segment, ParseError> {
    let mut names = vec![quoted(cursor)?];
    loop {
        cursor.blanks();
        if !cursor.eat(",") {
            break;
        }
        cursor.blanks();
        names.push(quoted(cursor)?);
    }
    match names.len() {
        1 => Ok(Segment::Property(names.remove(0))),
        _ => Ok(Segment::Properties(names)),
    }
}

/// A text in single or double quotes, with backslash escapes.
pub(crate) fn quoted(cursor: &mut Cursor<'_>) -> Result<String, ParseError> {
    let Some(quote @ ('\'' | '"')) = cursor.next() else {
        return Err(cursor.error("A quoted text is missing"));
    };
    let mut text = String::new();
    loop {
        match cursor.next() {
            Some(c) if c == quote => return Ok(text),
            Some('\\') => text.push(escaped(cursor)?),
            Some(c) => text.push(c),
            None => return Err(cursor.error("A quoted text is not closed")),
        }
    }
}

fn escaped(cursor: &mut Cursor<'_>) -> Result<char, ParseError> {
    match cursor.next() {
        Some('b') => Ok('\u{8}'),
        Some('f') => Ok('\u{c}'),
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some('u') => {
            let digits: String = (0..4).filter_map(|_| cursor.next()).collect();
            u32::from_str_radix(&digits, 16)
                .ok()
                .and_then(char::from_u32)
                .ok_or_else(|| cursor.error("An escape is not a character"))
        }
        Some(c) => Ok(c),
        None => Err(cursor.error("A quoted text is not closed")),
    }
}

fn filter(cursor: &mut Cursor<'_>) -> Result<Segment, ParseError> {
    cursor.expect("?", "A filter is missing")?;
    cursor.blanks();
    cursor.expect("(", "A filter begins with (")?;
    let outer = std::mem::replace(&mut cursor.in_filter, true);
    let filter = Filter::parse(cursor)?;
    cursor.in_filter = outer;
    cursor.blanks();
    cursor.expect(")", "A filter is not closed")?;
    Ok(Segment::Filter(filter))
}

fn indices(cursor: &mut Cursor<'_>) -> Result<Segment, ParseError> {
    let first = integer(cursor)?;
    cursor.blanks();
    match (first, cursor.peek()) {
        (from, Some(':')) => slice(cursor, from),
        (Some(first), Some(',')) => {
            let mut all = vec![first];
            while cursor.eat(",") {
                cursor.blanks();
                all.push(integer(cursor)?.ok_or_else(|| cursor.error("An index is missing"))?);
                cursor.blanks();
            }
            Ok(Segment::Indices(all))
        }
        (Some(index), _) => Ok(Segment::Index(index)),
        (None, _) => Err(cursor.error("An index is missing")),
    }
}

/// Of `[from:to:step]`, Jayway ignores the step.
fn slice(cursor: &mut Cursor<'_>, from: Option<i64>) -> Result<Segment, ParseError> {
    cursor.expect(":", "A slice is missing")?;
    cursor.blanks();
    let to = integer(cursor)?;
    cursor.blanks();
    if cursor.eat(":") {
        cursor.blanks();
        integer(cursor)?;
    }
    if from.is_none() && to.is_none() {
        return Err(cursor.error("A slice has no bounds"));
    }
    Ok(Segment::Slice { from, to })
}

fn integer(cursor: &mut Cursor<'_>) -> Result<Option<i64>, ParseError> {
    let text = cursor.take_while(|c| c == '-' || c.is_ascii_digit());
    if text.is_empty() {
        return Ok(None);
    }
    text.parse::<i32>()
        .map(|index| Some(i64::from(index)))
        .map_err(|_| cursor.error("An index is not a number"))
}
