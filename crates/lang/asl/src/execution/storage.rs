//! How an execution is stored: a small head, and rows.
//!
//! Row 0 is what the execution was told, written once; every other row is a frame. A step writes the head and the frames
//! that it changed. What has ended and may be redriven keeps its rows.

use std::sync::Arc;

use serde::Serialize;

use super::{Execution, ExecutionSpec, Head, Status};
use crate::definition::StateMachine;
use crate::frame::{Activity, Frame, Frames};
use crate::ids::FrameId;
use crate::payload::Payload;

/// Number of the row that holds the [`ExecutionSpec`].
const SPEC_ROW: u64 = 0;

/// What must be stored since the last time: the dirty rows only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The head, where it changed: small.
    pub head: Option<Vec<u8>>,
    /// Rows to insert or replace.
    pub frames_put: Vec<(u64, Vec<u8>)>,
    /// Rows to delete. All of them, once the execution has ended and cannot be redriven.
    pub frames_deleted: Vec<u64>,
}

/// What was stored is not an execution that runs.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The execution has ended.
    #[error("the execution has ended")]
    Ended,
    /// The execution runs, or has ended well: there is nothing to go on from.
    #[error("the execution has not ended without success")]
    NotRedrivable,
    /// Bytes that are not what [`Execution::take_changes`] gave.
    #[error("row {row} cannot be read")]
    Unreadable {
        /// The row; `head` or a number.
        row: String,
        /// What the reader said.
        source: serde_json::Error,
    },
    /// A row is missing, or names a state that the definition does not have.
    #[error("row {0} is missing, or does not fit the definition")]
    Inconsistent(FrameId),
}

/// What is stored already.
#[derive(Debug, Default)]
pub(super) struct Stored {
    head: Option<Head>,
    spec: bool,
}

impl Execution {
    /// What must be stored since the last call.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes { head: self.changed_head(), ..Changes::default() };
        let keeps = self.head.status == Status::Running || self.is_redrivable();
        if keeps && !self.stored.spec {
            changes.frames_put.push((SPEC_ROW, bytes(&self.spec)));
        }
        if !keeps && self.stored.spec {
            changes.frames_deleted.push(SPEC_ROW);
        }
        self.stored.spec = keeps;
        for id in self.frames.take_dirty() {
            changes.frames_put.extend(self.frames.get(id).map(|frame| (id.0, bytes(frame))));
        }
        changes.frames_deleted.extend(self.frames.take_deleted().iter().map(|id| id.0));
        changes
    }

    fn changed_head(&mut self) -> Option<Vec<u8>> {
        if self.stored.head.as_ref() == Some(&self.head) {
            return None;
        }
        self.stored.head = Some(self.head.clone());
        Some(bytes(&self.head))
    }

    /// Continues from what [`Self::take_changes`] had stored.
    ///
    /// # Errors
    /// [`RestoreError`] where that is not a running execution of `machine`.
    pub fn restore(
        machine: Arc<StateMachine>,
        head: &[u8],
        frames: impl IntoIterator<Item = (u64, Vec<u8>)>,
    ) -> Result<Self, RestoreError> {
        let restored = Self::read(machine, head, frames)?;
        if restored.head.status == Status::Running { Ok(restored) } else { Err(RestoreError::Ended) }
    }

    /// Reads what was stored, whatever its status.
    pub(super) fn read(
        machine: Arc<StateMachine>,
        head: &[u8],
        frames: impl IntoIterator<Item = (u64, Vec<u8>)>,
    ) -> Result<Self, RestoreError> {
        let head: Head = serde_json::from_slice(head)
            .map_err(|source| RestoreError::Unreadable { row: "head".to_owned(), source })?;
        let (mut spec, mut restored) = (None, Frames::default());
        for (row, content) in frames {
            let unreadable = |source| RestoreError::Unreadable { row: row.to_string(), source };
            if row == SPEC_ROW {
                spec = Some(serde_json::from_slice::<ExecutionSpec>(&content).map_err(unreadable)?);
            } else {
                restored.restore(FrameId(row), serde_json::from_slice(&content).map_err(unreadable)?);
            }
        }
        check(&machine, &head, &restored)?;
        restored.index();
        let spec = spec.ok_or(RestoreError::Inconsistent(FrameId(SPEC_ROW)))?;
        let stored = Stored { head: Some(head.clone()), spec: true };
        let input = Payload::parse(Arc::clone(&spec.input)).ok();
        Ok(Self {
            machine,
            spec,
            input,
            head,
            frames: restored,
            history: Vec::new(),
            given_context: None,
            stored,
        })
    }

    /// Changes what the execution was told, which is then stored again.
    pub(super) fn change_spec(&mut self, change: impl FnOnce(&mut ExecutionSpec)) {
        change(&mut self.spec);
        self.stored.spec = false;
    }
}

fn bytes(row: &impl Serialize) -> Vec<u8> {
    // Rows are numbers, texts and maps with textual keys: nothing that JSON cannot say.
    serde_json::to_vec(row).unwrap_or_default()
}

fn check(machine: &StateMachine, head: &Head, frames: &Frames) -> Result<(), RestoreError> {
    let missing = |id: FrameId| frames.get(id).is_none();
    if let Some(id) = head.root.iter().chain(&head.ready).copied().find(|id| missing(*id)) {
        return Err(RestoreError::Inconsistent(id));
    }
    let fits = |frame: &Frame| {
        let state = match &frame.activity {
            Activity::Ready { state, .. } => Some(*state),
            Activity::Inside(visit) => Some(visit.state),
            Activity::Done { .. } => None,
        };
        state.is_none_or(|state| machine.state(state).is_some())
            && frame.parent.is_none_or(|parent| !missing(parent.frame))
    };
    match frames.iter().find(|(_, frame)| !fits(frame)) {
        Some((id, _)) => Err(RestoreError::Inconsistent(id)),
        None => Ok(()),
    }
}
