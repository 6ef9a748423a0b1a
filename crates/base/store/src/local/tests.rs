//! Crashes and failing disks: what was acknowledged is there, in order and whole; what cannot be right is refused.

use std::io;
use std::sync::{Mutex, MutexGuard};

use futures_util::future::join_all;
use proptest::prelude::*;
use types::Timestamp;

use super::*;
use crate::journal::files::Segment;
use crate::journal::record::{HEADER_BYTES, RECORD_BYTES};

/// What is wrong with a disk.
#[derive(Default)]
struct Faults {
    /// No file can be made.
    is_full: bool,
    /// Nothing is written after so many bytes.
    bytes_left: Option<usize>,
    /// No sync succeeds.
    cannot_sync: bool,
}

#[derive(Clone, Default)]
struct FaultyDisk(Arc<Mutex<Faults>>);

impl FaultyDisk {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.lock().unwrap()
    }

    fn wrap(&self, inner: Box<dyn Segment>) -> Box<dyn Segment> {
        Box::new(FaultyFile { inner, disk: self.clone() })
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path, length: u64) -> io::Result<Box<dyn Segment>> {
        if self.faults().is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(self.wrap(FileSystem.create(path, length)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<Box<dyn Segment>> {
        Ok(self.wrap(FileSystem.rename(from, to)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        FileSystem.remove(path)
    }
}

struct FaultyFile {
    inner: Box<dyn Segment>,
    disk: FaultyDisk,
}

impl Segment for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut faults = self.disk.faults();
        match &mut faults.bytes_left {
            Some(left) if *left < bytes.len() => {
                self.inner.write(&bytes[..*left])?;
                *left = 0;
                Err(io::Error::other("torn"))
            }
            Some(left) => {
                *left -= bytes.len();
                self.inner.write(bytes)
            }
            None => self.inner.write(bytes),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.disk.faults().cannot_sync {
            return Err(io::Error::other("the disk is gone"));
        }
        self.inner.sync()
    }
}

const SMALL: Options = Options {
    layer_bytes: 1 << 20,
    segment_bytes: 64 << 10,
    first_segment_bytes: 4 << 10,
    group_bytes: 8 << 10,
};

fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put("records", format!("{number:06}"), vec![1; (number % 7 * 100) as usize]);
    batch.put("records", "last", number.to_be_bytes().to_vec());
    batch.append("log", number, Timestamp::from_seconds(1), vec![2; 200]);
    batch.set_timer("queue", number.to_string(), Timestamp::from_seconds(2), Vec::new());
    batch
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A store whose database stays as it is: all that happens is in the journal.
fn held(dir: &Path) -> LocalStore {
    let store = LocalStore::open_with(dir, SMALL).unwrap();
    store.progress.hold(true);
    store
}

/// Each batch is a record of its own.
fn write(store: &LocalStore, numbers: std::ops::Range<u64>) {
    for number in numbers {
        block_on(store.submit(batch(number)).durable()).unwrap();
    }
}

/// What a crash would leave now.
fn image(dir: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    std::fs::create_dir(image.path().join("journal")).unwrap();
    for part in ["", "journal"] {
        for entry in std::fs::read_dir(dir.join(part)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), image.path().join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    image
}

/// How many batches a store holds: all from 0 to that, each whole.
fn batches(dir: &Path) -> Result<u64, Error> {
    let store = LocalStore::open_with(dir, SMALL)?;
    block_on(async {
        let entries = store.read("log", Slice::default()).await?;
        let records = store.list("records", Range::prefix("")).await?;
        let count = entries.len() as u64;
        assert!(entries.iter().map(|entry| entry.sequence).eq(0..count));
        let keys = (0..count).map(|number| format!("{number:06}"));
        assert!(
            records
                .iter()
                .map(|record| record.key.clone())
                .eq(keys.chain((count > 0).then(|| "last".into())))
        );
        if let Some(last) = records.last() {
            assert_eq!(last.version, count);
            assert_eq!(last.value, (count - 1).to_be_bytes());
        }
        let mut queue = store.timers("queue").await?;
        let clock = clock::Clock::Virtual(clock::VirtualClock::new(Timestamp::MAX));
        for _ in 0..count {
            futures_util::FutureExt::now_or_never(queue.next(&clock)).unwrap().unwrap();
        }
        Ok(count)
    })
}

/// The journal's files in their order, and where records begin in each.
fn records(dir: &Path) -> Vec<(PathBuf, Vec<u8>, Vec<usize>)> {
    let entries = std::fs::read_dir(dir.join("journal")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let records = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        let (mut at, mut places) = (HEADER_BYTES, Vec::new());
        while bytes.get(at..at + 4).is_some_and(|magic| magic == b"RwR\x01") {
            places.push(at);
            let length = u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap()) & 0xff_ffff_ffff;
            at += (RECORD_BYTES + length as usize).next_multiple_of(8);
        }
        places.push(at);
        (path, bytes, places)
    };
    paths.into_iter().map(records).filter(|(_, _, places)| places.len() > 1).collect()
}

#[test]
fn a_torn_write_is_cut_off_wherever_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let store = held(dir.path());
    write(&store, 0..12);
    let files = records(dir.path());
    let (path, bytes, places) = files.last().unwrap().clone();
    let [.., last, end] = places.as_slice() else { unreachable!() };
    let crashed = image(dir.path());
    let torn = crashed.path().join("journal").join(path.file_name().unwrap());
    for cut in (*last..*end).step_by(29) {
        for fill in [0, 0xa5] {
            let mut bytes = bytes.clone();
            bytes[cut..].fill(fill);
            let image = image(crashed.path());
            std::fs::write(image.path().join("journal").join(torn.file_name().unwrap()), &bytes).unwrap();
            // Padding may be lost without harm.
            let kept = batches(image.path()).unwrap();
            assert!(kept == 11 || (kept == 12 && *end - cut < 8), "{kept} of 12 at {cut} of {last}..{end}");
            // What was found is kept, and the torn write does not come back.
            assert_eq!(batches(image.path()).unwrap(), kept);
        }
    }
    assert_eq!(batches(crashed.path()).unwrap(), 12);
    drop(store);
    assert_eq!(batches(dir.path()).unwrap(), 12);
}

#[test]
fn damage_is_told_from_a_torn_write_by_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    let store = held(dir.path());
    write(&store, 0..40);
    let files = records(dir.path());
    assert!(files.len() > 2, "several segments");
    let crashed = image(dir.path());
    for (index, (path, bytes, places)) in files.iter().enumerate() {
        for (nth, at) in places.iter().enumerate().take(places.len() - 1) {
            let is_last = index + 1 == files.len() && nth + 2 == places.len();
            for (offset, what) in
                [(0, "magic"), (4, "checksum"), (9, "length"), (24, "number"), (40, "payload")]
            {
                let image = image(crashed.path());
                let mut bytes = bytes.clone();
                bytes[at + offset] ^= 0x40;
                let path = image.path().join("journal").join(path.file_name().unwrap());
                std::fs::write(&path, bytes).unwrap();
                match batches(image.path()) {
                    Ok(kept) => assert!(is_last && kept == 39, "{what} of record {nth} of {index}: {kept}"),
                    Err(error) => {
                        let expected = format!("{} is damaged at byte {at}:", path.display());
                        assert!(!is_last && error.to_string().contains(&expected), "{error}");
                    }
                }
                if what == "magic" && nth > 2 {
                    break;
                }
            }
        }
    }
}

#[test]
fn after_a_clean_end_even_the_last_record_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let store = held(dir.path());
    write(&store, 0..3);
    let before = image(dir.path());
    drop(store);
    // The journal as it was closed, with a database from before.
    let files = records(dir.path());
    let (path, mut bytes, places) = files.into_iter().next().unwrap();
    assert_eq!(places.len(), 5, "three batches, and the mark of the end");
    bytes[places[2] + 50] ^= 1;
    std::fs::write(before.path().join("journal").join(path.file_name().unwrap()), bytes).unwrap();
    let refusal = batches(before.path()).unwrap_err().to_string();
    assert!(refusal.contains("is damaged at byte"), "{refusal}");
}

