//! Where things are kept: tables, logs and queues of the store, and how their keys are made.
//!
//! | kind | name | key | content | written by |
//! |---|---|---|---|---|
//! | table | [`STATE_MACHINES`] | ARN | [`crate::state_machine::StateMachineRecord`] | the state machine operations |
//! | table | [`REVISIONS`] | UUID | [`crate::state_machine::Revision`] | the same |
//! | table | [`VERSIONS`] | [`version`] | [`crate::state_machine::VersionRecord`] | the same |
//! | table | [`ALIASES`] | [`alias`] | [`crate::state_machine::AliasRecord`] | the same |
//! | table | [`ACTIVITIES`] | ARN | [`crate::activities::ActivityRecord`] | the activity operations |
//! | table | [`ACTIVITY_TASKS`] | [`activity_task`] | [`crate::activities::Scheduled`] | scheduling, `GetActivityTask`, the task's end |
//! | table | [`EXECUTIONS`] | ARN | [`crate::execution::ExecutionRecord`] | start, end; of express ones while they are open |
//! | table | [`EXECUTIONS_BY_MACHINE`] | [`by_machine`] | [`crate::execution::Listed`] | start, end |
//! | table | [`HEADS`] | execution ARN | head of an open execution | every step |
//! | table | [`FRAMES`] | [`frame`] | one frame of an open or redrivable execution | every step that touches it |
//! | table | [`REDRIVABLE`] | execution ARN | head of an execution that ended without success; it keeps its frames | end |
//! | table | [`ECS_TASKS`] | ECS task ARN | [`crate::execution::Waiting`] | submission and end of `ecs:runTask.sync` |
//! | table | [`MAP_RUNS`] | Map Run ARN | [`crate::map_runs::MapRunRecord`] | start, end, `UpdateMapRun`, redrive |
//! | table | [`MAP_RUN_SPECS`] | Map Run ARN | `asl::MapRunSpec` | start |
//! | table | [`MAP_RUNS_BY_EXECUTION`] | [`by_execution`] | nothing | start |
//! | table | [`MAP_RUN_CHILDREN`] | [`map_run_child`] | [`crate::map_runs::ChildRecord`] | start and end of a child |
//! | table | [`CHILDREN`] | [`child`] | [`crate::execution::Waiting`] | submission and end of `states:startExecution.sync` |
//! | table | [`KEPT`] | [`kept`] | nothing: what is over, in the order of its end (`retention`) | end, update |
//! | log | [`history`] | id of its first event | a chunk of events, `asl::HistoryChunk` | every step |
//! | queue | [`WAKE`] | [`timer`] | nothing | every step |
//! | queue | [`EFFECT`] | [`invocation`], [`inspection`], [`completion`], [`cancellation`] | [`crate::plan::Job`] | every step |
//! | queue | [`LOG`] | execution ARN and event id | events for CloudWatch Logs | every step |
//! | queue | [`STATUS_CHANGE`] | execution ARN, status and redrive | an EventBridge event | start, end |
//! | queue | [`MAP_RUN`] | Map Run ARN, or [`map_run_redrive`] | [`crate::map_runs::Order`] | start, abort and redrive of a Map Run |
//! | queue | [`RETENTION`] | [`children_of`] | nothing | end of a Map Run whose children nobody asks about |
//! | queue | [`DELETION`] | state machine ARN | nothing | `DeleteStateMachine` |

use asl::{TaskId, TimerId};
use types::Timestamp;

