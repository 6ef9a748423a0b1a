//! The operations on the wire, each handed to where it is done.

use api::Context;

use crate::generated::operations::Api;
use crate::generated::types as model;
use crate::partner;
use crate::put_events::test_pattern;
use crate::rule::State;
use crate::{Error, Inner};

impl Api for Inner {
    type Error = Error;

    async fn activate_event_source(
        &self,
        _cx: &Context,
        input: model::ActivateEventSourceInput,
    ) -> Result<model::ActivateEventSourceOutput, Error> {
        partner::refuse(input.name)
    }

    async fn cancel_replay(
        &self,
        cx: &Context,
        input: model::CancelReplayInput,
    ) -> Result<model::CancelReplayOutput, Error> {
        Inner::cancel_replay(self, cx, &input.replay_name).await
    }

    async fn create_archive(
        &self,
        cx: &Context,
        input: model::CreateArchiveInput,
    ) -> Result<model::CreateArchiveOutput, Error> {
        Inner::create_archive(self, cx, input).await
    }

    async fn create_connection(
        &self,
        cx: &Context,
        input: model::CreateConnectionInput,
    ) -> Result<model::CreateConnectionOutput, Error> {
        Inner::create_connection(self, cx, input).await
    }

    async fn create_event_bus(
        &self,
        cx: &Context,
        input: model::CreateEventBusInput,
    ) -> Result<model::CreateEventBusOutput, Error> {
        self.create_bus(cx, input).await
    }

    async fn deactivate_event_source(
        &self,
        _cx: &Context,
        input: model::DeactivateEventSourceInput,
    ) -> Result<model::DeactivateEventSourceOutput, Error> {
        partner::refuse(input.name)
    }

    async fn delete_archive(
        &self,
        cx: &Context,
        input: model::DeleteArchiveInput,
    ) -> Result<model::DeleteArchiveOutput, Error> {
        Inner::delete_archive(self, cx, &input.archive_name).await?;
        Ok(model::DeleteArchiveOutput {})
    }

    async fn delete_connection(
        &self,
        cx: &Context,
        input: model::DeleteConnectionInput,
    ) -> Result<model::DeleteConnectionOutput, Error> {
        Inner::delete_connection(self, cx, &input.name).await
    }

    async fn delete_event_bus(
        &self,
        cx: &Context,
        input: model::DeleteEventBusInput,
    ) -> Result<model::DeleteEventBusOutput, Error> {
        self.delete_bus(cx, &input.name).await?;
        Ok(model::DeleteEventBusOutput {})
    }

    async fn delete_rule(
        &self,
        cx: &Context,
        input: model::DeleteRuleInput,
    ) -> Result<model::DeleteRuleOutput, Error> {
        Inner::delete_rule(self, cx, input).await?;
        Ok(model::DeleteRuleOutput {})
    }

    async fn describe_archive(
        &self,
        cx: &Context,
        input: model::DescribeArchiveInput,
    ) -> Result<model::DescribeArchiveOutput, Error> {
        Inner::describe_archive(self, cx, &input.archive_name).await
    }

    async fn describe_connection(
        &self,
        cx: &Context,
        input: model::DescribeConnectionInput,
    ) -> Result<model::DescribeConnectionOutput, Error> {
        Inner::describe_connection(self, cx, &input.name).await
    }

    async fn describe_endpoint(
        &self,
        _cx: &Context,
        input: model::DescribeEndpointInput,
    ) -> Result<model::DescribeEndpointOutput, Error> {
        // There are no global endpoints: CreateEndpoint is not served.
        Err(Error::EndpointNotFound(input.name))
    }

    async fn describe_event_bus(
        &self,
        cx: &Context,
        input: model::DescribeEventBusInput,
    ) -> Result<model::DescribeEventBusOutput, Error> {
        self.describe_bus(cx, input).await
    }

    async fn describe_event_source(
        &self,
        _cx: &Context,
        input: model::DescribeEventSourceInput,
    ) -> Result<model::DescribeEventSourceOutput, Error> {
        partner::refuse(input.name)
    }

