//! Parameters: what a template asks for, and whether the answers fit.

use indexmap::IndexMap;
use regex::Regex;

use crate::Template;
use crate::error::{TemplateError, format_error};
use crate::node::{Node, Value};
use crate::template::sections::text_member;

/// One parameter as it is declared.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// `Type`.
    pub parameter_type: ParameterType,
    /// `Type` as it is written.
    pub type_name: String,
    /// `Default`.
    pub default: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `NoEcho`: the value is shown as `****`.
    pub no_echo: bool,
    /// `AllowedValues`; empty allows all.
    pub allowed_values: Vec<String>,
    /// `AllowedPattern` as it is written.
    pub allowed_pattern: Option<String>,
    /// `ConstraintDescription`.
    pub constraint_description: Option<String>,
    /// `MinLength`, in characters.
    pub length_min: Option<usize>,
    /// `MaxLength`, in characters.
    pub length_max: Option<usize>,
    /// `MinValue`.
    pub value_min: Option<f64>,
    /// `MaxValue`.
    pub value_max: Option<f64>,
    pattern: Option<Regex>,
}

impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        // The compiled pattern follows from its text.
        self.parameter_type == other.parameter_type
            && self.default == other.default
            && self.description == other.description
            && self.no_echo == other.no_echo
            && self.allowed_values == other.allowed_values
            && self.allowed_pattern == other.allowed_pattern
            && self.constraint_description == other.constraint_description
            && (self.length_min, self.length_max) == (other.length_min, other.length_max)
            && (self.value_min, self.value_max) == (other.value_min, other.value_max)
    }
}

/// `Type` of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterType {
    /// `String`.
    String,
    /// `Number`: the text of an integer or a float.
    Number,
    /// `List<Number>`.
    NumberList,
    /// `CommaDelimitedList`, and `List<String>` within SSM types.
    CommaDelimitedList,
    /// `AWS::EC2::Subnet::Id` and its like, or a list of them. Whether the resource exists is the service's to ask.
    AwsSpecific {
        /// Such as `AWS::EC2::Subnet::Id`.
        name: String,
        /// Whether `List<..>` stands around it.
        list: bool,
    },
    /// `AWS::SSM::Parameter::Name`: the text is a name, and stays one.
    SsmName,
    /// `AWS::SSM::Parameter::Value<T>`: the text is the name of a parameter whose value is wanted.
    SsmValue(Box<ParameterType>),
}

/// The values that one evaluation uses: checked, complete, in the template's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters(IndexMap<String, ParameterValue>);

/// One parameter's value.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterValue {
    /// What was given, or the default.
    pub text: String,
    /// What an SSM parameter of that name holds; `None` for other types, and until it was looked up.
    pub resolved: Option<String>,
    /// `NoEcho`.
    pub no_echo: bool,
    /// `Type`.
    pub parameter_type: ParameterType,
}

impl Parameters {
    /// Every parameter in the template's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParameterValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Parameters whose values are still to be looked up: parameter's name and SSM parameter's name.
    pub fn unresolved(&self) -> impl Iterator<Item = (&str, &str)> {
        let open = |value: &&ParameterValue| {
            matches!(value.parameter_type, ParameterType::SsmValue(_)) && value.resolved.is_none()
        };
        self.iter().filter(move |(_, value)| open(value)).map(|(name, value)| (name, value.text.as_str()))
    }

    /// Records what an SSM parameter holds.
    pub fn resolve(&mut self, name: &str, resolved: String) {
        if let Some(value) = self.0.get_mut(name) {
            value.resolved = Some(resolved);
        }
    }

    /// What `Ref` gives: a text, or a list for list types. `None` for an unknown or unresolved parameter.
    pub(crate) fn value(&self, name: &str) -> Option<serde_json::Value> {
        let value = self.0.get(name)?;
        let (text, parameter_type) = match &value.parameter_type {
            ParameterType::SsmValue(inner) => (value.resolved.as_deref()?, inner.as_ref()),
            own => (value.text.as_str(), own),
        };
        if parameter_type.is_list() { Some(elements(text).into()) } else { Some(text.into()) }
    }

