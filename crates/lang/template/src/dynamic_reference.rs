//! Dynamic references: texts such as `{{resolve:ssm:/db/host:3}}` in evaluated values, which stand for what another service
//! keeps.
//!
//! What they are is decided here; nobody is asked for a value.

use std::fmt;

use serde_json::Value;

use crate::TemplateError;

const START: &str = "{{resolve:";
const END: &str = "}}";

/// Where a value is kept. Written, it is what stands between `{{resolve:` and `}}`.
///
/// Source: CloudFormation User Guide, "Get values stored in other services using dynamic references".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DynamicReference {
    /// `ssm:NAME` or `ssm:NAME:VERSION`: a parameter of Parameter Store, in plain text.
    Ssm(SsmParameter),
    /// `ssm-secure:NAME` or `ssm-secure:NAME:VERSION`: a secure string of Parameter Store.
    SsmSecure(SsmParameter),
    /// `secretsmanager:ID:SecretString:KEY:STAGE:VERSION`: a secret, or a member of one.
    Secret(SecretValue),
}

/// A parameter of Parameter Store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SsmParameter {
    /// Its name.
    pub name: String,
    /// Its version, in digits; `None` is the latest one.
    pub version: Option<String>,
}

/// A secret's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretValue {
    /// The secret's name or ARN.
    pub id: String,
    /// The member of the secret's JSON; `None` is the whole text.
    pub json_key: Option<String>,
    /// `VersionStage`.
    pub version_stage: Option<String>,
    /// `VersionId`.
    pub version_id: Option<String>,
}

impl DynamicReference {
    /// The references in a text, in their order. What names a service that holds no values is none.
    ///
    /// # Errors
    ///
    /// `DynamicReference` where one has not the form that its service wants.
    pub fn all(text: &str) -> Result<Vec<Self>, TemplateError> {
        let inner = Pieces(text).filter_map(|piece| match piece {
            Piece::Inner(inner) => Self::parse(inner).transpose(),
            Piece::Text(_) => None,
        });
        inner.collect()
    }

    /// The value with its references replaced by what `resolve` knows; others stay.
    pub fn replace(value: &Value, resolve: &dyn Fn(&Self) -> Option<String>) -> Value {
        match value {
            Value::String(text) if text.contains(START) => replace_in(text, resolve).into(),
            Value::Array(elements) => {
                elements.iter().map(|element| Self::replace(element, resolve)).collect()
            }
            Value::Object(members) => {
                let replaced =
                    members.iter().map(|(name, member)| (name.clone(), Self::replace(member, resolve)));
                Value::Object(replaced.collect())
            }
            other => other.clone(),
        }
    }

    /// Whether a text has the beginning of a reference in it.
    pub fn is_in(text: &str) -> bool {
        text.contains(START)
    }

    fn parse(inner: &str) -> Result<Option<Self>, TemplateError> {
        let (service, key) = inner.split_once(':').unwrap_or((inner, ""));
        let wrong = |service: &str| {
            let text = format!(
                "Incorrect format is used in the following {service} reference: [{START}{inner}{END}]"
            );
            TemplateError::DynamicReference(text)
        };
        Ok(Some(match service {
            "ssm" => Self::Ssm(SsmParameter::parse(key).ok_or_else(|| wrong("SSM"))?),
            "ssm-secure" => Self::SsmSecure(SsmParameter::parse(key).ok_or_else(|| wrong("SSM"))?),
            "secretsmanager" => {
                Self::Secret(SecretValue::parse(key).ok_or_else(|| wrong("Secrets Manager"))?)
            }
            _ => return Ok(None),
        }))
    }
}

impl fmt::Display for DynamicReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssm(parameter) => write!(f, "ssm:{parameter}"),
            Self::SsmSecure(parameter) => write!(f, "ssm-secure:{parameter}"),
            Self::Secret(secret) => {
                let part = |part: &Option<String>| part.clone().unwrap_or_default();
                let (key, stage) = (part(&secret.json_key), part(&secret.version_stage));
                let version = part(&secret.version_id);
                write!(f, "secretsmanager:{}:SecretString:{key}:{stage}:{version}", secret.id)
            }
        }
    }
}

impl SsmParameter {
    fn parse(key: &str) -> Option<Self> {
        let (name, version) = match key.split_once(':') {
            Some((name, version)) => (name, Some(version)),
            None => (key, None),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        let is_version =
            |version: &str| !version.is_empty() && version.bytes().all(|digit| digit.is_ascii_digit());
        let fits = !name.is_empty() && name.chars().all(is_name) && version.is_none_or(is_version);
        fits.then(|| Self { name: name.to_owned(), version: version.map(str::to_owned) })
    }
}

/// As GetParameter takes it: the name, or the name and the version.
impl fmt::Display for SsmParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}:{version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl SecretValue {
    /// How many parts an ARN of a secret has.
    const ARN_PARTS: usize = 7;

    fn parse(key: &str) -> Option<Self> {
        let parts: Vec<&str> = key.split(':').collect();
        let of_id = if parts.first() == Some(&"arn") { Self::ARN_PARTS } else { 1 };
        let (id, rest) = parts.split_at_checked(of_id)?;
        let part = |at: usize| rest.get(at).filter(|part| !part.is_empty()).map(|part| (*part).to_owned());
        let is_text = rest.first().is_none_or(|part| part.is_empty() || *part == "SecretString");
        let fits = !id.iter().any(|part| part.is_empty()) && is_text && rest.len() <= 4;
        fits.then(|| Self {
            id: id.join(":"),
            json_key: part(1),
            version_stage: part(2),
            version_id: part(3),
        })
    }
}

/// A text in pieces: what stands for itself, and what stands between the braces of references.
struct Pieces<'t>(&'t str);

enum Piece<'t> {
    Text(&'t str),
    Inner(&'t str),
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        if self.0.is_empty() {
            return None;
        }
        let at = self.0.find(START).unwrap_or(self.0.len());
        if at > 0 {
            let (text, rest) = self.0.split_at(at);
            self.0 = rest;
            return Some(Piece::Text(text));
        }
        let behind = self.0.strip_prefix(START).and_then(|behind| behind.split_once(END));
        let whole = std::mem::take(&mut self.0);
        // Braces that are never closed stand for themselves.
        let Some((inner, rest)) = behind else { return Some(Piece::Text(whole)) };
        self.0 = rest;
        Some(Piece::Inner(inner))
    }
}

fn replace_in(text: &str, resolve: &dyn Fn(&DynamicReference) -> Option<String>) -> String {
    let mut replaced = String::new();
    for piece in Pieces(text) {
        match piece {
            Piece::Text(text) => replaced.push_str(text),
            Piece::Inner(inner) => {
                let reference = DynamicReference::parse(inner).ok().flatten();
                match reference.and_then(|reference| resolve(&reference)) {
                    Some(value) => replaced.push_str(&value),
                    None => replaced.extend([START, inner, END]),
                }
            }
        }
    }
    replaced
}