    async fn describe_replay(
        &self,
        cx: &Context,
        input: model::DescribeReplayInput,
    ) -> Result<model::DescribeReplayOutput, Error> {
        Inner::describe_replay(self, cx, &input.replay_name).await
    }

    async fn describe_rule(
        &self,
        cx: &Context,
        input: model::DescribeRuleInput,
    ) -> Result<model::DescribeRuleOutput, Error> {
        Inner::describe_rule(self, cx, input).await
    }

    async fn disable_rule(
        &self,
        cx: &Context,
        input: model::DisableRuleInput,
    ) -> Result<model::DisableRuleOutput, Error> {
        let bus = input.event_bus_name.as_deref();
        self.set_state(cx, bus, &input.name, State::Disabled).await?;
        Ok(model::DisableRuleOutput {})
    }

    async fn enable_rule(
        &self,
        cx: &Context,
        input: model::EnableRuleInput,
    ) -> Result<model::EnableRuleOutput, Error> {
        let bus = input.event_bus_name.as_deref();
        self.set_state(cx, bus, &input.name, State::Enabled).await?;
        Ok(model::EnableRuleOutput {})
    }

    async fn list_api_destinations(
        &self,
        cx: &Context,
        input: model::ListApiDestinationsInput,
    ) -> Result<model::ListApiDestinationsOutput, Error> {
        self.list_destinations(cx, input).await
    }

    async fn create_api_destination(
        &self,
        cx: &Context,
        input: model::CreateApiDestinationInput,
    ) -> Result<model::CreateApiDestinationOutput, Error> {
        self.create_destination(cx, input).await
    }

    async fn describe_api_destination(
        &self,
        cx: &Context,
        input: model::DescribeApiDestinationInput,
    ) -> Result<model::DescribeApiDestinationOutput, Error> {
        self.describe_destination(cx, &input.name).await
    }

    async fn update_api_destination(
        &self,
        cx: &Context,
        input: model::UpdateApiDestinationInput,
    ) -> Result<model::UpdateApiDestinationOutput, Error> {
        self.update_destination(cx, input).await
    }

    async fn delete_api_destination(
        &self,
        cx: &Context,
        input: model::DeleteApiDestinationInput,
    ) -> Result<model::DeleteApiDestinationOutput, Error> {
        self.delete_destination(cx, &input.name).await?;
        Ok(model::DeleteApiDestinationOutput {})
    }

    async fn deauthorize_connection(
        &self,
        cx: &Context,
        input: model::DeauthorizeConnectionInput,
    ) -> Result<model::DeauthorizeConnectionOutput, Error> {
        self.deauthorize(cx, &input.name).await
    }

    async fn list_archives(
        &self,
        cx: &Context,
        input: model::ListArchivesInput,
    ) -> Result<model::ListArchivesOutput, Error> {
        Inner::list_archives(self, cx, input).await
    }

    async fn list_connections(
        &self,
        cx: &Context,
        input: model::ListConnectionsInput,
    ) -> Result<model::ListConnectionsOutput, Error> {
        Inner::list_connections(self, cx, input).await
    }

    async fn list_endpoints(
        &self,
        _cx: &Context,
        _input: model::ListEndpointsInput,
    ) -> Result<model::ListEndpointsOutput, Error> {
        Ok(model::ListEndpointsOutput { endpoints: Some(Vec::new()), next_token: None })
    }

    async fn list_event_buses(
        &self,
        cx: &Context,
        input: model::ListEventBusesInput,
    ) -> Result<model::ListEventBusesOutput, Error> {
        self.list_buses(cx, input).await
    }

    async fn list_event_sources(
        &self,
        _cx: &Context,
        _input: model::ListEventSourcesInput,
    ) -> Result<model::ListEventSourcesOutput, Error> {
        Ok(partner::list())
    }

    async fn list_replays(
        &self,
        cx: &Context,
        input: model::ListReplaysInput,
    ) -> Result<model::ListReplaysOutput, Error> {
        Inner::list_replays(self, cx, input).await
    }

