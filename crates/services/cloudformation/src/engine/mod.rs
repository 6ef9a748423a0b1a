//! Stacks from one state to the next.
//!
//! [`plan`] says what to do, [`progress`] records that it begins and how it ended, [`transition`] moves the stack from
//! phase to phase: all pure. [`runner`] is the shell that acts and commits. Every action is recorded before it acts, and
//! its outcome after, so that a stack operation goes on where a crash left it.

mod change;
mod plan;
mod progress;
pub(crate) mod runner;
mod transition;
mod work;

pub(crate) use change::{Change, decide, desired};
pub(crate) use transition::{Asked, begin};
