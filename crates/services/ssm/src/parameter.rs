//! Parameters and their versions as they are kept, and as answers show them.

use std::collections::BTreeMap;

use api::Context;
use serde::{Deserialize, Serialize};
use types::{Blob, Timestamp};

use crate::generated::types as model;
use crate::names;
use crate::{Error, Inner};

/// Parameters, by account, region and name.
pub const TABLE: &str = "ssm/parameter";
/// Their versions.
pub const VERSIONS_TABLE: &str = "ssm/version";
/// The only key there is.
pub const KEY_ALIAS: &str = "alias/aws/ssm";

/// A parameter, with its latest version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub name: String,
    pub kind: Kind,
    pub latest: Version,
    /// The oldest version that is kept.
    pub oldest: u64,
    /// Which version has a label.
    pub labels: BTreeMap<String, u64>,
    pub tags: BTreeMap<String, String>,
}

/// One version of a parameter: whatever PutParameter says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub version: u64,
    pub description: Option<String>,
    pub allowed_pattern: Option<String>,
    pub data_type: String,
    pub tier: Tier,
    pub modified: Timestamp,
    pub modified_by: String,
    /// The value, sealed for the parameter's ARN.
    pub sealed: Blob,
}

/// `ParameterType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    String,
    StringList,
    SecureString,
}

impl Kind {
    /// By its name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::String, Self::StringList, Self::SecureString].into_iter().find(|kind| kind.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::SecureString => "SecureString",
        }
    }

    /// The key that the value is shown to be encrypted with.
    pub fn key_id(self) -> Option<&'static str> {
        (self == Self::SecureString).then_some(KEY_ALIAS)
    }
}

/// `ParameterTier`, as it has been decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    Standard,
    Advanced,
}

impl Tier {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::Advanced => "Advanced",
        }
    }
}

impl Parameter {
    /// The labels of a version.
    pub fn labels_of(&self, version: u64) -> Vec<String> {
        let labels = self.labels.iter().filter(|(_, at)| **at == version);
        labels.map(|(label, _)| label.clone()).collect()
    }

    /// As DescribeParameters shows it.
    pub fn metadata(self, cx: &Context) -> model::ParameterMetadata {
        model::ParameterMetadata {
            arn: Some(names::arn(cx, &self.name)),
            r#type: Some(self.kind.as_str().to_owned()),
            key_id: self.kind.key_id().map(str::to_owned),
            last_modified_date: Some(self.latest.modified),
            last_modified_user: Some(self.latest.modified_by),
            description: self.latest.description,
            allowed_pattern: self.latest.allowed_pattern,
            version: Some(self.latest.version as i64),
            tier: Some(self.latest.tier.as_str().to_owned()),
            policies: Some(Vec::new()),
            data_type: Some(self.latest.data_type),
            name: Some(self.name),
        }
    }
}

impl Inner {
    /// Seals a value for a parameter.
    pub(crate) fn seal(&self, cx: &Context, name: &str, value: &str) -> Result<Blob, Error> {
        let sealed = self.key.seal(&names::arn(cx, name), value.as_bytes());
        sealed.map(Blob).map_err(|_| Error::Sealing("encrypted"))
    }

    /// The value of a version as an answer shows it: that of a `SecureString` as it is kept, unless it is to be decrypted.
    pub(crate) fn shown_value(
        &self,
        cx: &Context,
        parameter: &Parameter,
        version: &Version,
        decrypt: bool,
    ) -> Result<String, Error> {
        if parameter.kind == Kind::SecureString && !decrypt {
            let text = serde_json::to_value(&version.sealed).ok();
            return text.and_then(|text| text.as_str().map(str::to_owned)).ok_or(Error::Sealing("shown"));
        }
        let opened = self.key.open(&names::arn(cx, &parameter.name), &version.sealed.0);
        let value = opened.and_then(|value| String::from_utf8(value).ok());
        value.ok_or(Error::Sealing("decrypted"))
    }

    /// A version as GetParameter shows it.
    pub(crate) fn shown(
        &self,
        cx: &Context,
        parameter: &Parameter,
        version: &Version,
        selector: Option<String>,
        decrypt: bool,
    ) -> Result<model::Parameter, Error> {
        Ok(model::Parameter {
            name: Some(parameter.name.clone()),
            r#type: Some(parameter.kind.as_str().to_owned()),
            value: Some(self.shown_value(cx, parameter, version, decrypt)?),
            version: Some(version.version as i64),
            selector,
            source_result: None,
            last_modified_date: Some(version.modified),
            arn: Some(names::arn(cx, &parameter.name)),
            data_type: Some(version.data_type.clone()),
        })
    }
}
