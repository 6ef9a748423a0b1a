//! Reads the JSON text of an event pattern, token by token.
//!
//! EventBridge answers a malformed pattern with the words and the place (line, column) of the JSON reader it is built
//! on, so this tokenizer keeps that reader's habits: a field name is read together with the start of its value, and a
//! string's contents are only looked at when somebody asks for them. Duplicate keys and number literals are kept as
//! written. Events are not read here but in `event_json`, which is built for speed.

use std::borrow::Cow;

use crate::error::ParseError;

/// Deepest nesting of objects and arrays in a pattern.
const DEPTH_MAX: usize = 1000;

const EXPECTED_VALUE: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// What the tokenizer stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    StartObject,
    EndObject,
    StartArray,
    EndArray,
    FieldName,
    String,
    Number,
    True,
    False,
    Null,
    /// The text ended outside any object or array.
    End,
}

/// An object or array that is open, and where it started.
#[derive(Clone, Copy, Debug)]
struct Scope {
    is_array: bool,
    has_entries: bool,
    start: usize,
}

impl Scope {
    fn type_description(self) -> &'static str {
        if self.is_array { "Array" } else { "Object" }
    }
}

/// A cursor over the tokens of one text; cloning it looks ahead.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    source: &'a str,
    /// Byte offset of the next unread character.
    position: usize,
    scopes: Vec<Scope>,
    current: Token,
    /// The value that was read together with the current field name, and where it starts.
    value_after_name: Option<(Token, usize)>,
    /// True while the current string's contents are unread: `position` is just after its opening quote.
    is_string_unread: bool,
    name: Cow<'a, str>,
    text: Cow<'a, str>,
}

