//! EventBridge from the outside: calls through the door, a store on disk, a clock that is moved by hand, and targets
//! that write down what they were asked.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod api_destinations;
mod batches;
mod calls;
mod cases;
mod concurrency;
mod connection_secrets;
mod crash;
mod deliveries;
mod replays;
mod schedules;
mod traces;
mod world;