pub(crate) const STATE_MACHINES: &str = "states/state_machine";
pub(crate) const REVISIONS: &str = "states/revision";
pub(crate) const VERSIONS: &str = "states/version";
pub(crate) const ALIASES: &str = "states/alias";
pub(crate) const ACTIVITIES: &str = "states/activity";
pub(crate) const ACTIVITY_TASKS: &str = "states/activity_task";
pub(crate) const EXECUTIONS: &str = "states/execution";
pub(crate) const EXECUTIONS_BY_MACHINE: &str = "states/execution_by_machine";
pub(crate) const HEADS: &str = "states/head";
pub(crate) const FRAMES: &str = "states/frame";
pub(crate) const REDRIVABLE: &str = "states/redrivable";
pub(crate) const ECS_TASKS: &str = "states/ecs_task";
pub(crate) const MAP_RUNS: &str = "states/map_run";
pub(crate) const MAP_RUN_SPECS: &str = "states/map_run_spec";
pub(crate) const MAP_RUNS_BY_EXECUTION: &str = "states/map_run_by_execution";
pub(crate) const MAP_RUN_CHILDREN: &str = "states/map_run_child";
pub(crate) const CHILDREN: &str = "states/child";
pub(crate) const KEPT: &str = "states/kept";

pub(crate) const WAKE: &str = "states/wake";
pub(crate) const EFFECT: &str = "states/effect";
pub(crate) const LOG: &str = "states/log";
pub(crate) const STATUS_CHANGE: &str = "states/status_change";
pub(crate) const MAP_RUN: &str = "states/map_run_order";
pub(crate) const RETENTION: &str = "states/retention";
pub(crate) const DELETION: &str = "states/deletion";

/// Key of something of this kind that was over at `end`: within its kind, in the order of the ends.
pub(crate) fn kept(kind: &str, end: Timestamp, name: &str) -> String {
    format!("{}{:020}#{name}", kept_of(kind), end.as_millis().max(0))
}

/// Prefix of the keys of what is over of a kind.
pub(crate) fn kept_of(kind: &str) -> String {
    format!("{kind}#")
}

/// The end and the name in a key of something that is over.
pub(crate) fn parse_kept(key: &str) -> Option<(Timestamp, &str)> {
    let (end, name) = key.split_once('#')?.1.split_once('#')?;
    Some((Timestamp::from_millis(end.parse().ok()?), name))
}

/// Key of the timer by which the children of a Map Run are forgotten.
pub(crate) fn children_of(map_run: &str) -> String {
    format!("{map_run}#children")
}

/// The Map Run that such a key names.
pub(crate) fn parse_children_of(key: &str) -> &str {
    key.strip_suffix("#children").unwrap_or(key)
}

/// Prefix of the keys of a state machine's versions and aliases.
pub(crate) fn of_machine(machine: &str) -> String {
    format!("{machine}#")
}

/// Key of a version.
pub(crate) fn version(machine: &str, number: u64) -> String {
    format!("{machine}#{number:020}")
}

/// Key of an alias.
pub(crate) fn alias(machine: &str, name: &str) -> String {
    format!("{machine}#{name}")
}

/// Key of a task that waits for a worker.
pub(crate) fn activity_task(activity: &str, execution: &str, task: TaskId) -> String {
    format!("{activity}#{execution}#{task}")
}

/// Name of the log that holds the history of an execution, which is the `order`th that began. Logs of executions that
/// began together lie together: names alone are random, and each would be looked for in a page of its own.
pub(crate) fn history(order: u64, execution: &str) -> String {
    format!("states/history/{order:020}/{execution}")
}

/// Key of a frame. `#` cannot occur in an ARN of an execution.
pub(crate) fn frame(execution: &str, frame: u64) -> String {
    format!("{execution}#{frame}")
}

/// Prefix of the keys of all frames of an execution.
pub(crate) fn frames(execution: &str) -> String {
    format!("{execution}#")
}

/// Key of a timer of an execution.
pub(crate) fn timer(execution: &str, timer: TimerId) -> String {
    format!("{execution}#{timer}")
}

/// The execution and the timer that a key names.
pub(crate) fn parse_timer(key: &str) -> Option<(&str, TimerId)> {
    let (execution, timer) = key.rsplit_once('#')?;
    Some((execution, TimerId(timer.parse().ok()?)))
}

