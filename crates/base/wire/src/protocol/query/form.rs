//! The parameters of a form, by their dotted names.

use std::borrow::Cow;

use api::AwsError;

use crate::limits;

/// Parameters, sorted by name, so that those below a path lie together.
#[derive(Debug)]
pub struct Form<'a> {
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Form<'a> {
    /// Reads the parameters of a query string and of a body; both may carry some.
    ///
    /// # Errors
    /// `MalformedQueryString` for what is not UTF-8 or has too many parameters.
    pub fn parse(query: &'a [u8], body: &'a [u8]) -> Result<Self, AwsError> {
        let pieces = query.split(|byte| *byte == b'&').chain(body.split(|byte| *byte == b'&'));
        let mut parameters = Vec::new();
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            if parameters.len() == limits::FORM_PARAMETERS_MAX {
                return Err(malformed("The query string has too many parameters."));
            }
            let mut halves = piece.splitn(2, |byte| *byte == b'=');
            let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            parameters.push((decode(name)?, decode(value)?));
        }
        parameters.sort();
        Ok(Self { parameters })
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.parameters.push((Cow::Borrowed(name), Cow::Owned(value)));
        self.parameters.sort();
        self
    }

    /// The value of the parameter of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.parameters.partition_point(|(other, _)| other.as_ref() < name);
        self.parameters.get(at).filter(|(other, _)| other == name).map(|(_, value)| value.as_ref())
    }

    /// Whether there is a parameter at `path` or below it.
    pub fn has(&self, path: &str) -> bool {
        self.get(path).is_some() || !self.below(path).is_empty()
    }

    /// The numbers that follow `path`, in numeric order, each once. What is not a number is skipped.
    pub fn indices(&self, path: &str) -> Vec<&str> {
        let skip = path.len() + 1;
        let names = self.below(path).iter().filter_map(|(name, _)| name.get(skip..)?.split('.').next());
        let mut indices: Vec<(u32, &str)> =
            names.filter_map(|name| Some((name.parse().ok()?, name))).collect();
        indices.sort_unstable();
        indices.dedup_by_key(|(number, _)| *number);
        indices.into_iter().map(|(_, name)| name).collect()
    }

    /// The parameters whose names begin with `path` and a dot.
    fn below(&self, path: &str) -> &[(Cow<'a, str>, Cow<'a, str>)] {
        // `/` is the character after `.`.
        let start = self.parameters.partition_point(|(name, _)| before(name, path, '.'));
        let end = self.parameters.partition_point(|(name, _)| before(name, path, '/'));
        self.parameters.get(start..end).unwrap_or_default()
    }
}

/// Whether `name` sorts before `path` followed by `end`.
fn before(name: &str, path: &str, end: char) -> bool {
    match name.strip_prefix(path) {
        Some(rest) => rest.chars().next().is_none_or(|first| first < end),
        None => name < path,
    }
}

/// `+` is a blank, `%XX` a byte; together they must be UTF-8.
fn decode(text: &[u8]) -> Result<Cow<'_, str>, AwsError> {
    if !text.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| not_utf8());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = (bytes.next().and_then(hex), bytes.next().and_then(hex));
                let (Some(high), Some(low)) = digits else {
                    return Err(malformed("The query string contains a syntax error."));
                };
                high << 4 | low
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| not_utf8())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn not_utf8() -> AwsError {
    malformed("The query string is not UTF-8.")
}

fn malformed(text: &str) -> AwsError {
    AwsError::new("MalformedQueryString", text)
}
