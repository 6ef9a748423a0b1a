//! RunTask, StopTask, DescribeTasks, ListTasks.

use std::path::Path;

use api::{AwsError, Context};
use store::{Batch, Range, Versioned};
use types::Timestamp;

use super::clusters::missing;
use crate::Ecs;
use crate::cluster::Cluster;
use crate::describe;
use crate::error::Error;
use crate::generated::types::{
    DescribeTasksInput, DescribeTasksOutput, ExecuteCommandInput, ExecuteCommandOutput, ListTasksInput,
    ListTasksOutput, RunTaskInput, RunTaskOutput, StopTaskInput, StopTaskOutput, Volume,
};
use crate::lifecycle::{self, TaskEvent};
use crate::limits;
use crate::names::{self, Scope, TaskDefinitionName};
use crate::page::{Page, Results};
use crate::run_task::{self, Host};
use crate::subnets;
use crate::tables::{ClientToken, IndexEntry, TASK_QUEUE, TOKEN_QUEUE};
use crate::task::{StopCode, Task, key};
use crate::task_definition::Definition;

impl Ecs {
    /// RunTask: records the tasks and the wish to start them in one batch, and answers once that is durable.
    pub(crate) async fn run(&self, cx: &Context, input: RunTaskInput) -> Result<RunTaskOutput, AwsError> {
        run_task::check_request(&input)?;
        let cluster = self.active_cluster(cx, input.cluster.as_deref()).await?.value;
        let request =
            serde_json::to_value(&input).map_err(|error| AwsError::internal("ServerException", &error))?;
        loop {
            if let Some(answer) = self.earlier_answer(cx, &cluster, &input, &request).await? {
                return Ok(answer);
            }
            let definition = self.definition_to_run(cx, &input.task_definition).await?;
            let tasks = self.plan_tasks(cx, &input, &cluster, &definition).await?;
            self.inside.roles.assume_all(&tasks).await?;
            let placed = self.agent.placement.place(tasks);
            let tasks = &placed.tasks;
            let answer = RunTaskOutput {
                tasks: Some(tasks.iter().map(describe::task_with_tags).collect()),
                failures: Some(placed.failures.clone()),
            };
            if tasks.is_empty() {
                // Nothing began: the same request may find room later, with the same token.
                return Ok(answer);
            }
            let mut batch = Batch::new();
            if let Some(token) = given_token(&input) {
                let key = token_key(cx, &cluster, token);
                let token = ClientToken {
                    request: request.clone(),
                    answer: serde_json::to_value(&answer)
                        .map_err(|error| AwsError::internal("ServerException", &error))?,
                    task_arns: tasks.iter().map(|task| task.arn.clone()).collect(),
                    task_keys: tasks.iter().map(Task::key).collect(),
                    used_at: cx.now,
                };
                self.tables.tokens.create(&mut batch, &key, &token);
                batch.set_timer(TOKEN_QUEUE, key, cx.now + limits::CLIENT_TOKEN_RETENTION, Vec::new());
            }
            self.put_new_tasks(&mut batch, tasks, cx.now);
            if self.commit(batch).await? {
                placed.keep();
                return Ok(answer);
            }
        }
    }

    /// The tasks that a request starts: the one way to them, for RunTask and for services. They need room still, which
    /// `placement` finds.
    pub(crate) async fn plan_tasks(
        &self,
        cx: &Context,
        input: &RunTaskInput,
        cluster: &Cluster,
        definition: &Definition,
    ) -> Result<Vec<Task>, Error> {
        let host = Host { volumes_dir: self.directory_for(definition.shape.volumes.as_deref())? };
        let mut tasks = run_task::plan(cx, input, cluster, definition, host)?;
        subnets::settle(cx, input, &mut tasks, self.stand_ins).await?;
        Ok(tasks)
    }