/// Key of the effect that calls a task's service.
pub(crate) fn invocation(execution: &str, task: TaskId) -> String {
    format!("{execution}#{task}")
}

/// Key of the effect that looks whether a task's job has ended already.
pub(crate) fn inspection(execution: &str, task: TaskId) -> String {
    format!("{execution}#{task}/inspect")
}

/// Key of the effect that looks at the execution that a task waits for, once that has ended.
pub(crate) fn completion(execution: &str, task: TaskId) -> String {
    format!("{execution}#{task}/ended")
}

/// Key of a task that waits for the execution `child`.
pub(crate) fn child(child: &str, execution: &str, task: TaskId) -> String {
    format!("{child}#{execution}#{task}")
}

/// Key of the effect that stops a task's job.
pub(crate) fn cancellation(execution: &str, task: TaskId) -> String {
    format!("{execution}#{task}/cancel")
}

/// Key of the event that tells of an execution's status: it has each once for every redrive.
pub(crate) fn status_change(execution: &str, status: &str, redrive_count: u64) -> String {
    format!("{execution}#{status}/{redrive_count}")
}

/// Key of an execution among those of its machine, its version or its alias: by status, then in the order of their starts.
pub(crate) fn by_machine(machine: &str, status: &str, order: u64, name: &str) -> String {
    format!("{}{order:020}#{name}", by_status(machine, status))
}

/// Prefix of the keys of a machine's executions with a status.
pub(crate) fn by_status(machine: &str, status: &str) -> String {
    format!("{machine}#{status}#")
}

/// Key of a Map Run among those of its execution: in the order of their starts.
pub(crate) fn by_execution(execution: &str, start: Timestamp, map_run: &str) -> String {
    format!("{}{:020}#{map_run}", of_execution(execution), start.as_millis())
}

/// Prefix of the keys of an execution's Map Runs.
pub(crate) fn of_execution(execution: &str) -> String {
    format!("{execution}#")
}

/// Key of a child of a Map Run: in the order of the children's numbers.
pub(crate) fn map_run_child(map_run: &str, index: u64) -> String {
    format!("{}{index:020}", map_run_children(map_run))
}

/// Prefix of the keys of a Map Run's children.
pub(crate) fn map_run_children(map_run: &str) -> String {
    format!("{map_run}#")
}

/// Key of the order that redrives a Map Run.
pub(crate) fn map_run_redrive(map_run: &str) -> String {
    format!("{map_run}#redrive")
}

/// The Map Run that the key of an order names.
pub(crate) fn ordered_map_run(key: &str) -> &str {
    key.split_once('#').map_or(key, |(map_run, _)| map_run)
}

/// The child's number in the key of a child.
pub(crate) fn parse_map_run_child(key: &str) -> Option<u64> {
    key.rsplit_once('#')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_round_trip() {
        let key = timer("arn:aws:states:r:a:execution:m:e", TimerId(7));
        assert_eq!(parse_timer(&key), Some(("arn:aws:states:r:a:execution:m:e", TimerId(7))));
        assert_eq!(parse_timer("x"), None);
        assert_eq!(parse_timer("x#y"), None);
    }

    #[test]
    fn what_is_over_is_in_the_order_of_its_end() {
        let key = |millis| kept("execution", Timestamp::from_millis(millis), "arn:e");
        assert!(key(999) < key(1_000));
        assert_eq!(parse_kept(&key(7)), Some((Timestamp::from_millis(7), "arn:e")));
        assert_eq!(parse_kept("execution#x#e"), None);
        assert_eq!(parse_children_of(&children_of("arn:run")), "arn:run");
    }

    #[test]
    fn children_are_in_the_order_of_their_numbers() {
        assert!(map_run_child("m", 9) < map_run_child("m", 10));
        assert_eq!(parse_map_run_child(&map_run_child("m", 10)), Some(10));
        assert_eq!(parse_map_run_child("m"), None);
    }
}
