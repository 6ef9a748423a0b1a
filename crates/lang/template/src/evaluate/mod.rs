//! Values out of expressions, for one stack: its parameters, its pseudo parameters, its conditions.
//!
//! What only the world knows (physical ids, attributes, exports, zones) comes from a [`Resolver`]. Nothing here calls
//! services or waits; a value that depends on a resource which does not exist yet is `NotYetKnown`.

mod cidr;
mod condition;
mod functions;
mod rule;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::expression::Expression;
use crate::parameter::Parameters;
use crate::pseudo::{NO_VALUE, Pseudo};
use crate::{DynamicReference, Graph, Output, Resource, Template, TemplateError};

/// What an evaluation asks about the world.
pub trait Resolver {
    /// What `Ref` gives for a resource of the template.
    ///
    /// # Errors
    ///
    /// `NotYetKnown`.
    fn reference(&self, logical_id: &str) -> Result<Value, TemplateError>;

    /// What `Fn::GetAtt` gives.
    ///
    /// # Errors
    ///
    /// `NotYetKnown`, `NoAttribute`.
    fn attribute(&self, logical_id: &str, attribute: &str) -> Result<Value, TemplateError>;

    /// The value that another stack exports under a name.
    ///
    /// # Errors
    ///
    /// `NoExport`.
    fn export(&self, name: &str) -> Result<String, TemplateError>;

    /// The availability zones of a region.
    ///
    /// # Errors
    ///
    /// `Function`, where the region is unknown.
    fn availability_zones(&self, region: &str) -> Result<Vec<String>, TemplateError>;
}

/// A template with the values of one stack.
#[derive(Clone, Debug)]
pub struct Evaluation<'t> {
    template: &'t Template,
    parameters: Parameters,
    pseudo: Pseudo,
    conditions: BTreeMap<String, bool>,
    references: BTreeMap<String, String>,
}

/// An output's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluatedOutput {
    /// Its name in the template.
    pub name: String,
    /// `Value`.
    pub value: String,
    /// `Description`.
    pub description: Option<String>,
    /// `Export.Name`.
    pub export_name: Option<String>,
}

/// A text among the values of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluatedText {
    /// Where it stands, such as `AWS::Logs::LogGroup/Properties/LogGroupName`; of lists, the list.
    pub path: String,
    /// The text.
    pub text: String,
}

/// What change sets show in place of a value that depends on a resource still to be made.
pub const KNOWN_AFTER_APPLY: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

impl<'t> Evaluation<'t> {
    /// Evaluates the conditions, then the rules' assertions.
    ///
    /// # Errors
    ///
    /// `RuleFailed`; `Function` where a condition cannot be evaluated.
    pub fn new(
        template: &'t Template,
        parameters: Parameters,
        pseudo: Pseudo,
    ) -> Result<Self, TemplateError> {
        let (conditions, references) = (BTreeMap::new(), BTreeMap::new());
        let mut evaluation = Self { template, parameters, pseudo, conditions, references };
        evaluation.evaluate_conditions()?;
        evaluation.assert_rules()?;
        Ok(evaluation)
    }

    /// The same with the values of dynamic references, by what stands between their braces. Others stay as they are.
    #[must_use]
    pub fn with_references(self, references: BTreeMap<String, String>) -> Self {
        Self { references, ..self }
    }

    /// Every text among the properties of the resources and the outputs, as far as they can be evaluated.
    pub fn texts(&self, resolver: &dyn Resolver) -> Vec<EvaluatedText> {
        let mut texts = Vec::new();
        for (_, resource) in self.resources() {
            for (name, expression) in &resource.properties {
                let path = format!("{}/Properties/{name}", resource.type_name);
                if let Ok(Some(value)) = self.value(expression, resolver) {
                    collect_texts(&path, &value, &mut texts);
                }
            }
        }
        for (name, output) in &self.template.outputs {
            let holds = self.holds(output.condition.as_deref());
            if let (true, Ok(Some(value))) = (holds, self.value(&output.value, resolver)) {
                collect_texts(&format!("Outputs/{name}"), &value, &mut texts);
            }
        }
        texts
    }

    /// The parameters' values.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Whether a condition holds. An undeclared one does not.
    pub fn condition(&self, name: &str) -> bool {
        self.conditions.get(name).copied().unwrap_or(false)
    }

    /// The resources whose conditions hold, in the template's order.
    pub fn resources(&self) -> impl Iterator<Item = (&'t str, &'t Resource)> {
        let template: &'t Template = self.template;
        template
            .resources
            .iter()
            .filter(|(_, resource)| self.holds(resource.condition.as_deref()))
            .map(|(logical_id, resource)| (logical_id.as_str(), resource))
    }

    /// How the resources whose conditions hold depend on each other. Branches not taken do not count.
    pub fn graph(&self) -> Graph {
        Graph::new(
            self.template,
            |resource| self.holds(resource.condition.as_deref()),
            |name| Some(self.condition(name)),
        )
    }

    /// A resource's properties, functions evaluated.
    ///
    /// # Errors
    ///
    /// `NotYetKnown` and whatever else the functions meet; `UnresolvedInResources` where a resource is referred to whose
    /// condition does not hold.
    pub fn properties(
        &self,
        logical_id: &str,
        resolver: &dyn Resolver,
    ) -> Result<Map<String, Value>, TemplateError> {
        self.each_property(logical_id, |expression| self.value(expression, resolver))
    }

