//! Terms of messages without structure: `ERROR -debug "an exact phrase" %re[gx]+%`, `?either ?or`.

use regex::Regex;

use super::scanner::Scanner;
use super::{ParseError, regex as expression};

/// Terms that must, may or must not occur. Case matters; a term is found inside of words too.
#[derive(Debug, Default)]
pub(super) struct Terms {
    all: Vec<Term>,
    /// Of these one must occur, unless there are others that must: then they count for nothing.
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Terms {
    pub(super) fn match_message(&self, message: &str) -> bool {
        let occurs = |term: &Term| term.occurs_in(message);
        let any = self.any.is_empty() || !self.all.is_empty() || self.any.iter().any(occurs);
        any && self.all.iter().all(occurs) && !self.none.iter().any(occurs)
    }
}

impl Term {
    fn occurs_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Terms, ParseError> {
    let mut scanner = Scanner::new(text);
    let mut terms = Terms::default();
    loop {
        scanner.skip_blanks();
        if scanner.is_at_end() {
            return Ok(terms);
        }
        let list = if scanner.take("?") {
            &mut terms.any
        } else if scanner.take("-") {
            &mut terms.none
        } else {
            &mut terms.all
        };
        list.extend(term(&mut scanner)?);
    }
}

/// One term; none where it is empty and asks for nothing.
fn term(scanner: &mut Scanner<'_>) -> Result<Option<Term>, ParseError> {
    let text = match scanner.peek() {
        Some('"') => scanner.delimited('"')?,
        Some('%') => return Ok(Some(Term::Regex(expression::compile(&scanner.delimited('%')?)?))),
        _ => {
            let word = scanner.take_while(|c| !c.is_whitespace());
            if word.is_empty() || !word.chars().all(|c| c.is_alphanumeric() || c == '_') {
                return Err(ParseError::Term(word.to_owned()));
            }
            word.to_owned()
        }
    };
    Ok((!text.trim().is_empty()).then_some(Term::Text(text)))
}
