//! What a service tells: its own events in AWS's words, and the events that EventBridge is given.

use serde_json::{Value, json};
use types::Timestamp;

use crate::service::{Deployment, Service};

/// An event for EventBridge.
#[derive(Clone, Debug, PartialEq)]
pub struct Announcement {
    /// `ECS Service Action` or `ECS Deployment State Change`.
    pub detail_type: &'static str,
    /// When.
    pub at: Timestamp,
    /// The event's detail.
    pub detail: Value,
}

/// An "ECS Service Action" event.
pub fn service_action(service: &Service, kind: &str, name: &str, now: Timestamp) -> Announcement {
    let detail = json!({
        "eventType": kind,
        "eventName": name,
        "clusterArn": service.cluster_arn,
        "createdAt": now.to_iso_millis(),
    });
    Announcement { detail_type: "ECS Service Action", at: now, detail }
}

/// The "ECS Service Action" event of a task that cannot be placed.
pub fn placement_failure(service: &Service, reason: &str, now: Timestamp) -> Announcement {
    let name = match reason.starts_with("RESOURCE:") {
        true => "SERVICE_TASK_PLACEMENT_FAILURE",
        false => "SERVICE_TASK_CONFIGURATION_FAILURE",
    };
    let mut announcement = service_action(service, "ERROR", name, now);
    announcement.detail["reason"] = json!(reason);
    announcement
}

/// The "ECS Deployment State Change" event of a deployment in its state.
pub fn deployment(deployment: &Deployment, now: Timestamp) -> Announcement {
    let state = deployment.rollout.as_str();
    let kind = if state == "FAILED" { "ERROR" } else { "INFO" };
    let detail = json!({
        "eventType": kind,
        "eventName": format!("SERVICE_DEPLOYMENT_{state}"),
        "deploymentId": deployment.id,
        "updatedAt": now.to_iso_millis(),
        "reason": deployment.reason,
    });
    Announcement { detail_type: "ECS Deployment State Change", at: now, detail }
}

/// Tasks as the events of a service name them: `(task 0123) (task 4567)`.
fn tasks<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    let named: Vec<String> = ids.into_iter().map(|id| format!("(task {id})")).collect();
    named.join(" ")
}

/// Tasks were started.
pub fn started(service: &Service, ids: &[&str]) -> String {
    format!("(service {}) has started {} tasks: {}.", service.name, ids.len(), tasks(ids.iter().copied()))
}

/// Tasks are being stopped.
pub fn stopped(service: &Service, ids: &[&str]) -> String {
    format!(
        "(service {}) has stopped {} running tasks: {}.",
        service.name,
        ids.len(),
        tasks(ids.iter().copied())
    )
}

/// A task's health checks fail.
pub fn unhealthy(service: &Service, id: &str) -> String {
    format!("(service {}) (task {id}) failed container health checks.", service.name)
}

/// All that is desired runs.
pub fn steady(service: &Service) -> String {
    format!("(service {}) has reached a steady state.", service.name)
}

/// A deployment has replaced all others.
pub fn completed(service: &Service, deployment: &str) -> String {
    format!("(service {}) (deployment {deployment}) deployment completed.", service.name)
}

/// A deployment was given up.
pub fn failed(service: &Service, deployment: &str) -> String {
    format!("(service {}) (deployment {deployment}) deployment failed: tasks failed to start.", service.name)
}

/// An older deployment comes back.
pub fn rolling_back(service: &Service, deployment: &str) -> String {
    format!("(service {}) rolling back to deployment {deployment}.", service.name)
}

/// Tasks fail again and again.
pub fn impaired(service: &Service) -> String {
    format!(
        "(service {}) is unable to consistently start tasks successfully. {TROUBLESHOOTING}",
        service.name
    )
}

/// The deployment configuration leaves no way on.
pub fn blocked(service: &Service) -> String {
    format!(
        "(service {}) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
        service.name
    )
}

/// A task could not be placed, or not even be thought of.
pub fn not_placed(service: &Service, reason: &str) -> String {
    let name = &service.name;
    let lacking = match reason {
        "RESOURCE:CPU" => "has insufficient CPU units available",
        "RESOURCE:MEMORY" => "has insufficient memory available",
        "RESOURCE:PORTS" => "is already using a port required by your task",
        other if other.starts_with("RESOURCE:") => {
            return format!(
                "(service {name}) was unable to place a task. Reason: {other}. {TROUBLESHOOTING}"
            );
        }
        error => return format!("(service {name}) failed to launch a task with (error {error})."),
    };
    format!(
        "(service {name}) was unable to place a task because no container instance met all of its requirements. The closest matching container instance {lacking}. {TROUBLESHOOTING}"
    )
}

const TROUBLESHOOTING: &str =
    "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
