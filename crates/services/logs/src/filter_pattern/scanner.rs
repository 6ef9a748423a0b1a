//! Reads a pattern from left to right.

use super::{ParseError, syntax};

/// The part of a pattern that is still to be read.
pub(super) struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    pub(super) fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes `token` where it comes next, after blanks.
    pub(super) fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes `word` in any case where it comes next as a whole word, after blanks.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let Some(start) = self.rest.get(..word.len()) else { return false };
        let after = self.rest.get(word.len()..).and_then(|rest| rest.chars().next());
        let is_whole = after.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        if is_whole && start.eq_ignore_ascii_case(word) {
            self.rest = self.rest.get(word.len()..).unwrap_or_default();
            return true;
        }
        false
    }

    pub(super) fn expect(&mut self, token: &str) -> Result<(), ParseError> {
        if self.take(token) {
            Ok(())
        } else {
            Err(syntax(format!("expected {token} before '{}'", self.rest)))
        }
    }

    /// Takes all that come next of the characters for which `belongs` says so.
    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Takes what stands between this delimiter and the next one of its kind; a backslash keeps a delimiter inside.
    pub(super) fn delimited(&mut self, delimiter: char) -> Result<String, ParseError> {
        let mut chars = self.rest.char_indices().skip(1);
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' if delimiter == '"' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    Some((_, c)) => text.extend(['\\', c]),
                    None => break,
                },
                c if c == delimiter => {
                    self.rest = self.rest.get(at + c.len_utf8()..).unwrap_or_default();
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err(syntax(format!("{delimiter} is not closed")))
    }
}
