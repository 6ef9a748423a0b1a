//! Reading values: GetSecretValue, BatchGetSecretValue.

use api::{AwsError, Context};
use store::{Batch, Versioned};
use types::Timestamp;

use crate::generated::types as model;
use crate::list::Filter;
use crate::secret::{CURRENT, Secret};
use crate::{Error, Inner};

impl Inner {
    pub(crate) async fn get_value(
        &self,
        cx: &Context,
        input: &model::GetSecretValueInput,
    ) -> Result<model::GetSecretValueOutput, Error> {
        let seen = self.living(cx, &input.secret_id).await?;
        let version = wanted(&seen.value, input.version_id.as_deref(), input.version_stage.as_deref())?;
        let (secret_string, secret_binary) = self.value(&seen, &version).await?.shown();
        self.note_access(cx, &seen);
        let kept = seen.value.versions.get(&version);
        Ok(model::GetSecretValueOutput {
            secret_string,
            secret_binary,
            version_stages: kept.map(|version| version.stages.clone()),
            created_date: kept.map(|version| version.created),
            version_id: Some(version),
            arn: Some(seen.value.arn),
            name: Some(seen.value.name),
        })
    }

    /// Keeps the day of an access. Nobody waits for it; where others change the secret meanwhile, it is lost.
    fn note_access(&self, cx: &Context, seen: &Versioned<Secret>) {
        const DAY_SECONDS: i64 = 24 * 60 * 60;
        let day = Timestamp::from_seconds(cx.now.as_seconds().div_euclid(DAY_SECONDS) * DAY_SECONDS);
        if seen.value.accessed != Some(day) {
            let mut batch = Batch::new();
            self.secrets.replace(&mut batch, seen, &Secret { accessed: Some(day), ..seen.value.clone() });
            drop(self.store.submit(batch));
        }
    }

    pub(crate) async fn get_values(
        &self,
        cx: &Context,
        input: model::BatchGetSecretValueInput,
    ) -> Result<model::BatchGetSecretValueOutput, Error> {
        let (ids, next_token) = match (input.secret_id_list, input.filters) {
            (Some(_), Some(_)) | (None, None) => {
                let text = "You must provide either SecretIdList or Filters, but not both.";
                return Err(Error::InvalidParameter(text.to_owned()));
            }
            (Some(ids), None) => (ids, None),
            (None, Some(filters)) => {
                let filters = Filter::parse_all(Some(filters))?;
                self.named(cx, &filters, input.next_token.as_deref(), input.max_results).await?
            }
        };
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for secret_id in ids {
            let one = model::GetSecretValueInput { secret_id, ..Default::default() };
            match self.get_value(cx, &one).await {
                Ok(value) => found.push(entry(value)),
                Err(error) => errors.push(failure(one.secret_id, error)),
            }
        }
        Ok(model::BatchGetSecretValueOutput { secret_values: Some(found), next_token, errors: Some(errors) })
    }
}

/// The version that a request means: by its id, by a staging label, or both, which must agree.
fn wanted(secret: &Secret, id: Option<&str>, stage: Option<&str>) -> Result<String, Error> {
    let Some(id) = id else {
        let stage = stage.unwrap_or(CURRENT);
        let staged = secret.staged(stage).map(str::to_owned);
        return staged.ok_or_else(|| Error::NoValue(format!("staging label: {stage}")));
    };
    let Some(version) = secret.versions.get(id) else {
        return Err(Error::NoValue(format!("VersionId: {id}")));
    };
    match stage {
        Some(stage) if !version.stages.iter().any(|one| one == stage) => Err(Error::InvalidRequest(
            "You provided a VersionStage that is not associated to the provided VersionId.".to_owned(),
        )),
        _ => Ok(id.to_owned()),
    }
}

fn entry(value: model::GetSecretValueOutput) -> model::SecretValueEntry {
    model::SecretValueEntry {
        arn: value.arn,
        name: value.name,
        version_id: value.version_id,
        secret_binary: value.secret_binary,
        secret_string: value.secret_string,
        version_stages: value.version_stages,
        created_date: value.created_date,
    }
}

fn failure(secret_id: String, error: Error) -> model::APIErrorType {
    let error = AwsError::from(error);
    model::APIErrorType {
        secret_id: Some(secret_id),
        error_code: Some(error.code.into_owned()),
        message: Some(error.message),
    }
}
