//! Making secrets and their versions: CreateSecret, PutSecretValue, UpdateSecret.
//!
//! A version's id is the request's `ClientRequestToken`: the same token with the same value is the same version.

use std::collections::BTreeMap;

use api::Context;
use store::{Batch, Versioned};

use crate::generated::types as model;
use crate::limits::{CONFLICTS_MAX, STAGES_MAX};
use crate::secret::{CURRENT, Secret, SecretValue, VALUES_TABLE, Version, check_key};
use crate::{Error, Inner, names, tag};

impl Inner {
    pub(crate) async fn create(
        &self,
        cx: &Context,
        input: model::CreateSecretInput,
    ) -> Result<model::CreateSecretOutput, Error> {
        names::check(&input.name)?;
        check_key(input.kms_key_id.as_deref())?;
        if input.add_replica_regions.as_ref().is_some_and(|regions| !regions.is_empty()) {
            return Err(Error::NotServed("replication to other regions"));
        }
        if input.r#type.is_some() || input.cross_account_primary_arn.is_some() {
            return Err(Error::NotServed("managed external and cross-account secrets"));
        }
        let value = SecretValue::of(input.secret_string, input.secret_binary)?;
        let key = names::key(cx, &input.name);
        if let Some(seen) = self.secrets.get(&key).await? {
            let token = input.client_request_token.as_deref();
            return self.created_before(seen, token, value.as_ref()).await;
        }
        let mut secret = Secret {
            arn: names::new_arn(cx, &input.name),
            owning_service: names::owning_service(cx, &input.name),
            name: input.name,
            description: input.description,
            tags: tag::added(BTreeMap::new(), input.tags.unwrap_or_default())?,
            created: cx.now,
            changed: cx.now,
            accessed: None,
            deletion: None,
            versions: BTreeMap::new(),
        };
        let mut batch = Batch::new();
        let version = match &value {
            Some(value) => {
                let version = input.client_request_token.unwrap_or_else(api::ids::uuid);
                secret.versions.insert(version.clone(), Version { created: cx.now, stages: Vec::new() });
                secret.move_stage(CURRENT, &version);
                let sealed = self.seal(&secret.arn, &version, value)?;
                self.values.put(&mut batch, &names::value_key(&key, &version), &sealed);
                Some(version)
            }
            None => None,
        };
        self.secrets.create(&mut batch, &key, &secret);
        match self.store.submit(batch).durable().await {
            Err(store::Error::Conflict { .. }) => return Err(Error::Exists(secret.name)),
            answer => answer?,
        };
        Ok(created(secret, version))
    }

    /// What a request is answered for a secret that is there: the same as the first time, where it is the same.
    async fn created_before(
        &self,
        seen: Versioned<Secret>,
        token: Option<&str>,
        value: Option<&SecretValue>,
    ) -> Result<model::CreateSecretOutput, Error> {
        if seen.value.deletion.is_some() {
            return Err(Error::NameMarkedForDeletion);
        }
        let (Some(token), Some(value)) = (token, value) else { return Err(Error::Exists(seen.value.name)) };
        if seen.value.versions.contains_key(token) && self.value(&seen, token).await? == *value {
            return Ok(created(seen.value, Some(token.to_owned())));
        }
        Err(Error::Exists(seen.value.name))
    }

    pub(crate) async fn put(
        &self,
        cx: &Context,
        input: model::PutSecretValueInput,
    ) -> Result<model::PutSecretValueOutput, Error> {
        if input.rotation_token.is_some() {
            return Err(Error::NotServed("rotation"));
        }
        let value = SecretValue::of(input.secret_string, input.secret_binary)?.ok_or_else(|| {
            Error::InvalidRequest("You must provide either SecretString or SecretBinary.".to_owned())
        })?;
        let new = NewVersion {
            id: input.client_request_token.unwrap_or_else(api::ids::uuid),
            value,
            stages: input.version_stages.unwrap_or_else(|| vec![CURRENT.to_owned()]),
        };
        let secret = self.add_version(cx, &input.secret_id, Some(&new), |_| {}).await?;
        let stages = secret.versions.get(&new.id).map(|version| version.stages.clone());
        Ok(model::PutSecretValueOutput {
            arn: Some(secret.arn),
            name: Some(secret.name),
            version_id: Some(new.id),
            version_stages: stages,
        })
    }

    pub(crate) async fn update(
        &self,
        cx: &Context,
        input: model::UpdateSecretInput,
    ) -> Result<model::UpdateSecretOutput, Error> {
        check_key(input.kms_key_id.as_deref())?;
        if input.r#type.is_some() {
            return Err(Error::NotServed("managed external secrets"));
        }
        let new = SecretValue::of(input.secret_string, input.secret_binary)?.map(|value| NewVersion {
            id: input.client_request_token.unwrap_or_else(api::ids::uuid),
            value,
            stages: vec![CURRENT.to_owned()],
        });
        let describe = |secret: &mut Secret| {
            secret.description = input.description.clone().or(secret.description.take());
        };
        let secret = self.add_version(cx, &input.secret_id, new.as_ref(), describe).await?;
        Ok(model::UpdateSecretOutput {
            arn: Some(secret.arn),
            name: Some(secret.name),
            version_id: new.map(|new| new.id),
        })
    }

    /// Changes a secret and adds a version to it, unless that is there with the same value.
    async fn add_version(
        &self,
        cx: &Context,
        secret_id: &str,
        new: Option<&NewVersion>,
        change: impl Fn(&mut Secret) + Send + Sync,
    ) -> Result<Secret, Error> {
        for _ in 0..CONFLICTS_MAX {
            let seen = self.changeable(cx, secret_id).await?;
            let mut secret = seen.value.clone();
            change(&mut secret);
            secret.changed = cx.now;
            let mut batch = Batch::new();
            if let Some(new) = new
                && !self.is_there(&seen, new).await?
            {
                self.put_version(cx, &mut batch, &seen.key, &mut secret, new)?;
            }
            self.secrets.replace(&mut batch, &seen, &secret);
            match self.store.submit(batch).durable().await {
                Err(store::Error::Conflict { .. }) => {}
                submitted => return submitted.map(|_| secret).map_err(Error::from),
            }
        }
        Err(Error::Concurrent)
    }

    async fn is_there(&self, seen: &Versioned<Secret>, new: &NewVersion) -> Result<bool, Error> {
        if !seen.value.versions.contains_key(&new.id) {
            return Ok(false);
        }
        if self.value(seen, &new.id).await? == new.value {
            return Ok(true);
        }
        Err(Error::TokenReused { token: new.id.clone(), arn: seen.value.arn.clone() })
    }

    fn put_version(
        &self,
        cx: &Context,
        batch: &mut Batch,
        key: &str,
        secret: &mut Secret,
        new: &NewVersion,
    ) -> Result<(), Error> {
        secret.versions.insert(new.id.clone(), Version { created: cx.now, stages: Vec::new() });
        // The first version is current whatever the request says.
        if secret.staged(CURRENT).is_none() {
            secret.move_stage(CURRENT, &new.id);
        }
        for stage in &new.stages {
            secret.move_stage(stage, &new.id);
        }
        check_stages(secret)?;
        if let Some(gone) = secret.superfluous() {
            secret.versions.remove(&gone);
            batch.delete(VALUES_TABLE, names::value_key(key, &gone));
        }
        let sealed = self.seal(&secret.arn, &new.id, &new.value)?;
        self.values.put(batch, &names::value_key(key, &new.id), &sealed);
        Ok(())
    }
}

/// A version that is to be made.
struct NewVersion {
    id: String,
    value: SecretValue,
    stages: Vec<String>,
}

/// Refuses more staging labels than a secret may have.
///
/// # Errors
/// [`Error::InvalidRequest`].
pub fn check_stages(secret: &Secret) -> Result<(), Error> {
    let count: usize = secret.versions.values().map(|version| version.stages.len()).sum();
    if count > STAGES_MAX {
        return Err(Error::InvalidRequest(
            "You have exceeded the number of staging labels allowed per secret.".to_owned(),
        ));
    }
    Ok(())
}

fn created(secret: Secret, version_id: Option<String>) -> model::CreateSecretOutput {
    model::CreateSecretOutput {
        arn: Some(secret.arn),
        name: Some(secret.name),
        version_id,
        replication_status: None,
    }
}
