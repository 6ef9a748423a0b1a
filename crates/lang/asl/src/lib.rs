//! The Amazon States Language: from a definition's text to the effects of a running execution.
//!
//! [`parse()`] compiles a definition once into a [`StateMachine`]. An [`Execution`] is one run of it, and [`step()`] takes the
//! run from one [`Wake`] to the point where it waits again, naming as [`Effect`]s what shall be done outside. Nothing here
//! performs IO, reads a clock or draws a random number: time and seed come in as arguments.
//!
//! What happened comes out as [`HistoryEvent`]s ([`Execution::take_history`]), what must be stored as [`Changes`]
//! ([`Execution::take_changes`]); [`Execution::restore`] continues from what was stored.

mod catch;
mod context_object;
mod data_flow;
mod definition;
mod diagnostic;
mod effect;
mod error_name;
mod execution;
mod expression;
mod frame;
mod history;
mod ids;
mod integrations;
mod intrinsics;
mod jsonata;
pub mod limits;
pub mod map_run;
pub mod memory;
mod outline;
mod parse;
mod payload;
mod random;
mod retry;
mod run;
mod states;
mod step;
mod template;
pub mod test_state;
mod token;
mod validate;
mod variable_references;
mod variables;
mod wake;

pub use definition::{MachineKind, QueryLanguage, StateKind, StateMachine};
pub use diagnostic::{Diagnostic, Severity, invalid_definition_message};
pub use effect::Effect;
pub use error_name::{ErrorName, Failure};
pub use execution::{Changes, ChildOf, Execution, ExecutionSpec, OpenMapRun, OpenTask, RestoreError, Status};
pub use history::{
    CHUNK_EVENTS_MAX, ChunkError, EventDetails, FanOut, HistoryChunk, HistoryEvent, HistoryEventType,
    IterationStage, LogLevel, MapRunStage, TaskStage,
};
pub use ids::{FrameId, TaskId, TimerId};
pub use integrations::{
    Catalogue, INTEGRATIONS, Integration, ParameterField, ParameterForm, ParameterKind, Pattern, Resource,
    ResourceFamily, ResourceTarget,
};
pub use map_run::MapRunSpec;
pub use outline::{Outline, OutlineState, OutlineTransition, TransitionReason};
pub use parse::{parse, parse_calling, parse_for_type, parse_with};
pub use payload::Payload;
pub use step::step;
pub use token::parse_token;
pub use variable_references::variable_references;
pub use wake::{FailurePhase, TaskFailure, Wake};
