//! Reads one operator of a field's list, such as `{"prefix": "a"}`.

use crate::cidr::IpRange;
use crate::error::ParseError;
use crate::json::{Token, Tokens};
use crate::number::{Bound, NumericRange, comparable};
use crate::value_pattern::{TextPattern, ValuePattern};
use crate::wildcard::Wildcard;

const ONE_KEY: &str = "Only one key allowed in match expression";
const TOO_MANY: &str = "Too many elements in numeric expression";

/// Reads the operator whose object has just started.
pub(crate) fn match_expression(tokens: &mut Tokens<'_>) -> Result<ValuePattern, ParseError> {
    if tokens.next()? != Token::FieldName {
        return Err(tokens.error("Match expression name not found"));
    }
    let name = tokens.name().to_owned();
    match name.as_str() {
        "exactly" => {
            let text = string(tokens, "exact match pattern must be a string")?;
            end_object(tokens, ONE_KEY)?;
            Ok(ValuePattern::String(text))
        }
        "prefix" | "suffix" => affix(tokens, &name),
        "equals-ignore-case" => {
            let text = string(tokens, "equals-ignore-case match pattern must be a string")?;
            end_object(tokens, ONE_KEY)?;
            Ok(ValuePattern::Text(TextPattern::EqualsIgnoreCase(text)))
        }
        "wildcard" => {
            let text = string(tokens, "wildcard match pattern must be a string")?;
            let wildcard = wildcard(tokens, &text)?;
            end_object(tokens, ONE_KEY)?;
            Ok(ValuePattern::Text(TextPattern::Wildcard(wildcard)))
        }
        "cidr" => {
            // AWS's words name the wrong operator here.
            let text = string(tokens, "prefix match pattern must be a string")?;
            let range = IpRange::parse_cidr(&text).map_err(|reason| ParseError::new(reason, None))?;
            end_object(tokens, ONE_KEY)?;
            Ok(ValuePattern::Ip(range))
        }
        "exists" => {
            let pattern = match tokens.next()? {
                Token::True => ValuePattern::Exists,
                Token::False => ValuePattern::Absent,
                _ => return Err(tokens.error("exists match pattern must be either true or false.")),
            };
            end_object(tokens, ONE_KEY)?;
            Ok(pattern)
        }
        "numeric" => {
            if tokens.next()? != Token::StartArray {
                return Err(tokens.error("Value of numeric must be an array."));
            }
            let range = numeric(tokens)?;
            end_object(tokens, TOO_MANY)?;
            Ok(ValuePattern::Numeric(range))
        }
        "anything-but" => anything_but(tokens),
        _ => Err(tokens.error(format!("Unrecognized match type {name}"))),
    }
}

fn wildcard(tokens: &Tokens<'_>, text: &str) -> Result<Wildcard, ParseError> {
    let wildcard = Wildcard::parse(text).map_err(|reason| tokens.error(reason))?;
    if wildcard.is_too_complex() {
        let reason = "Rule is too complex - try using fewer wildcard characters or fewer repeating character \
                      sequences after a wildcard character";
        return Err(ParseError::new(reason.to_owned(), None));
    }
    Ok(wildcard)
}

/// `prefix` or `suffix`, of a string or of `{"equals-ignore-case": string}`.
fn affix(tokens: &mut Tokens<'_>, name: &str) -> Result<ValuePattern, ParseError> {
    let is_prefix = name == "prefix";
    let pattern = match tokens.next()? {
        Token::String => {
            let text = tokens.text()?.into_owned();
            if is_prefix { TextPattern::Prefix(text) } else { TextPattern::Suffix(text) }
        }
        Token::StartObject => {
            if tokens.next()? != Token::FieldName {
                let title = if is_prefix { "Prefix" } else { "Suffix" };
                return Err(tokens.error(format!("{title} expression name not found")));
            }
            if tokens.name() != "equals-ignore-case" {
                return Err(tokens.error(format!("Unsupported {name} pattern: {}", tokens.name())));
            }
            let text = string(tokens, "equals-ignore-case match pattern must be a string")?;
            end_object(tokens, ONE_KEY)?;
            if is_prefix { TextPattern::PrefixIgnoreCase(text) } else { TextPattern::SuffixIgnoreCase(text) }
        }
        _ => return Err(tokens.error(format!("{name} match pattern must be a string"))),
    };
    end_object(tokens, ONE_KEY)?;
    Ok(ValuePattern::Text(pattern))
}

