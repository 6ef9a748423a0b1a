//! The operations of CloudWatch Logs: each one call into the module of its noun.

use std::collections::BTreeMap;

use api::Context;

use crate::Logs;
use crate::error::Error;
use crate::generated::operations::Api;
use crate::generated::types::{
    CreateLogGroupInput, CreateLogGroupOutput, CreateLogStreamInput, CreateLogStreamOutput,
    DeleteLogGroupInput, DeleteLogGroupOutput, DeleteLogStreamInput, DeleteLogStreamOutput,
    DeleteResourcePolicyInput, DeleteResourcePolicyOutput, DeleteRetentionPolicyInput,
    DeleteRetentionPolicyOutput, DescribeLogGroupsInput, DescribeLogGroupsOutput, DescribeLogStreamsInput,
    DescribeLogStreamsOutput, DescribeResourcePoliciesInput, DescribeResourcePoliciesOutput,
    FilterLogEventsInput, FilterLogEventsOutput, GetLogEventsInput, GetLogEventsOutput,
    ListTagsForResourceInput, ListTagsForResourceOutput, ListTagsLogGroupInput, ListTagsLogGroupOutput,
    PutLogEventsInput, PutLogEventsOutput, PutResourcePolicyInput, PutResourcePolicyOutput,
    PutRetentionPolicyInput, PutRetentionPolicyOutput, TagLogGroupInput, TagLogGroupOutput, TagResourceInput,
    TagResourceOutput, UntagLogGroupInput, UntagLogGroupOutput, UntagResourceInput, UntagResourceOutput,
};
use crate::group_identifier::from_arn;

impl Api for Logs {
    type Error = Error;

    async fn create_log_group(
        &self,
        cx: &Context,
        input: CreateLogGroupInput,
    ) -> Result<CreateLogGroupOutput, Error> {
        self.create_group(cx, input).await?;
        Ok(CreateLogGroupOutput {})
    }

    async fn put_resource_policy(
        &self,
        cx: &Context,
        input: PutResourcePolicyInput,
    ) -> Result<PutResourcePolicyOutput, Error> {
        self.put_policy(cx, input).await
    }

    async fn describe_resource_policies(
        &self,
        cx: &Context,
        input: DescribeResourcePoliciesInput,
    ) -> Result<DescribeResourcePoliciesOutput, Error> {
        self.describe_policies(cx, input).await
    }

    async fn delete_resource_policy(
        &self,
        cx: &Context,
        input: DeleteResourcePolicyInput,
    ) -> Result<DeleteResourcePolicyOutput, Error> {
        self.delete_policy(cx, input).await?;
        Ok(DeleteResourcePolicyOutput {})
    }

    async fn delete_log_group(
        &self,
        cx: &Context,
        input: DeleteLogGroupInput,
    ) -> Result<DeleteLogGroupOutput, Error> {
        self.delete_group(cx, &input.log_group_name).await?;
        Ok(DeleteLogGroupOutput {})
    }

    async fn describe_log_groups(
        &self,
        cx: &Context,
        input: DescribeLogGroupsInput,
    ) -> Result<DescribeLogGroupsOutput, Error> {
        self.describe_groups(cx, input).await
    }

    async fn create_log_stream(
        &self,
        cx: &Context,
        input: CreateLogStreamInput,
    ) -> Result<CreateLogStreamOutput, Error> {
        self.create_stream(cx, &input.log_group_name, input.log_stream_name).await?;
        Ok(CreateLogStreamOutput {})
    }

    async fn delete_log_stream(
        &self,
        cx: &Context,
        input: DeleteLogStreamInput,
    ) -> Result<DeleteLogStreamOutput, Error> {
        self.delete_stream(cx, &input.log_group_name, &input.log_stream_name).await?;
        Ok(DeleteLogStreamOutput {})
    }

