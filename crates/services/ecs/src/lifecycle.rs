//! The life of a task as pure steps: what happened in, the new state and what is to be announced out.
//!
//! [`advance`] decides, [`work`] says what is to be done next. Work is derived from the state alone and is safe to do
//! twice, so a server that was killed goes on from what is recorded. Doing it is `agent`'s.

use container::Network;
use types::Timestamp;

use crate::dependency::{self, Outlook};
use crate::describe;
use crate::health::Health;
use crate::task::{Container, ContainerState, Status, Stop, StopCode, Task};

/// Something that happened to a task.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskEvent {
    /// Its network is there, and its network interface attached.
    NetworkProvided {
        /// What the driver gave it; `None` where it has this machine's network.
        network: Option<Network>,
    },
    /// Its images are there and its log streams can be written.
    ImagesPulled {
        /// When the first image was asked for.
        started_at: Timestamp,
        /// The images' digests, in the order of the containers.
        digests: Vec<String>,
    },
    /// Something that it needs before its containers is not to be had.
    FailedToStart {
        /// The reason, as a sentence.
        reason: String,
    },
    /// A container was started.
    ContainerStarted {
        /// Its place in the task definition.
        container: usize,
        /// The engine's identifier.
        runtime_id: String,
    },
    /// A container could not be started.
    ContainerFailedToStart {
        /// Its place in the task definition.
        container: usize,
        /// The reason, as a sentence.
        reason: String,
    },
    /// A container ended.
    ContainerExited {
        /// Its place in the task definition.
        container: usize,
        /// How.
        ending: Ending,
    },
    /// A container's health check came to an end.
    HealthChecked {
        /// Its place in the task definition.
        container: usize,
        /// How often it had been started again when the check was begun.
        run: u32,
        /// Whether it was found healthy.
        passed: bool,
    },
    /// The time has come that [`Work::Watch`] told.
    TimeCame,
    /// The containers that have not ended are about to be stopped.
    StoppingBegun,
    /// Somebody asks for the task to stop.
    StopRequested {
        /// Who it is.
        code: StopCode,
        /// Why.
        reason: String,
    },
    /// The logs of all containers have been delivered, and nothing is left of them.
    ContainersRemoved,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an exit code.
    Exited {
        /// The code, or 128 plus the number of the signal.
        code: i32,
        /// Whether the kernel killed it for lack of memory.
        out_of_memory: bool,
        /// When.
        at: Timestamp,
    },
    /// It is gone, and nobody knows how it ended.
    Lost {
        /// What is known.
        reason: String,
    },
    /// It never ran.
    NeverStarted,
}

/// A change that is announced as an event.
#[derive(Clone, Debug, PartialEq)]
pub struct StateChange {
    /// The version that it led to.
    pub version: u64,
    /// When.
    pub at: Timestamp,
    /// The event's detail.
    pub detail: serde_json::Value,
}

/// What is to be done for a task next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Attach its network interface.
    ProvideNetwork,
    /// Pull its images and make its log streams.
    PullImages,
    /// Start the container at this place.
    Launch(usize),
    /// Clear away the last run of the container at this place, and start it again.
    Restart(usize),
    /// Wait for a container to end, for a health check's result, or for a time.
    Watch {
        /// The time, if there is one to wait for.
        until: Option<Timestamp>,
    },
    /// Note that the containers are about to be stopped.
    BeginStopping,
    /// Stop the containers that have not ended.
    StopContainers,
    /// Deliver the rest of the logs, and remove what is left of the containers.
    RemoveContainers,
    /// Nothing, ever.
    Nothing,
}

/// What is to be done for a task in its state.
pub fn work(task: &Task, now: Timestamp) -> Work {
    match task.status {
        Status::Provisioning => Work::ProvideNetwork,
        Status::Pending => Work::PullImages,
        Status::Activating | Status::Running if task.stop.is_some() => Work::BeginStopping,
        Status::Activating | Status::Running => start_or_watch(task, now),
        Status::Stopping => Work::StopContainers,
        Status::Deprovisioning => Work::RemoveContainers,
        Status::Stopped => Work::Nothing,
    }
}

