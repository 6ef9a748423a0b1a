//! The `wildcard` operator: `*` is any number of characters, `\*` an asterisk, `\\` a backslash.

use std::collections::{BTreeSet, HashSet};

/// Patterns that can be in this many places of themselves at once are refused.
///
/// AWS refuses `*:*:*:*:*:event-bus/*` (10 places) and takes `/Users/*/dir/dir/dir/dir/dir/doc.txt` (7); its own limit
/// is not published.
const PLACES_MAX: usize = 9;

/// Sets of places that are looked at before a pattern is taken for simple enough.
const PLACE_SETS_MAX: usize = 2000;

/// A compiled `wildcard` pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wildcard {
    /// The texts between the asterisks; one more than there are asterisks.
    parts: Vec<String>,
}

impl Wildcard {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The reason as AWS words it. Positions count bytes, from the quote that opens the string.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let mut parts = vec![];
        let mut part = String::new();
        let mut characters = pattern.char_indices().peekable();
        while let Some((offset, character)) = characters.next() {
            let position = offset + 1;
            let next = characters.peek().map(|(_, next)| *next);
            match (character, next) {
                ('*', Some('*')) => return Err(format!("Consecutive wildcard characters at pos {position}")),
                ('*', _) => parts.push(std::mem::take(&mut part)),
                ('\\', Some(escaped @ ('*' | '\\'))) => {
                    part.push(escaped);
                    characters.next();
                }
                ('\\', _) => return Err(format!("Invalid escape character at pos {position}")),
                _ => part.push(character),
            }
        }
        parts.push(part);
        Ok(Self { parts })
    }

    /// Whether the pattern is more than AWS is willing to evaluate.
    pub(crate) fn is_too_complex(&self) -> bool {
        // Fewer asterisks and no room for repetition: nothing to look for.
        let length: usize = self.parts.iter().map(String::len).sum();
        if self.parts.len() < 2 || length + self.parts.len() <= PLACES_MAX {
            return false;
        }
        let symbols = self.symbols();
        let alphabet: BTreeSet<u8> = symbols.iter().flatten().copied().collect();
        let mut seen: HashSet<Vec<usize>> = HashSet::new();
        let mut open = vec![closure(&symbols, [0].into())];
        while let Some(places) = open.pop() {
            if places.len() > PLACES_MAX {
                return true;
            }
            if seen.len() >= PLACE_SETS_MAX || !seen.insert(places.iter().copied().collect()) {
                continue;
            }
            open.extend(
                alphabet.iter().map(|byte| step(&symbols, &places, *byte)).filter(|next| !next.is_empty()),
            );
        }
        false
    }

    /// The pattern byte by byte; `None` is an asterisk.
    fn symbols(&self) -> Vec<Option<u8>> {
        let mut symbols = vec![];
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                symbols.push(None);
            }
            symbols.extend(part.bytes().map(Some));
        }
        symbols
    }

    /// The text before the first asterisk, the longest between two, and the one after the last.
    ///
    /// Without an asterisk the whole pattern is the first.
    pub(crate) fn longest_parts(&self) -> (&str, &str, &str) {
        match self.parts.as_slice() {
            [first, middle @ .., last] => {
                let longest = middle.iter().max_by_key(|part| part.len());
                (first, longest.map_or("", String::as_str), last)
            }
            [only] => (only, "", ""),
            [] => ("", "", ""),
        }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return self.parts.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) = text
            .as_bytes()
            .strip_prefix(first.as_bytes())
            .and_then(|rest| rest.strip_suffix(last.as_bytes()))
        else {
            return false;
        };
        for part in middle {
            match find(rest, part.as_bytes()) {
                Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        true
    }
}

/// Where `part`, which is short, first is in `text`, which is not long either.
fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    let first = part.first()?;
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.iter().position(|byte| byte == first)?;
        if text.get(at..)?.starts_with(part) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// The places reached from `places` by reading `byte`. A place is the number of symbols passed, doubled; odd places
/// are inside an asterisk.
fn step(symbols: &[Option<u8>], places: &BTreeSet<usize>, byte: u8) -> BTreeSet<usize> {
    let mut next = BTreeSet::new();
    for place in places {
        let is_inside_asterisk = place % 2 == 1;
        if is_inside_asterisk {
            next.insert(*place);
        }
        let symbol = if is_inside_asterisk { place / 2 + 1 } else { place / 2 };
        if symbols.get(symbol).copied().flatten() == Some(byte) {
            next.insert(symbol * 2 + 2);
        }
    }
    closure(symbols, next)
}

/// Adds the asterisks that start at a place already in the set.
fn closure(symbols: &[Option<u8>], mut places: BTreeSet<usize>) -> BTreeSet<usize> {
    let starting: Vec<usize> = places
        .iter()
        .filter(|place| *place % 2 == 0 && symbols.get(*place / 2) == Some(&None))
        .map(|p| p + 1)
        .collect();
    places.extend(starting);
    places
}
