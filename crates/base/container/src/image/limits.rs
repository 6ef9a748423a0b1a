//! How large an image may be. They guard this machine's disk against archives that unpack without end.

/// The largest manifest or configuration, in bytes.
pub const DOCUMENT_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The most layers that an image may have: Docker's limit for overlayfs.
pub const LAYERS_MAX: usize = 125;
/// The most bytes of files that one layer may unpack to.
pub const LAYER_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// The most files that one layer may hold.
pub const LAYER_ENTRIES_MAX: u64 = 4_000_000;
/// The longest path in a layer, in bytes.
pub const PATH_BYTES_MAX: usize = 4095;
/// The most bytes of headers of one entry: long names, and extended attributes, of which Linux allows 64 KiB each.
pub const HEADERS_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Documents and layers that are being fetched at the same time, of all images.
pub const TRANSFERS_MAX: usize = 16;
