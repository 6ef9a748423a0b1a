//! UpdateSecretVersionStage: moves staging labels from version to version.

use api::Context;

use crate::generated::types as model;
use crate::put_value::check_stages;
use crate::secret::{CURRENT, Secret};
use crate::{Error, Inner};

impl Inner {
    pub(crate) async fn move_stage(
        &self,
        cx: &Context,
        input: model::UpdateSecretVersionStageInput,
    ) -> Result<model::UpdateSecretVersionStageOutput, Error> {
        let secret = self.change(cx, &input.secret_id, |secret| change(secret, &input)).await?;
        Ok(model::UpdateSecretVersionStageOutput { arn: Some(secret.arn), name: Some(secret.name) })
    }
}

fn change(secret: &mut Secret, input: &model::UpdateSecretVersionStageInput) -> Result<(), Error> {
    let stage = input.version_stage.as_str();
    let (from, to) = (input.remove_from_version_id.as_deref(), input.move_to_version_id.as_deref());
    for id in [from, to].into_iter().flatten() {
        if !secret.versions.contains_key(id) {
            return Err(Error::NoValue(format!("VersionId: {id}")));
        }
    }
    let holder = secret.staged(stage).map(str::to_owned);
    if let Some(holder) = holder.as_deref().filter(|holder| from != Some(holder) && to != Some(holder)) {
        return Err(Error::InvalidParameter(match from {
            None => format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            ),
            Some(_) => format!(
                "Staging label {stage} is currently attached to version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            ),
        }));
    }
    match to {
        Some(to) => secret.move_stage(stage, to),
        None if stage == CURRENT => {
            let text = "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.";
            return Err(Error::InvalidParameter(text.to_owned()));
        }
        None => secret.remove_stage(stage),
    }
    check_stages(secret)
}
