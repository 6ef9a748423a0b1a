//! The scheduler: what is to be done for a service, decided from what it is and what its tasks are.
//!
//! Deterministic, and derived from the state alone: whoever loses a decision decides the same again. Tasks are counted
//! three ways. All that have not stopped count against the maximum. Those that are meant to run make up the desired count.
//! Those that are *trusted* keep the minimum: a new deployment's tasks are only once they have settled, so that tasks that
//! start and fall over never replace tasks that work.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use types::Timestamp;

use crate::limits;
use crate::service::announcement::{self, Announcement};
use crate::service::service_task::{Health, ServiceTask};
use crate::service::{Deployment, Rollout, Service, ServiceStatus, Trouble, rollout};

/// What is to be done, beside keeping the service as it is now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Tasks of the primary deployment to start.
    pub starts: usize,
    /// Tasks to stop.
    pub stops: Vec<StopOrder>,
    /// Tasks that have stopped and been counted: the service need not know them any more.
    pub forgotten: Vec<String>,
    /// What is added to the service's events.
    pub messages: Vec<String>,
    /// What EventBridge is told.
    pub announcements: Vec<Announcement>,
    /// When to decide again, if nothing changes before.
    pub next: Option<Timestamp>,
    /// Whether the service has been kept long enough.
    pub is_over: bool,
}

/// A task to stop, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopOrder {
    /// The task's id.
    pub id: String,
    /// Its `stoppedReason`.
    pub reason: String,
}

impl Effects {
    /// Has the decision made again at `at`, or before.
    pub fn look_again(&mut self, at: Timestamp) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    fn stop(&mut self, task: &ServiceTask, reason: String) {
        self.stops.push(StopOrder { id: task.id.clone(), reason });
    }
}

/// Decides what is to be done for a service that has these tasks.
pub fn decide(service: &mut Service, tasks: &[ServiceTask], now: Timestamp) -> Effects {
    let mut effects = Effects::default();
    account(service, tasks, now, &mut effects);
    match service.status {
        ServiceStatus::Active => keep(service, tasks, now, &mut effects),
        ServiceStatus::Draining => drain(service, tasks, now, &mut effects),
        ServiceStatus::Inactive { since } => {
            let end = since + limits::INACTIVE_SERVICE_RETENTION;
            effects.is_over = end <= now;
            effects.look_again(end);
        }
    }
    effects
}

/// Notes that tasks were started.
pub fn started(service: &mut Service, ids: &[&str], effects: &mut Effects) {
    effects.messages.push(announcement::started(service, ids));
    service.trouble = None;
    if let Some(primary) = service.deployments.first_mut() {
        primary.lacks_room = false;
    }
}

/// Notes that tasks could not be placed: the next attempt waits.
pub fn not_placed(service: &mut Service, reason: &str, now: Timestamp, effects: &mut Effects) {
    if let Some(primary) = service.deployments.first_mut() {
        primary.note_failure(now);
        primary.lacks_room = reason.starts_with("RESOURCE:");
        if let Some(pause) = &mut primary.back_off {
            // Room may come at any time, and nobody tells.
            pause.until = pause.until.min(now + limits::SERVICE_PLACEMENT_RETRY_MAX);
            effects.look_again(pause.until);
        }
    }
    let message = announcement::not_placed(service, reason);
    if complain(service, message, now, effects) {
        effects.announcements.push(announcement::placement_failure(service, reason, now));
    }
}

/// Says what is wrong, unless that has been said less than six hours ago.
fn complain(service: &mut Service, message: String, now: Timestamp, effects: &mut Effects) -> bool {
    let said = service.trouble.as_ref().filter(|trouble| trouble.message == message);
    if said.is_some_and(|trouble| now.since(trouble.at) < limits::SERVICE_EVENT_REPEAT) {
        return false;
    }
    effects.messages.push(message.clone());
    service.trouble = Some(Trouble { message, at: now });
    true
}

/// Counts tasks that have failed, once each, and lets go of those that have stopped.
fn account(service: &mut Service, tasks: &[ServiceTask], now: Timestamp, effects: &mut Effects) {
    for task in tasks {
        if task.has_failed() && service.counted.insert(task.id.clone()) {
            note_failure(service, &task.deployment, now, effects);
        }
        if task.has_stopped() {
            service.counted.remove(&task.id);
            effects.forgotten.push(task.id.clone());
        }
    }
    let reset = service.configuration.circuit_breaker.reset_on_healthy_task;
    for deployment in &mut service.deployments {
        let Some(failed_at) = deployment.last_failure_at else { continue };
        let settled = |task: &ServiceTask| {
            task.deployment == deployment.id
                && task.is_settled(now)
                && task.settles_at().is_some_and(|settled_at| settled_at > failed_at)
        };
        if tasks.iter().any(settled) {
            deployment.back_off = None;
            deployment.last_failure_at = None;
            if reset {
                deployment.failed_tasks = 0;
            }
        }
    }
}

