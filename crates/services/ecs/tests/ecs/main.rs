//! The service as a whole, in a world that the tests hold in their hands.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod capacity;
mod cases;
mod crash;
mod expiry;
mod idempotency;
mod inside;
mod late_events;
mod services;
mod support;
mod volumes;