#[test]
fn what_the_database_has_may_be_damaged_in_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open_with(dir.path(), Options { first_segment_bytes: 60_000, ..SMALL }).unwrap();
    write(&store, 0..5);
    store.progress.catch_up(5).unwrap();
    store.progress.hold(true);
    write(&store, 5..8);
    let (path, bytes, places) = records(dir.path()).into_iter().next().unwrap();
    for (nth, expected) in [(0, Some(8)), (4, Some(8)), (5, None), (7, Some(7))] {
        let image = image(dir.path());
        let mut bytes = bytes.clone();
        bytes[places[nth] + 40] ^= 1;
        std::fs::write(image.path().join("journal").join(path.file_name().unwrap()), bytes).unwrap();
        assert_eq!(batches(image.path()).ok(), expected, "record {nth}");
    }
}

#[test]
fn a_journal_that_was_lost_or_exchanged_is_noticed() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, another) = (held(dir.path()), held(other.path()));
    write(&store, 0..60);
    write(&another, 0..60);
    let refusal = |image: &tempfile::TempDir| batches(image.path()).unwrap_err().to_string();

    let lost = image(dir.path());
    std::fs::remove_dir_all(lost.path().join("journal")).unwrap();
    assert!(refusal(&lost).contains("the journal is missing"));

    let begun_late = image(dir.path());
    let files = records(begun_late.path());
    std::fs::remove_file(&files[0].0).unwrap();
    assert!(refusal(&begun_late).contains("the journal begins with record"));

    let gap = image(dir.path());
    std::fs::remove_file(&records(gap.path())[1].0).unwrap();
    assert!(refusal(&gap).contains("is damaged at byte"));

    let cut = image(dir.path());
    let (path, bytes, _) = records(cut.path()).pop().unwrap();
    std::fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(refusal(&cut).contains("was cut off"));

    let forgotten = image(dir.path());
    let database = Connection::open(format::database(forgotten.path())).unwrap();
    database.execute("DELETE FROM journal", []).unwrap();
    drop(database);
    assert!(refusal(&forgotten).contains("the database knows of no journal"));

    let headless = image(dir.path());
    let (path, mut bytes, _) = records(headless.path()).pop().unwrap();
    bytes[..HEADER_BYTES].fill(0xff);
    std::fs::write(path, &bytes).unwrap();
    assert!(refusal(&headless).contains("is damaged: its header is not whole"));

    let exchanged = image(dir.path());
    for (path, bytes, _) in records(other.path()) {
        std::fs::write(exchanged.path().join("journal").join(path.file_name().unwrap()), bytes).unwrap();
    }
    assert!(refusal(&exchanged).contains("belongs to another store"));
}

