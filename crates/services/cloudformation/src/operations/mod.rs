//! The operations: typed input, one domain call, typed output.

mod change_sets;
mod delete_stack;
mod describe;
mod page;
mod prepare;
mod stacks;
mod templates;

use api::Context;

use crate::generated::operations::Api;
use crate::generated::types as model;
use crate::stack::Stack;
use crate::stacks::Loaded;
use crate::{Error, Inner};

impl Inner {
    /// The stack of that name or ARN, deleted ones by their ARN only.
    async fn find(&self, cx: &Context, name: &str) -> Result<Option<Loaded>, Error> {
        Ok(self.stacks.find(&cx.account, &cx.region, name).await?)
    }

    /// The stack of that name or ARN, which must be there.
    async fn stack(&self, cx: &Context, name: &str) -> Result<Loaded, Error> {
        self.find(cx, name).await?.ok_or_else(|| Error::StackNotFound(name.to_owned()))
    }

    async fn all(&self, cx: &Context) -> Result<Vec<Stack>, Error> {
        Ok(self.stacks.all(&cx.account, &cx.region).await?)
    }
}

impl Api for Inner {
    type Error = Error;

    async fn create_change_set(
        &self,
        cx: &Context,
        input: model::CreateChangeSetInput,
    ) -> Result<model::CreateChangeSetOutput, Error> {
        change_sets::create(self, cx, input).await
    }

    async fn create_stack(
        &self,
        cx: &Context,
        input: model::CreateStackInput,
    ) -> Result<model::CreateStackOutput, Error> {
        stacks::create(self, cx, input).await
    }

    async fn delete_change_set(
        &self,
        cx: &Context,
        input: model::DeleteChangeSetInput,
    ) -> Result<model::DeleteChangeSetOutput, Error> {
        change_sets::delete(self, cx, input).await
    }

    async fn delete_stack(
        &self,
        cx: &Context,
        input: model::DeleteStackInput,
    ) -> Result<model::DeleteStackOutput, Error> {
        delete_stack::delete(self, cx, input).await
    }

    async fn describe_change_set(
        &self,
        cx: &Context,
        input: model::DescribeChangeSetInput,
    ) -> Result<model::DescribeChangeSetOutput, Error> {
        change_sets::describe(self, cx, input).await
    }

    async fn describe_stack_events(
        &self,
        cx: &Context,
        input: model::DescribeStackEventsInput,
    ) -> Result<model::DescribeStackEventsOutput, Error> {
        describe::events(self, cx, input).await
    }

    async fn describe_stack_resource(
        &self,
        cx: &Context,
        input: model::DescribeStackResourceInput,
    ) -> Result<model::DescribeStackResourceOutput, Error> {
        describe::resource(self, cx, input).await
    }

    async fn describe_stack_resources(
        &self,
        cx: &Context,
        input: model::DescribeStackResourcesInput,
    ) -> Result<model::DescribeStackResourcesOutput, Error> {
        describe::resources(self, cx, input).await
    }

    async fn describe_stacks(
        &self,
        cx: &Context,
        input: model::DescribeStacksInput,
    ) -> Result<model::DescribeStacksOutput, Error> {
        describe::stacks(self, cx, input).await
    }

    async fn execute_change_set(
        &self,
        cx: &Context,
        input: model::ExecuteChangeSetInput,
    ) -> Result<model::ExecuteChangeSetOutput, Error> {
        change_sets::execute(self, cx, input).await
    }

    async fn get_template(
        &self,
        cx: &Context,
        input: model::GetTemplateInput,
    ) -> Result<model::GetTemplateOutput, Error> {
        templates::get(self, cx, input).await
    }

    async fn get_template_summary(
        &self,
        cx: &Context,
        input: model::GetTemplateSummaryInput,
    ) -> Result<model::GetTemplateSummaryOutput, Error> {
        templates::summary(self, cx, input).await
    }

    async fn list_change_sets(
        &self,
        cx: &Context,
        input: model::ListChangeSetsInput,
    ) -> Result<model::ListChangeSetsOutput, Error> {
        change_sets::list(self, cx, input).await
    }

    async fn list_exports(
        &self,
        cx: &Context,
        input: model::ListExportsInput,
    ) -> Result<model::ListExportsOutput, Error> {
        describe::exports(self, cx, input).await
    }

    async fn list_stack_resources(
        &self,
        cx: &Context,
        input: model::ListStackResourcesInput,
    ) -> Result<model::ListStackResourcesOutput, Error> {
        describe::resource_summaries(self, cx, input).await
    }

    async fn list_stacks(
        &self,
        cx: &Context,
        input: model::ListStacksInput,
    ) -> Result<model::ListStacksOutput, Error> {
        describe::stack_summaries(self, cx, input).await
    }

    async fn update_stack(
        &self,
        cx: &Context,
        input: model::UpdateStackInput,
    ) -> Result<model::UpdateStackOutput, Error> {
        stacks::update(self, cx, input).await
    }

    async fn update_termination_protection(
        &self,
        cx: &Context,
        input: model::UpdateTerminationProtectionInput,
    ) -> Result<model::UpdateTerminationProtectionOutput, Error> {
        stacks::update_termination_protection(self, cx, input).await
    }

    async fn validate_template(
        &self,
        cx: &Context,
        input: model::ValidateTemplateInput,
    ) -> Result<model::ValidateTemplateOutput, Error> {
        templates::validate(cx, input)
    }
}
