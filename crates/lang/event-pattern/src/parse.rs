//! Reads the text of an event pattern into its alternatives.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alternative::{Alternative, Field};
use crate::error::ParseError;
use crate::json::{Token, Tokens};
use crate::operator::match_expression;
use crate::value_pattern::ValuePattern;
use crate::{cidr, number};

/// Alternatives that the `$or`s of one pattern may multiply to.
///
/// Source: EventBridge User Guide, "Or matching": 1,000 combinations.
const OR_COMBINATIONS_MAX: usize = 1000;

/// Field names that make `$or` an ordinary field, because they are operators or kept for future ones.
const RESERVED_IN_OR: [&str; 24] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// The fields of one alternative while it is being read. A later field of the same name replaces an earlier one.
type Fields = BTreeMap<String, Arc<[ValuePattern]>>;

/// Reads a pattern.
pub(crate) fn parse(text: &str) -> Result<Vec<Alternative>, ParseError> {
    let mut tokens = Tokens::new(text);
    if tokens.next()? != Token::StartObject {
        return Err(tokens.error("Filter is not an object"));
    }
    let mut alternatives = vec![];
    let mut path = String::new();
    object(&mut tokens, &mut alternatives, &mut path)?;
    let fields = |fields: Fields| fields.into_iter().map(|(name, accepts)| Field { name, accepts }).collect();
    Ok(alternatives.into_iter().map(|alternative| Alternative { fields: fields(alternative) }).collect())
}

fn object(
    tokens: &mut Tokens<'_>,
    alternatives: &mut Vec<Fields>,
    path: &mut String,
) -> Result<(), ParseError> {
    let mut is_empty = true;
    let outer = path.len();
    while tokens.next()? != Token::EndObject {
        is_empty = false;
        if tokens.name() == "$or" && is_or(tokens.clone()) {
            or(tokens, alternatives, path)?;
            continue;
        }
        if outer > 0 {
            path.push('.');
        }
        path.push_str(tokens.name());
        match tokens.next()? {
            Token::StartObject => object(tokens, alternatives, path)?,
            Token::StartArray => {
                let accepts: Arc<[ValuePattern]> = value_patterns(tokens)?.into();
                if alternatives.is_empty() {
                    alternatives.push(Fields::new());
                }
                for fields in alternatives.iter_mut() {
                    fields.insert(path.clone(), Arc::clone(&accepts));
                }
            }
            _ => {
                let message = format!("\"{}\" must be an object or an array", tokens.name());
                return Err(tokens.error(message));
            }
        }
        path.truncate(outer);
    }
    if is_empty {
        return Err(tokens.error("Empty objects are not allowed"));
    }
    Ok(())
}

/// Whether a field named `$or` is the operator: a list of two or more objects without reserved names.
fn is_or(mut ahead: Tokens<'_>) -> bool {
    let mut look = || -> Result<bool, ParseError> {
        if ahead.next()? != Token::StartArray {
            return Ok(false);
        }
        let mut objects = 0;
        loop {
            match ahead.next()? {
                Token::EndArray => return Ok(objects >= 2),
                Token::StartObject => objects += 1,
                _ => return Ok(false),
            }
            let mut depth = 1_usize;
            while depth > 0 {
                match ahead.next()? {
                    Token::StartObject | Token::StartArray => depth += 1,
                    Token::EndObject | Token::EndArray => depth -= 1,
                    Token::FieldName if depth == 1 && RESERVED_IN_OR.contains(&ahead.name()) => {
                        return Ok(false);
                    }
                    _ => {}
                }
            }
        }
    };
    // Broken JSON further on is reported when it is reached.
    look().unwrap_or(true)
}

fn or(tokens: &mut Tokens<'_>, alternatives: &mut Vec<Fields>, path: &mut String) -> Result<(), ParseError> {
    let before = std::mem::take(alternatives);
    if tokens.next()? != Token::StartArray {
        return Err(tokens.error("It must be an Array followed with $or."));
    }
    loop {
        match tokens.next()? {
            Token::EndArray => return Ok(()),
            Token::StartObject => {
                let mut branch = before.clone();
                if branch.is_empty() {
                    branch.push(Fields::new());
                }
                object(tokens, &mut branch, path)?;
                alternatives.append(&mut branch);
                if alternatives.len() > OR_COMBINATIONS_MAX {
                    return Err(ParseError::new(
                        "Rule is too complex - try using fewer $or conditions".to_owned(),
                        None,
                    ));
                }
            }
            _ => return Err(tokens.error("Only JSON object is allowed in array of $or relationship.")),
        }
    }
}

fn value_patterns(tokens: &mut Tokens<'_>) -> Result<Vec<ValuePattern>, ParseError> {
    let mut accepts = vec![];
    loop {
        accepts.push(match tokens.next()? {
            Token::EndArray if accepts.is_empty() => return Err(tokens.error("Empty arrays are not allowed")),
            Token::EndArray => return Ok(accepts),
            Token::StartObject => match_expression(tokens)?,
            Token::String => {
                let text = tokens.text()?;
                match cidr::parse_address(&text) {
                    Some(address) => ValuePattern::Ip(cidr::IpRange::single(address)),
                    None => ValuePattern::String(text.into_owned()),
                }
            }
            Token::Number => {
                let literal = tokens.text()?.into_owned();
                ValuePattern::Number { value: number::comparable(&literal), literal }
            }
            Token::Null => ValuePattern::Null,
            Token::True => ValuePattern::True,
            Token::False => ValuePattern::False,
            _ => return Err(tokens.error("Match value must be String, number, true, false, or null")),
        });
    }
}
