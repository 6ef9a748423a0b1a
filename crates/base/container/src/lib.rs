//! Runs containers behind one [`Driver`]: without a daemon (*embedded*), or through Docker or Podman.
//!
//! A container is known by the name that its owner chose before it was started. Everything a driver does is keyed by
//! that name and safe to ask for twice, so a server that is killed at any moment can ask again after its restart.
//! Nothing here knows tasks, task definitions or AWS: the ECS service does.
//!
//! A program that uses the embedded driver calls `embedded::run_supervisor_if_requested` first thing in `main`, before
//! any thread exists, because the driver executes it again as the supervisor of each container. [`doctor::choose`] then
//! gives the driver that works here, or says what to do.

pub mod docker;
pub mod doctor;
pub mod driver;
#[cfg(target_os = "linux")]
pub mod embedded;
pub mod exec;
#[cfg(target_os = "linux")]
pub mod image;
pub mod log;
mod name_locks;
pub mod network;
pub mod process;
pub mod signal;
pub mod stats;

pub use driver::{
    BoxFuture, ContainerSpec, ContainerState, ContainerSummary, Driver, DriverError, DriverKind, Exit,
    HostEntry, Image, ImageError, LaunchError, LogBuffer, LogChunk, LogLine, LogPosition, LogStream, Mount,
    ResourceLimit, Sharing, Started,
};
pub use exec::{Exec, ExecSpec, TerminalSize};
pub use network::{
    Network, NetworkError, NetworkKind, NetworkMode, NetworkSpec, PortMapping, Protocol, PublishedPort,
};
pub use stats::ContainerStats;