    /// Texts of the values, by name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

impl Template {
    /// Checks the given values and completes them with defaults.
    ///
    /// # Errors
    ///
    /// `ParametersUnknown`, `ParametersMissing`, `ParameterInvalid`, in this order.
    pub fn resolve_parameters(&self, given: &IndexMap<String, String>) -> Result<Parameters, TemplateError> {
        let unknown: Vec<String> =
            given.keys().filter(|name| !self.parameters.contains_key(*name)).cloned().collect();
        if !unknown.is_empty() {
            return Err(TemplateError::ParametersUnknown(unknown));
        }
        let mut missing = Vec::new();
        let mut values = IndexMap::new();
        for (name, parameter) in &self.parameters {
            let Some(text) = given.get(name).or(parameter.default.as_ref()) else {
                missing.push(name.clone());
                continue;
            };
            let value = ParameterValue {
                text: text.clone(),
                resolved: None,
                no_echo: parameter.no_echo,
                parameter_type: parameter.parameter_type.clone(),
            };
            values.insert(name.clone(), value);
        }
        if !missing.is_empty() {
            return Err(TemplateError::ParametersMissing(missing));
        }
        for (name, value) in &values {
            if let Some(parameter) = self.parameters.get(name) {
                parameter.check(name, &value.text)?;
            }
        }
        Ok(Parameters(values))
    }
}

impl ParameterType {
    /// Whether `Ref` gives a list.
    pub fn is_list(&self) -> bool {
        match self {
            Self::String | Self::Number | Self::SsmName => false,
            Self::NumberList | Self::CommaDelimitedList => true,
            Self::AwsSpecific { list, .. } => *list,
            Self::SsmValue(inner) => inner.is_list(),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        if let Some(inner) =
            name.strip_prefix("AWS::SSM::Parameter::Value<").and_then(|rest| rest.strip_suffix('>'))
        {
            let inner =
                if inner == "List<String>" { Some(Self::CommaDelimitedList) } else { Self::plain(inner) };
            return Some(Self::SsmValue(Box::new(inner?)));
        }
        Self::plain(name)
    }

    fn plain(name: &str) -> Option<Self> {
        match name {
            "String" => Some(Self::String),
            "Number" => Some(Self::Number),
            "List<Number>" => Some(Self::NumberList),
            "CommaDelimitedList" => Some(Self::CommaDelimitedList),
            "AWS::SSM::Parameter::Name" => Some(Self::SsmName),
            _ => {
                let inner = name.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
                let own = inner.unwrap_or(name);
                AWS_SPECIFIC
                    .contains(&own)
                    .then(|| Self::AwsSpecific { name: own.to_owned(), list: inner.is_some() })
            }
        }
    }
}

/// Source: CloudFormation User Guide, "AWS-specific parameter types".
const AWS_SPECIFIC: [&str; 9] = [
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::VPC::Id",
    "AWS::Route53::HostedZone::Id",
];

const MEMBERS: [&str; 11] = [
    "Type",
    "Default",
    "Description",
    "NoEcho",
    "AllowedValues",
    "AllowedPattern",
    "ConstraintDescription",
    "MinLength",
    "MaxLength",
    "MinValue",
    "MaxValue",
];

impl Parameter {
    pub(crate) fn parse(name: &str, node: &Node) -> Result<Self, TemplateError> {
        let members = node.map().ok_or_else(|| format_error("Any Parameters member must be an object."))?;
        if let Some(unknown) = members.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
            return Err(TemplateError::UnknownParameterMember(unknown.clone()));
        }
        let type_name = text_member(members, "Type")?
            .ok_or_else(|| format_error("Every Parameters object must contain a Type member."))?;
        let parameter_type = ParameterType::parse(&type_name)
            .ok_or_else(|| format_error(format!("Unrecognized parameter type: {type_name}")))?;
        let allowed_pattern = text_member(members, "AllowedPattern")?;
        let pattern = allowed_pattern.as_deref().map(compile).transpose().map_err(|_| {
            format_error(format!("Invalid template parameter property 'AllowedPattern' for parameter {name}"))
        })?;
        Ok(Self {
            parameter_type,
            type_name,
            default: default(members.get("Default"))?,
            description: text_member(members, "Description")?,
            no_echo: text_member(members, "NoEcho")?.is_some_and(|text| text.eq_ignore_ascii_case("true")),
            allowed_values: allowed_values(members.get("AllowedValues"))?,
            allowed_pattern,
            constraint_description: text_member(members, "ConstraintDescription")?,
            length_min: number_member(members, "MinLength")?,
            length_max: number_member(members, "MaxLength")?,
            value_min: number_member(members, "MinValue")?,
            value_max: number_member(members, "MaxValue")?,
            pattern,
        })
    }

