//! The deterministic simulation: the whole engine in one thread, on a virtual clock, over a disk that fails.
//!
//! A *seed* decides everything: what clients want ([`workload`]), what goes wrong ([`faults`]) and in which order things
//! happen ([`run`]). The services are the real ones. Not real are the store's disk, the clock, containers, and one
//! service outside that tasks call. A run is made twice, with faults and without; then it is asked whether everything
//! that was acknowledged is kept, whether anything was done twice, and whether the executions came out the same
//! ([`check`], [`compare`]).

pub mod check;
pub mod client;
pub mod compare;
pub mod containers;
pub mod disk;
pub mod door;
pub mod faults;
pub mod faulty_store;
pub mod history;
pub mod idle;
pub mod ledger;
pub mod machines;
pub mod messages;
pub mod panics;
pub mod post;
pub mod process;
pub mod random;
pub mod receiver;
pub mod run;
pub mod trace;
pub mod worker;
pub mod workload;
pub mod world;

pub use faults::Faults;
pub use run::{Report, simulate};
