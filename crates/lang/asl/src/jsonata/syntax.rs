//! The parser's messages in AWS's words: tokens by their text instead of the library's names, and no code before them.

/// Tokens that have one text.
const TOKENS: [(&str, &str); 42] = [
    ("Plus", "+"),
    ("Minus", "-"),
    ("Star", "*"),
    ("StarStar", "**"),
    ("Slash", "/"),
    ("Percent", "%"),
    ("Equal", "="),
    ("NotEqual", "!="),
    ("LessThan", "<"),
    ("LessThanOrEqual", "<="),
    ("GreaterThan", ">"),
    ("GreaterThanOrEqual", ">="),
    ("And", "and"),
    ("Or", "or"),
    ("In", "in"),
    ("Ampersand", "&"),
    ("Dot", "."),
    ("DotDot", ".."),
    ("Question", "?"),
    ("QuestionQuestion", "??"),
    ("QuestionColon", "?:"),
    ("Colon", ":"),
    ("ColonEqual", ":="),
    ("TildeArrow", "~>"),
    ("LeftParen", "("),
    ("RightParen", ")"),
    ("LeftBracket", "["),
    ("RightBracket", "]"),
    ("LeftBrace", "{"),
    ("RightBrace", "}"),
    ("Comma", ","),
    ("Semicolon", ";"),
    ("Caret", "^"),
    ("Pipe", "|"),
    ("Hash", "#"),
    ("At", "@"),
    ("True", "true"),
    ("False", "false"),
    ("Null", "null"),
    ("Undefined", "undefined"),
    ("Function", "function"),
    ("Eof", "(end)"),
];

/// The message of an error about `text`, as AWS shows it.
pub(super) fn in_words(error: &str, text: &str) -> String {
    let message = without_code(error);
    if message.starts_with("String literal must be terminated") && !has_open_quote(text) {
        return "No terminating / in regular expression".to_owned();
    }
    if let Some(rest) = message.strip_prefix("Expected ") {
        if let Some((expected, found)) = rest.split_once(", got ") {
            return format!("Expected {}, got {}", symbol(expected), symbol(found));
        }
        if let Some(expected) = rest.strip_suffix(" before end of expression") {
            return format!("Expected {} before end of expression", symbol(expected));
        }
    }
    if let Some((token, rest)) =
        message.strip_prefix("The symbol ").and_then(|rest| rest.split_once(" cannot "))
    {
        return format!("The symbol {} cannot {rest}", symbol(token));
    }
    match message.strip_prefix("Syntax error: ") {
        Some(token) => format!("Syntax error: {}", symbol(token)),
        None => message.to_owned(),
    }
}

/// Whether a text in quotes has no end.
fn has_open_quote(text: &str) -> bool {
    let (mut open, mut characters) = (None, text.chars());
    while let Some(c) = characters.next() {
        match (open, c) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(quote), c) if c == quote => open = None,
            (None, '"' | '\'') => open = Some(c),
            _ => {}
        }
    }
    open.is_some()
}

/// Without `S0207: ` before it.
fn without_code(message: &str) -> &str {
    match message.split_once(": ") {
        Some((code, rest)) if code.len() == 5 && code.starts_with(|c: char| c.is_ascii_uppercase()) => rest,
        _ => message,
    }
}

/// A token's text in quotes: of `Identifier("name")`, the name.
fn symbol(token: &str) -> String {
    let text = TOKENS.iter().find(|(name, _)| *name == token).map(|(_, text)| *text);
    let inner = token.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
    let inner = inner.map(|inner| inner.trim_matches('"'));
    format!("\"{}\"", text.or(inner).unwrap_or(token))
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn shows_tokens_by_their_text() {
        let cases = [
            ("S0202: Expected RightBracket, got Comma", "Expected \"]\", got \",\""),
            ("S0202: Expected RightBracket, got String(\"a b\")", "Expected \"]\", got \"a b\""),
            (
                "S0203: Expected RightParen before end of expression",
                "Expected \")\" before end of expression",
            ),
            (
                "S0211: The symbol RightBrace cannot be used as a unary operator",
                "The symbol \"}\" cannot be used as a unary operator",
            ),
            ("S0207: Unexpected end of expression", "Unexpected end of expression"),
        ];
        for (error, shown) in cases {
            assert_eq!(in_words(error, ""), shown);
        }
    }
}
