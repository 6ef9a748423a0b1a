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

/// Field names that no object inside a `$or` may have, because they are operators or kept for future ones.
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

/// A pattern being read.
struct Reading<'t, 'a> {
    tokens: &'t mut Tokens<'a>,
    /// The dotted name of the object at hand.
    path: String,
    /// In how many `$or`s the object at hand is.
    ors: usize,
}

/// Reads a pattern.
pub(crate) fn parse(text: &str) -> Result<Vec<Alternative>, ParseError> {
    let mut tokens = Tokens::new(text);
    if tokens.next()? != Token::StartObject {
        return Err(tokens.error("Filter is not an object"));
    }
    let mut alternatives = vec![];
    object(&mut Reading { tokens: &mut tokens, path: String::new(), ors: 0 }, &mut alternatives)?;
    let fields = |fields: Fields| fields.into_iter().map(|(name, accepts)| Field { name, accepts }).collect();
    Ok(alternatives.into_iter().map(|alternative| Alternative { fields: fields(alternative) }).collect())
}

fn object(reading: &mut Reading<'_, '_>, alternatives: &mut Vec<Fields>) -> Result<(), ParseError> {
    let mut is_empty = true;
    let outer = reading.path.len();
    while reading.tokens.next()? != Token::EndObject {
        is_empty = false;
        let name = reading.tokens.name().to_owned();
        if name == "$or" {
            or(reading, alternatives)?;
            continue;
        }
        if reading.ors > 0 && RESERVED_IN_OR.contains(&name.as_str()) {
            let reason = format!("{name} is Ruler reserved fieldName which cannot be used inside $or.");
            return Err(reading.tokens.error(reason));
        }
        if outer > 0 {
            reading.path.push('.');
        }
        reading.path.push_str(&name);
        match reading.tokens.next()? {
            Token::StartObject => object(reading, alternatives)?,
            Token::StartArray => {
                let accepts: Arc<[ValuePattern]> = value_patterns(reading.tokens)?.into();
                if alternatives.is_empty() {
                    alternatives.push(Fields::new());
                }
                for fields in alternatives.iter_mut() {
                    fields.insert(reading.path.clone(), Arc::clone(&accepts));
                }
            }
            _ => return Err(reading.tokens.error(format!("\"{name}\" must be an object or an array"))),
        }
        reading.path.truncate(outer);
    }
    if is_empty {
        return Err(reading.tokens.error("Empty objects are not allowed"));
    }
    Ok(())
}

/// Reads the list of a `$or`: two or more objects, of which every alternative so far is combined with each.
fn or(reading: &mut Reading<'_, '_>, alternatives: &mut Vec<Fields>) -> Result<(), ParseError> {
    let before = std::mem::take(alternatives);
    if reading.tokens.next()? != Token::StartArray {
        return Err(reading.tokens.error("It must be an Array followed with $or."));
    }
    let mut objects = 0;
    loop {
        match reading.tokens.next()? {
            Token::EndArray if objects < 2 => {
                return Err(reading.tokens.error("There must have at least 2 Objects in $or relationship."));
            }
            Token::EndArray => return Ok(()),
            Token::StartObject => {
                objects += 1;
                let mut branch = before.clone();
                if branch.is_empty() {
                    branch.push(Fields::new());
                }
                reading.ors += 1;
                object(reading, &mut branch)?;
                reading.ors -= 1;
                alternatives.append(&mut branch);
                if alternatives.len() > OR_COMBINATIONS_MAX {
                    let reason = "Rule is too complex - try using fewer $or conditions";
                    return Err(ParseError::new(reason.to_owned(), None));
                }
            }
            _ => {
                let reason = "Only JSON object is allowed in array of $or relationship.";
                return Err(reading.tokens.error(reason));
            }
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
