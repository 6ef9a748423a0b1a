//! The operations by the name that the API gives them.

mod clusters;
mod services;
mod tags;
mod task_definitions;
mod tasks;

use api::{AwsError, Context};

use crate::Ecs;
use crate::generated::operations::Api;
use crate::generated::types as shapes;

impl Api for Ecs {
    type Error = AwsError;

    async fn create_cluster(
        &self,
        cx: &Context,
        input: shapes::CreateClusterInput,
    ) -> Result<shapes::CreateClusterOutput, AwsError> {
        Ok(self.create(cx, input).await?)
    }

    async fn create_service(
        &self,
        cx: &Context,
        input: shapes::CreateServiceInput,
    ) -> Result<shapes::CreateServiceOutput, AwsError> {
        Ok(self.create_service_of(cx, input).await?)
    }

    async fn delete_cluster(
        &self,
        cx: &Context,
        input: shapes::DeleteClusterInput,
    ) -> Result<shapes::DeleteClusterOutput, AwsError> {
        Ok(self.delete(cx, input).await?)
    }

    async fn delete_service(
        &self,
        cx: &Context,
        input: shapes::DeleteServiceInput,
    ) -> Result<shapes::DeleteServiceOutput, AwsError> {
        Ok(self.delete_service_of(cx, input).await?)
    }

    async fn deregister_task_definition(
        &self,
        cx: &Context,
        input: shapes::DeregisterTaskDefinitionInput,
    ) -> Result<shapes::DeregisterTaskDefinitionOutput, AwsError> {
        Ok(self.deregister(cx, input).await?)
    }

    async fn describe_clusters(
        &self,
        cx: &Context,
        input: shapes::DescribeClustersInput,
    ) -> Result<shapes::DescribeClustersOutput, AwsError> {
        Ok(self.describe_all(cx, input).await?)
    }

    async fn describe_services(
        &self,
        cx: &Context,
        input: shapes::DescribeServicesInput,
    ) -> Result<shapes::DescribeServicesOutput, AwsError> {
        Ok(self.describe_services_of(cx, input).await?)
    }

    async fn describe_task_definition(
        &self,
        cx: &Context,
        input: shapes::DescribeTaskDefinitionInput,
    ) -> Result<shapes::DescribeTaskDefinitionOutput, AwsError> {
        Ok(self.describe_definition(cx, input).await?)
    }

    async fn describe_tasks(
        &self,
        cx: &Context,
        input: shapes::DescribeTasksInput,
    ) -> Result<shapes::DescribeTasksOutput, AwsError> {
        Ok(self.describe_tasks_of(cx, input).await?)
    }

    async fn execute_command(
        &self,
        cx: &Context,
        input: shapes::ExecuteCommandInput,
    ) -> Result<shapes::ExecuteCommandOutput, AwsError> {
        Ok(self.execute(cx, input).await?)
    }

    async fn list_clusters(
        &self,
        cx: &Context,
        input: shapes::ListClustersInput,
    ) -> Result<shapes::ListClustersOutput, AwsError> {
        Ok(self.list(cx, input).await?)
    }

    async fn list_services(
        &self,
        cx: &Context,
        input: shapes::ListServicesInput,
    ) -> Result<shapes::ListServicesOutput, AwsError> {
        Ok(self.list_services_of(cx, input).await?)
    }

    async fn list_tags_for_resource(
        &self,
        cx: &Context,
        input: shapes::ListTagsForResourceInput,
    ) -> Result<shapes::ListTagsForResourceOutput, AwsError> {
        Ok(self.list_tags(cx, input).await?)
    }

    async fn list_task_definition_families(
        &self,
        cx: &Context,
        input: shapes::ListTaskDefinitionFamiliesInput,
    ) -> Result<shapes::ListTaskDefinitionFamiliesOutput, AwsError> {
        Ok(self.list_families(cx, input).await?)
    }

    async fn list_task_definitions(
        &self,
        cx: &Context,
        input: shapes::ListTaskDefinitionsInput,
    ) -> Result<shapes::ListTaskDefinitionsOutput, AwsError> {
        Ok(self.list_definitions(cx, input).await?)
    }

    async fn list_tasks(
        &self,
        cx: &Context,
        input: shapes::ListTasksInput,
    ) -> Result<shapes::ListTasksOutput, AwsError> {
        Ok(self.list_tasks_of(cx, input).await?)
    }

    async fn register_task_definition(
        &self,
        cx: &Context,
        input: shapes::RegisterTaskDefinitionInput,
    ) -> Result<shapes::RegisterTaskDefinitionOutput, AwsError> {
        Ok(self.register(cx, input).await?)
    }

    async fn run_task(
        &self,
        cx: &Context,
        input: shapes::RunTaskInput,
    ) -> Result<shapes::RunTaskOutput, AwsError> {
        self.run(cx, input).await
    }

    async fn stop_task(
        &self,
        cx: &Context,
        input: shapes::StopTaskInput,
    ) -> Result<shapes::StopTaskOutput, AwsError> {
        Ok(self.stop(cx, input).await?)
    }

    async fn tag_resource(
        &self,
        cx: &Context,
        input: shapes::TagResourceInput,
    ) -> Result<shapes::TagResourceOutput, AwsError> {
        Ok(self.tag(cx, input).await?)
    }

    async fn untag_resource(
        &self,
        cx: &Context,
        input: shapes::UntagResourceInput,
    ) -> Result<shapes::UntagResourceOutput, AwsError> {
        Ok(self.untag(cx, input).await?)
    }

    async fn update_cluster(
        &self,
        cx: &Context,
        input: shapes::UpdateClusterInput,
    ) -> Result<shapes::UpdateClusterOutput, AwsError> {
        Ok(self.update(cx, input).await?)
    }

    async fn update_service(
        &self,
        cx: &Context,
        input: shapes::UpdateServiceInput,
    ) -> Result<shapes::UpdateServiceOutput, AwsError> {
        Ok(self.update_service_of(cx, input).await?)
    }
}
