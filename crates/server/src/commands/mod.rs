//! The commands, but for `run`, which has a folder of its own.

pub mod backup;
pub mod bench;
pub mod clock;
pub mod doctor;
pub mod ecs;
pub mod env;
pub mod events;
pub mod image;
pub mod serve;
pub mod states;