    /// A resource's properties as far as they are known: a property that depends on a resource still to be made is
    /// [`KNOWN_AFTER_APPLY`].
    ///
    /// # Errors
    ///
    /// As [`properties`](Self::properties), but for `NotYetKnown`.
    pub fn known_properties(
        &self,
        logical_id: &str,
        resolver: &dyn Resolver,
    ) -> Result<Map<String, Value>, TemplateError> {
        self.each_property(logical_id, |expression| match self.value(expression, resolver) {
            Err(TemplateError::NotYetKnown(_)) => Ok(Some(KNOWN_AFTER_APPLY.into())),
            other => other,
        })
    }

    /// A resource's metadata, functions evaluated.
    ///
    /// # Errors
    ///
    /// As [`properties`](Self::properties).
    pub fn metadata(
        &self,
        logical_id: &str,
        resolver: &dyn Resolver,
    ) -> Result<Option<Value>, TemplateError> {
        let metadata =
            self.template.resources.get(logical_id).and_then(|resource| resource.metadata.as_ref());
        let value = metadata.map_or(Ok(None), |expression| self.value(expression, resolver))?;
        Ok(value.map(|value| self.dereferenced(&value)))
    }

    /// The outputs whose conditions hold.
    ///
    /// # Errors
    ///
    /// As [`properties`](Self::properties), with `UnresolvedInOutputs`; `Format` where a value is not a text.
    pub fn outputs(&self, resolver: &dyn Resolver) -> Result<Vec<EvaluatedOutput>, TemplateError> {
        let outputs = self.template.outputs.iter();
        let holding = outputs.filter(|(_, output)| self.holds(output.condition.as_deref()));
        holding.map(|(name, output)| self.output(name, output, resolver)).collect()
    }

    fn output(
        &self,
        name: &str,
        output: &Output,
        resolver: &dyn Resolver,
    ) -> Result<EvaluatedOutput, TemplateError> {
        let text = |expression: &Expression| {
            let value = self.value(expression, resolver).map_err(|error| match error {
                TemplateError::UnresolvedInResources(names) => TemplateError::UnresolvedInOutputs(names),
                other => other,
            })?;
            let not_text = || {
                crate::error::format_error(format!(
                    "The Value field of every Outputs member must evaluate to a String. ({name})"
                ))
            };
            let value = value.map(|value| self.dereferenced(&value));
            value.as_ref().and_then(functions::as_text).ok_or_else(not_text)
        };
        Ok(EvaluatedOutput {
            name: name.to_owned(),
            value: text(&output.value)?,
            description: output.description.clone(),
            export_name: output.export.as_ref().map(text).transpose()?,
        })
    }

    fn each_property(
        &self,
        logical_id: &str,
        evaluate: impl Fn(&Expression) -> Result<Option<Value>, TemplateError>,
    ) -> Result<Map<String, Value>, TemplateError> {
        let none = IndexMap::new();
        let properties =
            self.template.resources.get(logical_id).map_or(&none, |resource| &resource.properties);
        let mut values = Map::new();
        for (name, expression) in properties {
            if let Some(value) = evaluate(expression)? {
                values.insert(name.clone(), self.dereferenced(&value));
            }
        }
        Ok(values)
    }

    /// The value with the dynamic references replaced whose values are known.
    fn dereferenced(&self, value: &Value) -> Value {
        DynamicReference::replace(value, &|reference| self.references.get(&reference.to_string()).cloned())
    }

    fn holds(&self, condition: Option<&str>) -> bool {
        condition.is_none_or(|name| self.condition(name))
    }

    /// An expression's value; `None` is `AWS::NoValue`, which removes what it stands for.
    fn value(
        &self,
        expression: &Expression,
        resolver: &dyn Resolver,
    ) -> Result<Option<Value>, TemplateError> {
        let value = match expression {
            Expression::Literal(value) => value.clone(),
            Expression::List(elements) => {
                let mut values = Vec::new();
                for element in elements {
                    values.extend(self.value(element, resolver)?);
                }
                values.into()
            }
            Expression::Map(members) => {
                let mut values = Map::new();
                for (name, member) in members {
                    if let Some(value) = self.value(member, resolver)? {
                        values.insert(name.clone(), value);
                    }
                }
                values.into()
            }
            Expression::Ref(name) if name == NO_VALUE => return Ok(None),
            Expression::Ref(name) => self.reference(name, resolver)?,
            Expression::If(condition, then, otherwise) => {
                let taken = if self.condition(condition) { then } else { otherwise };
                return self.value(taken, resolver);
            }
            function => self.function(function, resolver)?,
        };
        Ok(Some(value))
    }

    /// What `Ref` gives, wherever it stands.
    fn reference(&self, name: &str, resolver: &dyn Resolver) -> Result<Value, TemplateError> {
        if let Some(value) = self.pseudo.value(name).or_else(|| self.parameters.value(name)) {
            return Ok(value);
        }
        if self.parameters.contains(name) {
            return Err(TemplateError::NotYetKnown(name.to_owned()));
        }
        self.existing(name)?;
        resolver.reference(name)
    }

    fn existing(&self, logical_id: &str) -> Result<(), TemplateError> {
        match self.template.resources.get(logical_id) {
            Some(resource) if self.holds(resource.condition.as_deref()) => Ok(()),
            _ => Err(TemplateError::UnresolvedInResources(vec![logical_id.to_owned()])),
        }
    }
}

fn collect_texts(path: &str, value: &Value, texts: &mut Vec<EvaluatedText>) {
    match value {
        Value::String(text) => {
            texts.push(EvaluatedText { path: path.to_owned(), text: text.clone() });
        }
        Value::Array(elements) => {
            let mut within = Vec::new();
            elements.iter().for_each(|element| collect_texts(path, element, &mut within));
            texts.extend(within.into_iter().map(|text| EvaluatedText { path: path.to_owned(), ..text }));
        }
        Value::Object(members) => {
            for (name, member) in members {
                collect_texts(&format!("{path}/{name}"), member, texts);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