#[test]
fn segments_are_used_again_and_what_they_held_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { first_segment_bytes: SMALL.segment_bytes, ..SMALL };
    let store = LocalStore::open_with(dir.path(), options).unwrap();
    for round in 0..6 {
        write(&store, round * 200..(round + 1) * 200);
        let last = store.view.layers().active.last;
        store.progress.catch_up(last).unwrap();
    }
    let numbers = std::fs::read_dir(dir.path().join("journal")).unwrap();
    let numbers: Vec<_> = numbers.map(|entry| recovery::number_of(&entry.unwrap().path()).unwrap()).collect();
    assert!(numbers.len() <= 6 && numbers.iter().min() > Some(&2), "{numbers:?}");
    store.progress.hold(true);
    write(&store, 1200..1203);
    assert_eq!(batches(image(dir.path()).path()).unwrap(), 1203);
}

#[test]
fn a_full_disk_acknowledges_nothing_and_may_be_freed() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let store = LocalStore::open_on(Arc::new(disk.clone()), dir.path(), SMALL).unwrap();
    store.progress.hold(true);
    disk.faults().is_full = true;
    let mut number = 0;
    let refusal = loop {
        match block_on(store.submit(batch(number)).durable()) {
            Ok(_) => number += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert!(refusal.contains("the disk has no room for the journal: the disk is full"), "{refusal}");
    assert!(number > 1);
    assert!(block_on(store.get("records", &format!("{number:06}"))).unwrap().is_none());
    assert_eq!(batches(image(dir.path()).path()).unwrap(), number);
    disk.faults().is_full = false;
    write(&store, number..number + 50);
    assert_eq!(batches(image(dir.path()).path()).unwrap(), number + 50);
}

#[test]
fn a_database_that_cannot_grow_stops_writers_until_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { layer_bytes: 20_000, ..SMALL };
    let store = LocalStore::open_with(dir.path(), options).unwrap();
    store.progress.hold(true);
    store.progress.stumbled(Error::unavailable("the disk is full"), true);
    let mut number = 0;
    let refusal = loop {
        match block_on(store.submit(batch(number)).durable()) {
            Ok(_) => number += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert!(refusal.contains("the disk is full"), "{refusal}");
    assert!(store.view.layers().active.bytes < 2 * options.layer_bytes);
    store.progress.hold(false);
    // The follower tries again by itself, and then there is room.
    while block_on(store.submit(Batch::new()).durable()).is_err() {
        std::thread::yield_now();
    }
    write(&store, number..number + 200);
    drop(store);
    assert_eq!(batches(dir.path()).unwrap(), number + 200);
}

#[test]
fn after_a_failure_of_the_disk_nothing_more_is_acknowledged() {
    for is_torn in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let store = LocalStore::open_on(Arc::new(disk.clone()), dir.path(), SMALL).unwrap();
        store.progress.hold(true);
        write(&store, 0..5);
        if is_torn {
            disk.faults().bytes_left = Some(100);
        } else {
            disk.faults().cannot_sync = true;
        }
        let submitted = (5..8).map(|number| store.submit(batch(number)).durable());
        let outcomes = block_on(join_all(submitted));
        assert!(outcomes.iter().all(Result::is_err));
        *disk.faults() = Faults::default();
        let refusal = block_on(store.submit(batch(8)).durable()).unwrap_err().to_string();
        assert!(refusal.contains("the journal could not be written"), "{refusal}");
        assert!(block_on(store.get("records", "000005")).unwrap().is_none());
        let kept = batches(image(dir.path()).path()).unwrap();
        assert!(if is_torn { kept == 5 } else { (5..=8).contains(&kept) }, "{kept}");
    }
}

#[test]
fn a_store_without_a_journal_gets_one_and_is_refused_by_those_that_know_none() {
    let dir = tempfile::tempdir().unwrap();
    let old = crate::SqliteStore::open(dir.path()).unwrap();
    for number in 0..3 {
        block_on(old.submit(batch(number)).durable()).unwrap();
    }
    drop(old);
    let store = LocalStore::open_with(dir.path(), SMALL).unwrap();
    write(&store, 3..6);
    drop(store);
    assert_eq!(batches(dir.path()).unwrap(), 6);
    let refusal = crate::SqliteStore::open(dir.path()).unwrap_err().to_string();
    assert!(refusal.contains("has format 2; this version reads format 1"), "{refusal}");
    let database = Connection::open(format::database(dir.path())).unwrap();
    database.pragma_update(None, "user_version", 3).unwrap();
    let refusal = batches(dir.path()).unwrap_err().to_string();
    assert!(refusal.contains("has format 3; this version reads format 2"), "{refusal}");
}

#[test]
fn a_store_that_is_only_opened_and_closed_does_not_grow() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..6 {
        let store = LocalStore::open_with(dir.path(), SMALL).unwrap();
        if round == 2 {
            write(&store, 0..3);
        }
    }
    assert_eq!(batches(dir.path()).unwrap(), 3);
    assert!(std::fs::read_dir(dir.path().join("journal")).unwrap().count() <= 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Groups of batches, a crash that leaves garbage from anywhere behind what was acknowledged, and again.
    #[test]
    fn what_was_acknowledged_is_kept_and_the_rest_is_a_prefix(
        rounds in prop::collection::vec((1..30u64, 0..12u64, any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut dir = tempfile::tempdir().unwrap();
        let mut kept = 0;
        for (acknowledged, late, cut, fill) in rounds {
            let store = held(dir.path());
            let submitted = (kept..kept + acknowledged).map(|number| store.submit(batch(number)).durable());
            prop_assert!(block_on(join_all(submitted)).iter().all(Result::is_ok));
            let ends = |dir: &Path| records(dir).iter().map(|(_, _, places)| *places.last().unwrap()).collect::<Vec<_>>();
            let before = ends(dir.path());
            let submitted = (0..late).map(|more| store.submit(batch(kept + acknowledged + more)).durable());
            prop_assert!(block_on(join_all(submitted)).iter().all(Result::is_ok));
            let crashed = image(dir.path());
            // Of what came late, everything from some byte on did not reach the disk.
            let files = records(crashed.path());
            let late_bytes: Vec<(usize, usize)> = files.iter().enumerate().flat_map(|(index, (_, bytes, places))| {
                let from = before.get(index).copied().unwrap_or(0);
                (from..places.last().copied().unwrap().min(bytes.len())).map(move |at| (index, at))
            }).collect();
            if !late_bytes.is_empty() {
                let (first, at) = late_bytes[cut.index(late_bytes.len())];
                for (index, (path, mut bytes, _)) in files.into_iter().enumerate() {
                    if index >= first {
                        bytes[if index == first { at } else { 0 }..].fill(fill);
                        std::fs::write(path, bytes).unwrap();
                    }
                }
            }
            drop(store);
            let found = batches(crashed.path()).unwrap();
            prop_assert!(found >= kept + acknowledged && found <= kept + acknowledged + late);
            (dir, kept) = (crashed, found);
        }
    }
}
