//! JSON Lines: an item on each line.

use std::collections::VecDeque;

use super::Entry;
use crate::error_name::Failure;
use crate::limits::ITEM_BYTES;
use crate::map_run::reader_failure;

/// Lines while they are read.
#[derive(Debug, Default)]
pub(super) struct JsonLines {
    line: Vec<u8>,
    number: u64,
}

impl JsonLines {
    /// Takes the next bytes, the last ones where `ended`.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        ended: bool,
        entries: &mut VecDeque<Entry>,
    ) -> Result<(), Failure> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            self.line.extend_from_slice(line);
            self.complete(entries)?;
            rest = after.get(1..).unwrap_or_default();
        }
        self.line.extend_from_slice(rest);
        check_size(&self.line)?;
        if ended { self.complete(entries) } else { Ok(()) }
    }

    /// Blank lines are no items.
    fn complete(&mut self, entries: &mut VecDeque<Entry>) -> Result<(), Failure> {
        check_size(&self.line)?;
        self.number += 1;
        let line = std::mem::take(&mut self.line);
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let value = serde_json::from_slice(&line).map_err(|error| {
            reader_failure(format!("The JSON on line {} of the object is not valid: {error}", self.number))
        })?;
        entries.push_back((None, value));
        Ok(())
    }
}

/// Refuses an item that is longer than AWS reads.
pub(super) fn check_size(item: &[u8]) -> Result<(), Failure> {
    if item.len() <= ITEM_BYTES {
        return Ok(());
    }
    Err(reader_failure(format!("An item exceeds the maximum size of {ITEM_BYTES} bytes.")))
}