/// The first container that can be started, in the order of the task definition.
fn start_or_watch(task: &Task, now: Timestamp) -> Work {
    let mut until: Option<Timestamp> = None;
    for (place, container) in task.containers.iter().enumerate() {
        match container.state {
            ContainerState::Restarting { .. } => return Work::Restart(place),
            ContainerState::Pending => match dependency::outlook(container, &task.containers, now) {
                Outlook::Met => return Work::Launch(place),
                Outlook::Open(time) => until = until.into_iter().chain(time).min(),
                // `settle` has seen to those.
                Outlook::Never(_) => until = Some(now),
            },
            ContainerState::Running | ContainerState::Stopped { .. } => {}
        }
    }
    Work::Watch { until }
}

/// The announcement of a task that has just been made.
pub fn created(task: &Task) -> StateChange {
    announce(task, task.timeline.created_at)
}

/// Advances one task. Deterministic: equal arguments give equal results.
///
/// An event that does not fit the state came late, or twice after a crash: it changes nothing.
pub fn advance(task: &mut Task, event: TaskEvent, now: Timestamp) -> Vec<StateChange> {
    // A clock that was set back does not make a task's changes overtake each other.
    let now = now.max(task.timeline.updated_at);
    let version = task.version;
    let mut changes = Vec::new();
    match event {
        TaskEvent::NetworkProvided { network } => network_provided(task, network, now),
        TaskEvent::ImagesPulled { started_at, digests } => images_pulled(task, started_at, digests, now),
        TaskEvent::FailedToStart { reason } => {
            failed_to_start(task, reason, now);
        }
        TaskEvent::ContainerStarted { container, runtime_id } => {
            container_started(task, container, runtime_id, now);
        }
        TaskEvent::ContainerFailedToStart { container, reason } => {
            container_failed_to_start(task, container, reason, now);
        }
        TaskEvent::ContainerExited { container, ending } => container_exited(task, container, ending, now),
        TaskEvent::HealthChecked { container, run, passed } => {
            health_checked(task, container, run, passed, now);
        }
        // What follows from the time alone is settled below.
        TaskEvent::TimeCame => {}
        TaskEvent::StoppingBegun => stopping_begun(task, now),
        TaskEvent::StopRequested { code, reason } => stop_requested(task, code, reason, now),
        TaskEvent::ContainersRemoved => containers_removed(task, now),
    }
    settle(task, now);
    if task.version != version {
        changes.push(announce(task, now));
    }
    changes
}

fn network_provided(task: &mut Task, network: Option<Network>, now: Timestamp) {
    if task.status == Status::Provisioning {
        if let (Some(interface), Some(network)) = (&mut task.network_interface, &network) {
            interface.mac_address = network.mac_address.clone().unwrap_or_default();
            interface.private_ipv4_address =
                network.address.map(|address| address.to_string()).unwrap_or_default();
        }
        if let Some(planned) = &mut task.network {
            planned.provided = network;
        }
        task.timeline.connectivity_at = Some(now);
        enter(task, Status::Pending, now);
    }
}

fn images_pulled(task: &mut Task, started_at: Timestamp, digests: Vec<String>, now: Timestamp) {
    if task.status != Status::Pending {
        return;
    }
    for (container, digest) in task.containers.iter_mut().zip(digests) {
        container.image_digest = Some(digest);
    }
    task.timeline.pull_started_at = Some(started_at.min(now));
    task.timeline.pull_stopped_at = Some(now);
    // AWS counts and announces no version for this passage.
    task.status = Status::Activating;
    task.timeline.updated_at = now;
}

fn failed_to_start(task: &mut Task, reason: String, now: Timestamp) {
    if matches!(task.status, Status::Provisioning | Status::Pending | Status::Activating) {
        stop(task, StopCode::TaskFailedToStart, reason, now);
        finish_when_all_ended(task, now, now);
    }
}

fn container_started(task: &mut Task, place: usize, runtime_id: String, now: Timestamp) {
    let Some(container) = unstarted(task, place) else { return };
    container.state = ContainerState::Running;
    container.runtime_id = Some(runtime_id);
    container.started_at = Some(now);
    task.timeline.updated_at = now;
}

