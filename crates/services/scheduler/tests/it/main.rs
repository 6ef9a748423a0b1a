//! EventBridge Scheduler from the outside: calls through the door, a store on disk, a clock that is moved by hand, and
//! targets that write down what they were asked.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod cases;
mod clock_steps;
mod concurrency;
mod crashes;
mod extensions;
mod firings;
mod lives;
mod targets;
mod traces;
mod world;
