//! What one entry of a field's list accepts: a literal value, or an operator such as `prefix`.

use crate::cidr::IpRange;
use crate::event::Leaf;
use crate::number::NumericRange;
use crate::wildcard::Wildcard;

/// One entry of the list behind a field of a pattern.
///
/// Source: EventBridge User Guide, "Comparison operators for use in event patterns".
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ValuePattern {
    Null,
    True,
    False,
    String(String),
    /// A number, by value and by spelling.
    Number {
        literal: String,
        value: Option<f64>,
    },
    /// `cidr`, and any literal string that is an IP address: it matches that address in every notation.
    Ip(IpRange),
    Text(TextPattern),
    Numeric(NumericRange),
    Exists,
    /// `{"exists": false}`: matched by the absence of the field, so by no value.
    Absent,
    AnythingButStrings(Vec<String>),
    AnythingButNumbers(Vec<f64>),
    /// `anything-but` over `prefix`, `suffix`, `equals-ignore-case` or `wildcard`.
    AnythingButText(Vec<TextPattern>),
}

/// An operator that only strings can satisfy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TextPattern {
    Prefix(String),
    PrefixIgnoreCase(String),
    Suffix(String),
    SuffixIgnoreCase(String),
    EqualsIgnoreCase(String),
    Wildcard(Wildcard),
}

impl ValuePattern {
    /// Whether a present value is accepted.
    pub(crate) fn matches(&self, leaf: &Leaf<'_>) -> bool {
        match (self, leaf) {
            (Self::Null, Leaf::Null)
            | (Self::True, Leaf::True)
            | (Self::False, Leaf::False)
            | (Self::Exists, _) => true,
            (Self::String(expected), Leaf::String(text)) => expected == text,
            (Self::Number { literal, value }, Leaf::Number(written)) => {
                literal == written.literal
                    || value.is_some_and(|value| written.is(|written| written == value))
            }
            (Self::Ip(range), Leaf::String(text)) => range.contains(text),
            (Self::Text(pattern), Leaf::String(text)) => pattern.matches(text),
            (Self::Numeric(range), Leaf::Number(written)) => written.is(|value| range.contains(value)),
            (Self::AnythingButStrings(unwanted), Leaf::String(text)) => {
                !unwanted.iter().any(|one| one == text)
            }
            (Self::AnythingButNumbers(unwanted), Leaf::Number(written)) => {
                !written.is(|value| unwanted.contains(&value))
            }
            (Self::AnythingButText(unwanted), Leaf::String(text)) => {
                !unwanted.iter().any(|one| one.matches(text))
            }
            // Values of other types are different from anything unwanted: null passes every `anything-but`.
            (Self::AnythingButStrings(_) | Self::AnythingButNumbers(_) | Self::AnythingButText(_), _) => true,
            (
                Self::Null
                | Self::True
                | Self::False
                | Self::String(_)
                | Self::Number { .. }
                | Self::Ip(_)
                | Self::Text(_)
                | Self::Numeric(_)
                | Self::Absent,
                _,
            ) => false,
        }
    }
}

impl TextPattern {
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Self::Wildcard(wildcard) => wildcard.matches(text),
            Self::PrefixIgnoreCase(prefix) => {
                let same = text.as_bytes().get(..prefix.len());
                quickly_equal(prefix, same, text)
                    .unwrap_or_else(|| is_prefix_ignoring_case(prefix.chars(), text.chars()).is_some())
            }
            Self::SuffixIgnoreCase(suffix) => {
                let same = text.len().checked_sub(suffix.len()).and_then(|from| text.as_bytes().get(from..));
                quickly_equal(suffix, same, text).unwrap_or_else(|| {
                    is_prefix_ignoring_case(suffix.chars().rev(), text.chars().rev()).is_some()
                })
            }
            Self::EqualsIgnoreCase(expected) => {
                let same = (text.len() == expected.len()).then_some(text.as_bytes());
                quickly_equal(expected, same, text).unwrap_or_else(|| {
                    is_prefix_ignoring_case(expected.chars(), text.chars())
                        .is_some_and(|mut rest| rest.next().is_none())
                })
            }
        }
    }
}

/// Compares `wanted` with the bytes of `text` that are in its place; `None` where characters have to be looked at.
fn quickly_equal(wanted: &str, in_place: Option<&[u8]>, text: &str) -> Option<bool> {
    if in_place.is_some_and(|bytes| bytes.eq_ignore_ascii_case(wanted.as_bytes())) {
        return Some(true);
    }
    (wanted.is_ascii() && text.is_ascii()).then_some(false)
}

/// The rest of `text` after `expected`, compared character by character: `ß` never equals `SS`.
fn is_prefix_ignoring_case<T: Iterator<Item = char>>(
    expected: impl Iterator<Item = char>,
    mut text: T,
) -> Option<T> {
    for wanted in expected {
        if !equals_ignoring_case(wanted, text.next()?) {
            return None;
        }
    }
    Some(text)
}

fn equals_ignoring_case(wanted: char, character: char) -> bool {
    if wanted.is_ascii() && character.is_ascii() {
        return wanted.eq_ignore_ascii_case(&character);
    }
    wanted == character
        || only(wanted.to_lowercase()) == Some(character)
        || only(wanted.to_uppercase()) == Some(character)
}

/// The only item of an iterator.
fn only(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next()?;
    characters.next().is_none().then_some(first)
}

/// A text in which every character stands for all that are equal to it without regard to case.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends a text as [`fold`] makes it.
pub(crate) fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        let start = folded.len();
        folded.push_str(text);
        if let Some(added) = folded.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    // `K` and the Kelvin sign have one lower case; the two small sigmas have one upper case.
    for character in text.chars() {
        let upper = only(character.to_uppercase()).unwrap_or(character);
        folded.push(only(upper.to_lowercase()).unwrap_or(upper));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_are_equal_without_regard_to_case_fold_to_one() {
        // Beyond these, no character has a case.
        for wanted in '\0'..='\u{1ffff}' {
            for other in wanted.to_lowercase().chain(wanted.to_uppercase()) {
                if equals_ignoring_case(wanted, other) {
                    assert_eq!(fold(&wanted.to_string()), fold(&other.to_string()), "{wanted} {other}");
                }
            }
        }
    }
}