fn container_failed_to_start(task: &mut Task, place: usize, reason: String, now: Timestamp) {
    let Some(container) = unstarted(task, place) else { return };
    let exit_code = match container.state {
        ContainerState::Restarting { exit_code } => Some(exit_code),
        ContainerState::Pending | ContainerState::Running | ContainerState::Stopped { .. } => None,
    };
    container.state = ContainerState::Stopped { exit_code, reason: Some(reason) };
    after_an_end(task, place, now, now);
}

fn container_exited(task: &mut Task, place: usize, ending: Ending, now: Timestamp) {
    let stopping = task.stop.is_some();
    let Some(container) = task.containers.get_mut(place) else { return };
    if matches!(container.state, ContainerState::Stopped { .. }) {
        return;
    }
    let at = match &ending {
        Ending::Exited { at, .. } => *at,
        Ending::Lost { .. } | Ending::NeverStarted => now,
    };
    match (&container.state, &ending) {
        (ContainerState::Running, Ending::Exited { code, .. })
            if !stopping && is_restarted(container, *code, at) =>
        {
            container.state = ContainerState::Restarting { exit_code: *code };
            container.prepare_next_run();
            if let Some(health) = container.health.take() {
                container.health = Some(Health::unknown(health.check));
            }
            task.timeline.updated_at = now;
            return;
        }
        (ContainerState::Restarting { exit_code }, Ending::NeverStarted) => {
            container.state = ContainerState::Stopped { exit_code: Some(*exit_code), reason: None };
        }
        (
            ContainerState::Pending
            | ContainerState::Running
            | ContainerState::Restarting { .. }
            | ContainerState::Stopped { .. },
            Ending::Exited { .. } | Ending::Lost { .. } | Ending::NeverStarted,
        ) => container.state = stopped(ending),
    }
    after_an_end(task, place, at, now);
}

fn is_restarted(container: &Container, exit_code: i32, at: Timestamp) -> bool {
    let (Some(policy), Some(started_at)) = (&container.restart_policy, container.started_at) else {
        return false;
    };
    policy.restarts(exit_code, started_at, at)
}

/// What follows when the container at `place` has stopped for good: an essential one takes the task along.
fn after_an_end(task: &mut Task, place: usize, at: Timestamp, now: Timestamp) {
    task.timeline.updated_at = now;
    let Some(container) = task.containers.get(place) else { return };
    match (container.essential, task.stop.is_some()) {
        (true, false) if container.has_started() => {
            let reason = "Essential container in task exited".to_owned();
            stop(task, StopCode::EssentialContainerExited, reason, now);
        }
        (true, false) => stop(task, StopCode::TaskFailedToStart, "Task failed to start".to_owned(), now),
        // The task goes on without it: a change that is announced by itself.
        (false, false) if task.status == Status::Running => task.version += 1,
        (true | false, true) | (false, false) => {}
    }
    finish_when_all_ended(task, at, now);
}

fn health_checked(task: &mut Task, place: usize, run: u32, passed: bool, now: Timestamp) {
    let Some(container) = task.containers.get_mut(place) else { return };
    if container.state != ContainerState::Running || container.restart_count != run {
        return;
    }
    let started_at = container.started_at;
    if let Some(health) = &mut container.health {
        let before = health.clone();
        health.take_in(passed, started_at, now);
        if *health != before {
            task.timeline.updated_at = now;
        }
    }
}

/// What follows from the containers and the time, whatever happened: containers whose dependencies will never be met are
/// given up, one after the other, and a task whose containers have all been started runs.
fn settle(task: &mut Task, now: Timestamp) {
    if task.status != Status::Activating {
        return;
    }
    while let Some((place, reason)) = hopeless(task, now) {
        let Some(container) = task.containers.get_mut(place) else { break };
        // The code is what the ECS agent tells of a container that it gives up.
        let reason = Some(format!("CannotStartContainerError: {reason}"));
        container.state = ContainerState::Stopped { exit_code: Some(143), reason };
        after_an_end(task, place, now, now);
    }
    run_when_complete(task, now);
}

