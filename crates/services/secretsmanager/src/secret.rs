//! Secrets as they are kept: what is known of each in one record, the values in records of their own.

use std::collections::BTreeMap;

use api::Context;
use serde::{Deserialize, Serialize};
use store::{Batch, Versioned};
use types::{Blob, Timestamp};

use crate::limits::{CONFLICTS_MAX, VERSIONS_MAX};
use crate::{Error, Inner, names};

/// Secrets, by account, region and name.
pub const TABLE: &str = "secretsmanager/secret";
/// Values of versions.
pub const VALUES_TABLE: &str = "secretsmanager/value";
/// The label of the version that is used.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of the version that was used before.
pub const PREVIOUS: &str = "AWSPREVIOUS";
/// The only key there is.
pub const KEY_ALIAS: &str = "alias/aws/secretsmanager";

/// A secret without its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    pub name: String,
    pub arn: String,
    pub description: Option<String>,
    /// The service that has made the secret, and that alone may change it: `events`.
    #[serde(default)]
    pub owning_service: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub created: Timestamp,
    pub changed: Timestamp,
    /// The day on which a value was last read.
    pub accessed: Option<Timestamp>,
    /// When the secret ends, and when that was decided.
    pub deletion: Option<Deletion>,
    /// By their ids.
    pub versions: BTreeMap<String, Version>,
}

/// A secret's end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    pub decided: Timestamp,
    pub due: Timestamp,
}

/// A version without its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub created: Timestamp,
    /// Its staging labels; a version without any is deprecated.
    pub stages: Vec<String>,
}

/// A [`SecretValue`], sealed for its secret's ARN and its version's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealedValue {
    pub sealed: Blob,
}

/// What a version holds: exactly one of both.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretValue {
    Text(String),
    Binary(Blob),
}

impl SecretValue {
    /// From a request's members; `None` where it has neither.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] where it has both.
    pub fn of(text: Option<String>, binary: Option<Blob>) -> Result<Option<Self>, Error> {
        match (text, binary) {
            (Some(_), Some(_)) => Err(Error::InvalidParameter(
                "You can't specify both a binary secret value and a string secret value in the same secret."
                    .to_owned(),
            )),
            (Some(text), None) => Ok(Some(Self::Text(text))),
            (None, Some(binary)) => Ok(Some(Self::Binary(binary))),
            (None, None) => Ok(None),
        }
    }

    /// As the two members of an answer: text, bytes.
    pub fn shown(self) -> (Option<String>, Option<Blob>) {
        match self {
            Self::Text(text) => (Some(text), None),
            Self::Binary(bytes) => (None, Some(bytes)),
        }
    }
}

impl Secret {
    /// Refuses to let anybody else than the service that has made the secret change it.
    ///
    /// # Errors
    /// [`Error::OfAnotherService`].
    pub fn refuse_unless_owner(&self, cx: &Context) -> Result<(), Error> {
        match &self.owning_service {
            Some(owner) if names::service(cx) != Some(owner) => Err(Error::OfAnotherService),
            _ => Ok(()),
        }
    }

    /// The version with a staging label.
    pub fn staged(&self, stage: &str) -> Option<&str> {
        let mut versions = self.versions.iter();
        versions.find(|(_, version)| version.stages.iter().any(|one| one == stage)).map(|(id, _)| id.as_str())
    }

    /// Gives a version a staging label, which the version that had it loses. What was current becomes previous.
    pub fn move_stage(&mut self, stage: &str, to: &str) {
        let from = self.staged(stage).map(str::to_owned);
        if from.as_deref() == Some(to) {
            return;
        }
        self.remove_stage(stage);
        if let Some(version) = self.versions.get_mut(to) {
            version.stages.push(stage.to_owned());
        }
        if stage == CURRENT
            && let Some(from) = from
        {
            self.move_stage(PREVIOUS, &from);
        }
    }

    /// Takes a staging label from whatever version has it.
    pub fn remove_stage(&mut self, stage: &str) {
        for version in self.versions.values_mut() {
            version.stages.retain(|one| one != stage);
        }
    }