fn note_failure(service: &mut Service, deployment: &str, now: Timestamp, effects: &mut Effects) {
    let Some(failing) = service.deployments.iter_mut().find(|one| one.id == deployment) else { return };
    let before = failing.back_off.map_or(0, |pause| pause.rounds);
    failing.note_failure(now);
    let after = failing.back_off.map_or(0, |pause| pause.rounds);
    if before < limits::SERVICE_ROUNDS_BEFORE_IMPAIRED && after >= limits::SERVICE_ROUNDS_BEFORE_IMPAIRED {
        let message = announcement::impaired(service);
        if complain(service, message, now, effects) {
            let warning = announcement::service_action(service, "WARN", "SERVICE_TASK_START_IMPAIRED", now);
            effects.announcements.push(warning);
        }
    }
}

fn drain(service: &mut Service, tasks: &[ServiceTask], now: Timestamp, effects: &mut Effects) {
    for task in tasks.iter().filter(|task| task.is_wanted()) {
        effects.stop(task, scaled_by(&task.deployment));
    }
    say_stopped(service, effects);
    if tasks.iter().all(ServiceTask::has_stopped) {
        service.status = ServiceStatus::Inactive { since: now };
        service.deployments.clear();
        effects.look_again(now + limits::INACTIVE_SERVICE_RETENTION);
    }
}

fn keep(service: &mut Service, tasks: &[ServiceTask], now: Timestamp, effects: &mut Effects) {
    stop_unhealthy(service, tasks, now, effects);
    rollout::break_circuit(service, now, effects);
    let Some(primary) = service.primary() else { return };
    let census = Census::take(primary, tasks, &effects.stops, now);
    let is_blocked = plan(service, &census, now, effects);
    say_stopped(service, effects);
    if is_blocked {
        let message = announcement::blocked(service);
        complain(service, message, now, effects);
    }
    rollout::finish(service, &census, now, effects);
    say_steady(service, &census, now, effects);
    for task in tasks {
        // What has not settled yet will be looked at when it may have.
        if let (true, Some(at)) = (task.is_running() && !task.is_settled(now), task.settles_at())
            && at > now
        {
            effects.look_again(at);
        }
    }
}

/// Stops tasks whose health checks fail, once their grace has ended. They count as failed.
fn stop_unhealthy(service: &mut Service, tasks: &[ServiceTask], now: Timestamp, effects: &mut Effects) {
    let grace = service.health_check_grace_period_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let grace = Duration::from_secs(grace.unwrap_or(0));
    for task in tasks.iter().filter(|task| task.is_running() && task.health == Health::Unhealthy) {
        let end = task.started_at.map_or(now, |started_at| started_at + grace);
        if end > now {
            effects.look_again(end);
            continue;
        }
        note_failure(service, &task.deployment, now, effects);
        effects.messages.push(announcement::unhealthy(service, &task.id));
        effects.stop(task, "Task failed container health checks".to_owned());
    }
}

/// The tasks of a service as a decision counts them.
pub struct Census<'a> {
    /// Those of the primary deployment that are meant to run.
    pub primary: Vec<&'a ServiceTask>,
    /// Those of older deployments that are meant to run.
    pub others: Vec<&'a ServiceTask>,
    /// The deployments of all that have not stopped.
    pub occupants: Vec<&'a str>,
    newest: String,
    now: Timestamp,
}

impl<'a> Census<'a> {
    /// Counts `tasks` without those that are about to be stopped.
    fn take(primary: &Deployment, tasks: &'a [ServiceTask], stops: &[StopOrder], now: Timestamp) -> Self {
        let leaving: BTreeSet<&str> = stops.iter().map(|order| order.id.as_str()).collect();
        let occupants = tasks.iter().filter(|task| !task.has_stopped());
        let wanted = tasks.iter().filter(|task| task.is_wanted() && !leaving.contains(task.id.as_str()));
        let occupants = occupants.map(|task| task.deployment.as_str()).collect();
        let newest = primary.id.clone();
        let (primary, others) = wanted.partition(|task| task.deployment == newest);
        Self { primary, others, occupants, newest, now }
    }

    /// Whether the service can rely on the task.
    fn trusts(&self, task: &ServiceTask) -> bool {
        let is_new = !self.others.is_empty() && task.deployment == self.newest;
        match task.health {
            Health::Healthy => task.is_running(),
            Health::Unchecked => task.is_running() && (!is_new || task.is_settled(self.now)),
            Health::Unknown | Health::Unhealthy => false,
        }
    }

    fn trusted(&self, tasks: &[&ServiceTask]) -> usize {
        tasks.iter().filter(|task| self.trusts(task)).count()
    }

    /// Whether all tasks of the primary deployment have shown that they run.
    pub fn all_settled(&self) -> bool {
        self.primary.iter().all(|task| task.is_settled(self.now))
    }