    async fn list_rule_names_by_target(
        &self,
        cx: &Context,
        input: model::ListRuleNamesByTargetInput,
    ) -> Result<model::ListRuleNamesByTargetOutput, Error> {
        self.list_rule_names(cx, input).await
    }

    async fn list_rules(
        &self,
        cx: &Context,
        input: model::ListRulesInput,
    ) -> Result<model::ListRulesOutput, Error> {
        Inner::list_rules(self, cx, input).await
    }

    async fn list_tags_for_resource(
        &self,
        cx: &Context,
        input: model::ListTagsForResourceInput,
    ) -> Result<model::ListTagsForResourceOutput, Error> {
        let tags = self.tags_of(cx, &input.resource_arn).await?;
        Ok(model::ListTagsForResourceOutput { tags: Some(tags) })
    }

    async fn list_targets_by_rule(
        &self,
        cx: &Context,
        input: model::ListTargetsByRuleInput,
    ) -> Result<model::ListTargetsByRuleOutput, Error> {
        self.list_targets(cx, input).await
    }

    async fn put_events(
        &self,
        cx: &Context,
        input: model::PutEventsInput,
    ) -> Result<model::PutEventsOutput, Error> {
        Inner::put_events(self, cx, input).await
    }

    async fn put_permission(
        &self,
        cx: &Context,
        input: model::PutPermissionInput,
    ) -> Result<model::PutPermissionOutput, Error> {
        Inner::put_permission(self, cx, input).await?;
        Ok(model::PutPermissionOutput {})
    }

    async fn put_rule(
        &self,
        cx: &Context,
        input: model::PutRuleInput,
    ) -> Result<model::PutRuleOutput, Error> {
        Inner::put_rule(self, cx, input).await
    }

    async fn put_targets(
        &self,
        cx: &Context,
        input: model::PutTargetsInput,
    ) -> Result<model::PutTargetsOutput, Error> {
        Inner::put_targets(self, cx, input).await
    }

    async fn remove_permission(
        &self,
        cx: &Context,
        input: model::RemovePermissionInput,
    ) -> Result<model::RemovePermissionOutput, Error> {
        Inner::remove_permission(self, cx, input).await?;
        Ok(model::RemovePermissionOutput {})
    }

    async fn remove_targets(
        &self,
        cx: &Context,
        input: model::RemoveTargetsInput,
    ) -> Result<model::RemoveTargetsOutput, Error> {
        Inner::remove_targets(self, cx, input).await
    }

    async fn start_replay(
        &self,
        cx: &Context,
        input: model::StartReplayInput,
    ) -> Result<model::StartReplayOutput, Error> {
        Inner::start_replay(self, cx, input).await
    }

    async fn tag_resource(
        &self,
        cx: &Context,
        input: model::TagResourceInput,
    ) -> Result<model::TagResourceOutput, Error> {
        self.add_tags(cx, &input.resource_arn, input.tags).await?;
        Ok(model::TagResourceOutput {})
    }

    async fn test_event_pattern(
        &self,
        _cx: &Context,
        input: model::TestEventPatternInput,
    ) -> Result<model::TestEventPatternOutput, Error> {
        test_pattern(&input)
    }

    async fn untag_resource(
        &self,
        cx: &Context,
        input: model::UntagResourceInput,
    ) -> Result<model::UntagResourceOutput, Error> {
        self.remove_tags(cx, &input.resource_arn, &input.tag_keys).await?;
        Ok(model::UntagResourceOutput {})
    }

    async fn update_archive(
        &self,
        cx: &Context,
        input: model::UpdateArchiveInput,
    ) -> Result<model::UpdateArchiveOutput, Error> {
        Inner::update_archive(self, cx, input).await
    }

    async fn update_connection(
        &self,
        cx: &Context,
        input: model::UpdateConnectionInput,
    ) -> Result<model::UpdateConnectionOutput, Error> {
        Inner::update_connection(self, cx, input).await
    }

    async fn update_event_bus(
        &self,
        cx: &Context,
        input: model::UpdateEventBusInput,
    ) -> Result<model::UpdateEventBusOutput, Error> {
        self.update_bus(cx, input).await
    }
}
