//! Amazon S3: buckets and objects.
//!
//! So far, what its API looks like.

pub mod generated;
