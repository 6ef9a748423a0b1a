//! Why a text is no JSON, in the words of the parser that AWS uses (Jackson).
//!
//! Source: recorded answers of SetSubscriptionAttributes and Subscribe.

use serde::de::IgnoredAny;
use serde_json::error::Category;

/// Why `text` is no JSON, or `None` where it is.
pub fn problem(text: &str) -> Option<String> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    let (line, column) = (error.line(), error.column());
    let rest = rest(text, line, column);
    let (words, column) = match rest.chars().next() {
        Some(first) if error.classify() != Category::Eof => unexpected(text, rest, first, column),
        _ => ("Unexpected end-of-input".to_owned(), column + 1),
    };
    Some(format!("failed to parse JSON. {words}\n at {}", place(line, column)))
}

fn place(line: usize, column: usize) -> String {
    format!(
        "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
    )
}

/// The text from a place on; columns count bytes from 1.
fn rest(text: &str, line: usize, column: usize) -> &str {
    let line = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
    line.get(column.saturating_sub(1)..).unwrap_or_default()
}

fn unexpected(text: &str, rest: &str, first: char, column: usize) -> (String, usize) {
    let before = text.strip_suffix(rest).unwrap_or(text).trim_end().chars().next_back();
    if matches!(before, None | Some(':' | '[')) && first.is_ascii_alphabetic() {
        let token: String = rest.chars().take_while(|letter| letter.is_alphanumeric()).collect();
        let words = format!(
            "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or \
             'false')"
        );
        return (words, column + token.len());
    }
    let expected = match before {
        None => "a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        Some('{') => "double-quote to start field name",
        Some(_) => "comma to separate Object entries",
    };
    (
        format!("Unexpected character ('{first}' (code {})): was expecting {expected}", u32::from(first)),
        column,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_parser_of_aws_says() {
        let place = |column: usize| {
            format!(
                "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: {column}]"
            )
        };
        let expected = "failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start \
                        field name";
        assert_eq!(problem("{invalidjson}"), Some(format!("{expected}{}", place(2))));
        let expected = "failed to parse JSON. Unrecognized token 'invalid': was expecting (JSON String, Number, Array, \
                        Object or token 'null', 'true' or 'false')";
        assert_eq!(problem("invalid json"), Some(format!("{expected}{}", place(8))));
        assert_eq!(problem(r#"{"a": [1, null]}"#), None);
        for text in ["", "{", "{\"a\"", "{\"a\": ü}", "\u{0}", "[1 2]", "{\"a\":1,}"] {
            assert!(problem(text).is_some(), "{text}");
        }
    }
}
