//! What a service knows of each of its tasks.

use serde::{Deserialize, Serialize};
use store::Batch;
use types::Timestamp;

use crate::health::HealthStatus;
use crate::limits;
use crate::service::{self, SERVICE_QUEUE};
use crate::tables::Tables;
use crate::task::{Status, StopCode, Task};

/// A task of a service, as it was when it last changed. It is forgotten when the service has seen that it has stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTask {
    /// The task's id.
    pub id: String,
    /// The deployment that started it.
    pub deployment: String,
    /// Where in its life it is.
    pub status: Status,
    /// Why it stops, if it does.
    pub stop: Option<StopCode>,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
    /// When it was decided that it stops.
    pub stopping_at: Option<Timestamp>,
    /// What its health checks say.
    pub health: Health,
}

/// What the health checks of a task's essential containers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Health {
    /// There are none.
    Unchecked,
    /// They have not passed yet, nor failed.
    Unknown,
    /// They pass.
    Healthy,
    /// One has failed.
    Unhealthy,
}

impl ServiceTask {
    /// The task as its service sees it; `None` for one that no service started.
    fn of(task: &Task) -> Option<Self> {
        task.service.as_ref()?;
        Some(Self {
            id: task.id.clone(),
            deployment: task.started_by.clone().unwrap_or_default(),
            status: task.status,
            stop: task.stop.as_ref().map(|stop| stop.code),
            started_at: task.timeline.started_at,
            stopping_at: task.timeline.stopping_at,
            health: health(task),
        })
    }

    /// Whether it is meant to run.
    pub fn is_wanted(&self) -> bool {
        self.stop.is_none()
    }

    /// Whether it runs, and is meant to.
    pub fn is_running(&self) -> bool {
        self.is_wanted() && self.status == Status::Running
    }

    /// Whether nothing of it is left.
    pub fn has_stopped(&self) -> bool {
        self.status == Status::Stopped
    }

    /// Whether it has shown that it runs: by its health checks, or by running for a while where it has none.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        match self.health {
            Health::Unchecked => self.is_running() && self.settles_at().is_some_and(|at| at <= now),
            Health::Healthy => self.is_running(),
            Health::Unknown | Health::Unhealthy => false,
        }
    }

    /// When a task without health checks will have shown, or had shown, that it runs: at a whole second, so that tasks that
    /// began together settle together.
    pub fn settles_at(&self) -> Option<Timestamp> {
        let settled = self.started_at? + limits::TASK_SETTLING;
        Some(Timestamp::from_seconds((settled.as_millis() + 999).div_euclid(1000)))
    }

    /// Whether it ended by itself before it had shown that it runs.
    pub fn has_failed(&self) -> bool {
        let by_itself =
            matches!(self.stop, Some(StopCode::TaskFailedToStart | StopCode::EssentialContainerExited));
        let early = match self.health {
            Health::Unchecked => {
                self.settles_at().is_none_or(|at| self.stopping_at.is_none_or(|end| end < at))
            }
            Health::Healthy => false,
            Health::Unknown | Health::Unhealthy => true,
        };
        by_itself && early
    }
}

fn health(task: &Task) -> Health {
    match task.health_status() {
        None => Health::Unchecked,
        Some(HealthStatus::Unknown) => Health::Unknown,
        Some(HealthStatus::Healthy) => Health::Healthy,
        Some(HealthStatus::Unhealthy) => Health::Unhealthy,
    }
}

/// Adds to `batch`: what the task's service is to know of it, and that the service is to be looked after.
pub fn note(tables: &Tables, batch: &mut Batch, task: &Task) {
    let (Some(name), Some(entry)) = (&task.service, ServiceTask::of(task)) else { return };
    let key = service::key(&task.account, &task.region, task.cluster(), name);
    tables.service_tasks.put(batch, &format!("{key}/{}", task.id), &entry);
    tables.service_wakes.put(batch, &key, &task.id);
    batch.set_timer(SERVICE_QUEUE, key, task.timeline.updated_at, Vec::new());
}
