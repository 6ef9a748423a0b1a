//! Translates Java's regular expressions to the `regex` crate's.

use regex::Regex;

/// A translated pattern: an anchored expression and the lookaheads before it.
pub struct Translated {
    pub expression: String,
    /// Each with the name of its `api::model::Lookahead`.
    pub lookaheads: Vec<(&'static str, String)>,
}

/// Translates `pattern`, or `None` where the `regex` crate cannot express it.
pub fn translate(pattern: &str) -> Option<Translated> {
    let mut rest = ascii_classes(&surrogates(pattern));
    let anchored = rest.starts_with('^') && !has_alternatives(&rest);
    if anchored {
        rest.remove(0);
    }
    let mut lookaheads = Vec::new();
    while let Some((kind, after)) = lookahead(&rest) {
        let end = closing(after)?;
        lookaheads.push((kind, format!(r"\A(?:{})", after.get(..end)?)));
        rest = after.get(end + 1..)?.to_owned();
    }
    let expression = format!(r"\A(?:{rest})\z");
    let compiles =
        lookaheads.iter().map(|(_, text)| text).chain([&expression]).all(|text| Regex::new(text).is_ok());
    compiles.then_some(Translated { expression, lookaheads })
}

fn lookahead(text: &str) -> Option<(&'static str, &str)> {
    let positive = text.strip_prefix("(?=").map(|after| ("Positive", after));
    positive.or_else(|| text.strip_prefix("(?!").map(|after| ("Negative", after)))
}

/// Java's `\w`, `\d` and `\s` are ASCII, the crate's are Unicode.
fn ascii_classes(pattern: &str) -> String {
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('w') => text.push_str("[A-Za-z0-9_]"),
            Some('d') => text.push_str("[0-9]"),
            Some('s') => text.push_str(r"[ \t\n\x0B\f\r]"),
            Some('W') => text.push_str("[^A-Za-z0-9_]"),
            Some('D') => text.push_str("[^0-9]"),
            Some('S') => text.push_str(r"[^ \t\n\x0B\f\r]"),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

/// Java writes characters beyond the basic plane as two escapes.
fn surrogates(pattern: &str) -> String {
    pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\u{10000}-\u{10FFFF}")
}

/// Whether a `|` stands outside of groups and classes, so that a leading `^` binds to the first alternative only.
fn has_alternatives(pattern: &str) -> bool {
    let mut depth = 0;
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '|' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// Where the group that is already open ends.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut class = false;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class && depth == 0 => return Some(at),
            ')' if !class => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> Option<bool> {
        let translated = translate(pattern)?;
        let is_match = |expression: &str| Regex::new(expression).is_ok_and(|regex| regex.is_match(text));
        let lookaheads = translated
            .lookaheads
            .iter()
            .all(|(kind, expression)| is_match(expression) == (*kind == "Positive"));
        Some(lookaheads && is_match(&translated.expression))
    }

    #[test]
    fn patterns_match_as_in_java() {
        for (pattern, text, wanted) in [
            ("[a-z]+", "abc", true),
            ("[a-z]+", "abc1", false),
            ("a|b", "b", true),
            ("^a|b$", "b", true),
            (r"[\w+=,.@-]+", "é", false),
            (r"[\d\s]+", "1 \t", true),
            (r"^(?=.*[a-z])[a-z0-9]+$", "1a", true),
            (r"^(?=.*[a-z])[a-z0-9]+$", "12", false),
            (r"^(?!\s*$).+", "  ", false),
            (r"^(?!\s*$).+", " x", true),
            (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "😀", true),
        ] {
            assert_eq!(matches(pattern, text), Some(wanted), "{pattern} {text:?}");
        }
        assert_eq!(matches(r"(a)\1", "aa"), None);
    }
}