fn hopeless(task: &Task, now: Timestamp) -> Option<(usize, String)> {
    let pending = task.containers.iter().enumerate();
    let mut pending = pending.filter(|(_, container)| container.state == ContainerState::Pending);
    pending.find_map(|(place, container)| match dependency::outlook(container, &task.containers, now) {
        Outlook::Never(reason) => Some((place, reason)),
        Outlook::Met | Outlook::Open(_) => None,
    })
}

fn stop_requested(task: &mut Task, code: StopCode, reason: String, now: Timestamp) {
    if task.stop.is_some() {
        return;
    }
    stop(task, code, reason, now);
    finish_when_all_ended(task, now, now);
    if matches!(task.status, Status::Activating | Status::Running) {
        // The wish to stop is announced by itself: the containers may take their time.
        task.version += 1;
    }
}

fn stopping_begun(task: &mut Task, now: Timestamp) {
    if task.stop.is_some() && matches!(task.status, Status::Activating | Status::Running) {
        // AWS counts and announces no version for this passage.
        task.status = Status::Stopping;
        task.timeline.updated_at = now;
    }
}

fn containers_removed(task: &mut Task, now: Timestamp) {
    if task.status == Status::Deprovisioning {
        task.timeline.stopped_at = Some(now);
        enter(task, Status::Stopped, now);
    }
}

/// Decides that the task stops. Where nobody has tried to start containers yet, nobody will.
fn stop(task: &mut Task, code: StopCode, reason: String, now: Timestamp) {
    task.stop = Some(Stop { code, reason });
    task.timeline.stopping_at = Some(now);
    task.timeline.updated_at = now;
    match task.status {
        Status::Provisioning | Status::Pending => task.containers.iter_mut().for_each(give_up),
        Status::Activating
        | Status::Running
        | Status::Stopping
        | Status::Deprovisioning
        | Status::Stopped => {}
    }
}

fn give_up(container: &mut Container) {
    if container.state == ContainerState::Pending {
        container.state = stopped(Ending::NeverStarted);
    }
}

fn stopped(ending: Ending) -> ContainerState {
    match ending {
        Ending::Exited { code, out_of_memory, .. } => ContainerState::Stopped {
            exit_code: Some(code),
            reason: out_of_memory
                .then(|| "OutOfMemoryError: Container killed due to memory usage".to_owned()),
        },
        Ending::Lost { reason } => ContainerState::Stopped { exit_code: None, reason: Some(reason) },
        Ending::NeverStarted => ContainerState::Stopped { exit_code: None, reason: None },
    }
}

/// Running begins when no container waits to be started any more.
fn run_when_complete(task: &mut Task, now: Timestamp) {
    if task.status == Status::Activating && task.stop.is_none() && first_pending(task).is_none() {
        task.timeline.started_at = Some(now);
        enter(task, Status::Running, now);
    }
}

/// Clearing away begins when a task that stops has no container left that runs, or may run.
fn finish_when_all_ended(task: &mut Task, at: Timestamp, now: Timestamp) {
    let ended = task.containers.iter().all(|one| matches!(one.state, ContainerState::Stopped { .. }));
    let over = matches!(task.status, Status::Deprovisioning | Status::Stopped);
    if task.stop.is_some() && ended && !over {
        let not_before = task.timeline.started_at.unwrap_or(task.timeline.created_at);
        task.timeline.execution_stopped_at = Some(at.max(not_before).min(now));
        enter(task, Status::Deprovisioning, now);
    }
}

fn enter(task: &mut Task, status: Status, now: Timestamp) {
    task.status = status;
    task.version += 1;
    task.timeline.updated_at = now;
}

fn announce(task: &Task, at: Timestamp) -> StateChange {
    StateChange { version: task.version, at, detail: describe::event_detail(task) }
}

fn first_pending(task: &Task) -> Option<usize> {
    task.containers.iter().position(|container| container.state == ContainerState::Pending)
}

/// The container at `place`, if it waits to be started.
fn unstarted(task: &mut Task, place: usize) -> Option<&mut Container> {
    let container = task.containers.get_mut(place)?;
    match container.state {
        ContainerState::Pending | ContainerState::Restarting { .. } => Some(container),
        ContainerState::Running | ContainerState::Stopped { .. } => None,
    }
}