/// Whether a text begins with a JSON value, as the reader takes it that EventBridge is built on.
///
/// # Errors
/// The reader's words and the place.
pub fn check_json(text: &str) -> Result<(), ParseError> {
    let mut tokens = Tokens::new(text);
    loop {
        let token = tokens.next()?;
        tokens.text()?;
        if token == Token::End || tokens.scopes.is_empty() && tokens.value_after_name.is_none() {
            return Ok(());
        }
    }
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self {
            source,
            position: 0,
            scopes: Vec::new(),
            current: Token::End,
            value_after_name: None,
            is_string_unread: false,
            name: Cow::Borrowed(""),
            text: Cow::Borrowed(""),
        }
    }

    /// The name of the current field, or of the field that the current value belongs to.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Moves to the next token.
    pub(crate) fn next(&mut self) -> Result<Token, ParseError> {
        if let Some((token, start)) = self.value_after_name.take() {
            return self.enter(token, start);
        }
        if self.is_string_unread {
            self.read_string("string value")?;
            self.is_string_unread = false;
        }
        let Some(mut character) = self.skip_whitespace()? else { return self.end_of_text() };
        if matches!(character, ']' | '}') {
            return self.close(character);
        }
        let scope = self.scopes.last().copied();
        if let Some(scope) = scope {
            if scope.has_entries {
                character = self.skip_comma(scope, character)?;
            }
            if let Some(scope) = self.scopes.last_mut() {
                scope.has_entries = true;
            }
        }
        match scope {
            Some(Scope { is_array: false, .. }) => self.field_name(character),
            _ => {
                let start = self.position - character.len_utf8();
                let token = self.value(character)?;
                self.enter(token, start)
            }
        }
    }

    /// The text of the current string or number; for any other token, its characters.
    pub(crate) fn text(&mut self) -> Result<Cow<'a, str>, ParseError> {
        if self.is_string_unread {
            self.text = self.read_string("string value")?;
            self.is_string_unread = false;
        }
        Ok(match self.current {
            Token::String | Token::Number => self.text.clone(),
            Token::StartObject => Cow::Borrowed("{"),
            Token::EndObject => Cow::Borrowed("}"),
            Token::StartArray => Cow::Borrowed("["),
            Token::EndArray => Cow::Borrowed("]"),
            Token::FieldName => self.name.clone(),
            Token::True => Cow::Borrowed("true"),
            Token::False => Cow::Borrowed("false"),
            Token::Null => Cow::Borrowed("null"),
            Token::End => Cow::Borrowed("null"),
        })
    }

    /// An error with these words at the current place.
    pub(crate) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(message.into(), Some(self.location_at(self.position, 1)))
    }

    /// ` [Source: (String)"..."; line: 1, column: 2]` for a byte offset.
    fn location_at(&self, position: usize, first_column: usize) -> String {
        let before = self.source.get(..position).unwrap_or(self.source);
        let (mut line, mut line_start, bytes) = (1, 0, before.as_bytes());
        for (index, byte) in bytes.iter().enumerate() {
            let is_end =
                *byte == b'\n' || (*byte == b'\r' && self.source.as_bytes().get(index + 1) != Some(&b'\n'));
            if is_end {
                line += 1;
                line_start = index + 1;
            }
        }
        let column = before.get(line_start..).map_or(0, utf16_length) + first_column;
        format!("[Source: (String){}; line: {line}, column: {column}]", snippet(self.source))
    }

    fn enter(&mut self, token: Token, start: usize) -> Result<Token, ParseError> {
        if matches!(token, Token::StartObject | Token::StartArray) {
            if self.scopes.len() >= DEPTH_MAX {
                let message = format!(
                    "Document nesting depth ({}) exceeds the maximum allowed ({DEPTH_MAX}, from \
                     `StreamReadConstraints.getMaxNestingDepth()`)",
                    DEPTH_MAX + 1
                );
                return Err(self.error(message));
            }
            self.scopes.push(Scope { is_array: token == Token::StartArray, has_entries: false, start });
        }
        self.current = token;
        Ok(token)
    }

    fn close(&mut self, character: char) -> Result<Token, ParseError> {
        let closes_array = character == ']';
        let (description, start, expected) = match self.scopes.last() {
            Some(scope) if scope.is_array == closes_array => {
                self.scopes.pop();
                self.current = if closes_array { Token::EndArray } else { Token::EndObject };
                return Ok(self.current);
            }
            Some(scope) => (
                scope.type_description(),
                self.location_at(scope.start, 1),
                if closes_array { '}' } else { ']' },
            ),
            None => ("root", self.location_at(0, 0), if closes_array { '}' } else { ']' }),
        };
        let message = format!(
            "Unexpected close marker '{character}': expected '{expected}' (for {description} starting at {start})"
        );
        Err(self.error(message))
    }

    fn end_of_text(&mut self) -> Result<Token, ParseError> {
        let Some(scope) = self.scopes.last() else {
            self.current = Token::End;
            return Ok(Token::End);
        };
        let message = format!(
            "Unexpected end-of-input: expected close marker for {} (start marker at {})",
            scope.type_description(),
            self.location_at(scope.start, 1)
        );
        Err(self.error(message))
    }

    fn skip_comma(&mut self, scope: Scope, character: char) -> Result<char, ParseError> {
        let kind = scope.type_description();
        if character != ',' {
            return Err(
                self.unexpected(character, &format!("was expecting comma to separate {kind} entries"))
            );
        }
        let Some(next) = self.skip_whitespace()? else {
            return Err(self.error(format!("Unexpected end-of-input within/between {kind} entries")));
        };
        Ok(next)
    }

    fn field_name(&mut self, character: char) -> Result<Token, ParseError> {
        if character != '"' {
            return Err(self.unexpected(character, "was expecting double-quote to start field name"));
        }
        self.name = self.read_string("name")?;
        let end = |tokens: &Self| tokens.error("Unexpected end-of-input within/between Object entries");
        let Some(colon) = self.skip_whitespace()? else { return Err(end(self)) };
        if colon != ':' {
            return Err(self.unexpected(colon, "was expecting a colon to separate field name and value"));
        }
        let Some(first) = self.skip_whitespace()? else { return Err(end(self)) };
        let start = self.position - first.len_utf8();
        self.value_after_name = Some((self.value(first)?, start));
        self.current = Token::FieldName;
        Ok(Token::FieldName)
    }

    fn value(&mut self, first: char) -> Result<Token, ParseError> {
        match first {
            '"' => {
                self.is_string_unread = true;
                Ok(Token::String)
            }
            '{' => Ok(Token::StartObject),
            '[' => Ok(Token::StartArray),
            't' => self.literal("true", Token::True),
            'f' => self.literal("false", Token::False),
            'n' => self.literal("null", Token::Null),
            '-' | '0'..='9' => self.number(first),
            '}' => Err(self.unexpected(first, "expected a value")),
            '+' => {
                let reason = "JSON spec does not allow numbers to have plus signs: enable \
                              `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow";
                Err(self
                    .error(format!("Unexpected character ({}) in numeric value: {reason}", described(first))))
            }
            _ if is_identifier_start(first) => {
                let start = self.position - first.len_utf8();
                Err(self.invalid_token(start))
            }
            _ => Err(self.unexpected(first, &format!("expected a valid value {EXPECTED_VALUE}"))),
        }
    }

    fn literal(&mut self, word: &str, token: Token) -> Result<Token, ParseError> {
        let start = self.position - 1;
        for expected in word.chars().skip(1) {
            if self.peek() != Some(expected) {
                return Err(self.invalid_token(start));
            }
            self.position += 1;
        }
        match self.peek() {
            Some(next) if is_identifier_part(next) => Err(self.invalid_token(start)),
            _ => Ok(token),
        }
    }

    fn invalid_token(&mut self, start: usize) -> ParseError {
        while let Some(next) = self.peek().filter(|c| is_identifier_part(*c)) {
            self.position += next.len_utf8();
            if self.position - start >= 256 {
                break;
            }
        }
        let word = self.source.get(start..self.position).unwrap_or_default();
        if matches!(word, "NaN" | "Infinity") {
            let reason = "enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow";
            return self.error(format!("Non-standard token '{word}': {reason}"));
        }
        self.error(format!("Unrecognized token '{word}': was expecting {EXPECTED_VALUE}"))
    }

    fn number(&mut self, first: char) -> Result<Token, ParseError> {
        let start = self.position - 1;
        let mut leading = first;
        if first == '-' {
            leading = self.digit("expected digit (0-9) to follow minus sign, for valid numeric value")?;
        }
        if leading == '0' && self.peek().is_some_and(|c| c.is_ascii_digit()) {
            return Err(self.error("Invalid numeric value: Leading zeroes not allowed"));
        }
        self.digits();
        if self.peek() == Some('.') {
            self.position += 1;
            self.digit("Decimal point not followed by a digit")?;
            self.digits();
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.position += 1;
            if matches!(self.peek(), Some('+' | '-')) {
                self.position += 1;
            }
            self.digit("Exponent indicator not followed by a digit")?;
            self.digits();
        }
        self.text = Cow::Borrowed(self.source.get(start..self.position).unwrap_or_default());
        Ok(Token::Number)
    }

    fn digit(&mut self, otherwise: &str) -> Result<char, ParseError> {
        let Some(character) = self.advance() else {
            return Err(self.error("Unexpected end-of-input in a Number value"));
        };
        if character.is_ascii_digit() {
            return Ok(character);
        }
        let described = described(character);
        Err(self.error(format!("Unexpected character ({described}) in numeric value: {otherwise}")))
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.position += 1;
        }
    }

    /// Reads up to the closing quote; the opening one is behind.
    fn read_string(&mut self, what: &str) -> Result<Cow<'a, str>, ParseError> {
        let start = self.position;
        let mut unescaped: Option<String> = None;
        loop {
            let Some(character) = self.advance() else {
                let message = match what {
                    "name" => "Unexpected end-of-input in field name".to_owned(),
                    _ => format!("Unexpected end-of-input: was expecting closing quote for a {what}"),
                };
                return Err(self.error(message));
            };
            match character {
                '"' => {
                    let raw = self.source.get(start..self.position - 1).unwrap_or_default();
                    return Ok(unescaped.map_or(Cow::Borrowed(raw), Cow::Owned));
                }
                '\\' => {
                    let raw = self.source.get(start..self.position - 1).unwrap_or_default();
                    let mut text = unescaped.unwrap_or_else(|| raw.to_owned());
                    text.push(self.escape()?);
                    unescaped = Some(text);
                }
                '\0'..='\u{1f}' => {
                    let message = format!(
                        "Illegal unquoted character ({}): has to be escaped using backslash to be included in {what}",
                        described(character)
                    );
                    // Inside a string a line break begins no line.
                    return Err(ParseError::new(message, Some(self.location_at(self.position - 1, 2))));
                }
                _ => {
                    if let Some(text) = &mut unescaped {
                        text.push(character);
                    }
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        let Some(character) = self.advance() else {
            return Err(self.error("Unexpected end-of-input in character escape sequence"));
        };
        Ok(match character {
            'b' => '\u{8}',
            't' => '\t',
            'n' => '\n',
            'f' => '\u{c}',
            'r' => '\r',
            '"' | '/' | '\\' => character,
            'u' => return self.unicode_escape(),
            _ => {
                let described = described(character);
                return Err(self.error(format!("Unrecognized character escape {described}")));
            }
        })
    }

    /// A `\uXXXX` escape, two of them for a surrogate pair. Half a pair has no character: it becomes U+FFFD.
    fn unicode_escape(&mut self) -> Result<char, ParseError> {
        let high = self.hex4()?;
        if !(0xD800..0xDC00).contains(&high)
            || !self.source.get(self.position..).is_some_and(|rest| rest.starts_with("\\u"))
        {
            return Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before_low = self.position;
        self.position += 2;
        let low = self.hex4()?;
        if (0xDC00..0xE000).contains(&low) {
            let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.position = before_low;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self) -> Result<u32, ParseError> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(character) = self.advance() else {
                return Err(self.error("Unexpected end-of-input in character escape sequence"));
            };
            let Some(digit) = character.to_digit(16) else {
                return Err(self.unexpected(character, "expected a hex-digit for character escape sequence"));
            };
            code = code * 16 + digit;
        }
        Ok(code)
    }

    /// Reads past white space and returns the character after it, read too.
    fn skip_whitespace(&mut self) -> Result<Option<char>, ParseError> {
        loop {
            let Some(character) = self.advance() else { return Ok(None) };
            match character {
                ' ' | '\t' | '\n' | '\r' => {}
                '\0'..='\u{1f}' => {
                    let message = format!(
                        "Illegal character ({}): only regular white space (\\r, \\n, \\t) is allowed between tokens",
                        described(character)
                    );
                    return Err(self.error(message));
                }
                '/' => {
                    let comment = "maybe a (non-standard) comment? (not recognized as one since Feature \
                                   'ALLOW_COMMENTS' not enabled for parser)";
                    return Err(self.unexpected(character, comment));
                }
                _ => return Ok(Some(character)),
            }
        }
    }

    fn unexpected(&self, character: char, comment: &str) -> ParseError {
        self.error(format!("Unexpected character ({}): {comment}", described(character)))
    }

    fn peek(&self) -> Option<char> {
        self.source.get(self.position..)?.chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.position += character.len_utf8();
        Some(character)
    }
}

/// The start of the text in quotes, as error locations show it.
fn snippet(source: &str) -> String {
    const SHOWN_MAX: usize = 500;
    let mut shown = String::from("\"");
    let mut units = 0;
    for character in source.chars() {
        units += character.len_utf16();
        if units > SHOWN_MAX {
            break;
        }
        match character {
            '\n' | '\r' => shown.push(character),
            _ if character.is_control() => shown.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => shown.push(character),
        }
    }
    shown.push('"');
    let length = utf16_length(source);
    if length > SHOWN_MAX {
        shown.push_str(&format!("[truncated {} chars]", length - SHOWN_MAX));
    }
    shown
}

fn utf16_length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn described(character: char) -> String {
    let code = u32::from(character);
    if character.is_control() {
        format!("(CTRL-CHAR, code {code})")
    } else if code > 255 {
        format!("'{character}' (code {code} / 0x{code:x})")
    } else {
        format!("'{character}' (code {code})")
    }
}

fn is_identifier_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$')
}

fn is_identifier_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}
