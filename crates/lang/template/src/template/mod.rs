//! A template: its sections, parsed and checked against each other.

pub(crate) mod check;
pub(crate) mod sections;

use indexmap::IndexMap;

use crate::expression::Expression;
use crate::parameter::Parameter;
use crate::{Graph, TemplateError, read};

/// A template whose sections have the right form and whose references lead somewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// `AWSTemplateFormatVersion`.
    pub format_version: Option<String>,
    /// `Description`, at most 1,024 bytes.
    pub description: Option<String>,
    /// `Metadata`, not evaluated.
    pub metadata: Option<serde_json::Value>,
    /// `Parameters`.
    pub parameters: IndexMap<String, Parameter>,
    /// `Rules`.
    pub rules: IndexMap<String, Rule>,
    /// `Mappings`.
    pub mappings: IndexMap<String, Mapping>,
    /// `Conditions`.
    pub conditions: IndexMap<String, Expression>,
    /// `Transform`: names of macros. Nothing here applies them; who cannot must refuse the template.
    pub transforms: Vec<String>,
    /// `Resources`, by logical id.
    pub resources: IndexMap<String, Resource>,
    /// `Outputs`.
    pub outputs: IndexMap<String, Output>,
}

/// One mapping: first key, second key, value.
pub type Mapping = IndexMap<String, IndexMap<String, MappingValue>>;

/// A value of a mapping: text, number, boolean, or a list of those.
pub type MappingValue = serde_json::Value;

/// One resource as it is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// `Type`, such as `AWS::IAM::Role`.
    pub type_name: String,
    /// `Properties`.
    pub properties: IndexMap<String, Expression>,
    /// `DependsOn`.
    pub depends_on: Vec<String>,
    /// `Condition`: the resource exists only where it holds.
    pub condition: Option<String>,
    /// `DeletionPolicy`.
    pub deletion_policy: Option<DeletionPolicy>,
    /// `UpdateReplacePolicy`.
    pub update_replace_policy: Option<DeletionPolicy>,
    /// `Metadata`.
    pub metadata: Option<Expression>,
    /// `CreationPolicy`: kept for the service to serve or refuse.
    pub creation_policy: Option<Expression>,
    /// `UpdatePolicy`: kept for the service to serve or refuse.
    pub update_policy: Option<Expression>,
}

/// What becomes of a resource that leaves its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// It is deleted.
    Delete,
    /// It stays.
    Retain,
    /// It stays, unless its creation is being rolled back.
    RetainExceptOnCreate,
    /// It is deleted behind a snapshot.
    Snapshot,
}

/// One output as it is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// `Value`.
    pub value: Expression,
    /// `Description`.
    pub description: Option<String>,
    /// `Export.Name`.
    pub export: Option<Expression>,
    /// `Condition`.
    pub condition: Option<String>,
}

/// One rule as it is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `RuleCondition`: the assertions count only where it holds. Absent: always.
    pub condition: Option<Expression>,
    /// `Assertions`: what must hold, and what to say otherwise.
    pub assertions: Vec<(Expression, Option<String>)>,
}

impl Template {
    /// Parses a template in JSON or YAML.
    ///
    /// # Errors
    ///
    /// All of [`TemplateError`] but what depends on parameters' values and on existing resources.
    ///
    /// Source: CloudFormation User Guide, "Template anatomy"; error texts as AWS answers them.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let template = sections::template(&read::read(text)?)?;
        check::references(&template)?;
        Ok(template)
    }

    /// How the resources depend on each other, whatever the conditions say.
    pub fn graph(&self) -> Graph {
        Graph::new(self, |_| true, |_| None)
    }
}
