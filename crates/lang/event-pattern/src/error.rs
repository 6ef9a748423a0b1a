//! Why a text is not an event pattern, or not an event.

use std::fmt;

/// Why a text is not an event pattern. Displays as what AWS writes after `Event pattern is not valid. Reason: `.
///
/// Source: `InvalidEventPatternException`, EventBridge API 2015-10-07.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    message: String,
    /// `[Source: (String)"..."; line: 1, column: 2]`
    location: Option<String>,
}

impl ParseError {
    pub(crate) fn new(message: String, location: Option<String>) -> Self {
        Self { message, location }
    }

    /// This error as a list reports it: the place is appended once more.
    pub(crate) fn repeated_in_list(self) -> Self {
        match &self.location {
            Some(location) => {
                Self { message: format!("{}\n at {location}", self.message), location: self.location }
            }
            None => self,
        }
    }

    pub(crate) fn without_location(self) -> Self {
        Self { location: None, ..self }
    }

    /// The place in the text: `[Source: (String)"..."; line: 1, column: 2]`.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// The reason without the place in the text.
    pub fn reason(&self) -> &str {
        self.message.split('\n').next().unwrap_or_default()
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        match &self.location {
            Some(location) => write!(formatter, "\n at {location}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParseError {}

/// Why a text is not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The text is not JSON; `offset` is the byte at which that became clear.
    #[error("not a JSON text: unexpected input at byte {offset}")]
    NotJson {
        /// Byte offset in the text.
        offset: usize,
    },
    /// The text is JSON but no object.
    #[error("not a JSON object")]
    NotAnObject,
}
