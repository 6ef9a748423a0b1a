//! EventBridge's event patterns: which events a rule wants, and what its targets receive.
//!
//! [`EventPattern`] is one rule's pattern, [`Event`] an event read once, [`Matcher`] all rules of a bus. What a target
//! then receives is made by [`InputPath`] and [`InputTransformer`]. Nothing here
//! checks the length of a pattern or which fields an event must have: the `events` service does.

mod admission;
mod alternative;
mod array_search;
mod cidr;
mod error;
mod event;
mod event_json;
mod field_index;
mod field_tree;
mod found;
mod input_path;
mod input_transformer;
mod intervals;
mod json;
mod matcher;
mod number;
mod operator;
mod parse;
mod passing;
mod pattern;
mod postings;
mod reading;
mod rule_index;
mod scan;
mod value_pattern;
mod wildcard;

pub use error::{EventError, ParseError};
pub use event::Event;
pub use input_path::{InputPath, InputPathError};
pub use input_transformer::{InputTransformer, RuleVariables, TransformError};
pub use json::check_json;
pub use matcher::Matcher;
pub use pattern::EventPattern;
pub use rule_index::Scratch;
