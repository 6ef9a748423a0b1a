//! What is open of an execution: frames, one for every sequence of states that runs.
//!
//! The machine itself is a frame, and so is every branch of a Parallel state and every iteration of a Map state; a frame
//! knows the frame around it. Each is a row of its own, and only those that changed are written again: an iteration that
//! ends does not touch the Map state's row, with its items, nor the rows of other iterations.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::definition::StateId;
use crate::execution::{OpenMapRun, OpenTask};
use crate::ids::{FrameId, TaskId, TimerId};
use crate::payload::Payload;
use crate::retry::Attempts;
use crate::variables::Variables;

/// A sequence of states, and how far it has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Frame {
    /// What runs it; `None` for the machine itself.
    pub(crate) parent: Option<Parent>,
    /// Its own variables.
    pub(crate) variables: Arc<Variables>,
    /// The event that its next one follows.
    pub(crate) last_event: u64,
    pub(crate) activity: Activity,
}

/// The Parallel or Map state that runs a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parent {
    pub(crate) frame: FrameId,
    /// Number of the branch or the item.
    pub(crate) index: u64,
}

/// What a frame does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Activity {
    /// It is about to enter a state.
    Ready { state: StateId, input: Payload },
    /// It is in a state.
    Inside(Box<Visit>),
    /// It has ended well, and its output waits for its siblings.
    Done { output: Payload },
}

/// A state that was entered and is not left yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Visit {
    pub(crate) state: StateId,
    /// The raw input.
    pub(crate) input: Payload,
    /// The event before it.
    pub(crate) previous_event: u64,
    pub(crate) entered_event: u64,
    pub(crate) entered_time: Timestamp,
    pub(crate) attempts: Attempts,
    pub(crate) phase: Phase,
    /// The event that branches, iterations or a Map Run follow: their state's last beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fan_out_event: Option<u64>,
}

/// What a state waits for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Nothing: it runs in this step.
    Running,
    /// The time of a Wait state.
    Waiting { timer: TimerId, input: Payload },
    /// The delay before a retry.
    BackingOff { timer: TimerId },
    /// The service of a Task state.
    Calling(Box<Calling>),
    /// The branches of a Parallel state.
    Branching,
    /// The iterations of a Map state.
    Mapping { input: Payload, items: Payload, concurrency: u64 },
    /// The Map Run of a distributed Map state; `None` once it has ended.
    MapRunning(Option<Box<OpenMapRun>>),
    /// Nothing: the Map Run of a distributed Map state has not succeeded, and can be redriven.
    MapRunEnded { map_run_arn: String, redrive_count: u64 },
}

/// A task that was scheduled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Calling {
    pub(crate) task: OpenTask,
    /// Whether the history shows the start.
    pub(crate) started: bool,
    pub(crate) timeout: Option<TimerId>,
    pub(crate) heartbeat: Option<TimerId>,
}

impl Visit {
    /// The timers that are set for it.
    pub(crate) fn timers(&self) -> impl Iterator<Item = TimerId> {
        let timers = match &self.phase {
            Phase::Waiting { timer, .. } | Phase::BackingOff { timer } => [Some(*timer), None],
            Phase::Calling(calling) => [calling.timeout, calling.heartbeat],
            Phase::Running
            | Phase::Branching
            | Phase::Mapping { .. }
            | Phase::MapRunning(_)
            | Phase::MapRunEnded { .. } => [None, None],
        };
        timers.into_iter().flatten()
    }

    /// The Map Run that runs.
    pub(crate) fn map_run(&self) -> Option<&OpenMapRun> {
        match &self.phase {
            Phase::MapRunning(open) => open.as_deref(),
            _ => None,
        }
    }

    /// What its wakes name: the task that is called, or the Map Run that runs.
    pub(crate) fn task(&self) -> Option<TaskId> {
        match &self.phase {
            Phase::Calling(calling) => Some(calling.task.task),
            Phase::MapRunning(open) => Some(open.as_deref()?.task),
            _ => None,
        }
    }

    /// The task that is called.
    pub(crate) fn calling(&self) -> Option<&Calling> {
        match &self.phase {
            Phase::Calling(calling) => Some(calling),
            _ => None,
        }
    }
}

impl Frame {
    pub(crate) fn visit(&self) -> Option<&Visit> {
        match &self.activity {
            Activity::Inside(visit) => Some(visit),
            Activity::Ready { .. } | Activity::Done { .. } => None,
        }
    }

    pub(crate) fn visit_mut(&mut self) -> Option<&mut Visit> {
        match &mut self.activity {
            Activity::Inside(visit) => Some(visit),
            Activity::Ready { .. } | Activity::Done { .. } => None,
        }
    }
}

/// All frames, what of them must be written, and who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    frames: BTreeMap<FrameId, Frame>,
    /// Changed since they were last written.
    dirty: BTreeSet<FrameId>,
    /// Written before.
    stored: BTreeSet<FrameId>,
    /// Written before, and gone.
    deleted: Vec<FrameId>,
    timers: HashMap<TimerId, FrameId>,
    tasks: HashMap<TaskId, FrameId>,
    fan_outs: HashMap<FrameId, FanOutProgress>,
}

