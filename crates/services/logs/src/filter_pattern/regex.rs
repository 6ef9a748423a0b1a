//! Regular expressions between percent signs: a subset of what the `regex` crate reads.

use regex::Regex;

use super::{ParseError, syntax};

/// Compiles an expression whose characters AWS permits.
pub(super) fn compile(text: &str) -> Result<Regex, ParseError> {
    let mut escaped = false;
    for c in text.chars() {
        // After a backslash any ASCII character may stand: `\(`, `\d`, `\s`.
        let permitted = if escaped { c.is_ascii() } else { is_permitted(c) };
        if !permitted {
            return Err(syntax(format!("'{c}' is not supported in the regular expression %{text}%")));
        }
        escaped = c == '\\' && !escaped;
    }
    Regex::new(text).map_err(|_| syntax(format!("%{text}% is not a regular expression")))
}

fn is_permitted(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ' ' || ":_#=@/;,-^$?[]{}|\\*+.".contains(c)
}
