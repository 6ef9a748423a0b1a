//! StartMessageMoveTask, CancelMessageMoveTask, ListMessageMoveTasks: a dead-letter queue's messages on their way back.
//!
//! A task is a record, and a timer for its next step: a server that is started again goes on where it was.
//!
//! Source: SQS API Reference, "StartMessageMoveTask"; AWS's answers.

use api::{Context, ids};
use clock::Clock;
use serde::{Deserialize, Serialize};
use store::{Batch, Range, Versioned};
use types::{Blob, Timestamp};

use crate::dead_letters::HELD;
use crate::generated::types as model;
use crate::index::{Place, Taking};
use crate::limits::{MOVE_TASKS_KEPT, MOVED_PER_SECOND_MAX};
use crate::message::{self, Message, row_key};
use crate::queue::{Queue, QueueKey};
use crate::{Error, Inner};

/// The table of tasks, by [`MoveTask::key`].
pub(crate) const TABLE: &str = "sqs/move-tasks";
/// The timers of their steps, by the same keys.
pub(crate) const STEPS: &str = "sqs/move-tasks";

/// Messages that a task without a limit moves in one step.
const STEP: usize = 100;

/// A task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MoveTask {
    id: String,
    source: QueueKey,
    /// Where messages go; absent: where each came from.
    destination: Option<QueueKey>,
    per_second: Option<u64>,
    status: Status,
    started: Timestamp,
    moved: u64,
    to_move: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Status {
    Running,
    Cancelling,
    Cancelled,
    Completed,
    Failed(String),
}

/// What a handle says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Handle {
    task_id: String,
    source_arn: String,
}

impl MoveTask {
    /// In the order in which the tasks of a queue were started.
    fn key(&self) -> String {
        format!("{}/{:016x}/{}", self.source.text(), self.started.as_millis(), self.id)
    }

    fn is_open(&self) -> bool {
        matches!(self.status, Status::Running | Status::Cancelling)
    }

    fn handle(&self) -> Option<String> {
        let handle = Handle { task_id: self.id.clone(), source_arn: self.source.arn() };
        let text = serde_json::to_value(Blob(serde_json::to_vec(&handle).ok()?)).ok()?;
        text.as_str().map(str::to_owned)
    }
}

impl Inner {
    pub(crate) async fn start_move(
        &self,
        cx: &Context,
        input: model::StartMessageMoveTaskInput,
    ) -> Result<Option<String>, Error> {
        let source = self.queue_of_arn(&input.source_arn, "SourceArn")?;
        if !self.is_dead_letter_queue(&source) {
            let text = "Source queue must be configured as a Dead Letter Queue.";
            return Err(Error::InvalidParameterValue(text.to_owned()));
        }
        let destination = input.destination_arn.as_deref();
        let destination = destination.map(|arn| self.queue_of_arn(arn, "DestinationArn")).transpose()?;
        let per_second = per_second(input.max_number_of_messages_per_second)?;
        let _changing = self.queues.changes.lock().await;
        let tasks = self.tasks(&source).await?;
        if tasks.iter().any(|task| task.value.is_open()) {
            let text = "There is already a task running. Only one active task is allowed for a source queue arn at a given time.";
            return Err(Error::InvalidParameterValue(text.to_owned()));
        }
        let to_move = self.queues.with(&source, |queue| Ok(queue.index.len())).await? as u64;
        let task = MoveTask {
            id: ids::uuid(),
            source,
            destination,
            per_second,
            status: Status::Running,
            started: cx.now,
            moved: 0,
            to_move,
        };
        let mut batch = Batch::new();
        for old in tasks.iter().rev().skip(MOVE_TASKS_KEPT - 1) {
            self.move_tasks.delete(&mut batch, &old.key);
        }
        self.move_tasks.create(&mut batch, &task.key(), &task);
        batch.set_timer(STEPS, task.key(), cx.now, Vec::new());
        self.queues.store.submit(batch).durable().await?;
        Ok(task.handle())
    }

