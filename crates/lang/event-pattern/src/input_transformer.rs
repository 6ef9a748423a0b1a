//! `InputTransformer`: the text that a target receives, made from a template and values of the event.
//!
//! A placeholder inside a quoted string becomes plain text; elsewhere it becomes JSON, strings with their quotes. An
//! object or array inside a quoted string of a JSON template makes a message that is never delivered, and so does
//! a result that is not JSON: [`InputTransformer::render`] answers `None`.

use serde_json::{Map, Value};

use crate::input_path::{InputPath, InputPathError};

/// Entries an `InputPathsMap` may have.
const PATHS_MAX: usize = 100;

/// Why a transformer is not valid. The service adds the target's name: [`TransformError::for_target`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// The template names a placeholder that the map does not define.
    #[error("contains invalid placeholder {0}.")]
    UndefinedPlaceholder(String),
    /// A key of the map starts with `AWS`.
    #[error("InputPathsMap key {0} must not start with AWS.")]
    ReservedKey(String),
    /// The map has more than 100 entries.
    #[error("InputPathsMap must have at most 100 entries.")]
    TooManyPaths,
    /// A path is not valid.
    #[error(transparent)]
    Path(#[from] InputPathError),
}

impl TransformError {
    /// The message for PutTargets, as AWS words it where its words are known.
    pub fn for_target(&self, target_id: &str) -> String {
        match self {
            Self::UndefinedPlaceholder(name) => {
                format!("InputTemplate for target {target_id} contains invalid placeholder {name}.")
            }
            Self::ReservedKey(_) | Self::TooManyPaths | Self::Path(_) => {
                format!("{self} Target: {target_id}.")
            }
        }
    }
}

/// What the predefined variables stand for.
#[derive(Clone, Copy, Debug)]
pub struct RuleVariables<'a> {
    /// `<aws.events.rule-arn>`
    pub rule_arn: &'a str,
    /// `<aws.events.rule-name>`
    pub rule_name: &'a str,
    /// `<aws.events.event.ingestion-time>`: when the event was received, `YYYY-MM-DDTHH:MM:SSZ`.
    pub ingestion_time: &'a str,
}

/// A compiled `InputTransformer`.
///
/// Source: EventBridge User Guide, "Amazon EventBridge input transformation".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputTransformer {
    pieces: Vec<Piece>,
    shape: Shape,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Placeholder { variable: Variable, place: Place },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    InString,
    Bare,
}

/// What a template is, by its first character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// An object or array.
    Json,
    /// Strings or bare placeholders.
    Text,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Variable {
    Path(InputPath),
    RuleArn,
    RuleName,
    IngestionTime,
    /// The event without its detail.
    Event,
    EventJson,
}

impl InputTransformer {
    /// Compiles an `InputPathsMap` and an `InputTemplate`.
    ///
    /// # Errors
    /// Any [`TransformError`]; of undefined placeholders the first.
    pub fn compile(paths: &[(String, String)], template: &str) -> Result<Self, TransformError> {
        if paths.len() > PATHS_MAX {
            return Err(TransformError::TooManyPaths);
        }
        let mut variables = Vec::with_capacity(paths.len());
        for (key, path) in paths {
            if key.starts_with("AWS") {
                return Err(TransformError::ReservedKey(key.clone()));
            }
            variables.push((key.as_str(), InputPath::parse(path)?));
        }
        let shape = if template.trim_start().starts_with(['{', '[']) { Shape::Json } else { Shape::Text };
        Ok(Self { pieces: pieces(template, &variables)?, shape })
    }

    /// The text for the target, or `None` for a message that AWS never delivers.
    pub fn render(&self, event: &Value, variables: &RuleVariables<'_>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Placeholder { variable, place } => {
                    let value = variable.value(event, variables);
                    match place {
                        Place::Bare => text.push_str(&value.unwrap_or_default().to_string()),
                        Place::InString => text.push_str(&self.in_string(value.unwrap_or_default())?),
                    }
                }
            }
        }
        is_json_values(&text).then_some(text)
    }

    /// A value inside quotes.
    fn in_string(&self, value: Value) -> Option<String> {
        match value {
            // Escaped, so that a quote in the event cannot end the template's string.
            Value::String(text) => Some(escaped(&text)),
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            Value::Object(_) | Value::Array(_) if self.shape == Shape::Json => None,
            Value::Object(_) | Value::Array(_) => Some(escaped(&value.to_string().replace('"', ""))),
        }
    }
}

impl Variable {
    fn predefined(name: &str) -> Option<Self> {
        Some(match name {
            "aws.events.rule-arn" => Self::RuleArn,
            "aws.events.rule-name" => Self::RuleName,
            "aws.events.event.ingestion-time" => Self::IngestionTime,
            "aws.events.event" => Self::Event,
            "aws.events.event.json" => Self::EventJson,
            _ => return None,
        })
    }

    /// The value; what the event lacks is an empty string.
    fn value(&self, event: &Value, variables: &RuleVariables<'_>) -> Option<Value> {
        Some(match self {
            Self::Path(path) => {
                path.find(event).map_or_else(|| Value::from(""), std::borrow::Cow::into_owned)
            }
            Self::RuleArn => variables.rule_arn.into(),
            Self::RuleName => variables.rule_name.into(),
            Self::IngestionTime => variables.ingestion_time.into(),
            Self::Event => without_detail(event, variables.ingestion_time),
            Self::EventJson => event.clone(),
        })
    }
}

/// The event as `<aws.events.event>` shows it: no `detail`, `detailType` in one word, `time` the ingestion time.
fn without_detail(event: &Value, ingestion_time: &str) -> Value {
    let mut shown = Map::new();
    for (key, value) in event.as_object().into_iter().flatten() {
        match key.as_str() {
            "detail" => {}
            "detail-type" => drop(shown.insert("detailType".to_owned(), value.clone())),
            "time" => drop(shown.insert(key.clone(), ingestion_time.into())),
            _ => drop(shown.insert(key.clone(), value.clone())),
        }
    }
    Value::Object(shown)
}

fn pieces(template: &str, paths: &[(&str, InputPath)]) -> Result<Vec<Piece>, TransformError> {
    let mut pieces = vec![];
    let mut literal = String::new();
    let mut place = Place::Bare;
    let mut rest = template;
    while let Some(character) = rest.chars().next() {
        if let Some((name, after)) = placeholder(rest) {
            let path =
                paths.iter().find(|(key, _)| *key == name).map(|(_, path)| Variable::Path(path.clone()));
            let variable = path.or_else(|| Variable::predefined(name));
            let variable = variable.ok_or_else(|| TransformError::UndefinedPlaceholder(name.to_owned()))?;
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            pieces.push(Piece::Placeholder { variable, place });
            rest = after;
            continue;
        }
        let mut length = character.len_utf8();
        match (character, place) {
            ('"', Place::Bare) => place = Place::InString,
            ('"', Place::InString) => place = Place::Bare,
            ('\\', Place::InString) => length += rest.chars().nth(1).map_or(0, char::len_utf8),
            _ => {}
        }
        let (taken, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        literal.push_str(taken);
        rest = after;
    }
    pieces.push(Piece::Literal(literal));
    Ok(pieces)
}

/// Splits `<name>` off the beginning of a text.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('<')?.split_once('>')?;
    let is_name =
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
    is_name.then_some((name, after))
}

/// A text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// Whether a text is one JSON value or several with white space between them.
fn is_json_values(text: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>().peekable();
    values.peek().is_some() && values.all(|value| value.is_ok())
}