    /// Whether all that is desired runs and has settled, and nothing else does.
    fn is_steady(&self, desired: usize) -> bool {
        self.primary.len() == desired && self.occupants.len() == desired && self.all_settled()
    }
}

/// Decides how many tasks to start and which to stop; whether the configuration leaves no way on.
fn plan(service: &Service, census: &Census<'_>, now: Timestamp, effects: &mut Effects) -> bool {
    let Some(primary) = service.primary() else { return false };
    let desired = service.desired_count;
    let lacking = match primary.rollout {
        Rollout::Failed => 0,
        Rollout::InProgress | Rollout::Completed => desired.saturating_sub(census.primary.len()),
    };
    let room = service.configuration.most(desired).saturating_sub(census.occupants.len());
    let pause = primary.back_off.filter(|pause| now < pause.until);
    let startable = if pause.is_some() { 0 } else { lacking };
    effects.starts = startable.min(room).min(limits::SERVICE_STARTS_AT_ONCE);
    if let Some(pause) = pause.filter(|_| lacking > 0) {
        effects.look_again(pause.until);
    }
    if startable.min(room) > effects.starts {
        effects.look_again(now);
    }
    let crowding = if primary.lacks_room { startable } else { startable.saturating_sub(room) };
    stop_surplus(service, census, crowding, effects);
    if primary.lacks_room && !effects.stops.is_empty() {
        // Room is on its way: when these tasks have stopped.
        effects.starts = 0;
    }
    let is_still = effects.stops.is_empty()
        && census.occupants.len() == census.primary.len() + census.others.len()
        && census.all_settled();
    startable > 0 && room == 0 && is_still
}

/// Stops what is not needed any more, as far as enough tasks stay that can be relied upon. `crowding` tasks have no room
/// while the old ones stay.
fn stop_surplus(service: &Service, census: &Census<'_>, crowding: usize, effects: &mut Effects) {
    let desired = service.desired_count;
    let trusted = census.trusted(&census.primary) + census.trusted(&census.others);
    let mut spare = trusted.saturating_sub(service.configuration.least(desired));
    let still_needed = desired.saturating_sub(census.trusted(&census.primary));
    let superfluous = census.others.len().saturating_sub(still_needed).max(crowding);
    let has_failed = service.primary().is_some_and(|primary| primary.rollout == Rollout::Failed);
    let least_useful_first = |tasks: &[&'_ ServiceTask]| {
        let mut order: Vec<ServiceTask> = tasks.iter().map(|task| (*task).clone()).collect();
        order.sort_by_key(|task| (census.trusts(task), task.is_running(), Reverse(task.started_at)));
        order
    };
    for (at, task) in least_useful_first(&census.others).iter().enumerate() {
        // What has not begun to run is of no use to anybody when something newer is on its way.
        let is_idle = !task.is_running() && !has_failed;
        let affordable = !census.trusts(task) || spare > 0;
        if is_idle || (at < superfluous && affordable) {
            spare = spare.saturating_sub(usize::from(census.trusts(task)));
            effects.stop(task, scaled_by(&task.deployment));
        }
    }
    let surplus = census.primary.len().saturating_sub(desired);
    for task in least_useful_first(&census.primary).iter().take(surplus) {
        if !census.trusts(task) || spare > 0 {
            spare = spare.saturating_sub(usize::from(census.trusts(task)));
            effects.stop(task, scaled_by(&task.deployment));
        }
    }
}

fn scaled_by(deployment: &str) -> String {
    format!("Scaling activity initiated by (deployment {deployment})")
}

fn say_stopped(service: &Service, effects: &mut Effects) {
    let ids: Vec<&str> = effects.stops.iter().map(|order| order.id.as_str()).collect();
    if !ids.is_empty() {
        effects.messages.push(announcement::stopped(service, &ids));
    }
}

/// Says that the service is in a steady state: when it has come to one, and every six hours that it stays there.
fn say_steady(service: &mut Service, census: &Census<'_>, now: Timestamp, effects: &mut Effects) {
    let is_completed = service.primary().is_some_and(|primary| primary.rollout == Rollout::Completed);
    let is_quiet = effects.starts == 0 && effects.stops.is_empty();
    if !(is_completed && is_quiet && census.is_steady(service.desired_count)) {
        service.steady_at = None;
        return;
    }
    let said_at = service.steady_at.filter(|at| now.since(*at) < limits::SERVICE_EVENT_REPEAT);
    if said_at.is_none() {
        service.steady_at = Some(now);
        effects.messages.push(announcement::steady(service));
        let steady = announcement::service_action(service, "INFO", "SERVICE_STEADY_STATE", now);
        effects.announcements.push(steady);
    }
    effects.look_again(said_at.unwrap_or(now) + limits::SERVICE_EVENT_REPEAT);
}
