//! The API: typed input, one domain call, typed output.

use api::Context;

use crate::generated::operations::Api;
use crate::generated::types as model;
use crate::{Error, Inner};

impl Api for Inner {
    type Error = Error;

    async fn add_tags_to_resource(
        &self,
        cx: &Context,
        input: model::AddTagsToResourceInput,
    ) -> Result<model::AddTagsToResourceOutput, Error> {
        self.add_tags(cx, input).await?;
        Ok(model::AddTagsToResourceOutput {})
    }

    async fn delete_parameter(
        &self,
        cx: &Context,
        input: model::DeleteParameterInput,
    ) -> Result<model::DeleteParameterOutput, Error> {
        self.delete(cx, &input.name).await?;
        Ok(model::DeleteParameterOutput {})
    }

    async fn delete_parameters(
        &self,
        cx: &Context,
        input: model::DeleteParametersInput,
    ) -> Result<model::DeleteParametersOutput, Error> {
        let (mut deleted, mut invalid) = (Vec::new(), Vec::new());
        for name in input.names {
            match self.delete(cx, &name).await {
                Ok(()) => deleted.push(name),
                Err(Error::ParameterNotFound) => invalid.push(name),
                Err(error) => return Err(error),
            }
        }
        Ok(model::DeleteParametersOutput {
            deleted_parameters: Some(deleted),
            invalid_parameters: Some(invalid),
        })
    }

    async fn describe_parameters(
        &self,
        cx: &Context,
        input: model::DescribeParametersInput,
    ) -> Result<model::DescribeParametersOutput, Error> {
        self.describe(cx, input).await
    }

    async fn get_parameter(
        &self,
        cx: &Context,
        input: model::GetParameterInput,
    ) -> Result<model::GetParameterOutput, Error> {
        let parameter = self.get(cx, &input.name, input.with_decryption == Some(true)).await?;
        Ok(model::GetParameterOutput { parameter: Some(parameter) })
    }

    async fn get_parameter_history(
        &self,
        cx: &Context,
        input: model::GetParameterHistoryInput,
    ) -> Result<model::GetParameterHistoryOutput, Error> {
        self.history(cx, input).await
    }

    async fn get_parameters(
        &self,
        cx: &Context,
        input: model::GetParametersInput,
    ) -> Result<model::GetParametersOutput, Error> {
        self.get_several(cx, input).await
    }

    async fn get_parameters_by_path(
        &self,
        cx: &Context,
        input: model::GetParametersByPathInput,
    ) -> Result<model::GetParametersByPathOutput, Error> {
        self.get_by_path(cx, input).await
    }

    async fn label_parameter_version(
        &self,
        cx: &Context,
        input: model::LabelParameterVersionInput,
    ) -> Result<model::LabelParameterVersionOutput, Error> {
        self.label(cx, input).await
    }

    async fn list_tags_for_resource(
        &self,
        cx: &Context,
        input: model::ListTagsForResourceInput,
    ) -> Result<model::ListTagsForResourceOutput, Error> {
        let tags = self.tags_of(cx, &input.resource_type, &input.resource_id).await?;
        Ok(model::ListTagsForResourceOutput { tag_list: Some(tags) })
    }

    async fn put_parameter(
        &self,
        cx: &Context,
        input: model::PutParameterInput,
    ) -> Result<model::PutParameterOutput, Error> {
        self.put(cx, input).await
    }

    async fn remove_tags_from_resource(
        &self,
        cx: &Context,
        input: model::RemoveTagsFromResourceInput,
    ) -> Result<model::RemoveTagsFromResourceOutput, Error> {
        self.remove_tags(cx, input).await?;
        Ok(model::RemoveTagsFromResourceOutput {})
    }

    async fn unlabel_parameter_version(
        &self,
        cx: &Context,
        input: model::UnlabelParameterVersionInput,
    ) -> Result<model::UnlabelParameterVersionOutput, Error> {
        self.unlabel(cx, input).await
    }
}
