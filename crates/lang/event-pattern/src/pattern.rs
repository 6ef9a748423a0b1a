//! An event pattern, compiled.

use crate::alternative::Alternative;
use crate::error::ParseError;
use crate::event::Event;
use crate::parse;
use crate::value_pattern::ValuePattern;

/// What a rule wants of an event.
///
/// Source: EventBridge User Guide, "Event patterns"; matching as by aws/event-ruler 2.0.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPattern {
    alternatives: Vec<Alternative>,
}

impl EventPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`ParseError`], which displays as AWS's reason, with the place in the text where AWS names it. The length of the
    /// text is not checked here.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(Self { alternatives: parse::parse(text)? })
    }

    /// Whether the event is one that the rule wants.
    pub fn matches(&self, event: &Event<'_>) -> bool {
        self.alternatives.iter().any(|alternative| alternative.matches(event))
    }

    pub(crate) fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    /// For each alternative, the strings one of which the field `name` must have; `None` where an alternative can
    /// also be satisfied otherwise.
    pub(crate) fn exact_strings(&self, name: &str) -> Option<Vec<&str>> {
        let mut strings = vec![];
        for alternative in &self.alternatives {
            let field = alternative.fields.iter().find(|field| field.name == name)?;
            for pattern in field.accepts.iter() {
                match pattern {
                    ValuePattern::String(text) => strings.push(text.as_str()),
                    _ => return None,
                }
            }
        }
        Some(strings)
    }
}