    /// Which version has which labels; deprecated ones have none and are not shown.
    pub fn stages(&self) -> BTreeMap<String, Vec<String>> {
        let staged = self.versions.iter().filter(|(_, version)| !version.stages.is_empty());
        staged.map(|(id, version)| (id.clone(), version.stages.clone())).collect()
    }

    /// The version that goes because there are too many: the oldest deprecated one.
    pub fn superfluous(&self) -> Option<String> {
        if self.versions.len() <= VERSIONS_MAX {
            return None;
        }
        let deprecated = self.versions.iter().filter(|(_, version)| version.stages.is_empty());
        deprecated.min_by_key(|(_, version)| version.created).map(|(id, _)| id.clone())
    }
}

impl Inner {
    /// The secret that a request means.
    pub(crate) async fn secret(&self, cx: &Context, secret_id: &str) -> Result<Versioned<Secret>, Error> {
        for (name, arn) in names::candidates(cx, secret_id) {
            let seen = self.secrets.get(&names::key(cx, &name)).await?;
            if let Some(seen) = seen.filter(|seen| arn.as_ref().is_none_or(|arn| seen.value.arn == *arn)) {
                return Ok(seen);
            }
        }
        Err(Error::NotFound)
    }

    /// The same, unless it waits for its end.
    pub(crate) async fn living(&self, cx: &Context, secret_id: &str) -> Result<Versioned<Secret>, Error> {
        let seen = self.secret(cx, secret_id).await?;
        if seen.value.deletion.is_some() { Err(Error::MarkedForDeletion) } else { Ok(seen) }
    }

    /// The same, where the caller may change it.
    pub(crate) async fn changeable(&self, cx: &Context, secret_id: &str) -> Result<Versioned<Secret>, Error> {
        let seen = self.living(cx, secret_id).await?;
        seen.value.refuse_unless_owner(cx)?;
        Ok(seen)
    }

    /// Changes what is kept of a living secret beside its values.
    pub(crate) async fn change(
        &self,
        cx: &Context,
        secret_id: &str,
        change: impl Fn(&mut Secret) -> Result<(), Error> + Send + Sync,
    ) -> Result<Secret, Error> {
        for _ in 0..CONFLICTS_MAX {
            let seen = self.changeable(cx, secret_id).await?;
            let mut secret = seen.value.clone();
            change(&mut secret)?;
            secret.changed = cx.now;
            let mut batch = Batch::new();
            self.secrets.replace(&mut batch, &seen, &secret);
            match self.store.submit(batch).durable().await {
                Err(store::Error::Conflict { .. }) => {}
                submitted => return submitted.map(|_| secret).map_err(Error::from),
            }
        }
        Err(Error::Concurrent)
    }

    /// Seals a version's value.
    pub(crate) fn seal(&self, arn: &str, version: &str, value: &SecretValue) -> Result<SealedValue, Error> {
        let plain = serde_json::to_vec(value).map_err(|_| Error::Sealing("encrypted"))?;
        let sealed = self.key.seal(&owner(arn, version), &plain).map_err(|_| Error::Sealing("encrypted"))?;
        Ok(SealedValue { sealed: Blob(sealed) })
    }

    /// The value of a version, which is there.
    pub(crate) async fn value(
        &self,
        secret: &Versioned<Secret>,
        version: &str,
    ) -> Result<SecretValue, Error> {
        let kept = self.values.get(&names::value_key(&secret.key, version)).await?;
        let kept = kept.ok_or_else(|| Error::NoValue(format!("VersionId: {version}")))?;
        let opened = self.key.open(&owner(&secret.value.arn, version), &kept.value.sealed.0);
        opened.and_then(|plain| serde_json::from_slice(&plain).ok()).ok_or(Error::Sealing("decrypted"))
    }
}

fn owner(arn: &str, version: &str) -> String {
    format!("{arn} {version}")
}

/// Refuses keys that are not AWS's own for this service.
///
/// # Errors
/// [`Error::KmsKey`].
pub fn check_key(key: Option<&str>) -> Result<(), Error> {
    match key {
        Some(key) if key != KEY_ALIAS && !key.ends_with(&format!(":{KEY_ALIAS}")) => {
            Err(Error::KmsKey(key.to_owned()))
        }
        _ => Ok(()),
    }
}
