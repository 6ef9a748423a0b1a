//! SNS from the outside: calls through the door, a store on disk, a clock that is moved by hand, queues that write down
//! what they are sent, and an HTTP endpoint on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod cases;
mod deliveries;
mod endpoint;
mod filters;
mod odd_input;
mod world;
