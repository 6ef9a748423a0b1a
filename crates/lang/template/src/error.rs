//! What is wrong with a template or with the values given to it, in AWS's words.

use crate::node::Position;

/// Why a template, or an evaluation of it, is refused. CloudFormation answers all of these as `ValidationError`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text starts like JSON but is not.
    #[error("Template format error: JSON not well-formed. (line {}, column {})", .0.line, .0.column)]
    JsonNotWellFormed(Position),
    /// The text is not YAML.
    #[error("Template format error: YAML not well-formed. (line {}, column {})", .0.line, .0.column)]
    YamlNotWellFormed(Position),
    /// Lines that are YAML each, but whose indentation does not fit together. AWS's text gives no place for it.
    #[error("Template format error: YAML not well-formed.")]
    YamlMisnested(Position),
    /// A map names a member twice.
    #[error("Template format error: Duplicate key {key} (line {}, column {})", .position.line, .position.column)]
    DuplicateKey {
        /// The name.
        key: String,
        /// Where it stands for the second time.
        position: Position,
    },
    /// Values nest deeper than [`DOCUMENT_DEPTH_MAX`](crate::limits::DOCUMENT_DEPTH_MAX).
    #[error("Template format error: Template is nested too deeply. (line {}, column {})", .0.line, .0.column)]
    TooDeep(Position),
    /// YAML aliases add more than [`ALIAS_EXPANSION_MAX`](crate::limits::ALIAS_EXPANSION_MAX) values.
    #[error("Template format error: YAML aliases expand to too many values.")]
    TooManyAliases,
    /// The document is not a map.
    #[error("Template format error: unsupported structure.")]
    UnsupportedStructure,
    /// A `null`, with its path.
    #[error("[{0}] 'null' values are not allowed in templates")]
    NullValue(String),
    /// Top-level sections that the language does not have.
    #[error("Invalid template property or properties [{}]", .0.join(", "))]
    UnknownSections(Vec<String>),
    /// A member that a parameter does not have.
    #[error("Invalid template parameter property '{0}'")]
    UnknownParameterMember(String),
    /// A member that a resource does not have.
    #[error("Invalid template resource property '{0}'")]
    UnknownResourceMember(String),
    /// A member that an output does not have.
    #[error("Invalid template output property '{0}'")]
    UnknownOutputMember(String),
    /// A section, or a member of one, has the wrong form. Holds AWS's sentence.
    #[error("Template format error: {0}")]
    Format(String),
    /// A function has the wrong arguments, or cannot be evaluated. Holds AWS's sentence.
    #[error("Template error: {0}")]
    Function(String),
    /// `Ref`, `Fn::Sub` or `DependsOn` names what the template does not have.
    #[error("Template format error: Unresolved resource dependencies [{}] in the Resources block of the template", .0.join(", "))]
    UnresolvedInResources(Vec<String>),
    /// The same in an output.
    #[error("Unresolved resource dependencies [{}] in the Outputs block of the template", .0.join(", "))]
    UnresolvedInOutputs(Vec<String>),
    /// A condition refers to something other than parameters and pseudo parameters.
    #[error(
        "Template format error: Unresolved dependencies [{}]. Cannot reference resources in the Conditions block of the template",
        .0.join(", ")
    )]
    ResourceInConditions(Vec<String>),
    /// Resources that wait for each other.
    #[error("Circular dependency between resources: [{}]", .0.join(", "))]
    CircularDependency(Vec<String>),
    /// Parameters without a default that were not given.
    #[error("Parameters: [{}] must have values", .0.join(", "))]
    ParametersMissing(Vec<String>),
    /// Parameters that were given but not declared.
    #[error("Parameters: [{}] do not exist in the template", .0.join(", "))]
    ParametersUnknown(Vec<String>),
    /// A parameter's value breaks one of its constraints. Holds AWS's sentence.
    #[error("{0}")]
    ParameterInvalid(String),
    /// An assertion of a rule does not hold.
    #[error("Template validation error: Rule {rule} failed: {description}")]
    RuleFailed {
        /// The rule's name.
        rule: String,
        /// `AssertDescription`, or a sentence standing in for it.
        description: String,
    },
    /// A transform's name is not a text.
    #[error("Key Name of transform definition must be a string.")]
    TransformName,
    /// `Fn::ImportValue` names an export that no stack has.
    #[error("No export named {0} found")]
    NoExport(String),
    /// A type does not have an attribute that `Fn::GetAtt` asks for.
    #[error("Resource type {type_name} does not support attribute {{{attribute}}}")]
    NoAttribute {
        /// The resource's type.
        type_name: String,
        /// The attribute's name.
        attribute: String,
    },
    /// A dynamic reference that cannot be one. Holds AWS's sentence.
    #[error("{0}")]
    DynamicReference(String),
    /// The value depends on a resource that does not exist yet. Only a [`Resolver`](crate::Resolver) says so.
    #[error("The value depends on resource {0}, which has not been created")]
    NotYetKnown(String),
}

pub(crate) fn format_error(sentence: impl Into<String>) -> TemplateError {
    TemplateError::Format(sentence.into())
}

pub(crate) fn function_error(sentence: impl Into<String>) -> TemplateError {
    TemplateError::Function(sentence.into())
}