fn anything_but(tokens: &mut Tokens<'_>) -> Result<ValuePattern, ParseError> {
    let mut operator = None;
    let mut token = tokens.next()?;
    if token == Token::StartObject {
        if tokens.next()? != Token::FieldName {
            return Err(tokens.error("Anything-But expression name not found"));
        }
        let name = tokens.name().to_owned();
        if !matches!(name.as_str(), "equals-ignore-case" | "prefix" | "suffix" | "wildcard") {
            return Err(tokens.error(format!("Unsupported anything-but pattern: {name}")));
        }
        operator = Some(name);
        token = tokens.next()?;
    }
    if !matches!(token, Token::StartArray | Token::String | Token::Number) {
        return Err(tokens.error("Value of anything-but must be an array or single string/number value."));
    }
    let pattern = match &operator {
        None => anything_but_values(tokens, token)?,
        Some(operator) => anything_but_texts(tokens, token, operator)?,
    };
    end_object(tokens, TOO_MANY)?;
    if operator.is_some() {
        end_object(tokens, TOO_MANY)?;
    }
    Ok(pattern)
}

fn anything_but_values(tokens: &mut Tokens<'_>, first: Token) -> Result<ValuePattern, ParseError> {
    match first {
        Token::String => return Ok(ValuePattern::AnythingButStrings(vec![tokens.text()?.into_owned()])),
        Token::Number => {
            // Alone it is refused without its place in the text.
            let value = number(tokens).map_err(ParseError::without_location)?;
            return Ok(ValuePattern::AnythingButNumbers(vec![value]));
        }
        _ => {}
    }
    let (mut strings, mut numbers) = (vec![], vec![]);
    loop {
        match tokens.next().map_err(ParseError::repeated_in_list)? {
            Token::EndArray => break,
            Token::String => strings.push(tokens.text().map_err(ParseError::repeated_in_list)?.into_owned()),
            Token::Number => numbers.push(number(tokens)?),
            _ => {
                let reason = "Inside anything but list, start|null|boolean is not supported.";
                return Err(tokens.error(reason).repeated_in_list());
            }
        }
    }
    match (strings.is_empty(), numbers.is_empty()) {
        (false, true) => Ok(ValuePattern::AnythingButStrings(strings)),
        (true, false) => Ok(ValuePattern::AnythingButNumbers(numbers)),
        (true, true) | (false, false) => {
            let reason = "Inside anything but list, either all values are number or string, mixed type is not supported";
            Err(tokens.error(reason))
        }
    }
}

fn anything_but_texts(
    tokens: &mut Tokens<'_>,
    first: Token,
    operator: &str,
) -> Result<ValuePattern, ParseError> {
    if first != Token::StartArray {
        let text = operand(tokens, first, operator)?;
        return Ok(ValuePattern::AnythingButText(vec![text_pattern(tokens, text, operator)?]));
    }
    let mut texts = vec![];
    loop {
        match tokens.next().map_err(ParseError::repeated_in_list)? {
            Token::EndArray => break,
            token => {
                texts.push(operand(tokens, token, operator).map_err(ParseError::repeated_in_list)?);
            }
        }
    }
    // Wildcards are compiled when the whole list is read.
    let patterns = texts.into_iter().map(|text| text_pattern(tokens, text, operator));
    Ok(ValuePattern::AnythingButText(patterns.collect::<Result<_, _>>()?))
}

