//! Amazon S3 on a real store and a real folder, with a clock that is moved by hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cases;
mod crashes;
mod model;
mod races;
mod world;
