//! CloudFormation's template language: text in, values out.
//!
//! [`Template::parse`] reads JSON or YAML and refuses what is not a template, with AWS's words.
//! [`Template::resolve_parameters`] checks the values given for a stack, [`Evaluation`] evaluates conditions, rules,
//! properties and outputs with them, [`Graph`] says what waits for what, and [`diff()`] what changes between two
//! evaluated templates.
//!
//! ```
//! let template = template::Template::parse("Resources: {Log: {Type: AWS::Logs::LogGroup}}")?;
//! assert_eq!(template.graph().levels()?, [["Log"]]);
//! # Ok::<(), template::TemplateError>(())
//! ```
//!
//! Nothing here knows resource types, their properties or attributes, applies macros, or asks anyone anything.

mod capability;
mod diff;
mod dynamic_reference;
mod error;
mod evaluate;
mod expression;
mod graph;
pub mod limits;
pub mod node;
mod parameter;
mod pseudo;
mod read;
mod reference;
mod sub;
mod template;

pub use capability::RequiredCapabilities;
pub use diff::{Difference, ProcessedResource, changed_properties, diff};
pub use dynamic_reference::{DynamicReference, SecretValue, SsmParameter};
pub use error::TemplateError;
pub use evaluate::{EvaluatedOutput, EvaluatedText, Evaluation, KNOWN_AFTER_APPLY, Resolver};
pub use expression::Expression;
pub use graph::Graph;
pub use parameter::{Parameter, ParameterType, ParameterValue, Parameters};
pub use pseudo::Pseudo;
pub use read::read;
pub use reference::Reference;
pub use sub::Part;
pub use template::{DeletionPolicy, Mapping, MappingValue, Output, Resource, Rule, Template};
