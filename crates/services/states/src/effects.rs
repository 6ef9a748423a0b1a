//! Performs what steps wanted done for tasks, and reports to the executions what came of it.
//!
//! A job is performed once its batch is durable, and again after a restart until the batch that holds its outcome has
//! removed it: services are called with keys by which they tell a repetition.

use std::sync::Arc;
use std::time::Duration;

use api::{AwsError, Dispatcher, Fault};
use asl::{ErrorName, Failure, FailurePhase, Resource, ResourceTarget, TaskFailure, TaskId, Wake};
use serde_json::Value;
use store::{Batch, Collection, Store};
use types::Timestamp;

use crate::Error;
use crate::activities::{Activities, Scheduled};
use crate::execution::Waiting;
use crate::integrations::{self, Answer, Attempt, ecs_run_task};
use crate::name;
use crate::open_executions::{OpenExecutions, Report};
use crate::plan::{self, Cancellation, Job, Work};
use crate::tables;

/// How long to wait before a job is stopped again, where the service could not.
const CANCELLATION_RETRY: Duration = Duration::from_secs(5);

/// How long to wait before a job is looked at again, where the service could not say.
const LOOK_RETRY: Duration = Duration::from_secs(1);

/// Performs jobs.
pub(crate) struct Effects {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) open: Arc<OpenExecutions>,
    pub(crate) waiting: Collection<Waiting>,
    activities: Arc<Activities>,
}

