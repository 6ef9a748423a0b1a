//! Says in AWS's words why a text is not JSON.
//!
//! AWS's parser is Jackson; its messages appear in `InvalidExecutionInput` and `InvalidOutput`. Whether a text *is* JSON
//! is decided by the parser that reads it afterwards: this one only finds the words.

/// What the words describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Value,
    FirstElement,
    FirstField,
    Field,
    Colon,
    CommaOrEnd,
    Nothing,
}

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// Checks that `text` is JSON.
///
/// # Errors
/// The message, where it is not.
pub(crate) fn check(text: &str) -> Result<(), String> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Scan { text, at: 0, open: Vec::new() }.complaint().unwrap_or_else(|| error.to_string()))
        }
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    open: Vec<char>,
}

impl Scan<'_> {
    fn complaint(&mut self) -> Option<String> {
        let mut expected = Expected::Value;
        loop {
            self.skip_blanks();
            let Some(next) = self.peek() else { return self.end(expected) };
            expected = match self.token(next, expected) {
                Ok(expected) => expected,
                Err(complaint) => return Some(complaint),
            };
        }
    }

    fn token(&mut self, next: char, expected: Expected) -> Result<Expected, String> {
        match (expected, next) {
            (Expected::FirstField, '}') | (Expected::FirstElement, ']') => Ok(self.close()),
            (Expected::CommaOrEnd, ',') => {
                self.at += 1;
                Ok(if self.open.last() == Some(&'{') { Expected::Field } else { Expected::Value })
            }
            (Expected::CommaOrEnd, '}') if self.open.last() == Some(&'{') => Ok(self.close()),
            (Expected::CommaOrEnd, ']') if self.open.last() == Some(&'[') => Ok(self.close()),
            (Expected::CommaOrEnd, _) => {
                let entries = if self.open.last() == Some(&'{') { "Object" } else { "Array" };
                Err(unexpected(next, &format!("was expecting comma to separate {entries} entries")))
            }
            (Expected::FirstField | Expected::Field, '"') => self.string().map(|()| Expected::Colon),
            (Expected::FirstField | Expected::Field, _) => {
                Err(unexpected(next, "was expecting double-quote to start field name"))
            }
            (Expected::Colon, ':') => {
                self.at += 1;
                Ok(Expected::Value)
            }
            (Expected::Colon, _) => {
                Err(unexpected(next, "was expecting a colon to separate field name and value"))
            }
            (Expected::Value | Expected::FirstElement | Expected::Nothing, _) => self.value(next),
        }
    }

    fn value(&mut self, next: char) -> Result<Expected, String> {
        match next {
            '{' | '[' => {
                self.open.push(next);
                self.at += 1;
                Ok(if next == '{' { Expected::FirstField } else { Expected::FirstElement })
            }
            '"' => self.string().map(|()| self.after_value()),
            '-' | '0'..='9' => {
                self.take_while(|c| matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
                Ok(self.after_value())
            }
            c if c.is_alphabetic() || c == '_' || c == '$' => {
                let word = self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '$');
                match word.as_str() {
                    "null" | "true" | "false" => Ok(self.after_value()),
                    _ => Err(format!("Unrecognized token '{word}': was expecting {VALUES}")),
                }
            }
            other => Err(unexpected(other, &format!("expected a valid value {VALUES}"))),
        }
    }

    fn string(&mut self) -> Result<(), String> {
        self.at += 1;
        while let Some(next) = self.peek() {
            self.at += next.len_utf8();
            match next {
                '"' => return Ok(()),
                '\\' => self.at += self.peek().map_or(0, char::len_utf8),
                _ => {}
            }
        }
        Err("Unexpected end-of-input: was expecting closing quote for a string value".to_owned())
    }

    fn close(&mut self) -> Expected {
        self.open.pop();
        self.at += 1;
        self.after_value()
    }

    fn after_value(&self) -> Expected {
        if self.open.is_empty() { Expected::Nothing } else { Expected::CommaOrEnd }
    }

    fn end(&self, expected: Expected) -> Option<String> {
        match (self.open.last(), expected) {
            (None, Expected::Nothing) => None,
            (None, _) => Some("No content to map due to end-of-input".to_owned()),
            (Some('{'), _) => Some("Unexpected end-of-input: expected close marker for Object".to_owned()),
            (Some(_), _) => Some("Unexpected end-of-input: expected close marker for Array".to_owned()),
        }
    }

    fn skip_blanks(&mut self) {
        self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let taken: String = rest.chars().take_while(|c| accept(*c)).collect();
        self.at += taken.len();
        taken
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }
}

fn unexpected(character: char, what: &str) -> String {
    format!("Unexpected character ('{character}' (code {})): {what}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_as_jackson_does() {
        for (text, words) in [
            (
                "not some json",
                "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
            ),
            (
                "{'not': 'json'",
                "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
            ),
            (
                "{\"a\" 1}",
                "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
            ),
            (
                "{\"a\": 1 2}",
                "Unexpected character ('2' (code 50)): was expecting comma to separate Object entries",
            ),
            ("[1", "Unexpected end-of-input: expected close marker for Array"),
            (
                "{} x",
                "Unrecognized token 'x': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
            ),
        ] {
            assert_eq!(check(text), Err(words.to_owned()), "{text}");
        }
        for text in ["2", "\"some text\"", "null", "{\"a\": [1, {}]}", " [] "] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn ends_on_every_text() {
        for text in ["\"\\", "\\", "{\"", "[\"a\" \u{1F600}", "1e", "{} {}", "]", "-"] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
