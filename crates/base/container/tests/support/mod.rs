//! What the tests of this crate share: images made of this machine's static busybox, and both drivers.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod daemon;
pub mod image;
pub mod runner;
