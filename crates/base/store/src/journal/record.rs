//! The bytes of a segment: a header, then records, each at a multiple of eight bytes.
//!
//! The checked bytes of a record have the segment's number, the record's own, and a secret of the store. So what a
//! segment held before it was used anew is never taken for new, nor is what a writer has made to look like a record.

use checksum::{Algorithm, Hasher};

/// Bytes of a segment's header.
pub(crate) const HEADER_BYTES: usize = 64;
/// Bytes of a record before its payload.
pub(crate) const RECORD_BYTES: usize = 32;
/// Records begin at multiples of it.
const ALIGNMENT: usize = 8;

const SEGMENT_MAGIC: &[u8; 8] = b"RunWjrnl";
const RECORD_MAGIC: &[u8; 4] = b"RwR\x01";
/// The format that this version writes, and the only one it reads.
pub(crate) const FORMAT: u32 = 1;

/// What a store's journals have in common and nobody else knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) u64);

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The store's.
    pub(crate) secret: Secret,
    /// The segment's place among all, as its name says.
    pub(crate) number: u64,
    /// The number of its first record.
    pub(crate) first: u64,
    /// The file's length, which it has from the beginning.
    pub(crate) length: u64,
}

/// Bytes of a header that its checksum is about.
const CHECKED_BYTES: usize = 48;

/// What the beginning of a segment turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// A header.
    Header(Header),
    /// A header of another format.
    Format(u32),
    /// Zeros, or a header that was not written to its end.
    Nothing,
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The changes of some batches, which happen together.
    Changes,
    /// The store was closed. A record before it that is not whole was damaged since.
    Closed,
}

/// A record that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// Its number; each record's is one above that of the one before.
    pub(crate) lsn: u64,
    /// What it is about.
    pub(crate) kind: Kind,
    /// What it says.
    pub(crate) payload: &'a [u8],
}

/// The bytes of a segment's header.
pub(crate) fn header(header: Header) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    let fields: [&[u8]; 6] = [
        SEGMENT_MAGIC,
        &u64::from(FORMAT).to_le_bytes(),
        &header.secret.0.to_le_bytes(),
        &header.number.to_le_bytes(),
        &header.first.to_le_bytes(),
        &header.length.to_le_bytes(),
    ];
    for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(field);
    }
    let crc = crc(&[&bytes[..CHECKED_BYTES]]);
    bytes[CHECKED_BYTES..CHECKED_BYTES + 4].copy_from_slice(&crc);
    bytes
}

/// Reads a segment's header.
pub(crate) fn beginning(segment: &[u8]) -> Beginning {
    let Some((checked, rest)) = segment.split_at_checked(CHECKED_BYTES) else { return Beginning::Nothing };
    if !checked.starts_with(SEGMENT_MAGIC) || !rest.starts_with(&crc(&[checked])) {
        return Beginning::Nothing;
    }
    match number(checked, 8) as u32 {
        FORMAT => Beginning::Header(Header {
            secret: Secret(number(checked, 16)),
            number: number(checked, 24),
            first: number(checked, 32),
            length: number(checked, 40),
        }),
        other => Beginning::Format(other),
    }
}

/// Makes room for a record's header; the payload is added behind it, then [`finish`] is called.
pub(crate) fn begin(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(RECORD_BYTES, 0);
}

/// Fills in the header of the record that `buffer` holds, and pads it.
pub(crate) fn finish(buffer: &mut Vec<u8>, secret: Secret, segment: u64, lsn: u64, kind: Kind) {
    let length = (buffer.len() - RECORD_BYTES) as u64;
    let kind: u64 = match kind {
        Kind::Changes => 0,
        Kind::Closed => 1,
    };
    // Length and kind share eight bytes.
    buffer[8..16].copy_from_slice(&(length | kind << 56).to_le_bytes());
    buffer[16..24].copy_from_slice(&segment.to_le_bytes());
    buffer[24..32].copy_from_slice(&lsn.to_le_bytes());
    let crc = crc(&[&secret.0.to_le_bytes(), &buffer[8..]]);
    buffer[..4].copy_from_slice(RECORD_MAGIC);
    buffer[4..8].copy_from_slice(&crc);
    buffer.resize(buffer.len().next_multiple_of(ALIGNMENT), 0);
}

/// Whether `head` looks like the header of a record of this segment.
pub(crate) fn is_of(head: &[u8], segment: u64) -> bool {
    head.starts_with(RECORD_MAGIC) && number(head, 16) == segment
}

/// The record at the beginning of `bytes`, if there is a whole one of this segment, and the bytes that it takes.
pub(crate) fn read(bytes: &[u8], secret: Secret, segment: u64) -> Option<(Record<'_>, usize)> {
    let (head, rest) = bytes.split_at_checked(RECORD_BYTES)?;
    if !is_of(head, segment) {
        return None;
    }
    let length = number(head, 8);
    let kind = match length >> 56 {
        0 => Kind::Changes,
        1 => Kind::Closed,
        _ => return None,
    };
    let length = usize::try_from(length & ((1 << 56) - 1)).ok()?;
    let payload = rest.get(..length)?;
    let crc = crc(&[&secret.0.to_le_bytes(), head.get(8..)?, payload]);
    if head.get(4..8)? != crc {
        return None;
    }
    let taken = (RECORD_BYTES + length).next_multiple_of(ALIGNMENT);
    Some((Record { lsn: number(head, 24), kind, payload }, taken))
}

/// The first whole record of the segment that begins at `from` or behind it, and where.
pub(crate) fn find(bytes: &[u8], from: usize, secret: Secret, segment: u64) -> Option<(usize, Record<'_>)> {
    (from.next_multiple_of(ALIGNMENT)..bytes.len()).step_by(ALIGNMENT).find_map(|at| {
        let (record, _) = read(bytes.get(at..)?, secret, segment)?;
        Some((at, record))
    })
}

fn number(bytes: &[u8], at: usize) -> u64 {
    let field = bytes.get(at..at + 8).and_then(|field| field.try_into().ok());
    u64::from_le_bytes(field.unwrap_or_default())
}

fn crc(parts: &[&[u8]]) -> [u8; 4] {
    let mut hasher = Hasher::new(Algorithm::Crc32c);
    for part in parts {
        hasher.update(part);
    }
    hasher.finish().bytes().try_into().unwrap_or_default()
}
