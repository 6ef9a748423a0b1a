//! Amazon S3's quotas, by their names.

/// Bytes of an object's key in UTF-8.
pub(crate) const KEY_BYTES_MAX: usize = 1024;
/// Bytes of an object that is put, or a part that is uploaded, in one request: 5 GiB.
pub(crate) const PUT_BYTES_MAX: u64 = 5 << 30;
/// Bytes of an object that is copied in one request: 5 GiB.
pub(crate) const COPY_BYTES_MAX: u64 = 5 << 30;
/// Bytes of names and values of the metadata that a user gives an object.
pub(crate) const METADATA_BYTES_MAX: usize = 2048;
/// Least size of a part that is not the last: 5 MiB.
pub(crate) const PART_BYTES_MIN: u64 = 5 << 20;
/// Greatest number of a part.
pub(crate) const PART_NUMBER_MAX: i64 = 10_000;
/// Entries of one answer of a list, and keys of one request of DeleteObjects.
pub(crate) const PAGE_MAX: usize = 1000;
/// Buckets of one answer of ListBuckets.
pub(crate) const BUCKETS_PAGE_MAX: usize = 10_000;
/// Tags of an object.
pub(crate) const OBJECT_TAGS_MAX: usize = 10;
/// Tags of a bucket.
pub(crate) const BUCKET_TAGS_MAX: usize = 50;
/// Characters of a tag's key.
pub(crate) const TAG_KEY_MAX: usize = 128;
/// Characters of a tag's value.
pub(crate) const TAG_VALUE_MAX: usize = 256;
/// Objects of at most so many bytes are kept in the store; larger ones are files of their own. Not a quota of AWS.
pub(crate) const INLINE_BYTES_MAX: u64 = 16 << 10;
