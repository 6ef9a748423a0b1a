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
        self.add_permission(cx, input).await?;
        Ok(model::AddPermissionOutput {})
    }

    async fn cancel_message_move_task(
        &self,
        _: &Context,
        input: model::CancelMessageMoveTaskInput,
    ) -> Result<model::CancelMessageMoveTaskOutput, Error> {
        let moved = self.cancel_move(&input.task_handle).await?;
        Ok(model::CancelMessageMoveTaskOutput { approximate_number_of_messages_moved: Some(moved) })
    }

    async fn change_message_visibility(
        &self,
        cx: &Context,
        input: model::ChangeMessageVisibilityInput,
    ) -> Result<model::ChangeMessageVisibilityOutput, Error> {
        self.change_visibility(cx, input).await?;
        Ok(model::ChangeMessageVisibilityOutput {})
    }

    async fn change_message_visibility_batch(
        &self,
        cx: &Context,
        input: model::ChangeMessageVisibilityBatchInput,
    ) -> Result<model::ChangeMessageVisibilityBatchOutput, Error> {
        self.change_visibility_batch(cx, input).await
    }

    async fn create_queue(
        &self,
        cx: &Context,
        input: model::CreateQueueInput,
    ) -> Result<model::CreateQueueOutput, Error> {
        let url = self.create(cx, input).await?;
        Ok(model::CreateQueueOutput { queue_url: Some(url) })
    }

    async fn delete_message(
        &self,
        cx: &Context,
        input: model::DeleteMessageInput,
    ) -> Result<model::DeleteMessageOutput, Error> {
        self.delete(cx, input).await?;
        Ok(model::DeleteMessageOutput {})
    }

    async fn delete_message_batch(
        &self,
        cx: &Context,
        input: model::DeleteMessageBatchInput,
    ) -> Result<model::DeleteMessageBatchOutput, Error> {
        self.delete_batch(cx, input).await
    }

    async fn delete_queue(
        &self,
        cx: &Context,
        input: model::DeleteQueueInput,
    ) -> Result<model::DeleteQueueOutput, Error> {
        self.delete_queue(cx, &input.queue_url).await?;
        Ok(model::DeleteQueueOutput {})
    }

    async fn get_queue_attributes(
        &self,
        cx: &Context,
        input: model::GetQueueAttributesInput,
    ) -> Result<model::GetQueueAttributesOutput, Error> {
        let attributes = self.get_attributes(cx, input).await?;
        Ok(model::GetQueueAttributesOutput { attributes: (!attributes.is_empty()).then_some(attributes) })
    }

    async fn get_queue_url(
        &self,
        cx: &Context,
        input: model::GetQueueUrlInput,
    ) -> Result<model::GetQueueUrlOutput, Error> {
        let url = self.queue_url(cx, &input)?;
        Ok(model::GetQueueUrlOutput { queue_url: Some(url) })
    }

    async fn list_dead_letter_source_queues(
        &self,
        cx: &Context,
        input: model::ListDeadLetterSourceQueuesInput,
    ) -> Result<model::ListDeadLetterSourceQueuesOutput, Error> {
        self.list_sources(cx, &input)
    }

    async fn list_message_move_tasks(
        &self,
        _: &Context,
        input: model::ListMessageMoveTasksInput,
    ) -> Result<model::ListMessageMoveTasksOutput, Error> {
        let results = self.list_moves(input).await?;
        Ok(model::ListMessageMoveTasksOutput { results: Some(results) })
    }

    async fn list_queue_tags(
        &self,
        cx: &Context,
        input: model::ListQueueTagsInput,
    ) -> Result<model::ListQueueTagsOutput, Error> {
        let tags = self.tags(cx, &input.queue_url).await?;
        Ok(model::ListQueueTagsOutput { tags: (!tags.is_empty()).then_some(tags) })
    }

    async fn list_queues(
        &self,
        cx: &Context,
        input: model::ListQueuesInput,
    ) -> Result<model::ListQueuesOutput, Error> {
        self.list(cx, &input)
    }

    async fn purge_queue(
        &self,
        cx: &Context,
        input: model::PurgeQueueInput,
    ) -> Result<model::PurgeQueueOutput, Error> {
        self.purge(cx, &input.queue_url).await?;
        Ok(model::PurgeQueueOutput {})
    }

    async fn receive_message(
        &self,
        cx: &Context,
        input: model::ReceiveMessageInput,
    ) -> Result<model::ReceiveMessageOutput, Error> {
        self.receive(cx, input).await
    }

    async fn remove_permission(
        &self,
        cx: &Context,
        input: model::RemovePermissionInput,
    ) -> Result<model::RemovePermissionOutput, Error> {
        self.remove_permission(cx, input).await?;
        Ok(model::RemovePermissionOutput {})
    }

    async fn send_message(
        &self,
        cx: &Context,
        input: model::SendMessageInput,
    ) -> Result<model::SendMessageOutput, Error> {
        self.send(cx, input).await
    }

    async fn send_message_batch(
        &self,
        cx: &Context,
        input: model::SendMessageBatchInput,
    ) -> Result<model::SendMessageBatchOutput, Error> {
        self.send_batch(cx, input).await
    }

    async fn set_queue_attributes(
        &self,
        cx: &Context,
        input: model::SetQueueAttributesInput,
    ) -> Result<model::SetQueueAttributesOutput, Error> {
        self.set_attributes(cx, input).await?;
        Ok(model::SetQueueAttributesOutput {})
    }

    async fn start_message_move_task(
        &self,
        cx: &Context,
        input: model::StartMessageMoveTaskInput,
    ) -> Result<model::StartMessageMoveTaskOutput, Error> {
        let task_handle = self.start_move(cx, input).await?;
        Ok(model::StartMessageMoveTaskOutput { task_handle })
    }

    async fn tag_queue(
        &self,
        cx: &Context,
        input: model::TagQueueInput,
    ) -> Result<model::TagQueueOutput, Error> {
        self.tag(cx, input).await?;
        Ok(model::TagQueueOutput {})
    }

    async fn untag_queue(
        &self,
        cx: &Context,
        input: model::UntagQueueInput,
    ) -> Result<model::UntagQueueOutput, Error> {
        self.untag(cx, input).await?;
        Ok(model::UntagQueueOutput {})
    }
}
