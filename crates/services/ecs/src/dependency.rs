//! Containers that wait for others of their task: what they wait for, and whether it will ever come.
//!
//! Pure: it looks at containers and the time. What follows from it is `lifecycle`'s.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::health::HealthStatus;
use crate::task::{Container, ContainerState};

/// An entry of `dependsOn`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The name of the container that is waited for.
    pub container: String,
    /// What is waited for.
    pub condition: Condition,
}

/// What a container waits for in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Condition {
    /// It has been started.
    Start,
    /// It has ended, however.
    Complete,
    /// It has ended with 0.
    Success,
    /// Its health check has passed.
    Healthy,
}

impl Condition {
    /// AWS's word, read.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "START" => Some(Self::Start),
            "COMPLETE" => Some(Self::Complete),
            "SUCCESS" => Some(Self::Success),
            "HEALTHY" => Some(Self::Healthy),
            _ => None,
        }
    }

    /// Whether it is the end of the other container that is waited for.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Complete | Self::Success)
    }
}

/// How things stand with a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is met.
    Met,
    /// It may be met yet, until this time if there is one.
    Open(Option<Timestamp>),
    /// It will never be met; the reason as the ECS agent words it.
    Never(String),
}

/// How things stand with all dependencies of `target`, a container that has not been started.
pub fn outlook(target: &Container, containers: &[Container], now: Timestamp) -> Outlook {
    let mut until: Option<Timestamp> = None;
    let mut open = false;
    for dependency in &target.depends_on {
        // Names were checked when the task definition was registered.
        let Some(other) = containers.iter().find(|one| one.name == dependency.container) else { continue };
        match one_outlook(target, other, dependency.condition, now) {
            Outlook::Met => {}
            Outlook::Open(time) => {
                open = true;
                until = until.into_iter().chain(time).min();
            }
            never @ Outlook::Never(_) => return never,
        }
    }
    if open { Outlook::Open(until) } else { Outlook::Met }
}

fn one_outlook(target: &Container, other: &Container, condition: Condition, now: Timestamp) -> Outlook {
    let failed = |reason: &str| {
        let (other, target) = (in_words(other), in_words(target));
        Outlook::Never(format!(
            "dependency graph: failed to resolve container ordering dependency [{other}] for target [{target}] {reason}"
        ))
    };
    match &other.state {
        ContainerState::Stopped { .. } if !other.has_started() => {
            failed("because dependency will never start")
        }
        ContainerState::Stopped { exit_code, .. } => match condition {
            Condition::Start | Condition::Complete => Outlook::Met,
            Condition::Success if *exit_code == Some(0) => Outlook::Met,
            Condition::Success => failed("as dependency did not exit successfully."),
            Condition::Healthy => failed("as dependency stopped before it was healthy."),
        },
        ContainerState::Pending => Outlook::Open(None),
        ContainerState::Running | ContainerState::Restarting { .. }
            if is_met_by_running(other, condition) =>
        {
            Outlook::Met
        }
        ContainerState::Running | ContainerState::Restarting { .. } => match gives_up_at(other) {
            Some(time) if time <= now => {
                let (other, target) = (in_words(other), in_words(target));
                Outlook::Never(format!(
                    "dependency graph: container ordering dependency [{other}] for target [{target}] has timed out."
                ))
            }
            time => Outlook::Open(time),
        },
    }
}

fn is_met_by_running(other: &Container, condition: Condition) -> bool {
    match condition {
        Condition::Start => true,
        Condition::Complete | Condition::Success => false,
        Condition::Healthy => {
            other.health.as_ref().is_some_and(|health| health.status == HealthStatus::Healthy)
        }
    }
}

/// When those that wait for more than the start of `other` give up: its `startTimeout` after its start.
fn gives_up_at(other: &Container) -> Option<Timestamp> {
    let timeout = Duration::from_secs(other.start_timeout_seconds?);
    Some(other.started_at? + timeout)
}

/// A container as the ECS agent prints it: name, image, and where it is on its way.
fn in_words(container: &Container) -> String {
    let Container { name, image, .. } = container;
    match &container.state {
        ContainerState::Pending => format!("{name}({image}) (NONE->RUNNING)"),
        ContainerState::Running | ContainerState::Restarting { .. } => {
            format!("{name}({image}) (RUNNING->RUNNING)")
        }
        ContainerState::Stopped { exit_code: Some(code), .. } => {
            format!("{name}({image}) (STOPPED->RUNNING) - Exit: {code}")
        }
        ContainerState::Stopped { exit_code: None, .. } => format!("{name}({image}) (STOPPED->RUNNING)"),
    }
}

/// The places of the containers that can be stopped now: those that no container that has not stopped depends on.
///
/// Containers are stopped in the reverse of the order in which they are started.
pub fn stoppable(containers: &[Container]) -> Vec<usize> {
    let left = |container: &&Container| !matches!(container.state, ContainerState::Stopped { .. });
    let needed = |name: &str| {
        let mut others = containers.iter().filter(left);
        others.any(|other| other.depends_on.iter().any(|dependency| dependency.container == name))
    };
    let places = containers.iter().enumerate().filter(|(_, one)| left(one) && !needed(&one.name));
    places.map(|(place, _)| place).collect()
}
