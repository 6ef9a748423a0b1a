//! Conditions on the fields of messages, which blanks divide: `[ip, ..., status = 4* || status = 5*, bytes > 1000]`.

use super::comparison::Comparison;
use super::scanner::Scanner;
use super::{ParseError, syntax};

/// The fields that a message must have.
#[derive(Debug)]
pub(super) struct Fields(Vec<Field>);

#[derive(Debug)]
enum Field {
    /// One field for which one of these lists of comparisons holds.
    One(Vec<Vec<Comparison>>),
    /// `...`: any number of fields.
    Any,
}

impl Fields {
    pub(super) fn match_message(&self, message: &str) -> bool {
        // `[]` asks for nothing.
        self.0.is_empty() || matches(&self.0, &split(message))
    }
}

impl Field {
    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::One(alternatives) => {
                alternatives.iter().any(|all| all.iter().all(|comparison| comparison.matches_text(text)))
            }
        }
    }
}

/// Whether the fields fit the texts. Where an ellipsis leaves a choice, the last one that fails is tried longer: as with
/// asterisks in a glob, the earlier ones need not be tried again.
fn matches(fields: &[Field], texts: &[&str]) -> bool {
    let (mut field, mut text) = (0, 0);
    let mut retry = None;
    loop {
        match (fields.get(field), texts.get(text)) {
            (None, None) => return true,
            (Some(Field::Any), _) => {
                field += 1;
                retry = Some((field, text));
            }
            (Some(one), Some(found)) if one.accepts(found) => {
                field += 1;
                text += 1;
            }
            (_, None) => return false,
            (_, Some(_)) => match retry {
                Some((after, from)) => {
                    (field, text) = (after, from + 1);
                    retry = Some((after, text));
                }
                None => return false,
            },
        }
    }
}

/// The fields of a message. What stands between brackets or quotes is one field, without them.
fn split(message: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = message.trim_start();
    while let Some(first) = rest.chars().next() {
        let close = match first {
            '[' => Some(']'),
            '"' => Some('"'),
            _ => None,
        };
        let enclosed = close.and_then(|close| rest.get(1..)?.split_once(close));
        let (field, after) = match enclosed {
            Some(parts) => parts,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        fields.push(field);
        rest = after.trim_start();
    }
    fields
}

pub(super) fn parse(text: &str) -> Result<Fields, ParseError> {
    let mut scanner = Scanner::new(text);
    scanner.expect("[")?;
    let mut fields = Vec::new();
    if !scanner.take("]") {
        loop {
            fields.push(field(&mut scanner)?);
            if scanner.take("]") {
                break;
            }
            scanner.expect(",")?;
        }
    }
    scanner.skip_blanks();
    if scanner.is_at_end() {
        Ok(Fields(fields))
    } else {
        Err(syntax("something follows the closing bracket"))
    }
}

fn field(scanner: &mut Scanner<'_>) -> Result<Field, ParseError> {
    if scanner.take("...") {
        return Ok(Field::Any);
    }
    let mut alternatives = Vec::new();
    loop {
        let mut all = Vec::new();
        loop {
            all.extend(comparison(scanner)?);
            if !scanner.take("&&") {
                break;
            }
        }
        alternatives.push(all);
        if !scanner.take("||") {
            return Ok(Field::One(alternatives));
        }
    }
}

/// A field's name, and what it is compared with, if it is.
fn comparison(scanner: &mut Scanner<'_>) -> Result<Option<Comparison>, ParseError> {
    scanner.skip_blanks();
    let name = scanner.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '@'));
    if name.is_empty() {
        return Err(syntax("a field has no name"));
    }
    scanner.skip_blanks();
    match scanner.peek() {
        Some('=' | '!' | '<' | '>') => Comparison::parse(scanner, ",]&|").map(Some),
        _ => Ok(None),
    }
}
