//! Waits for containers to end, and finds out how they did.

use clock::Clock;
use container::DriverError;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use types::Timestamp;

use super::Agent;
use super::health_checks::HealthChecks;
use crate::lifecycle::{Ending, TaskEvent};
use crate::retry::Delays;
use crate::task::{Container, ContainerState, Task};

impl Agent {
    /// Waits for the first of the running containers to end, for a health check's result, or for the time.
    pub(super) async fn watch(
        &self,
        task: &Task,
        until: Option<Timestamp>,
        health_checks: &mut HealthChecks,
    ) -> TaskEvent {
        tokio::select! {
            biased;
            (container, ending) = self.first_ending(task) => TaskEvent::ContainerExited { container, ending },
            result = health_checks.next() => result,
            () = self.time(until) => TaskEvent::TimeCame,
        }
    }

    async fn first_ending(&self, task: &Task) -> (usize, Ending) {
        let running = task.containers.iter().enumerate();
        let running = running.filter(|(_, container)| container.state == ContainerState::Running);
        let mut endings: FuturesUnordered<_> =
            running.map(|(place, container)| async move { (place, self.ending(container).await) }).collect();
        match endings.next().await {
            Some(ended) => ended,
            // Others wait for a time, or there would be nothing to wait for.
            None => std::future::pending().await,
        }
    }

    async fn time(&self, until: Option<Timestamp>) {
        match until {
            Some(time) => self.clock().sleep_until(time).await,
            None => std::future::pending().await,
        }
    }

    /// Waits for a container to end, however long its engine is out of reach.
    pub(super) async fn ending(&self, container: &Container) -> Ending {
        let mut delays = Delays::endless();
        loop {
            match self.driver.wait(&container.spec.name).await {
                Ok(exit) => {
                    return Ending::Exited {
                        code: exit.code,
                        out_of_memory: exit.oom_killed,
                        at: self.on_our_clock(exit.finished_at),
                    };
                }
                Err(DriverError::NotStarted(_)) => return Ending::NeverStarted,
                Err(error @ DriverError::Unavailable(_)) => {
                    tracing::warn!(%error, container = container.spec.name, "a container cannot be watched");
                    delays.wait(self.clock()).await;
                }
                Err(error) => return Ending::Lost { reason: format!("ContainerRuntimeError: {error}") },
            }
        }
    }

    /// Engines tell the machine's time. On a virtual clock only the order of things counts.
    fn on_our_clock(&self, time: Timestamp) -> Timestamp {
        match self.clock() {
            Clock::Wall => time,
            Clock::Virtual(_) => self.clock().now(),
        }
    }
}
