//! The store of images: what it takes, and what it refuses. Needs root, because layers have owners and whiteouts.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test program")]

mod image_cases;
mod support;
