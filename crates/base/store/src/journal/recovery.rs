//! What a journal holds when its store is opened.
//!
//! Records are taken in the order of their numbers until the first that is not there. Behind a crash that is where the
//! last write was on its way: nothing of it was acknowledged, and nothing was written after it. So where something
//! valid *does* follow, or a record that the database already has is not whole, the file was damaged, and the store
//! is not opened.

use std::path::{Path, PathBuf};

use super::changes::Malformed;
use super::record::{self, Beginning, FORMAT, HEADER_BYTES, Header, Kind, RECORD_BYTES, Secret};

/// Why a journal was not taken up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    #[error("{path}: {cause}")]
    Io { path: PathBuf, cause: std::io::Error },
    #[error("{0}: the journal is missing: bring its files back")]
    Missing(PathBuf),
    #[error("{0} was written, but the database knows of no journal: bring the database's files back")]
    Unknown(PathBuf),
    #[error("{path} has format {found}; this version reads format {FORMAT}: use the version that wrote it")]
    Format { path: PathBuf, found: u32 },
    #[error("{0} belongs to another store")]
    Foreign(PathBuf),
    #[error("{0} is damaged: its header is not whole, but records were written behind it")]
    Headless(PathBuf),
    #[error("{path} was cut off: it has {length} bytes and should have {expected}")]
    CutOff { path: PathBuf, length: u64, expected: u64 },
    #[error(
        "{path} is damaged at byte {offset}: record {expected} is not whole, but later ones were written"
    )]
    Damaged { path: PathBuf, offset: usize, expected: u64 },
    #[error("{path}: the journal begins with record {first}, but the database has no more than {applied}")]
    Gap { path: PathBuf, first: u64, applied: u64 },
    #[error("{path} cannot be read at byte {offset}: {cause}")]
    Malformed { path: PathBuf, offset: usize, cause: Malformed },
}

/// A segment that has been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its file.
    pub(crate) path: PathBuf,
    /// The number of its last record.
    pub(crate) last: u64,
    /// The file's length.
    pub(crate) length: u64,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// The number of the last record.
    pub(crate) last: u64,
    /// Whether there were changes that the database does not have.
    pub(crate) has_changes: bool,
    /// Segments to be kept until the database has them.
    pub(crate) kept: Vec<Written>,
    /// Files that hold nothing that is needed, with their lengths.
    pub(crate) free: Vec<(PathBuf, u64)>,
    /// No segment has this number or a greater one.
    pub(crate) next_number: u64,
}

/// Takes a record's number and payload.
pub(crate) type Replay<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), Malformed>;

struct Found {
    path: PathBuf,
    header: Header,
    length: u64,
}

/// The name of the segment of that number.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}.journal"))
}

/// Finds all records after `applied`, the last one that the database has, and gives their payloads to `replay`.
pub(crate) fn recover(
    dir: &Path,
    secret: Secret,
    applied: u64,
    replay: Replay<'_>,
) -> Result<Recovered, RecoveryError> {
    let (mut begun, free, next_number) = files(dir, secret)?;
    begun.sort_by_key(|found| found.header.number);
    let mut recovered = Recovered { last: applied, free, next_number, ..Recovered::default() };
    let Some(oldest) = begun.first() else { return Err(RecoveryError::Missing(dir.to_owned())) };
    let Some(start) = begun.iter().rposition(|found| found.header.first <= applied + 1) else {
        let (path, first) = (oldest.path.clone(), oldest.header.first);
        return Err(RecoveryError::Gap { path, first, applied });
    };
    let needed = begun.split_off(start);
    recovered.free.extend(begun.into_iter().map(|found| (found.path, found.length)));
    let mut after = needed.iter().skip(1);
    for found in &needed {
        let next = after.next().map(|next| next.header.first);
        let last = scan(found, next, applied, &mut recovered.has_changes, replay)?;
        recovered.last = last.max(applied);
        recovered.kept.push(Written { path: found.path.clone(), last, length: found.length });
    }
    Ok(recovered)
}

type Files = (Vec<Found>, Vec<(PathBuf, u64)>, u64);

