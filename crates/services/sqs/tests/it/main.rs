//! SQS from the outside: calls through the door, a store on disk, a clock that is moved by hand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod cases;
mod odd_input;
mod polling;
mod restart;
mod world;
