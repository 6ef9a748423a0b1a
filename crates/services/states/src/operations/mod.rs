//! The operations of the API: typed input, one domain call, typed output.

mod activities;
mod aliases;
pub(crate) mod create_state_machine;
pub(crate) mod creation;
pub(crate) mod deletion;
mod executions;
mod get_activity_task;
mod history;
mod map_runs;
mod redrive_execution;
mod start_sync_execution;
mod state_machines;
mod tags;
mod task_tokens;
mod test_state;
mod update_state_machine;
mod validate;
mod versions;

use std::sync::Arc;

use api::Context;
use store::{Collection, Store};

use crate::Error;
use crate::activities::{Activities, ActivityRecord};
use crate::execution::ExecutionRecord;
use crate::generated::operations::Api;
use crate::generated::types as shapes;
use crate::history::Histories;
use crate::map_runs::MapRuns;
use crate::name::{self, Qualifier, StateMachineArn};
use crate::open_executions::OpenExecutions;
use crate::state_machine::{StateMachineRecord, StateMachines};
use crate::synchronous::Synchronous;

/// What operations work with.
pub(crate) struct Operations {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) machines: Arc<StateMachines>,
    pub(crate) activities: Arc<Activities>,
    pub(crate) open: Arc<OpenExecutions>,
    pub(crate) synchronous: Arc<Synchronous>,
    pub(crate) map_runs: Arc<MapRuns>,
    pub(crate) records: Collection<ExecutionRecord>,
    pub(crate) histories: Histories,
}

impl Operations {
    /// The state machine with that ARN.
    fn machine(&self, cx: &Context, arn: &str) -> Result<StateMachineRecord, Error> {
        name::check_state_machine_arn(cx, arn)?;
        self.machines.get(arn).ok_or_else(|| Error::StateMachineDoesNotExist(arn.to_owned()))
    }

    /// The state machine of an ARN whose version or alias, if it names one, is there.
    fn named(&self, arn: &StateMachineArn) -> Result<StateMachineRecord, Error> {
        let is_there = match &arn.qualifier {
            None => true,
            Some(Qualifier::Version(number)) => self.machines.version(&arn.machine, *number).is_some(),
            Some(Qualifier::Alias(name)) => self.machines.alias(&arn.machine, name).is_some(),
        };
        let record = self.machines.get(&arn.machine).filter(|_| is_there);
        record.ok_or_else(|| Error::StateMachineDoesNotExist(arn.to_string()))
    }

    /// The activity with that ARN.
    fn activity(&self, cx: &Context, arn: &str) -> Result<ActivityRecord, Error> {
        name::check_activity_arn(cx, arn)?;
        self.activities.get(arn).ok_or_else(|| Error::ActivityDoesNotExist(arn.to_owned()))
    }

    /// The execution with that ARN.
    async fn execution(&self, cx: &Context, arn: &str) -> Result<ExecutionRecord, Error> {
        name::check_execution_arn(cx, arn)?;
        let record = self.records.get(arn).await?;
        record.map(|record| record.value).ok_or_else(|| Error::ExecutionDoesNotExist(arn.to_owned()))
    }
}

impl Api for Operations {
    type Error = Error;

    async fn create_activity(
        &self,
        cx: &Context,
        input: shapes::CreateActivityInput,
    ) -> Result<shapes::CreateActivityOutput, Error> {
        activities::create(self, cx, input).await
    }

    async fn create_state_machine(
        &self,
        cx: &Context,
        input: shapes::CreateStateMachineInput,
    ) -> Result<shapes::CreateStateMachineOutput, Error> {
        create_state_machine::create(self, cx, input).await
    }

    async fn create_state_machine_alias(
        &self,
        cx: &Context,
        input: shapes::CreateStateMachineAliasInput,
    ) -> Result<shapes::CreateStateMachineAliasOutput, Error> {
        aliases::create(self, cx, input).await
    }

    async fn delete_activity(
        &self,
        cx: &Context,
        input: shapes::DeleteActivityInput,
    ) -> Result<shapes::DeleteActivityOutput, Error> {
        activities::delete(self, cx, input).await
    }