/// One text that `anything-but` is told with an operator.
fn operand(tokens: &mut Tokens<'_>, token: Token, operator: &str) -> Result<String, ParseError> {
    if token != Token::String {
        return Err(tokens.error(match operator {
            "equals-ignore-case" => {
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
            }
            "wildcard" => "wildcard match pattern must be a string",
            _ => "prefix/suffix match pattern must be a string",
        }));
    }
    let text = tokens.text()?.into_owned();
    if matches!(operator, "prefix" | "suffix") && text.is_empty() {
        return Err(tokens.error("Null prefix/suffix not allowed"));
    }
    Ok(text)
}

fn text_pattern(tokens: &Tokens<'_>, text: String, operator: &str) -> Result<TextPattern, ParseError> {
    Ok(match operator {
        "prefix" => TextPattern::Prefix(text),
        "suffix" => TextPattern::Suffix(text),
        "wildcard" => TextPattern::Wildcard(wildcard(tokens, &text)?),
        _ => TextPattern::EqualsIgnoreCase(text),
    })
}

fn numeric(tokens: &mut Tokens<'_>) -> Result<NumericRange, ParseError> {
    if tokens.next()? != Token::String {
        let text = tokens.text()?.into_owned();
        return Err(tokens.error(format!("Invalid member in numeric match: {text}")));
    }
    let operator = tokens.text()?.into_owned();
    let token = tokens.next()?;
    if !matches!(operator.as_str(), "=" | "<" | "<=" | ">" | ">=") {
        return Err(tokens.error(format!("Unrecognized numeric range operator: {operator}")));
    }
    if token != Token::Number {
        let shown = if operator == "=" { "equals" } else { operator.as_str() };
        return Err(tokens.error(format!("Value of {shown} must be numeric")));
    }
    let value = number(tokens)?;
    let next = tokens.next()?;
    let bottom = match operator.as_str() {
        ">" => Bound::Exclusive(value),
        ">=" => Bound::Inclusive(value),
        _ if next != Token::EndArray => return Err(tokens.error(TOO_MANY)),
        "<" => return Ok(NumericRange { bottom: Bound::Unbounded, top: Bound::Exclusive(value) }),
        "<=" => return Ok(NumericRange { bottom: Bound::Unbounded, top: Bound::Inclusive(value) }),
        _ => return Ok(NumericRange { bottom: Bound::Inclusive(value), top: Bound::Inclusive(value) }),
    };
    if next == Token::EndArray {
        return Ok(NumericRange { bottom, top: Bound::Unbounded });
    }
    numeric_top(tokens, next, bottom, value)
}

/// The second half of a range: `"<", 5`.
fn numeric_top(
    tokens: &mut Tokens<'_>,
    token: Token,
    bottom: Bound,
    least: f64,
) -> Result<NumericRange, ParseError> {
    let operator = tokens.text()?.into_owned();
    if token != Token::String {
        return Err(tokens.error(format!("Bad value in numeric range: {operator}")));
    }
    if !matches!(operator.as_str(), "<" | "<=") {
        return Err(tokens.error(format!("Bad numeric range operator: {operator}")));
    }
    if tokens.next()? != Token::Number {
        return Err(tokens.error(format!("Value of {operator} must be numeric")));
    }
    let most = number(tokens)?;
    if tokens.next()? != Token::EndArray {
        return Err(tokens.error("Too many terms in numeric range expression"));
    }
    if least >= most {
        return Err(tokens.error("Bottom must be less than top"));
    }
    let top = if operator == "<" { Bound::Exclusive(most) } else { Bound::Inclusive(most) };
    Ok(NumericRange { bottom, top })
}

fn number(tokens: &mut Tokens<'_>) -> Result<f64, ParseError> {
    let literal = tokens.text()?.into_owned();
    comparable(&literal).ok_or_else(|| tokens.error(format!("Cannot compare number : {literal}")))
}

fn string(tokens: &mut Tokens<'_>, otherwise: &str) -> Result<String, ParseError> {
    if tokens.next()? != Token::String {
        return Err(tokens.error(otherwise));
    }
    Ok(tokens.text()?.into_owned())
}

fn end_object(tokens: &mut Tokens<'_>, otherwise: &str) -> Result<(), ParseError> {
    match tokens.next()? {
        Token::EndObject => Ok(()),
        _ => Err(tokens.error(otherwise)),
    }
}