/// The segments that were begun, the others, and the first number that none has.
fn files(dir: &Path, secret: Secret) -> Result<Files, RecoveryError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |cause| RecoveryError::Io { path, cause }
    };
    let (mut begun, mut free, mut next_number) = (Vec::new(), Vec::new(), 1);
    let entries = match std::fs::read_dir(dir) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Err(RecoveryError::Missing(dir.to_owned()));
        }
        entries => entries.map_err(io(dir))?,
    };
    for entry in entries {
        let path = entry.map_err(io(dir))?.path();
        let Some(number) = number_of(&path) else { continue };
        next_number = next_number.max(number.saturating_add(1));
        let length = std::fs::metadata(&path).map_err(io(&path))?.len();
        match record::beginning(&head(&path).map_err(io(&path))?) {
            Beginning::Format(found) => return Err(RecoveryError::Format { path, found }),
            Beginning::Header(header) if header.secret != secret => return Err(RecoveryError::Foreign(path)),
            Beginning::Header(Header { length: expected, .. }) if length < expected => {
                return Err(RecoveryError::CutOff { path, length, expected });
            }
            Beginning::Header(header) if header.number == number => {
                begun.push(Found { path, header, length })
            }
            Beginning::Header(_) | Beginning::Nothing => {
                // A header is written before any record: one that is not whole has none behind it.
                if has_first_record(&path, secret, number).map_err(io(&path))? {
                    return Err(RecoveryError::Headless(path));
                }
                free.push((path, length));
            }
        }
    }
    Ok((begun, free, next_number))
}

/// The number in a segment's name; none where the file is no segment.
pub(crate) fn number_of(path: &Path) -> Option<u64> {
    if path.extension()? != "journal" {
        return None;
    }
    u64::from_str_radix(path.file_stem()?.to_str()?, 16).ok()
}

fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEADER_BYTES);
    let file = std::fs::File::open(path)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, HEADER_BYTES as u64), &mut head)?;
    Ok(head)
}

/// Answers the segments of a journal that its database knows nothing of: a first start did not come to its end.
///
/// # Errors
/// [`RecoveryError::Unknown`] where something was written: then it is the database that has lost something.
pub(crate) fn leftovers(dir: &Path) -> Result<Vec<PathBuf>, RecoveryError> {
    let io = |path: &Path, cause| RecoveryError::Io { path: path.to_owned(), cause };
    let mut leftovers = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|cause| io(dir, cause))? {
        let path = entry.map_err(|cause| io(dir, cause))?.path();
        let Some(number) = number_of(&path) else { continue };
        if let Beginning::Header(header) = record::beginning(&head(&path).map_err(|cause| io(&path, cause))?)
            && has_first_record(&path, header.secret, number).map_err(|cause| io(&path, cause))?
        {
            return Err(RecoveryError::Unknown(path));
        }
        leftovers.push(path);
    }
    Ok(leftovers)
}

/// Whether a whole record of that segment begins where the first one would.
fn has_first_record(path: &Path, secret: Secret, number: u64) -> std::io::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(HEADER_BYTES as u64))?;
    let mut bytes = Vec::with_capacity(RECORD_BYTES);
    std::io::Read::read_to_end(&mut std::io::Read::take(&mut file, RECORD_BYTES as u64), &mut bytes)?;
    if !record::is_of(&bytes, number) {
        return Ok(false);
    }
    std::io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(record::read(&bytes, secret, number).is_some())
}

/// Reads one segment to its end, and answers the number of its last record; `next` is the first one of the segment
/// behind it.
fn scan(
    found: &Found,
    next: Option<u64>,
    applied: u64,
    has_changes: &mut bool,
    replay: Replay<'_>,
) -> Result<u64, RecoveryError> {
    let Found { path, header, .. } = found;
    let bytes = std::fs::read(path).map_err(|cause| RecoveryError::Io { path: path.clone(), cause })?;
    let (mut at, mut expected) = (HEADER_BYTES, header.first);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match record::read(rest, header.secret, header.number) {
            Some((record, taken)) if record.lsn == expected => {
                if expected > applied && record.kind == Kind::Changes {
                    *has_changes = true;
                    replay(expected, record.payload).map_err(|cause| RecoveryError::Malformed {
                        path: path.clone(),
                        offset: at,
                        cause,
                    })?;
                }
                at += taken;
                expected += 1;
            }
            _ if next == Some(expected) => return Ok(expected - 1),
            _ => match record::find(&bytes, at, header.secret, header.number) {
                // What is not whole is in the database, and what is not is whole.
                Some((later, record)) if record.lsn > expected && record.lsn <= applied + 1 => {
                    tracing::warn!(path = %path.display(), offset = at, "a record that was applied is damaged");
                    (at, expected) = (later, record.lsn);
                }
                None if next.is_none() && expected > applied => return Ok(expected - 1),
                _ => return Err(RecoveryError::Damaged { path: path.clone(), offset: at, expected }),
            },
        }
    }
}
