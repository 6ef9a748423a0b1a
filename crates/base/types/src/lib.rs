//! The nouns that every crate shares: time, names of AWS resources, binary data.
//!
//! Nothing here performs IO, reads a clock or draws a random number.

mod arn;
mod blob;
mod timestamp;

pub use arn::{AccountId, Arn, ArnError, Region};
pub use blob::Blob;
pub use timestamp::{Timestamp, TimestampError};
