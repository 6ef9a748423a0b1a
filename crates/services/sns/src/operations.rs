//! The API: typed input, one domain call, typed output.

use api::Context;

use crate::generated::operations::Api;
use crate::generated::types as model;
use crate::{Error, Inner};

impl Api for Inner {
    type Error = Error;

    async fn add_permission(
        &self,
        cx: &Context,
        input: model::AddPermissionInput,
    ) -> Result<model::AddPermissionOutput, Error> {
        self.add_statement(cx, input).await?;
        Ok(model::AddPermissionOutput {})
    }

    async fn confirm_subscription(
        &self,
        cx: &Context,
        input: model::ConfirmSubscriptionInput,
    ) -> Result<model::ConfirmSubscriptionOutput, Error> {
        Ok(model::ConfirmSubscriptionOutput { subscription_arn: Some(self.confirm(cx, input).await?) })
    }

    async fn create_topic(
        &self,
        cx: &Context,
        input: model::CreateTopicInput,
    ) -> Result<model::CreateTopicOutput, Error> {
        Ok(model::CreateTopicOutput { topic_arn: Some(self.make_topic(cx, input).await?) })
    }

    async fn delete_topic(
        &self,
        cx: &Context,
        input: model::DeleteTopicInput,
    ) -> Result<model::DeleteTopicOutput, Error> {
        self.remove_topic(cx, &input.topic_arn).await?;
        Ok(model::DeleteTopicOutput {})
    }

    async fn get_subscription_attributes(
        &self,
        cx: &Context,
        input: model::GetSubscriptionAttributesInput,
    ) -> Result<model::GetSubscriptionAttributesOutput, Error> {
        let attributes = self.subscription_attributes(cx, &input.subscription_arn).await?;
        Ok(model::GetSubscriptionAttributesOutput { attributes: Some(attributes) })
    }

    async fn get_topic_attributes(
        &self,
        cx: &Context,
        input: model::GetTopicAttributesInput,
    ) -> Result<model::GetTopicAttributesOutput, Error> {
        let attributes = self.topic_attributes(cx, &input.topic_arn).await?;
        Ok(model::GetTopicAttributesOutput { attributes: Some(attributes) })
    }

    async fn list_subscriptions(
        &self,
        cx: &Context,
        input: model::ListSubscriptionsInput,
    ) -> Result<model::ListSubscriptionsOutput, Error> {
        let (page, next_token) = self.subscriptions_page(cx, input.next_token.as_deref()).await?;
        Ok(model::ListSubscriptionsOutput { subscriptions: Some(page), next_token })
    }

    async fn list_subscriptions_by_topic(
        &self,
        cx: &Context,
        input: model::ListSubscriptionsByTopicInput,
    ) -> Result<model::ListSubscriptionsByTopicOutput, Error> {
        let token = input.next_token.as_deref();
        let (page, next_token) = self.subscriptions_page_of_topic(cx, &input.topic_arn, token).await?;
        Ok(model::ListSubscriptionsByTopicOutput { subscriptions: Some(page), next_token })
    }

    async fn list_tags_for_resource(
        &self,
        cx: &Context,
        input: model::ListTagsForResourceInput,
    ) -> Result<model::ListTagsForResourceOutput, Error> {
        let tags = self.tags_of(cx, &input.resource_arn).await?;
        Ok(model::ListTagsForResourceOutput { tags: Some(tags) })
    }

    async fn list_topics(
        &self,
        cx: &Context,
        input: model::ListTopicsInput,
    ) -> Result<model::ListTopicsOutput, Error> {
        self.topics_page(cx, input.next_token.as_deref()).await
    }

    async fn publish(&self, cx: &Context, input: model::PublishInput) -> Result<model::PublishOutput, Error> {
        let published = self.publish_one(cx, input).await?;
        Ok(model::PublishOutput {
            message_id: Some(published.message_id),
            sequence_number: published.sequence_number.map(|number| number.to_string()),
        })
    }

    async fn publish_batch(
        &self,
        cx: &Context,
        input: model::PublishBatchInput,
    ) -> Result<model::PublishBatchOutput, Error> {
        // What is wrong with one message of a batch is wrong with the request: none fails alone.
        let successful = self.publish_several(cx, input).await?;
        Ok(model::PublishBatchOutput { successful: Some(successful), failed: Some(Vec::new()) })
    }

    async fn remove_permission(
        &self,
        cx: &Context,
        input: model::RemovePermissionInput,
    ) -> Result<model::RemovePermissionOutput, Error> {
        self.remove_statement(cx, &input.topic_arn, &input.label).await?;
        Ok(model::RemovePermissionOutput {})
    }

    async fn set_subscription_attributes(
        &self,
        cx: &Context,
        input: model::SetSubscriptionAttributesInput,
    ) -> Result<model::SetSubscriptionAttributesOutput, Error> {
        self.change_subscription_attribute(cx, input).await?;
        Ok(model::SetSubscriptionAttributesOutput {})
    }

    async fn set_topic_attributes(
        &self,
        cx: &Context,
        input: model::SetTopicAttributesInput,
    ) -> Result<model::SetTopicAttributesOutput, Error> {
        self.change_topic_attribute(cx, input).await?;
        Ok(model::SetTopicAttributesOutput {})
    }

    async fn subscribe(
        &self,
        cx: &Context,
        input: model::SubscribeInput,
    ) -> Result<model::SubscribeOutput, Error> {
        Ok(model::SubscribeOutput { subscription_arn: Some(self.make_subscription(cx, input).await?) })
    }

    async fn tag_resource(
        &self,
        cx: &Context,
        input: model::TagResourceInput,
    ) -> Result<model::TagResourceOutput, Error> {
        self.add_tags(cx, input).await?;
        Ok(model::TagResourceOutput {})
    }

    async fn unsubscribe(
        &self,
        cx: &Context,
        input: model::UnsubscribeInput,
    ) -> Result<model::UnsubscribeOutput, Error> {
        self.unsubscribe_from(cx, &input.subscription_arn).await?;
        Ok(model::UnsubscribeOutput {})
    }

    async fn untag_resource(
        &self,
        cx: &Context,
        input: model::UntagResourceInput,
    ) -> Result<model::UntagResourceOutput, Error> {
        self.remove_tags(cx, input).await?;
        Ok(model::UntagResourceOutput {})
    }
}
