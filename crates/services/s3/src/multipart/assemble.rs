//! What an object is that is made of parts: which parts, its ETag, its checksum. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use checksum::{Checksum, Hasher};
use md5::{Digest as _, Md5};

use super::Upload;
use crate::conditions::unquoted;
use crate::error::Error;
use crate::generated::types::CompletedPart;
use crate::limits;
use crate::sums::{self, Sum, SumKind};
use crate::upload_part::Part;

/// The parts that a client names, out of those that it has uploaded.
///
/// # Errors
/// Parts out of order, unknown, other than the client thinks, or too small. The order of checks is AWS's.
pub(crate) fn choose(upload: &Upload, named: &[CompletedPart], parts: Vec<Part>) -> Result<Vec<Part>, Error> {
    if named.is_empty() || named.len() as u64 > limits::PART_NUMBER_MAX.unsigned_abs() {
        return Err(Error::MalformedXml);
    }
    let numbers: Vec<i64> = named.iter().map(|part| part.part_number.unwrap_or_default()).collect();
    if !numbers.is_sorted_by(|one, next| one < next) {
        return Err(Error::InvalidPartOrder(upload.id.clone()));
    }
    let mut by_number: BTreeMap<i64, Part> = parts.into_iter().map(|part| (part.number, part)).collect();
    let mut chosen = Vec::with_capacity(named.len());
    for (named, number) in named.iter().zip(&numbers) {
        let part = by_number.remove(number).ok_or_else(|| invalid(upload, *number, named))?;
        check(upload, named, &part)?;
        chosen.push(part);
    }
    let small = chosen.iter().rev().skip(1).rev().find(|part| part.size < limits::PART_BYTES_MIN);
    match small {
        Some(part) => {
            Err(Error::EntityTooSmall { part: part.number, etag: part.etag.clone(), size: part.size })
        }
        None => Ok(chosen),
    }
}

fn check(upload: &Upload, named: &CompletedPart, part: &Part) -> Result<(), Error> {
    let is_same = named.e_tag.as_deref().is_some_and(|etag| unquoted(etag) == part.etag);
    let sum = sum_of(named)?;
    let is_sum_same = sum
        .as_ref()
        .is_none_or(|(algorithm, value)| part.sum.algorithm() == *algorithm && part.sum.value == *value);
    if !is_same || !is_sum_same {
        return Err(invalid(upload, part.number, named));
    }
    if sum.is_none() && upload.requested && upload.kind == SumKind::Composite {
        let algorithm = upload.algorithm.to_ascii_lowercase();
        return Err(Error::MissingPartChecksum { algorithm, part: part.number });
    }
    Ok(())
}

fn invalid(upload: &Upload, number: i64, named: &CompletedPart) -> Error {
    let etag = named.e_tag.as_deref().map(unquoted).unwrap_or_default();
    Error::InvalidPart { upload_id: upload.id.clone(), part: number, etag: etag.to_owned() }
}

fn sum_of(named: &CompletedPart) -> Result<Option<(checksum::Algorithm, String)>, Error> {
    sums::Members {
        crc32: named.checksum_crc32.clone(),
        crc32c: named.checksum_crc32_c.clone(),
        crc64nvme: named.checksum_crc64_nvme.clone(),
        sha1: named.checksum_sha1.clone(),
        sha256: named.checksum_sha256.clone(),
        sha512: named.checksum_sha512.clone(),
    }
    .given()
}

/// The ETag of an object of these parts: the MD5 of their MD5s and their number.
pub(crate) fn etag(parts: &[Part]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(hex(&part.etag));
    }
    let mut etag = String::new();
    for byte in md5.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(etag, "{byte:02x}");
    }
    format!("{etag}-{}", parts.len())
}

fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// The checksum of an object of these parts.
pub(crate) fn sum(upload: &Upload, parts: &[Part]) -> Sum {
    let checksums = parts.iter().filter_map(|part| Some((part.sum.checksum()?, part.size)));
    match upload.kind {
        SumKind::FullObject => {
            let empty = Checksum::of(upload.algorithm(), b"");
            let whole = checksums.fold(empty, |whole, (next, size)| {
                // They are all of the upload's algorithm, which is a CRC.
                whole.followed_by(&next, size).unwrap_or(whole)
            });
            Sum::of(&whole)
        }
        SumKind::Composite => {
            let mut hasher = Hasher::new(upload.algorithm());
            checksums.for_each(|(checksum, _)| hasher.update(checksum.bytes()));
            let value = format!("{}-{}", hasher.finish().to_base64(), parts.len());
            Sum { algorithm: upload.algorithm.clone(), value, kind: SumKind::Composite }
        }
    }
}