    /// Adds to `batch`: new tasks, and the wish to start them.
    pub(crate) fn put_new_tasks(&self, batch: &mut Batch, tasks: &[Task], now: Timestamp) {
        for task in tasks {
            self.tables.tasks.create(batch, &task.key(), task);
            self.agent.put_changes(batch, task, &[lifecycle::created(task)]);
            batch.set_timer(TASK_QUEUE, task.key(), now, Vec::new());
        }
    }

    /// What an earlier request with the same client token was answered.
    async fn earlier_answer(
        &self,
        cx: &Context,
        cluster: &Cluster,
        input: &RunTaskInput,
        request: &serde_json::Value,
    ) -> Result<Option<RunTaskOutput>, AwsError> {
        let Some(token) = given_token(input) else { return Ok(None) };
        let key = token_key(cx, cluster, token);
        let Some(known) = self.tables.tokens.get(&key).await.map_err(Error::from)? else { return Ok(None) };
        if known.value.request != *request {
            return Err(Error::ClientTokenReused { resource_ids: known.value.task_arns }.into());
        }
        let answer = serde_json::from_value(known.value.answer);
        answer.map(Some).map_err(|error| AwsError::internal("ServerException", &error))
    }

    /// The task definition that a request names, which must be active.
    pub(crate) async fn definition_to_run(&self, cx: &Context, text: &str) -> Result<Definition, Error> {
        let name = TaskDefinitionName::parse(cx, text)?;
        let definition = self.find_definition(cx, &name).await?.ok_or(Error::TaskDefinitionNotFound)?.value;
        if definition.is_active() { Ok(definition) } else { Err(Error::TaskDefinitionInactive) }
    }

    /// The directory for volumes, which must be known where there are any.
    pub(crate) fn directory_for(&self, volumes: Option<&[Volume]>) -> Result<&Path, Error> {
        match &self.volumes_dir {
            Some(directory) => Ok(directory),
            None if volumes.is_none_or(<[Volume]>::is_empty) => Ok(Path::new("")),
            None => Err(Error::client("volumes are not supported without a directory for them.")),
        }
    }

    /// StopTask: records the wish; the agent sees to it.
    pub(crate) async fn stop(&self, cx: &Context, input: StopTaskInput) -> Result<StopTaskOutput, Error> {
        let reason = input.reason.filter(|reason| !reason.is_empty());
        if reason.as_ref().is_some_and(|text| text.chars().count() > limits::STOP_REASON_CHARACTERS) {
            return Err(Error::invalid("reason should be at most 1024 characters."));
        }
        let reason = reason.unwrap_or_else(|| "Task stopped by user".to_owned());
        let cluster = self.active_cluster(cx, input.cluster.as_deref()).await?.value;
        let id = names::task_id(cx, &input.task)?;
        loop {
            let seen = self.find_task(cx, &cluster.name, &id).await?.ok_or(Error::TaskNotFound)?;
            let mut task = seen.value.clone();
            let event = TaskEvent::StopRequested { code: StopCode::UserInitiated, reason: reason.clone() };
            let changes = lifecycle::advance(&mut task, event, cx.now);
            if changes.is_empty() {
                // It stops already, or has stopped.
                return Ok(StopTaskOutput { task: Some(describe::task_with_tags(&task)) });
            }
            let mut batch = Batch::new();
            self.agent.replace(&mut batch, &seen, &task, &changes);
            // Setting the timer anew wakes whoever looks after the task.
            batch.set_timer(TASK_QUEUE, task.key(), cx.now, Vec::new());
            if self.commit(batch).await? {
                return Ok(StopTaskOutput { task: Some(describe::task_with_tags(&task)) });
            }
        }
    }

