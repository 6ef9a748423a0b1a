//! What the three batch operations have in common.

use std::collections::BTreeSet;

use api::AwsError;

use crate::Error;
use crate::generated::types::BatchResultErrorEntry;
use crate::limits::{BATCH_ENTRIES_MAX, ENTRY_ID_CHARACTERS_MAX};

/// Checks how many entries there are, and their ids. `entry` is what AWS calls an entry.
///
/// # Errors
/// [`Error::EmptyBatchRequest`], [`Error::TooManyEntriesInBatchRequest`], [`Error::InvalidBatchEntryId`],
/// [`Error::BatchEntryIdsNotDistinct`].
pub(crate) fn check<'a>(
    entry: &'static str,
    ids: impl ExactSizeIterator<Item = &'a str> + Clone,
) -> Result<(), Error> {
    if ids.len() == 0 {
        return Err(Error::EmptyBatchRequest(entry));
    }
    if ids.len() > BATCH_ENTRIES_MAX {
        return Err(Error::TooManyEntriesInBatchRequest(ids.len()));
    }
    if !ids.clone().all(is_id) {
        return Err(Error::InvalidBatchEntryId);
    }
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(Error::BatchEntryIdsNotDistinct(id.to_owned()));
        }
    }
    Ok(())
}

fn is_id(id: &str) -> bool {
    (1..=ENTRY_ID_CHARACTERS_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What is said of an entry that failed.
///
/// # Errors
/// Failures of ours, which the whole batch shares.
pub(crate) fn failure(id: String, error: Error) -> Result<BatchResultErrorEntry, Error> {
    if matches!(error, Error::Store(_) | Error::Sealing(_) | Error::Stale) {
        return Err(error);
    }
    let error = AwsError::from(error);
    Ok(BatchResultErrorEntry {
        id,
        sender_fault: true,
        code: error.code.to_string(),
        message: Some(error.message),
    })
}
