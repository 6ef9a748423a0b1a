//! The API: typed input, one domain call, typed output.

use api::Context;

use crate::generated::operations::Api;
use crate::generated::types as model;
use crate::{Error, Inner};

impl Api for Inner {
    type Error = Error;

    async fn create_schedule(
        &self,
        cx: &Context,
        input: model::CreateScheduleInput,
    ) -> Result<model::CreateScheduleOutput, Error> {
        Self::create_schedule(self, cx, input).await
    }

    async fn create_schedule_group(
        &self,
        cx: &Context,
        input: model::CreateScheduleGroupInput,
    ) -> Result<model::CreateScheduleGroupOutput, Error> {
        self.create_group(cx, input).await
    }

    async fn delete_schedule(
        &self,
        cx: &Context,
        input: model::DeleteScheduleInput,
    ) -> Result<model::DeleteScheduleOutput, Error> {
        Self::delete_schedule(self, cx, input).await
    }

    async fn delete_schedule_group(
        &self,
        cx: &Context,
        input: model::DeleteScheduleGroupInput,
    ) -> Result<model::DeleteScheduleGroupOutput, Error> {
        self.delete_group(cx, input).await
    }

    async fn get_schedule(
        &self,
        cx: &Context,
        input: model::GetScheduleInput,
    ) -> Result<model::GetScheduleOutput, Error> {
        Self::get_schedule(self, cx, input).await
    }

    async fn get_schedule_group(
        &self,
        cx: &Context,
        input: model::GetScheduleGroupInput,
    ) -> Result<model::GetScheduleGroupOutput, Error> {
        self.get_group(cx, &input.name).await
    }

    async fn list_schedule_groups(
        &self,
        cx: &Context,
        input: model::ListScheduleGroupsInput,
    ) -> Result<model::ListScheduleGroupsOutput, Error> {
        self.list_groups(cx, input).await
    }

    async fn list_schedules(
        &self,
        cx: &Context,
        input: model::ListSchedulesInput,
    ) -> Result<model::ListSchedulesOutput, Error> {
        Self::list_schedules(self, cx, input).await
    }

    async fn list_tags_for_resource(
        &self,
        cx: &Context,
        input: model::ListTagsForResourceInput,
    ) -> Result<model::ListTagsForResourceOutput, Error> {
        let tags = self.tags_of(cx, &input.resource_arn).await?;
        Ok(model::ListTagsForResourceOutput { tags: Some(tags) })
    }

    async fn tag_resource(
        &self,
        cx: &Context,
        input: model::TagResourceInput,
    ) -> Result<model::TagResourceOutput, Error> {
        self.add_tags(cx, &input.resource_arn, input.tags).await?;
        Ok(model::TagResourceOutput {})
    }

    async fn untag_resource(
        &self,
        cx: &Context,
        input: model::UntagResourceInput,
    ) -> Result<model::UntagResourceOutput, Error> {
        self.remove_tags(cx, &input.resource_arn, &input.tag_keys).await?;
        Ok(model::UntagResourceOutput {})
    }

    async fn update_schedule(
        &self,
        cx: &Context,
        input: model::UpdateScheduleInput,
    ) -> Result<model::UpdateScheduleOutput, Error> {
        Self::update_schedule(self, cx, input).await
    }
}