    /// DescribeTasks.
    pub(crate) async fn describe_tasks_of(
        &self,
        cx: &Context,
        input: DescribeTasksInput,
    ) -> Result<DescribeTasksOutput, Error> {
        if input.tasks.is_empty() {
            return Err(Error::NoTasks);
        }
        if input.tasks.len() > limits::DESCRIBED_AT_ONCE {
            return Err(Error::invalid("Tasks cannot have more than 100 elements"));
        }
        let cluster = self.active_cluster(cx, input.cluster.as_deref()).await?.value;
        let with_tags = input.include.iter().flatten().any(|include| include == "TAGS");
        let show = if with_tags { describe::task_with_tags } else { describe::task };
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for text in &input.tasks {
            let id = names::task_id(cx, text)?;
            match self.find_task(cx, &cluster.name, &id).await? {
                Some(task) => tasks.push(show(&task.value)),
                None => failures.push(missing(cx, &format!("task/{}", cluster.name), text)),
            }
        }
        Ok(DescribeTasksOutput { tasks: Some(tasks), failures: Some(failures) })
    }

    /// ExecuteCommand: a session of the Session Manager plugin, which is not to be had here. RunTask refuses
    /// `enableExecuteCommand`, so no task has it enabled; `runwright ecs exec` is the way into a container.
    pub(crate) async fn execute(
        &self,
        cx: &Context,
        input: ExecuteCommandInput,
    ) -> Result<ExecuteCommandOutput, Error> {
        let cluster = self.active_cluster(cx, input.cluster.as_deref()).await?.value;
        let id = names::task_id(cx, &input.task)?;
        self.find_task(cx, &cluster.name, &id).await?.ok_or(Error::TaskNotFound)?;
        if !input.interactive {
            return Err(Error::invalid("Interactive is the only mode supported currently."));
        }
        Err(Error::ExecuteCommandNotEnabled)
    }

    /// ListTasks: those that are meant to run, unless the request asks for stopped ones.
    pub(crate) async fn list_tasks_of(
        &self,
        cx: &Context,
        input: ListTasksInput,
    ) -> Result<ListTasksOutput, Error> {
        let page = Page::parse(input.max_results, input.next_token.as_deref())?;
        let cluster = self.active_cluster(cx, input.cluster.as_deref()).await?.value;
        if input.container_instance.is_some() || input.daemon_name.is_some() {
            return Err(Error::unsupported("containerInstance and daemonName of ListTasks"));
        }
        let service = match input.service_name.as_deref() {
            Some(name) => {
                let found = self.find_service(cx, &cluster.name, name).await?;
                Some(found.ok_or(Error::ServiceNotFound)?.value.name)
            }
            None => None,
        };
        // AWS never leaves a task's desired status at PENDING.
        let desired = input.desired_status.as_deref().unwrap_or("RUNNING");
        let prefix = Scope::of(cx).key(&format!("{}/{desired}/", cluster.name));
        let range = Range { after: page.after.as_deref(), ..Range::prefix(&prefix) };
        let mut results = Results::new(&page);
        for entry in self.tables.index.list(range).await? {
            if is_wanted(&input, service.as_deref(), &entry.value)
                && !results.push(&entry.key, entry.value.arn)
            {
                break;
            }
        }
        let (task_arns, next_token) = results.finish();
        Ok(ListTasksOutput { task_arns: Some(task_arns), next_token })
    }

    /// The task of that id.
    pub(crate) async fn find_task(
        &self,
        cx: &Context,
        cluster: &str,
        id: &str,
    ) -> Result<Option<Versioned<Task>>, Error> {
        let key = key(cx.account.as_str(), cx.region.as_str(), cluster, id);
        Ok(self.tables.tasks.get(&key).await?)
    }
}

fn is_wanted(input: &ListTasksInput, service: Option<&str>, entry: &IndexEntry) -> bool {
    let equal = |wanted: &Option<String>, value: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| Some(wanted) == value)
    };
    equal(&input.family, Some(&entry.family))
        && service.is_none_or(|service| entry.service.as_deref() == Some(service))
        && equal(&input.started_by, entry.started_by.as_deref())
        && equal(&input.launch_type, Some(entry.launch_type.as_str()))
}

fn given_token(input: &RunTaskInput) -> Option<&str> {
    input.client_token.as_deref().filter(|token| !token.is_empty())
}

fn token_key(cx: &Context, cluster: &Cluster, token: &str) -> String {
    Scope::of(cx).key(&format!("{}/{token}", cluster.name))
}
