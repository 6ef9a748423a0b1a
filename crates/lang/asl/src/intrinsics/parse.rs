//! The grammar of calls: `States.Name(argument, …)`.

use serde_json::Value;

use super::{Argument, Call, Function, Quoted};
use crate::expression::QueryPath;
use crate::limits::INTRINSIC_DEPTH;

/// Reads a text that is one call.
pub(super) fn call(text: &str) -> Option<Call> {
    let mut reader = Reader { rest: text };
    let call = reader.call(INTRINSIC_DEPTH)?;
    reader.blanks();
    reader.rest.is_empty().then_some(call)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes `length` bytes, which must end at a character.
    fn take(&mut self, length: usize) -> Option<&'a str> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> Option<&'a str> {
        let length = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        self.take(length)
    }

    fn call(&mut self, depth: usize) -> Option<Call> {
        let start = self.rest;
        self.eat("States.").then_some(())?;
        let function = Function::named(self.take_while(|c| c.is_ascii_alphanumeric())?)?;
        self.blanks();
        self.eat("(").then_some(())?;
        let arguments = self.arguments(depth.checked_sub(1)?)?;
        if !function.takes(arguments.len()) {
            return None;
        }
        let text = start.get(..start.len() - self.rest.len())?.to_owned();
        Some(Call { text, function, arguments })
    }

    fn arguments(&mut self, depth: usize) -> Option<Vec<Argument>> {
        let mut arguments = Vec::new();
        self.blanks();
        if self.eat(")") {
            return Some(arguments);
        }
        loop {
            self.blanks();
            arguments.push(self.argument(depth)?);
            self.blanks();
            if self.eat(")") {
                return Some(arguments);
            }
            self.eat(",").then_some(())?;
        }
    }

    fn argument(&mut self, depth: usize) -> Option<Argument> {
        match self.rest.chars().next()? {
            '\'' => self.quoted().map(Argument::Text),
            '$' => {
                let length = path_length(self.rest);
                QueryPath::parse(self.take(length)?.trim_end()).map(Argument::Path)
            }
            'S' => self.call(depth).map(Argument::Call),
            _ => self.literal().map(Argument::Literal),
        }
    }

    /// A number, `true`, `false` or `null`.
    fn literal(&mut self) -> Option<Value> {
        let text = self.take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))?;
        let value: Value = serde_json::from_str(text).ok()?;
        (!value.is_string()).then_some(value)
    }

    /// A text in single quotes, in which a backslash may only stand before `'`, `{`, `}` and `\`.
    fn quoted(&mut self) -> Option<Quoted> {
        let mut characters = self.rest.char_indices().skip(1).peekable();
        let (mut text, mut pieces, mut piece) = (String::new(), Vec::new(), String::new());
        while let Some((at, c)) = characters.next() {
            let literal = match c {
                '\'' => {
                    self.take(at + 1)?;
                    pieces.push(piece);
                    return Some(Quoted { value: Value::String(text), pieces });
                }
                '\\' => characters.next().map(|(_, escaped)| escaped).filter(|c| "'{}\\".contains(*c))?,
                '{' if characters.next_if(|(_, next)| *next == '}').is_some() => {
                    text.push_str("{}");
                    pieces.push(std::mem::take(&mut piece));
                    continue;
                }
                other => other,
            };
            text.push(literal);
            piece.push(literal);
        }
        None
    }
}

/// Where the path at the start of `text` ends: at the comma or parenthesis that is not inside brackets or quotes.
fn path_length(text: &str) -> usize {
    let (mut brackets, mut parentheses, mut quote) = (0_usize, 0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if brackets > 0 => quote = Some(c),
            (None, '[') => brackets += 1,
            (None, ']') => brackets = brackets.saturating_sub(1),
            (None, '(') => parentheses += 1,
            (None, ')') if parentheses > 0 => parentheses -= 1,
            (None, ',' | ')') if brackets == 0 => return at,
            (None, _) => {}
        }
    }
    text.len()
}