    async fn describe_log_streams(
        &self,
        cx: &Context,
        input: DescribeLogStreamsInput,
    ) -> Result<DescribeLogStreamsOutput, Error> {
        self.describe_streams(cx, input).await
    }

    async fn put_log_events(
        &self,
        cx: &Context,
        input: PutLogEventsInput,
    ) -> Result<PutLogEventsOutput, Error> {
        self.put(cx, input).await
    }

    async fn get_log_events(
        &self,
        cx: &Context,
        input: GetLogEventsInput,
    ) -> Result<GetLogEventsOutput, Error> {
        self.get_events(cx, input).await
    }

    async fn filter_log_events(
        &self,
        cx: &Context,
        input: FilterLogEventsInput,
    ) -> Result<FilterLogEventsOutput, Error> {
        self.filter_events(cx, input).await
    }

    async fn put_retention_policy(
        &self,
        cx: &Context,
        input: PutRetentionPolicyInput,
    ) -> Result<PutRetentionPolicyOutput, Error> {
        self.set_retention(cx, &input.log_group_name, input.retention_in_days).await?;
        Ok(PutRetentionPolicyOutput {})
    }

    async fn delete_retention_policy(
        &self,
        cx: &Context,
        input: DeleteRetentionPolicyInput,
    ) -> Result<DeleteRetentionPolicyOutput, Error> {
        self.clear_retention(cx, &input.log_group_name).await?;
        Ok(DeleteRetentionPolicyOutput {})
    }

    async fn tag_log_group(&self, cx: &Context, input: TagLogGroupInput) -> Result<TagLogGroupOutput, Error> {
        self.tag(cx, &input.log_group_name, &input.tags).await?;
        Ok(TagLogGroupOutput {})
    }

    async fn tag_resource(&self, cx: &Context, input: TagResourceInput) -> Result<TagResourceOutput, Error> {
        self.tag(cx, &tagged_group(cx, &input.resource_arn)?, &input.tags).await?;
        Ok(TagResourceOutput {})
    }

    async fn untag_log_group(
        &self,
        cx: &Context,
        input: UntagLogGroupInput,
    ) -> Result<UntagLogGroupOutput, Error> {
        self.untag(cx, &input.log_group_name, &input.tags).await?;
        Ok(UntagLogGroupOutput {})
    }

    async fn untag_resource(
        &self,
        cx: &Context,
        input: UntagResourceInput,
    ) -> Result<UntagResourceOutput, Error> {
        self.untag(cx, &tagged_group(cx, &input.resource_arn)?, &input.tag_keys).await?;
        Ok(UntagResourceOutput {})
    }

    async fn list_tags_log_group(
        &self,
        cx: &Context,
        input: ListTagsLogGroupInput,
    ) -> Result<ListTagsLogGroupOutput, Error> {
        let tags = self.group(cx, &input.log_group_name).await?.value.tags;
        Ok(ListTagsLogGroupOutput { tags: Some(tags) })
    }

    async fn list_tags_for_resource(
        &self,
        cx: &Context,
        input: ListTagsForResourceInput,
    ) -> Result<ListTagsForResourceOutput, Error> {
        let tags = self.group(cx, &tagged_group(cx, &input.resource_arn)?).await?.value.tags;
        Ok(ListTagsForResourceOutput { tags: Some(tags) })
    }
}

impl Logs {
    async fn tag(&self, cx: &Context, group: &str, tags: &BTreeMap<String, String>) -> Result<(), Error> {
        self.update_group(cx, group, |group, _| group.tag(cx, tags)).await
    }

    async fn untag(&self, cx: &Context, group: &str, keys: &[String]) -> Result<(), Error> {
        self.update_group(cx, group, |group, _| group.untag(cx, keys)).await
    }
}

/// Of what can have tags only groups are served.
fn tagged_group(cx: &Context, arn: &str) -> Result<String, Error> {
    from_arn(cx, arn).ok_or(Error::ResourceNotFound)
}
