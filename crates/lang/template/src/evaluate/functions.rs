//! What each intrinsic function gives.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use serde_json::Value;

use super::{Evaluation, Resolver, cidr};
use crate::TemplateError;
use crate::error::function_error;
use crate::expression::{Expression, JOIN, SELECT, SPLIT};
use crate::pseudo::NO_VALUE;
use crate::sub::Part;

impl Evaluation<'_> {
    pub(super) fn function(
        &self,
        function: &Expression,
        resolver: &dyn Resolver,
    ) -> Result<Value, TemplateError> {
        match function {
            Expression::GetAtt { resource, attribute } => {
                self.existing(resource)?;
                let attribute = self.text(
                    attribute,
                    resolver,
                    "every Fn::GetAtt object requires two non-empty \
                    parameters, the resource name and the resource attribute",
                )?;
                resolver.attribute(resource, &attribute)
            }
            Expression::Sub(parts, variables) => self.sub(parts, variables, resolver),
            Expression::Join(delimiter, list) => self.join(delimiter, list, resolver),
            Expression::Select(index, list) => self.select(index, list, resolver),
            Expression::Split(delimiter, text) => {
                let text = self.text(text, resolver, SPLIT)?;
                Ok(text.split(delimiter.as_str()).collect())
            }
            Expression::FindInMap(keys, default) => self.find_in_map(keys, default.as_deref(), resolver),
            Expression::Base64(text) => {
                let text =
                    self.text(text, resolver, "every Fn::Base64 object must have a String-typed value.")?;
                Ok(STANDARD.encode(text).into())
            }
            Expression::Cidr(block, count, bits) => self.cidr(block, count, bits.as_deref(), resolver),
            Expression::GetAzs(region) => {
                let region =
                    self.text(region, resolver, "every Fn::GetAZs object must have a String-typed value.")?;
                let region = if region.is_empty() { &self.pseudo.region } else { &region };
                Ok(resolver.availability_zones(region)?.into())
            }
            Expression::ImportValue(name) => {
                let name = self.text(
                    name,
                    resolver,
                    "every Fn::ImportValue object must have a String-typed value.",
                )?;
                Ok(resolver.export(&name)?.into())
            }
            condition => Ok(self.is_true(condition, resolver)?.into()),
        }
    }

    /// A value that has to be a text. Numbers and booleans become theirs.
    pub(super) fn text(
        &self,
        expression: &Expression,
        resolver: &dyn Resolver,
        otherwise: &str,
    ) -> Result<String, TemplateError> {
        let value = self.value(expression, resolver)?;
        value.as_ref().and_then(as_text).ok_or_else(|| function_error(otherwise))
    }

    /// A value that has to be a list.
    pub(super) fn list(
        &self,
        expression: &Expression,
        resolver: &dyn Resolver,
        otherwise: &str,
    ) -> Result<Vec<Value>, TemplateError> {
        match self.value(expression, resolver)? {
            Some(Value::Array(elements)) => Ok(elements),
            _ => Err(function_error(otherwise)),
        }
    }

    fn join(
        &self,
        delimiter: &str,
        list: &Expression,
        resolver: &dyn Resolver,
    ) -> Result<Value, TemplateError> {
        let elements = self.list(list, resolver, JOIN)?;
        let texts: Option<Vec<String>> = elements.iter().map(as_text).collect();
        Ok(texts.ok_or_else(|| function_error(JOIN))?.join(delimiter).into())
    }

    fn select(
        &self,
        index: &Expression,
        list: &Expression,
        resolver: &dyn Resolver,
    ) -> Result<Value, TemplateError> {
        let index = self.text(index, resolver, SELECT)?;
        let index: usize = index.parse().map_err(|_| function_error(SELECT))?;
        let mut elements = self.list(list, resolver, SELECT)?;
        if index >= elements.len() {
            return Err(function_error(format!(
                "Fn::Select cannot select nonexistent value at index {index}"
            )));
        }
        Ok(elements.swap_remove(index))
    }

    fn find_in_map(
        &self,
        keys: &[Expression; 3],
        default: Option<&Expression>,
        resolver: &dyn Resolver,
    ) -> Result<Value, TemplateError> {
        const KEYS: &str = "every Fn::FindInMap object requires three parameters, the map name, map key and the \
                            attribute for return value";
        let [map, first, second] = keys;
        let map = self.text(map, resolver, KEYS)?;
        let (first, second) = (self.text(first, resolver, KEYS)?, self.text(second, resolver, KEYS)?);
        let mapping = self.template.mappings.get(&map).ok_or_else(|| {
            function_error(format!(
                "Mapping named '{map}' is not present in the 'Mappings' section of template."
            ))
        })?;
        if let Some(value) = mapping.get(&first).and_then(|values| values.get(&second)) {
            return Ok(value.clone());
        }
        match default.map(|default| self.value(default, resolver)).transpose()?.flatten() {
            Some(value) => Ok(value),
            None => Err(function_error(format!("Unable to get mapping for {map}::{first}::{second}"))),
        }
    }

    fn sub(
        &self,
        parts: &[Part],
        variables: &IndexMap<String, Expression>,
        resolver: &dyn Resolver,
    ) -> Result<Value, TemplateError> {
        let mut text = String::new();
        for part in parts {
            if let Part::Text(own) = part {
                text.push_str(own);
                continue;
            }
            let name = part.name().unwrap_or_default();
            let value = match (variables.get(&name), part) {
                (Some(expression), _) => self.value(expression, resolver)?,
                // There is nothing to remove inside of a text.
                (None, Part::Variable(name)) if name == NO_VALUE => None,
                (None, Part::Variable(name)) => Some(self.reference(name, resolver)?),
                (None, Part::Attribute { resource, attribute }) => {
                    self.existing(resource)?;
                    Some(resolver.attribute(resource, attribute)?)
                }
                (None, Part::Text(_)) => None,
            };
            let Some(value) = value else { continue };
            text.push_str(&as_text(&value).ok_or_else(|| {
                function_error(format!("Fn::Sub expression does not resolve to a String for {name}"))
            })?);
        }
        Ok(text.into())
    }

    fn cidr(
        &self,
        block: &Expression,
        count: &Expression,
        bits: Option<&Expression>,
        resolver: &dyn Resolver,
    ) -> Result<Value, TemplateError> {
        let block = self.text(block, resolver, cidr::ARGUMENTS)?;
        let count = self.text(count, resolver, cidr::ARGUMENTS)?;
        let bits = bits.map(|bits| self.text(bits, resolver, cidr::ARGUMENTS)).transpose()?;
        Ok(cidr::blocks(&block, &count, bits.as_deref())?.into())
    }
}

/// A scalar's text.
pub(super) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
