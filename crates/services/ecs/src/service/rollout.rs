//! How a deployment ends: completed, given up, rolled back.

use types::Timestamp;

use crate::service::announcement;
use crate::service::decide::{Census, Effects};
use crate::service::{Deployment, Rollout, Service};

/// Gives up the primary deployment where too many of its tasks have failed, and brings back the last completed one where
/// that is asked for.
pub fn break_circuit(service: &mut Service, now: Timestamp, effects: &mut Effects) {
    let breaker = &service.configuration.circuit_breaker;
    let threshold = breaker.threshold.failures(service.desired_count);
    let rolls_back = breaker.rollback;
    let is_enabled = breaker.enable;
    let Some(primary) = service.deployments.first_mut() else { return };
    let is_watched = is_enabled && primary.rollout == Rollout::InProgress && !primary.is_rollback;
    if !is_watched || primary.failed_tasks < threshold {
        return;
    }
    let reason = "ECS deployment circuit breaker: tasks failed to start.".to_owned();
    primary.enter(Rollout::Failed, reason, now);
    let failed = primary.clone();
    effects.messages.push(announcement::failed(service, &failed.id));
    effects.announcements.push(announcement::deployment(&failed, now));
    let target = service.completed.clone().filter(|target| target.id != failed.id);
    if let Some(target) = target.filter(|_| rolls_back) {
        roll_back(service, target, now, effects);
    }
}

/// Makes `target` the primary deployment again, with those of its tasks that still run.
fn roll_back(service: &mut Service, target: Deployment, now: Timestamp, effects: &mut Effects) {
    service.deployments.retain(|one| one.id != target.id);
    effects.messages.push(announcement::rolling_back(service, &target.id));
    let reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {}.", target.id);
    let mut primary =
        Deployment { created_at: target.created_at, ..Deployment::new(target.id, target.revision, now) };
    primary.is_rollback = true;
    primary.reason = reason;
    effects.announcements.push(announcement::deployment(&primary, now));
    service.deployments.insert(0, primary);
}

/// Completes the primary deployment once all its tasks have settled and no other has any; forgets those that have none.
pub fn finish(service: &mut Service, census: &Census<'_>, now: Timestamp, effects: &mut Effects) {
    let primary = service.primary().map(|primary| primary.id.clone()).unwrap_or_default();
    service.deployments.retain(|one| one.id == primary || census.occupants.contains(&one.id.as_str()));
    let is_alone = service.deployments.len() == 1;
    let desired = service.desired_count;
    let Some(deployment) = service.deployments.first_mut() else { return };
    let is_complete = is_alone && census.primary.len() == desired && census.all_settled();
    if deployment.rollout != Rollout::InProgress || !is_complete {
        return;
    }
    deployment.enter(Rollout::Completed, format!("ECS deployment {primary} completed."), now);
    let completed = deployment.clone();
    effects.messages.push(announcement::completed(service, &primary));
    effects.announcements.push(announcement::deployment(&completed, now));
    service.completed = Some(completed);
}

impl Deployment {
    fn enter(&mut self, rollout: Rollout, reason: String, now: Timestamp) {
        self.rollout = rollout;
        self.reason = reason;
        self.updated_at = now;
    }
}