/// How far the branches or iterations of a frame's state are. Made anew from the frames when an execution is restored.
#[derive(Clone, Debug, Default)]
pub(crate) struct FanOutProgress {
    /// By number of branch or item.
    pub(crate) children: Vec<FrameId>,
    pub(crate) done: usize,
}

impl Frames {
    pub(crate) fn get(&self, id: FrameId) -> Option<&Frame> {
        self.frames.get(&id)
    }

    /// A frame that is about to be changed.
    pub(crate) fn change(&mut self, id: FrameId) -> Option<&mut Frame> {
        let frame = self.frames.get_mut(&id)?;
        self.dirty.insert(id);
        Some(frame)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (FrameId, &Frame)> {
        self.frames.iter().map(|(id, frame)| (*id, frame))
    }

    pub(crate) fn insert(&mut self, id: FrameId, frame: Frame) {
        if let Some(parent) = frame.parent {
            self.fan_outs.entry(parent.frame).or_default().children.push(id);
        }
        self.frames.insert(id, frame);
        self.dirty.insert(id);
    }

    /// Puts back what was stored; [`Self::index`] follows when all are there.
    pub(crate) fn restore(&mut self, id: FrameId, frame: Frame) {
        self.frames.insert(id, frame);
        self.stored.insert(id);
    }

    /// Finds anew who waits for what.
    pub(crate) fn index(&mut self) {
        let mut children: BTreeMap<(FrameId, u64), (FrameId, bool)> = BTreeMap::new();
        for (id, frame) in &self.frames {
            if let Some(parent) = frame.parent {
                let done = matches!(frame.activity, Activity::Done { .. });
                children.insert((parent.frame, parent.index), (*id, done));
            }
            let Some(visit) = frame.visit() else { continue };
            self.timers.extend(visit.timers().map(|timer| (timer, *id)));
            self.tasks.extend(visit.task().map(|task| (task, *id)));
        }
        for ((parent, _), (child, done)) in children {
            let progress = self.fan_outs.entry(parent).or_default();
            progress.children.push(child);
            progress.done += usize::from(done);
        }
    }

    pub(crate) fn remove(&mut self, id: FrameId) -> Option<Frame> {
        let frame = self.frames.remove(&id)?;
        self.dirty.remove(&id);
        if self.stored.remove(&id) {
            self.deleted.push(id);
        }
        Some(frame)
    }

    /// Removes every frame, innermost last.
    pub(crate) fn drain(&mut self) -> Vec<Frame> {
        let ids: Vec<FrameId> = self.frames.keys().copied().collect();
        self.timers.clear();
        self.tasks.clear();
        self.fan_outs.clear();
        ids.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    pub(crate) fn watch_timer(&mut self, timer: TimerId, frame: FrameId) {
        self.timers.insert(timer, frame);
    }

    /// The frame that waits for a timer, which it does no more.
    pub(crate) fn take_timer(&mut self, timer: TimerId) -> Option<FrameId> {
        self.timers.remove(&timer)
    }

    pub(crate) fn watch_task(&mut self, task: TaskId, frame: FrameId) {
        self.tasks.insert(task, frame);
    }

    pub(crate) fn of_task(&self, task: TaskId) -> Option<FrameId> {
        self.tasks.get(&task).copied()
    }

    pub(crate) fn take_task(&mut self, task: TaskId) -> Option<FrameId> {
        self.tasks.remove(&task)
    }

    /// How far the branches or iterations of a frame's state are.
    pub(crate) fn progress(&mut self, frame: FrameId) -> &mut FanOutProgress {
        self.fan_outs.entry(frame).or_default()
    }

    /// The branches or iterations of a frame's state, by number.
    pub(crate) fn children(&self, frame: FrameId) -> &[FrameId] {
        self.fan_outs.get(&frame).map_or(&[], |progress| &progress.children)
    }

    /// How many branches or iterations of a frame's state have ended well.
    pub(crate) fn done(&self, frame: FrameId) -> usize {
        self.fan_outs.get(&frame).map_or(0, |progress| progress.done)
    }

    /// Ids of all frames: those around others first.
    pub(crate) fn ids(&self) -> Vec<FrameId> {
        self.frames.keys().copied().collect()
    }

    /// Ends the fan-out of a frame and gives its children, by number.
    pub(crate) fn take_children(&mut self, frame: FrameId) -> Vec<FrameId> {
        self.fan_outs.remove(&frame).map(|progress| progress.children).unwrap_or_default()
    }

    /// Ids of the frames to write; they count as written.
    pub(crate) fn take_dirty(&mut self) -> BTreeSet<FrameId> {
        let dirty = std::mem::take(&mut self.dirty);
        self.stored.extend(&dirty);
        dirty
    }

    /// Ids of the frames to delete.
    pub(crate) fn take_deleted(&mut self) -> Vec<FrameId> {
        std::mem::take(&mut self.deleted)
    }
}