    async fn delete_state_machine(
        &self,
        cx: &Context,
        input: shapes::DeleteStateMachineInput,
    ) -> Result<shapes::DeleteStateMachineOutput, Error> {
        state_machines::delete(self, cx, input).await
    }

    async fn delete_state_machine_alias(
        &self,
        cx: &Context,
        input: shapes::DeleteStateMachineAliasInput,
    ) -> Result<shapes::DeleteStateMachineAliasOutput, Error> {
        aliases::delete(self, cx, input).await
    }

    async fn delete_state_machine_version(
        &self,
        cx: &Context,
        input: shapes::DeleteStateMachineVersionInput,
    ) -> Result<shapes::DeleteStateMachineVersionOutput, Error> {
        versions::delete(self, cx, input).await
    }

    async fn describe_activity(
        &self,
        cx: &Context,
        input: shapes::DescribeActivityInput,
    ) -> Result<shapes::DescribeActivityOutput, Error> {
        activities::describe(self, cx, input).await
    }

    async fn describe_execution(
        &self,
        cx: &Context,
        input: shapes::DescribeExecutionInput,
    ) -> Result<shapes::DescribeExecutionOutput, Error> {
        executions::describe(self, cx, input).await
    }

    async fn describe_map_run(
        &self,
        cx: &Context,
        input: shapes::DescribeMapRunInput,
    ) -> Result<shapes::DescribeMapRunOutput, Error> {
        map_runs::describe(self, cx, input).await
    }

    async fn describe_state_machine(
        &self,
        cx: &Context,
        input: shapes::DescribeStateMachineInput,
    ) -> Result<shapes::DescribeStateMachineOutput, Error> {
        state_machines::describe(self, cx, input).await
    }

    async fn describe_state_machine_alias(
        &self,
        cx: &Context,
        input: shapes::DescribeStateMachineAliasInput,
    ) -> Result<shapes::DescribeStateMachineAliasOutput, Error> {
        aliases::describe(self, cx, input).await
    }

    async fn describe_state_machine_for_execution(
        &self,
        cx: &Context,
        input: shapes::DescribeStateMachineForExecutionInput,
    ) -> Result<shapes::DescribeStateMachineForExecutionOutput, Error> {
        state_machines::describe_for_execution(self, cx, input).await
    }

    async fn get_activity_task(
        &self,
        cx: &Context,
        input: shapes::GetActivityTaskInput,
    ) -> Result<shapes::GetActivityTaskOutput, Error> {
        get_activity_task::get(self, cx, input).await
    }

    async fn get_execution_history(
        &self,
        cx: &Context,
        input: shapes::GetExecutionHistoryInput,
    ) -> Result<shapes::GetExecutionHistoryOutput, Error> {
        history::get(self, cx, input).await
    }

    async fn list_activities(
        &self,
        cx: &Context,
        input: shapes::ListActivitiesInput,
    ) -> Result<shapes::ListActivitiesOutput, Error> {
        activities::list(self, cx, input).await
    }

    async fn list_executions(
        &self,
        cx: &Context,
        input: shapes::ListExecutionsInput,
    ) -> Result<shapes::ListExecutionsOutput, Error> {
        executions::list(self, cx, input).await
    }

    async fn list_map_runs(
        &self,
        cx: &Context,
        input: shapes::ListMapRunsInput,
    ) -> Result<shapes::ListMapRunsOutput, Error> {
        map_runs::list(self, cx, input).await
    }

    async fn list_state_machine_aliases(
        &self,
        cx: &Context,
        input: shapes::ListStateMachineAliasesInput,
    ) -> Result<shapes::ListStateMachineAliasesOutput, Error> {
        aliases::list(self, cx, input).await
    }

    async fn list_state_machine_versions(
        &self,
        cx: &Context,
        input: shapes::ListStateMachineVersionsInput,
    ) -> Result<shapes::ListStateMachineVersionsOutput, Error> {
        versions::list(self, cx, input).await
    }

