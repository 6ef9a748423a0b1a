//! The API: typed input, one domain call, typed output.

use api::Context;

use crate::generated::operations::Api;
use crate::generated::types as model;
use crate::secret::Secret;
use crate::{Error, Inner, password, tag};

impl Api for Inner {
    type Error = Error;

    async fn batch_get_secret_value(
        &self,
        cx: &Context,
        input: model::BatchGetSecretValueInput,
    ) -> Result<model::BatchGetSecretValueOutput, Error> {
        self.get_values(cx, input).await
    }

    async fn create_secret(
        &self,
        cx: &Context,
        input: model::CreateSecretInput,
    ) -> Result<model::CreateSecretOutput, Error> {
        self.create(cx, input).await
    }

    async fn delete_secret(
        &self,
        cx: &Context,
        input: model::DeleteSecretInput,
    ) -> Result<model::DeleteSecretOutput, Error> {
        self.delete(cx, input).await
    }

    async fn describe_secret(
        &self,
        cx: &Context,
        input: model::DescribeSecretInput,
    ) -> Result<model::DescribeSecretOutput, Error> {
        self.describe(cx, &input.secret_id).await
    }

    async fn get_random_password(
        &self,
        _cx: &Context,
        input: model::GetRandomPasswordInput,
    ) -> Result<model::GetRandomPasswordOutput, Error> {
        Ok(model::GetRandomPasswordOutput { random_password: Some(password::random(&input)?) })
    }

    async fn get_secret_value(
        &self,
        cx: &Context,
        input: model::GetSecretValueInput,
    ) -> Result<model::GetSecretValueOutput, Error> {
        self.get_value(cx, &input).await
    }

    async fn list_secret_version_ids(
        &self,
        cx: &Context,
        input: model::ListSecretVersionIdsInput,
    ) -> Result<model::ListSecretVersionIdsOutput, Error> {
        self.versions(cx, input).await
    }

    async fn list_secrets(
        &self,
        cx: &Context,
        input: model::ListSecretsInput,
    ) -> Result<model::ListSecretsOutput, Error> {
        self.list(cx, input).await
    }

    async fn put_secret_value(
        &self,
        cx: &Context,
        input: model::PutSecretValueInput,
    ) -> Result<model::PutSecretValueOutput, Error> {
        self.put(cx, input).await
    }

    async fn restore_secret(
        &self,
        cx: &Context,
        input: model::RestoreSecretInput,
    ) -> Result<model::RestoreSecretOutput, Error> {
        self.restore(cx, &input.secret_id).await
    }

    async fn tag_resource(
        &self,
        cx: &Context,
        input: model::TagResourceInput,
    ) -> Result<model::TagResourceOutput, Error> {
        let change = |secret: &mut Secret| {
            secret.tags = tag::added(std::mem::take(&mut secret.tags), input.tags.clone())?;
            Ok(())
        };
        self.change(cx, &input.secret_id, change).await?;
        Ok(model::TagResourceOutput {})
    }

    async fn untag_resource(
        &self,
        cx: &Context,
        input: model::UntagResourceInput,
    ) -> Result<model::UntagResourceOutput, Error> {
        let change = |secret: &mut Secret| {
            secret.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        };
        self.change(cx, &input.secret_id, change).await?;
        Ok(model::UntagResourceOutput {})
    }

    async fn update_secret(
        &self,
        cx: &Context,
        input: model::UpdateSecretInput,
    ) -> Result<model::UpdateSecretOutput, Error> {
        self.update(cx, input).await
    }

    async fn update_secret_version_stage(
        &self,
        cx: &Context,
        input: model::UpdateSecretVersionStageInput,
    ) -> Result<model::UpdateSecretVersionStageOutput, Error> {
        self.move_stage(cx, input).await
    }
}
