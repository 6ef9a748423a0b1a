//! How changes are written into the journal: a tag, lengths as LEB128, bytes; times as eight bytes.
//!
//! The journal holds what was accepted, so preconditions are not written. Whoever adds a kind of change gives it a tag
//! of its own and never uses one anew.

use types::Timestamp;

use crate::Mutation;

const PUT: u8 = 1;
const DELETE: u8 = 2;
const DELETE_PREFIX: u8 = 3;
const APPEND: u8 = 4;
const TRIM: u8 = 5;
const SET_TIMER: u8 = 6;
const CLEAR_TIMER: u8 = 7;

/// A [`Mutation`] as it lies in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change<'a> {
    Put { table: &'a str, key: &'a str, value: &'a [u8] },
    Delete { table: &'a str, key: &'a str },
    DeletePrefix { table: &'a str, prefix: &'a str },
    Append { log: &'a str, sequence: u64, time: Timestamp, payload: &'a [u8] },
    Trim { log: &'a str, before: Timestamp },
    SetTimer { queue: &'a str, key: &'a str, due: Timestamp, payload: &'a [u8] },
    ClearTimer { queue: &'a str, key: &'a str },
}

/// Bytes that are no change: written by a newer version, or damaged in a way that no checksum has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a change of an unknown kind, or cut off")]
pub(crate) struct Malformed;

/// Adds a mutation to what is to be written.
pub(crate) fn write(mutation: &Mutation, to: &mut Vec<u8>) {
    match mutation {
        Mutation::Put { table, key, value } => {
            tagged(to, PUT, &[table.as_bytes(), key.as_bytes(), value]);
        }
        Mutation::Delete { table, key } => tagged(to, DELETE, &[table.as_bytes(), key.as_bytes()]),
        Mutation::DeletePrefix { table, prefix } => {
            tagged(to, DELETE_PREFIX, &[table.as_bytes(), prefix.as_bytes()]);
        }
        Mutation::Append { log, sequence, time, payload } => {
            tagged(to, APPEND, &[log.as_bytes()]);
            number(to, *sequence);
            to.extend_from_slice(&time.as_millis().to_le_bytes());
            bytes(to, payload);
        }
        Mutation::Trim { log, before } => {
            tagged(to, TRIM, &[log.as_bytes()]);
            to.extend_from_slice(&before.as_millis().to_le_bytes());
        }
        Mutation::SetTimer { queue, key, due, payload } => {
            tagged(to, SET_TIMER, &[queue.as_bytes(), key.as_bytes()]);
            to.extend_from_slice(&due.as_millis().to_le_bytes());
            bytes(to, payload);
        }
        Mutation::ClearTimer { queue, key } => {
            tagged(to, CLEAR_TIMER, &[queue.as_bytes(), key.as_bytes()]);
        }
    }
}

fn tagged(to: &mut Vec<u8>, tag: u8, fields: &[&[u8]]) {
    to.push(tag);
    for field in fields {
        bytes(to, field);
    }
}

fn bytes(to: &mut Vec<u8>, field: &[u8]) {
    number(to, field.len() as u64);
    to.extend_from_slice(field);
}

fn number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Reads changes from bytes, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Changes<'a>(&'a [u8]);

impl<'a> Changes<'a> {
    /// The changes that `bytes` hold.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn change(&mut self) -> Option<Change<'a>> {
        let (tag, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(match *tag {
            PUT => Change::Put { table: self.text()?, key: self.text()?, value: self.bytes()? },
            DELETE => Change::Delete { table: self.text()?, key: self.text()? },
            DELETE_PREFIX => Change::DeletePrefix { table: self.text()?, prefix: self.text()? },
            APPEND => {
                let (log, sequence) = (self.text()?, self.number()?);
                Change::Append { log, sequence, time: self.time()?, payload: self.bytes()? }
            }
            TRIM => Change::Trim { log: self.text()?, before: self.time()? },
            SET_TIMER => {
                let (queue, key) = (self.text()?, self.text()?);
                Change::SetTimer { queue, key, due: self.time()?, payload: self.bytes()? }
            }
            CLEAR_TIMER => Change::ClearTimer { queue: self.text()?, key: self.text()? },
            _ => return None,
        })
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if shift > 63 || (shift == 63 && bits > 1) {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn time(&mut self) -> Option<Timestamp> {
        let millis: [u8; 8] = self.take(8)?.try_into().ok()?;
        Some(Timestamp::from_millis(i64::from_le_bytes(millis)))
    }
}

impl<'a> Iterator for Changes<'a> {
    type Item = Result<Change<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let change = self.change().ok_or(Malformed);
        if change.is_err() {
            self.0 = &[];
        }
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Batch;

    fn same(change: Change<'_>, mutation: &Mutation) -> bool {
        match (change, mutation.clone()) {
            (Change::Put { table: t, key: k, value: v }, Mutation::Put { table, key, value }) => {
                t == table && k == key && v == value
            }
            (Change::Delete { table: t, key: k }, Mutation::Delete { table, key }) => t == table && k == key,
            (Change::DeletePrefix { table: t, prefix: p }, Mutation::DeletePrefix { table, prefix }) => {
                t == table && p == prefix
            }
            (
                Change::Append { log: l, sequence: s, time: t, payload: p },
                Mutation::Append { log, sequence, time, payload },
            ) => l == log && s == sequence && t == time && p == payload,
            (Change::Trim { log: l, before: b }, Mutation::Trim { log, before }) => l == log && b == before,
            (
                Change::SetTimer { queue: q, key: k, due: d, payload: p },
                Mutation::SetTimer { queue, key, due, payload },
            ) => q == queue && k == key && d == due && p == payload,
            (Change::ClearTimer { queue: q, key: k }, Mutation::ClearTimer { queue, key }) => {
                q == queue && k == key
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            text in "\\PC{0,40}",
            value in prop::collection::vec(any::<u8>(), 0..300),
            sequence in any::<u64>(),
            millis in any::<i64>(),
        ) {
            let time = Timestamp::from_millis(millis);
            let mut batch = Batch::new();
            batch.put("table", text.as_str(), value.clone()).delete("table", text.as_str());
            batch.delete_prefix("table", text.as_str()).append(text.as_str(), sequence, time, value.clone());
            batch.trim(text.as_str(), time).set_timer("queue", text.as_str(), time, value);
            batch.clear_timer("queue", text.as_str());
            let mut bytes = Vec::new();
            batch.mutations.iter().for_each(|mutation| write(mutation, &mut bytes));
            let read: Vec<_> = Changes::of(&bytes).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(read.len(), batch.mutations.len());
            for (change, mutation) in read.into_iter().zip(&batch.mutations) {
                prop_assert!(same(change, mutation), "{:?}", mutation);
            }
            for end in 0..bytes.len() {
                // A part of it is a prefix of the changes, and then perhaps an error: never a panic.
                let part: Vec<_> = Changes::of(&bytes[..end]).collect();
                prop_assert!(part.iter().rev().skip(1).all(Result::is_ok));
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Changes::of(&bytes).count();
        }
    }
}
