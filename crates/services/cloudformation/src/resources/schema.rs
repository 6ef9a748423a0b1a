//! Properties of resource types: which there are, what they hold, and how templates' texts become them.
//!
//! CloudFormation takes `"7"` for a number and `7` for a text; what does not fit is refused as the registry's schemas
//! do. Rules between properties are the services' own.

use serde_json::{Map, Number, Value};
use template::DynamicReference;

use super::{Failure, ResourceType};

/// A property of a type, or of an object within.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name in templates.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// Whether changing it takes another resource.
    pub replaces: bool,
    /// Whether Runwright serves it.
    pub is_served: bool,
    /// Its name in the service's API, where that is not the same with a small first letter.
    pub api_name: Option<&'static str>,
}

/// What a property holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Anything, kept as it is.
    Json,
    /// Free keys with texts.
    Texts,
    /// A list.
    List(&'static Kind),
    /// An object.
    Object(&'static [Property]),
}

impl Property {
    /// An optional property that can be changed in place.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: false, replaces: false, is_served: true, api_name: None }
    }

    /// The same, required.
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same, whose change takes another resource.
    pub const fn replaces(self) -> Self {
        Self { replaces: true, ..self }
    }

    /// The same under another name in the API.
    pub const fn api(self, name: &'static str) -> Self {
        Self { api_name: Some(name), ..self }
    }

    /// A property that AWS has and Runwright refuses.
    pub const fn refused(name: &'static str) -> Self {
        Self { is_served: false, ..Self::new(name, Kind::Json) }
    }
}

/// `Tags` as most types have them.
pub const TAGS: Kind = Kind::List(&Kind::Object(&[
    Property::new("Key", Kind::Text).required(),
    Property::new("Value", Kind::Text).required(),
]));

/// Checks evaluated properties against the type's schema, and gives them the schema's kinds.
///
/// # Errors
/// With AWS's sentence about all that does not fit; a property that is not served is refused by name.
pub fn conform(
    resource_type: &dyn ResourceType,
    logical_id: &str,
    properties: &Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let type_name = resource_type.type_name();
    for property in resource_type.properties() {
        if !property.is_served && properties.contains_key(property.name) {
            let text = format!("Runwright does not serve property {} of {type_name}.", property.name);
            return Err(Failure::plain(text));
        }
    }
    let mut problems = Vec::new();
    let conformed = object(resource_type.properties(), properties, "#", &mut problems);
    if problems.is_empty() {
        return Ok(conformed);
    }
    Err(Failure::plain(format!(
        "Properties validation failed for resource {logical_id} with message:\n{}",
        problems.join("\n")
    )))
}

fn object(
    properties: &[Property],
    values: &Map<String, Value>,
    path: &str,
    problems: &mut Vec<String>,
) -> Map<String, Value> {
    for property in properties.iter().filter(|property| property.required) {
        if !values.contains_key(property.name) {
            problems.push(format!("{path}: required key [{}] not found", property.name));
        }
    }
    let mut conformed = Map::new();
    for (name, value) in values {
        match properties.iter().find(|property| property.name == name) {
            Some(property) if !property.is_served => {
                problems.push(format!("{path}: Runwright does not serve key [{name}]"));
            }
            Some(property) => {
                let path = format!("{path}/{name}");
                conformed.insert(name.clone(), one(&property.kind, value, &path, problems));
            }
            None => problems.push(format!("{path}: extraneous key [{name}] is not permitted")),
        }
    }
    conformed
}

fn one(kind: &Kind, value: &Value, path: &str, problems: &mut Vec<String>) -> Value {
    let fitting = match (kind, value) {
        (Kind::Json, _) | (Kind::Text, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => {
            Some(value.clone())
        }
        // What it stands for is looked at when it is known.
        (_, Value::String(text)) if DynamicReference::is_in(text) => Some(value.clone()),
        (Kind::Text, Value::Number(number)) => Some(number.to_string().into()),
        (Kind::Text, Value::Bool(truth)) => Some(truth.to_string().into()),
        (Kind::Integer, Value::Number(number)) if !number.is_f64() => Some(value.clone()),
        (Kind::Integer, Value::String(text)) => {
            text.parse::<i64>().ok().map(|number| Number::from(number).into())
        }
        (Kind::Boolean, Value::String(text)) => {
            text.to_ascii_lowercase().parse::<bool>().ok().map(Value::Bool)
        }
        (Kind::Texts, Value::Object(values)) => {
            let text = &Kind::Text;
            let texts = values
                .iter()
                .map(|(name, value)| (name.clone(), one(text, value, &format!("{path}/{name}"), problems)));
            Some(texts.collect::<Map<_, _>>().into())
        }
        (Kind::List(element), Value::Array(values)) => {
            let elements = values.iter().enumerate();
            let conformed =
                elements.map(|(index, value)| one(element, value, &format!("{path}/{index}"), problems));
            Some(conformed.collect())
        }
        (Kind::Object(properties), Value::Object(values)) => {
            Some(object(properties, values, path, problems).into())
        }
        _ => None,
    };
    fitting.unwrap_or_else(|| {
        problems.push(format!("{path}: expected type: {}, found: {}", kind.name(), found(value)));
        value.clone()
    })
}

impl Kind {
    /// As the registry's messages name it.
    fn name(&self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Integer => "Number",
            Self::Boolean => "Boolean",
            Self::List(_) => "JSONArray",
            Self::Json | Self::Texts | Self::Object(_) => "JSONObject",
        }
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(_) => "Number",
        Value::String(_) => "String",
        Value::Array(_) => "JSONArray",
        Value::Object(_) => "JSONObject",
    }
}

/// Properties as a service's JSON API names them: with a small first letter, free keys unchanged.
pub(super) fn to_api(properties: &[Property], values: &Map<String, Value>) -> Map<String, Value> {
    let named = values.iter().filter_map(|(name, value)| {
        let property = properties.iter().find(|property| property.name == name)?;
        let api_name = property.api_name.map_or_else(|| small(name), str::to_owned);
        Some((api_name, value_to_api(&property.kind, value)))
    });
    named.collect()
}

pub(super) fn value_to_api(kind: &Kind, value: &Value) -> Value {
    match (kind, value) {
        (Kind::Object(properties), Value::Object(values)) => to_api(properties, values).into(),
        (Kind::List(element), Value::Array(values)) => {
            values.iter().map(|value| value_to_api(element, value)).collect()
        }
        _ => value.clone(),
    }
}

fn small(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}