    pub(crate) async fn cancel_move(&self, handle: &str) -> Result<i64, Error> {
        let invalid =
            || Error::InvalidParameterValue("Value for parameter TaskHandle is invalid.".to_owned());
        let handle = read(handle).ok_or_else(invalid)?;
        let source = self.queue_of_arn(&handle.source_arn, "SourceArn")?;
        let tasks = self.tasks(&source).await?;
        let task = tasks.into_iter().find(|task| task.value.id == handle.task_id);
        let task = task.ok_or_else(|| Error::ResourceNotFound("Task does not exist.".to_owned()))?;
        if task.value.status != Status::Running {
            let text = "Only active tasks can be cancelled.";
            return Err(Error::UnsupportedOperation(text.to_owned()));
        }
        let cancelling = MoveTask { status: Status::Cancelling, ..task.value.clone() };
        let mut batch = Batch::new();
        self.move_tasks.put(&mut batch, &task.key, &cancelling);
        self.queues.store.submit(batch).durable().await?;
        Ok(i64::try_from(cancelling.moved).unwrap_or(i64::MAX))
    }

    pub(crate) async fn list_moves(
        &self,
        input: model::ListMessageMoveTasksInput,
    ) -> Result<Vec<model::ListMessageMoveTasksResultEntry>, Error> {
        let source = self.queue_of_arn(&input.source_arn, "SourceArn")?;
        let given = input.max_results.unwrap_or(1);
        let limit = usize::try_from(given).ok().filter(|limit| (1..=MOVE_TASKS_KEPT).contains(limit));
        let limit = limit
            .ok_or_else(|| Error::invalid_value(given, "MaxResults", "Must be an integer from 1 to 10."))?;
        let tasks = self.tasks(&source).await?;
        Ok(tasks.into_iter().rev().take(limit).map(|task| shown(&task.value)).collect())
    }

    /// The tasks of a queue, the newest last.
    async fn tasks(&self, source: &QueueKey) -> Result<Vec<Versioned<MoveTask>>, Error> {
        Ok(self.move_tasks.list(Range::prefix(&format!("{}/", source.text()))).await?)
    }

    fn queue_of_arn(&self, arn: &str, parameter: &str) -> Result<QueueKey, Error> {
        let key = QueueKey::of_arn(arn).ok_or_else(|| {
            Error::InvalidParameterValue(format!(
                "You must use this format to specify the {parameter}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
            ))
        })?;
        match self.queues.lock().open.contains_key(&key) {
            true => Ok(key),
            false => Err(Error::ResourceNotFound(format!(
                "The resource that you specified for the {parameter} parameter doesn't exist."
            ))),
        }
    }

    fn is_dead_letter_queue(&self, key: &QueueKey) -> bool {
        let state = self.queues.lock();
        state.open.values().any(|queue| {
            let redrive = queue.record.attributes.redrive.as_ref();
            redrive.and_then(|redrive| redrive.target()).as_ref() == Some(key)
        })
    }

    /// Moves some messages of the task with that key, and sets the timer of the next step.
    pub(crate) async fn step_move(&self, key: &str, clock: &Clock) -> Result<(), Error> {
        let now = clock.now();
        let Some(task) = self.move_tasks.get(key).await? else { return self.end_steps(key).await };
        let mut task = task.value;
        if task.status == Status::Running {
            match self.move_some(&task, now).await {
                Ok(0) => task.status = Status::Completed,
                Ok(count) => task.moved += count as u64,
                Err(error) => task.status = Status::Failed(reason(error)?),
            }
        }
        // Somebody may have cancelled it meanwhile.
        let is_cancelled =
            self.move_tasks.get(key).await?.is_some_and(|kept| kept.value.status == Status::Cancelling);
        if is_cancelled && task.is_open() {
            task.status = Status::Cancelled;
        }
        let mut batch = Batch::new();
        self.move_tasks.put(&mut batch, key, &task);
        match (task.is_open(), task.per_second) {
            (false, _) => batch.clear_timer(STEPS, key),
            (true, None) => batch.set_timer(STEPS, key, now, Vec::new()),
            (true, Some(_)) => {
                batch.set_timer(STEPS, key, now + std::time::Duration::from_secs(1), Vec::new())
            }
        };
        self.queues.store.submit(batch).durable().await?;
        Ok(())
    }

