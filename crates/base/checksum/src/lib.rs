//! Checksums of bytes that pass by: S3's additional checksums, and the MD5 that ETags are made of.
//!
//! A [`Digester`] is fed once and knows everything at the end. Where checksums stand in a request is `wire`'s; what is
//! kept of them is the service's.

mod algorithm;
mod digester;

pub use algorithm::{Algorithm, Checksum, Hasher};
pub use digester::{Digester, Digests};
