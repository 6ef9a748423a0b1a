//! Pipes from the outside: calls through the door, beside a queue and targets that answer what the test says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod cases;
mod crashes;
mod runs;
mod world;