    async fn list_state_machines(
        &self,
        cx: &Context,
        input: shapes::ListStateMachinesInput,
    ) -> Result<shapes::ListStateMachinesOutput, Error> {
        state_machines::list(self, cx, input).await
    }

    async fn list_tags_for_resource(
        &self,
        cx: &Context,
        input: shapes::ListTagsForResourceInput,
    ) -> Result<shapes::ListTagsForResourceOutput, Error> {
        tags::list(self, cx, input).await
    }

    async fn publish_state_machine_version(
        &self,
        cx: &Context,
        input: shapes::PublishStateMachineVersionInput,
    ) -> Result<shapes::PublishStateMachineVersionOutput, Error> {
        versions::publish(self, cx, input).await
    }

    async fn redrive_execution(
        &self,
        cx: &Context,
        input: shapes::RedriveExecutionInput,
    ) -> Result<shapes::RedriveExecutionOutput, Error> {
        redrive_execution::redrive(self, cx, input).await
    }

    async fn send_task_failure(
        &self,
        cx: &Context,
        input: shapes::SendTaskFailureInput,
    ) -> Result<shapes::SendTaskFailureOutput, Error> {
        task_tokens::failure(self, cx, input).await
    }

    async fn send_task_heartbeat(
        &self,
        cx: &Context,
        input: shapes::SendTaskHeartbeatInput,
    ) -> Result<shapes::SendTaskHeartbeatOutput, Error> {
        task_tokens::heartbeat(self, cx, input).await
    }

    async fn send_task_success(
        &self,
        cx: &Context,
        input: shapes::SendTaskSuccessInput,
    ) -> Result<shapes::SendTaskSuccessOutput, Error> {
        task_tokens::success(self, cx, input).await
    }

    async fn start_execution(
        &self,
        cx: &Context,
        input: shapes::StartExecutionInput,
    ) -> Result<shapes::StartExecutionOutput, Error> {
        executions::start(self, cx, input).await
    }

    async fn start_sync_execution(
        &self,
        cx: &Context,
        input: shapes::StartSyncExecutionInput,
    ) -> Result<shapes::StartSyncExecutionOutput, Error> {
        start_sync_execution::start(self, cx, input).await
    }

    async fn stop_execution(
        &self,
        cx: &Context,
        input: shapes::StopExecutionInput,
    ) -> Result<shapes::StopExecutionOutput, Error> {
        executions::stop(self, cx, input).await
    }

    async fn tag_resource(
        &self,
        cx: &Context,
        input: shapes::TagResourceInput,
    ) -> Result<shapes::TagResourceOutput, Error> {
        tags::tag(self, cx, input).await
    }

    async fn test_state(
        &self,
        cx: &Context,
        input: shapes::TestStateInput,
    ) -> Result<shapes::TestStateOutput, Error> {
        test_state::test(cx, input).await
    }

    async fn untag_resource(
        &self,
        cx: &Context,
        input: shapes::UntagResourceInput,
    ) -> Result<shapes::UntagResourceOutput, Error> {
        tags::untag(self, cx, input).await
    }

    async fn update_map_run(
        &self,
        cx: &Context,
        input: shapes::UpdateMapRunInput,
    ) -> Result<shapes::UpdateMapRunOutput, Error> {
        map_runs::update(self, cx, input).await
    }

    async fn update_state_machine(
        &self,
        cx: &Context,
        input: shapes::UpdateStateMachineInput,
    ) -> Result<shapes::UpdateStateMachineOutput, Error> {
        update_state_machine::update(self, cx, input).await
    }

    async fn update_state_machine_alias(
        &self,
        cx: &Context,
        input: shapes::UpdateStateMachineAliasInput,
    ) -> Result<shapes::UpdateStateMachineAliasOutput, Error> {
        aliases::update(self, cx, input).await
    }

    async fn validate_state_machine_definition(
        &self,
        cx: &Context,
        input: shapes::ValidateStateMachineDefinitionInput,
    ) -> Result<shapes::ValidateStateMachineDefinitionOutput, Error> {
        validate::validate(self, cx, input).await
    }
}