    async fn end_steps(&self, key: &str) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.clear_timer(STEPS, key);
        self.queues.store.submit(batch).durable().await?;
        Ok(())
    }

    /// Moves the messages of one step; none are left where there are none to move.
    async fn move_some(&self, task: &MoveTask, now: Timestamp) -> Result<usize, Error> {
        let count = task.per_second.and_then(|count| usize::try_from(count).ok()).unwrap_or(STEP);
        let taking = Taking { now, until: now + HELD, count_max: count, receives_max: None };
        let (source, places) = self
            .queues
            .with(&task.source, |queue| {
                Ok((std::sync::Arc::clone(&queue.record), queue.index.take(&taking).received))
            })
            .await?;
        let mut moved = 0;
        for place in places {
            let Some(to) = self.destination(task, &source, place).await? else { continue };
            let destination = self.record(&to).await?;
            let change = |message: &mut Message, _, _| {
                message.source_arn = None;
                message.receives_before = 0;
                message.received_first = None;
            };
            moved += self.relocate(now, &source, &[place], &destination, change).await?;
        }
        Ok(moved)
    }

    /// Where a message goes; `None` for one that is gone.
    async fn destination(
        &self,
        task: &MoveTask,
        source: &Queue,
        place: Place,
    ) -> Result<Option<QueueKey>, Error> {
        if let Some(destination) = &task.destination {
            return Ok(Some(destination.clone()));
        }
        let Some(row) = self.queues.store.get(message::TABLE, &row_key(&source.id, place)).await? else {
            return Ok(None);
        };
        let message = Message::read(&row.value, &source.id, &self.queues.key)?;
        let came_from = message.source_arn.as_deref().and_then(QueueKey::of_arn);
        came_from
            .map(Some)
            .ok_or_else(|| Error::ResourceNotFound("CouldNotDetermineMessageSource".to_owned()))
    }
}

/// `FailureReason`.
///
/// # Errors
/// Failures of ours: the step is tried again after a restart.
fn reason(error: Error) -> Result<String, Error> {
    match error {
        Error::QueueDoesNotExist => Ok("AWS.SimpleQueueService.NonExistentQueue".to_owned()),
        Error::ResourceNotFound(reason) => Ok(reason),
        other => Err(other),
    }
}

fn per_second(given: Option<i64>) -> Result<Option<u64>, Error> {
    let Some(given) = given else { return Ok(None) };
    match u64::try_from(given) {
        Ok(count @ 1..=MOVED_PER_SECOND_MAX) => Ok(Some(count)),
        _ => {
            let reason = format!("Must be an integer from 1 to {MOVED_PER_SECOND_MAX}.");
            Err(Error::invalid_value(given, "MaxNumberOfMessagesPerSecond", &reason))
        }
    }
}

fn read(handle: &str) -> Option<Handle> {
    let Blob(bytes) = serde_json::from_value(handle.into()).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn shown(task: &MoveTask) -> model::ListMessageMoveTasksResultEntry {
    let count = |count: u64| i64::try_from(count).ok();
    let (status, failure_reason) = match &task.status {
        Status::Running => ("RUNNING", None),
        Status::Cancelling => ("CANCELLING", None),
        Status::Cancelled => ("CANCELLED", None),
        Status::Completed => ("COMPLETED", None),
        Status::Failed(reason) => ("FAILED", Some(reason.clone())),
    };
    model::ListMessageMoveTasksResultEntry {
        task_handle: task.handle().filter(|_| task.status == Status::Running),
        status: Some(status.to_owned()),
        source_arn: Some(task.source.arn()),
        destination_arn: task.destination.as_ref().map(QueueKey::arn),
        max_number_of_messages_per_second: task.per_second.and_then(count),
        approximate_number_of_messages_moved: count(task.moved),
        approximate_number_of_messages_to_move: count(task.to_move),
        failure_reason,
        started_timestamp: Some(task.started.as_millis()),
    }
}
