//! Passes over JSON values that nobody asks for, as strictly as if they were read.
//!
//! Every function is given the text and a place in it, and answers with the place behind what it passed, or with the
//! place at which the text is not JSON. Places stay in registers that way, which is what this part's speed hangs on.

use crate::scan;

/// The next byte that is no white space and its place; 0 at the end, which is nothing's beginning.
#[inline(always)]
pub(crate) fn token(bytes: &[u8], position: usize) -> (u8, usize) {
    let byte = at(bytes, position);
    if byte > b' ' { (byte, position) } else { token_after_space(bytes, position) }
}

#[inline(never)]
fn token_after_space(bytes: &[u8], mut position: usize) -> (u8, usize) {
    while matches!(at(bytes, position), b' ' | b'\n' | b'\r' | b'\t') {
        position += 1;
    }
    (at(bytes, position), position)
}

#[inline(always)]
pub(crate) fn at(bytes: &[u8], position: usize) -> u8 {
    bytes.get(position).copied().unwrap_or(0)
}

/// Passes the container whose opening bracket is at `position`.
pub(crate) fn container(bytes: &[u8], mut position: usize) -> Result<usize, usize> {
    let mut kinds = Kinds::default();
    loop {
        // A value starts here.
        let (first, start) = token(bytes, position);
        match first {
            b'{' => {
                let (next, place) = token(bytes, start + 1);
                if next != b'}' {
                    kinds.push(false);
                    position = key(bytes, place)?;
                    continue;
                }
                position = place + 1;
            }
            b'[' => {
                let (next, place) = token(bytes, start + 1);
                if next != b']' {
                    kinds.push(true);
                    position = place;
                    continue;
                }
                position = place + 1;
            }
            _ => position = scalar(bytes, start, first)?,
        }
        // A value is behind: the ends of containers may follow, and then the next one.
        loop {
            let Some(is_array) = kinds.last() else { return Ok(position) };
            let (next, place) = token(bytes, position);
            position = place + 1;
            match next {
                b',' if is_array => break,
                b',' => {
                    position = key(bytes, token(bytes, position).1)?;
                    break;
                }
                b']' if is_array => kinds.pop(),
                b'}' if !is_array => kinds.pop(),
                _ => return Err(place),
            }
        }
    }
}

/// Passes a key and its colon.
#[inline(always)]
fn key(bytes: &[u8], position: usize) -> Result<usize, usize> {
    if at(bytes, position) != b'"' {
        return Err(position);
    }
    colon(bytes, string(bytes, position)?)
}

#[inline(always)]
pub(crate) fn colon(bytes: &[u8], position: usize) -> Result<usize, usize> {
    let (byte, place) = token(bytes, position);
    if byte == b':' { Ok(place + 1) } else { Err(place) }
}

/// Passes a value that is no container and starts with `first`.
#[inline(always)]
pub(crate) fn scalar(bytes: &[u8], position: usize, first: u8) -> Result<usize, usize> {
    match first {
        b'"' => string(bytes, position),
        b'-' | b'0'..=b'9' => scan::number_end(bytes, position),
        b't' => literal(bytes, position, b"true"),
        b'f' => literal(bytes, position, b"false"),
        b'n' => literal(bytes, position, b"null"),
        _ => Err(position),
    }
}

/// Passes the string whose opening quote is at `position`.
#[inline(always)]
fn string(bytes: &[u8], position: usize) -> Result<usize, usize> {
    let end = scan::plain_end(bytes, position + 1);
    if at(bytes, end) == b'"' { Ok(end + 1) } else { string_with_escapes(bytes, end) }
}

#[inline(never)]
fn string_with_escapes(bytes: &[u8], mut position: usize) -> Result<usize, usize> {
    loop {
        position = match at(bytes, position) {
            b'"' => return Ok(position + 1),
            b'\\' => escape(bytes, position + 1)?,
            _ => return Err(position),
        };
        position = scan::plain_end(bytes, position);
    }
}

fn escape(bytes: &[u8], position: usize) -> Result<usize, usize> {
    match at(bytes, position) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(position + 1),
        b'u' => {
            let digits = position + 1..position + 5;
            let wrong = digits.clone().find(|digit| !at(bytes, *digit).is_ascii_hexdigit());
            wrong.map_or(Ok(digits.end), Err)
        }
        _ => Err(position),
    }
}

fn literal(bytes: &[u8], position: usize, word: &[u8]) -> Result<usize, usize> {
    let is_there = bytes.get(position..).is_some_and(|rest| rest.starts_with(word));
    if is_there { Ok(position + word.len()) } else { Err(position) }
}

/// Which of the open containers are arrays, a bit for each.
#[derive(Default)]
struct Kinds {
    bits: u64,
    count: u32,
    full: Vec<u64>,
}

impl Kinds {
    #[inline]
    fn push(&mut self, is_array: bool) {
        if self.count == u64::BITS {
            self.full.push(self.bits);
            self.count = 0;
        }
        self.bits = self.bits << 1 | u64::from(is_array);
        self.count += 1;
    }

    #[inline]
    fn pop(&mut self) {
        self.bits >>= 1;
        self.count -= 1;
        if self.count == 0
            && let Some(bits) = self.full.pop()
        {
            self.bits = bits;
            self.count = u64::BITS;
        }
    }

    #[inline]
    fn last(&self) -> Option<bool> {
        (self.count > 0).then_some(self.bits & 1 == 1)
    }
}
