//! How much of a body is in memory at a time.

/// Greatest number of bytes of a body that stay in memory; more of them lie in a file.
pub const MEMORY_BYTES_MAX: usize = 512 * 1024;

/// Greatest number of bytes that are read from a file at a time.
pub(crate) const CHUNK_BYTES_MAX: usize = 512 * 1024;

/// Number of bytes that are written to a file at a time, which two of are in memory.
pub(crate) const BATCH_BYTES: usize = 1024 * 1024;