    /// Whether a value meets the constraints.
    fn check(&self, name: &str, text: &str) -> Result<(), TemplateError> {
        match &self.parameter_type {
            ParameterType::Number => self.check_number(name, text)?,
            ParameterType::NumberList => {
                elements(text).iter().try_for_each(|element| self.check_number(name, element))?;
            }
            _ => {}
        }
        let each = if self.parameter_type.is_list() { elements(text) } else { vec![text.to_owned()] };
        for element in &each {
            if !self.allowed_values.is_empty() && !self.allowed_values.contains(element) {
                return Err(self.invalid(name, "must be one of AllowedValues"));
            }
            if let (Some(pattern), Some(written)) = (&self.pattern, &self.allowed_pattern)
                && !pattern.is_match(element)
            {
                return Err(self.invalid(name, &format!("must match pattern {written}")));
            }
        }
        let length = text.chars().count();
        if let Some(least) = self.length_min.filter(|least| length < *least) {
            return Err(self.invalid(name, &format!("must contain at least {least} characters")));
        }
        match self.length_max.filter(|most| length > *most) {
            Some(most) => Err(self.invalid(name, &format!("must contain at most {most} characters"))),
            None => Ok(()),
        }
    }

    fn check_number(&self, name: &str, text: &str) -> Result<(), TemplateError> {
        let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let Some(number) = number else {
            return Err(TemplateError::ParameterInvalid(format!("Parameter '{name}' must be a number.")));
        };
        if let Some(least) = self.value_min.filter(|least| number < *least) {
            return Err(self.invalid(name, &format!("must be a number not less than {least}")));
        }
        match self.value_max.filter(|most| number > *most) {
            Some(most) => Err(self.invalid(name, &format!("must be a number not greater than {most}"))),
            None => Ok(()),
        }
    }

    fn invalid(&self, name: &str, reason: &str) -> TemplateError {
        TemplateError::ParameterInvalid(match &self.constraint_description {
            Some(description) => format!("Parameter {name} failed to satisfy constraint: {description}"),
            None => format!("Parameter '{name}' {reason}"),
        })
    }
}

/// A pattern matches the whole value.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

fn elements(text: &str) -> Vec<String> {
    if text.is_empty() {
        Vec::new()
    } else {
        text.split(',').map(|element| element.trim().to_owned()).collect()
    }
}

fn default(node: Option<&Node>) -> Result<Option<String>, TemplateError> {
    let wrong = || format_error("Every Default member must be a string.");
    match node.map(|node| &node.value) {
        None => Ok(None),
        Some(Value::Plain(text) | Value::Quoted(text)) => Ok(Some(text.clone())),
        Some(Value::Null | Value::List(_) | Value::Map(_)) => Err(wrong()),
    }
}

fn allowed_values(node: Option<&Node>) -> Result<Vec<String>, TemplateError> {
    let wrong = || format_error("Every AllowedValues member must be a list of strings.");
    match node {
        None => Ok(Vec::new()),
        Some(node) => {
            let values = node.list().ok_or_else(wrong)?.iter();
            values.map(|node| node.text().map(str::to_owned).ok_or_else(wrong)).collect()
        }
    }
}

fn number_member<T: std::str::FromStr>(
    members: &IndexMap<String, Node>,
    key: &str,
) -> Result<Option<T>, TemplateError> {
    let Some(text) = text_member(members, key)? else { return Ok(None) };
    match text.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(format_error(format!("Every {key} member must be a number."))),
    }
}