impl Effects {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        dispatcher: Dispatcher,
        open: Arc<OpenExecutions>,
        activities: Arc<Activities>,
    ) -> Self {
        let waiting = Collection::new(Arc::clone(&store), tables::ECS_TASKS);
        Self { store, dispatcher, open, waiting, activities }
    }

    /// Performs a job of the queue `tables::EFFECT` that was `due`.
    pub(crate) async fn perform(&self, key: &str, due: Timestamp, job: &Job) -> Result<(), Error> {
        match &job.work {
            Work::Invoke => self.invoke(key, due, &job.execution, job.task).await,
            Work::Withdraw { activity } => {
                let mut done = Batch::new();
                done.clear_timer(tables::EFFECT, key);
                self.activities.withdraw(activity, &job.execution, job.task, done).await
            }
            Work::Inspect => {
                let mut done = Batch::new();
                done.clear_timer(tables::EFFECT, key);
                self.inspect(&job.execution, job.task, done).await
            }
            Work::Cancel(cancellation) => self.cancel(key, job, cancellation).await,
        }
    }

    async fn invoke(&self, key: &str, due: Timestamp, execution: &str, task: TaskId) -> Result<(), Error> {
        let mut always = Batch::new();
        always.clear_timer(tables::EFFECT, key);
        let Some(called) = self.open.call(execution, task).await? else {
            return self.submit(always).await;
        };
        if *called.task.resource.target() == ResourceTarget::Activity {
            let scheduled = Scheduled { at: due, execution: execution.to_owned(), task };
            return self.schedule(called.task.resource.arn(), scheduled, always).await;
        }
        let answer = integrations::invoke(&called.attempt(&self.dispatcher, execution)).await;
        let mut if_open = Batch::new();
        if let Answer::Submitted { output } = &answer
            && integrations::is_job(&called.task.resource)
        {
            self.expect(&mut if_open, execution, task, &called.task.resource, output);
        }
        let wake = wake(task, answer);
        self.open.wake_durably(execution, Report { wake, always, if_open }).await
    }

    /// Lets a task wait for its activity's workers, or tells the execution that there is no such activity.
    async fn schedule(&self, activity: &str, scheduled: Scheduled, always: Batch) -> Result<(), Error> {
        if self.activities.get(activity).is_some() {
            return self.activities.schedule(activity, scheduled, always).await;
        }
        let cause = format!("The activity {activity} does not exist.");
        let failure = Failure::new(ErrorName::Runtime, cause);
        let failure = TaskFailure { failure, phase: FailurePhase::Schedule };
        let wake = Wake::TaskFailed { task: scheduled.task, failure };
        self.open.wake_durably(&scheduled.execution, Report { wake, always, if_open: Batch::new() }).await
    }

    /// Adds to `batch` that the end of the submitted job concerns this task, and a look whether that is past already.
    fn expect(
        &self,
        batch: &mut Batch,
        execution: &str,
        task: TaskId,
        resource: &Resource,
        submitted: &Value,
    ) {
        let waiting = Waiting { execution: execution.to_owned(), task };
        for (ecs_task, _) in ecs_run_task::tasks(submitted) {
            self.waiting.put(batch, ecs_task, &waiting);
        }
        if let Some(child) = integrations::awaited_execution(resource, submitted) {
            self.open.awaited.expect(batch, child, &waiting);
        }
        let job = Job { execution: execution.to_owned(), task, work: Work::Inspect };
        let now = self.dispatcher.clock().now();
        batch.set_timer(tables::EFFECT, tables::inspection(execution, task), now, plan::json(&job));
    }

    /// Looks whether the job of a task has ended, and if so reports it. `done` is written in any case.
    pub(crate) async fn inspect(&self, execution: &str, task: TaskId, mut done: Batch) -> Result<(), Error> {
        let Some(called) = self.open.task(execution, task).await? else { return self.submit(done).await };
        let is_job = integrations::is_job(&called.task.resource);
        let Some(submitted) = called.task.submitted.clone().filter(|_| is_job) else {
            return self.submit(done).await;
        };
        match self.look(&called.attempt(&self.dispatcher, execution), submitted.value()).await {
            Ok(Some(answer)) => {
                for (ecs_task, _) in ecs_run_task::tasks(submitted.value()) {
                    self.waiting.delete(&mut done, ecs_task);
                }
                let child = integrations::awaited_execution(&called.task.resource, submitted.value());
                if let Some(child) = child {
                    let waiting = Waiting { execution: execution.to_owned(), task };
                    self.open.awaited.forget(&mut done, child, &waiting);
                }
                let report = Report { wake: wake(task, answer), always: done, if_open: Batch::new() };
                self.open.wake_durably(execution, report).await
            }
            Ok(None) => self.submit(done).await,
            Err(error) => {
                // The event will tell; looking needs a permission that the role may lack.
                tracing::warn!(execution, %error, "a task could not be looked at");
                self.submit(done).await
            }
        }
    }

    /// Looks at a job until its service can say: of an end that has come already, nobody else tells.
    async fn look(&self, attempt: &Attempt<'_>, submitted: &Value) -> Result<Option<Answer>, AwsError> {
        loop {
            match integrations::inspect(attempt, submitted).await {
                Err(error) if error.fault() == Fault::Receiver => {
                    tracing::warn!(attempt.execution, %error, "a task cannot be looked at yet");
                    let clock = self.dispatcher.clock();
                    clock.sleep_until(clock.now() + LOOK_RETRY).await;
                }
                looked => return looked,
            }
        }
    }

    async fn cancel(&self, key: &str, job: &Job, cancellation: &Cancellation) -> Result<(), Error> {
        let (region, account) = name::place(&job.execution)?;
        let attempt = Attempt {
            dispatcher: &self.dispatcher,
            execution: &job.execution,
            task: job.task,
            seed: cancellation.seed,
            role_arn: &cancellation.role_arn,
            region: &region,
            account: &account,
            resource: &cancellation.resource,
            parameters: &cancellation.parameters,
        };
        let mut batch = Batch::new();
        match integrations::cancel(&attempt, cancellation).await {
            Ok(()) => batch.clear_timer(tables::EFFECT, key),
            Err(_) => {
                let due = self.dispatcher.clock().now() + CANCELLATION_RETRY;
                batch.set_timer(tables::EFFECT, key, due, plan::json(job))
            }
        };
        self.submit(batch).await
    }

    /// Takes an event "ECS Task State Change" and reports it to the task that waits for it, if any does.
    ///
    /// The event is the member `Event`, as an object or as the text that a target is given.
    ///
    /// # Errors
    /// [`Error::NotATaskEvent`] for other events; [`Error::Store`].
    pub(crate) async fn deliver(&self, input: &Value) -> Result<(), Error> {
        let event = match input.get("Event") {
            Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| Error::NotATaskEvent)?,
            Some(event) => event.clone(),
            None => return Err(Error::NotATaskEvent),
        };
        let detail = event.get("detail").ok_or(Error::NotATaskEvent)?;
        let ecs_task = detail.get("taskArn").and_then(Value::as_str).ok_or(Error::NotATaskEvent)?;
        let Some(answer) = ecs_run_task::outcome(&self.dispatcher, detail) else { return Ok(()) };
        // An event that comes before the task is known here is not lost: there is a look after the submission.
        let Some(waiting) = self.waiting.get(ecs_task).await? else { return Ok(()) };
        let Waiting { execution, task } = waiting.value;
        let mut always = Batch::new();
        self.waiting.delete(&mut always, ecs_task);
        always.clear_timer(tables::EFFECT, tables::inspection(&execution, task));
        let report = Report { wake: wake(task, answer), always, if_open: Batch::new() };
        self.open.wake_durably(&execution, report).await
    }

    async fn submit(&self, batch: Batch) -> Result<(), Error> {
        if !batch.is_empty() {
            self.store.submit(batch).durable().await?;
        }
        Ok(())
    }
}

/// What an execution is told of a service's answer.
pub(crate) fn wake(task: TaskId, answer: Answer) -> Wake {
    match answer {
        Answer::Submitted { output } => Wake::TaskSubmitted { task, output },
        Answer::Succeeded(output) => Wake::TaskSucceeded { task, output },
        Answer::Failed(failure) => Wake::TaskFailed { task, failure },
    }
}
