//! Who has locked a file: the operator wants to know which process to stop.

use std::fmt;
use std::fs::File;

/// A process that has a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The process with this id.
    Process(u32),
    /// The system does not say.
    Unknown,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(id) => write!(f, "process {id}"),
            Self::Unknown => f.write_str("another process"),
        }
    }
}

/// How often the system is asked before it is said not to know.
#[cfg(target_os = "linux")]
const READS: usize = 5;

/// Who has locked the file.
pub(crate) fn holder_of(file: &File) -> Holder {
    #[cfg(target_os = "linux")]
    let found = (|| {
        use std::os::linux::fs::MetadataExt as _;
        let inode = file.metadata().ok()?.st_ino();
        // The list is told in pieces: what others lock and release meanwhile can hide a line, or show it twice.
        (0..READS).find_map(|_| find(&std::fs::read_to_string("/proc/locks").ok()?, inode))
    })();
    #[cfg(not(target_os = "linux"))]
    let found = {
        let _ = file;
        None
    };
    found.map_or(Holder::Unknown, Holder::Process)
}

/// Finds the process in lines like `3: FLOCK  ADVISORY  WRITE 411 fe:00:1048599 0 EOF`.
///
/// Only the inode is compared: what `stat` calls the device of a file is not always what is said here. Of several
/// processes with files of that number none is named.
#[cfg(target_os = "linux")]
fn find(locks: &str, inode: u64) -> Option<u32> {
    let mut holders = locks.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (kind, process, file) = (words.next()?, words.nth(2)?, words.next()?);
        let found = kind == "FLOCK" && file.rsplit(':').next()?.parse() == Ok(inode);
        found.then(|| process.parse().ok()).flatten()
    });
    let holder = holders.next()?;
    holders.all(|other| other == holder).then_some(holder)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::find;

    #[test]
    fn the_process_is_found_by_the_inode() {
        let locks = "1: POSIX  ADVISORY  WRITE 300 fe:00:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 411 fe:00:77 0 EOF\n\
            3: FLOCK  ADVISORY  WRITE 500 fe:00:78 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 600 fe:00:77 0 EOF\n";
        assert_eq!(find(locks, 77), Some(411));
        assert_eq!(find(locks, 78), Some(500));
        assert_eq!(find(locks, 79), None);
        assert_eq!(find(&locks.repeat(2), 77), Some(411), "told twice");
        assert_eq!(
            find(&format!("{locks}4: FLOCK ADVISORY WRITE 412 fd:00:77 0 EOF\n"), 77),
            None,
            "two files"
        );
    }
}
