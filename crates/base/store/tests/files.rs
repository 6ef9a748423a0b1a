//! Files that are not opened, and what the store says about them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::Path;

use rusqlite::Connection;
use store::{Batch, LocalStore, SqliteStore, Store};

fn fill(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = SqliteStore::open(dir).unwrap();
    let mut batch = Batch::new();
    for number in 0..200 {
        batch.put("records", number.to_string(), vec![7; 1000]);
    }
    runtime.block_on(store.submit(batch).durable()).unwrap();
}

fn refusal(dir: &Path) -> String {
    SqliteStore::open(dir).unwrap_err().to_string()
}

fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "{text:?} should say {part:?}");
}

#[test]
fn a_directory_has_one_store_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    assert_contains(&refusal(dir.path()), "is in use by process");
    drop(store);
    SqliteStore::open(dir.path()).unwrap();
}

#[test]
fn a_journal_belongs_to_one_store_at_a_time_and_to_its_owner() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let store = LocalStore::open(&dir).unwrap();
    assert_contains(&LocalStore::open(&dir).unwrap_err().to_string(), "is in use by process");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir.join("journal")), 0o700);
        for segment in std::fs::read_dir(dir.join("journal")).unwrap() {
            assert_eq!(mode(&segment.unwrap().path()), 0o600);
        }
    }
    drop(store);
    LocalStore::open(&dir).unwrap();
}

#[test]
fn behind_a_journal_a_damaged_database_is_an_error_and_not_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    drop(LocalStore::open(dir.path()).unwrap());
    let path = dir.path().join("store.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    // Everything behind the first page, which holds the schema.
    for (at, byte) in bytes.iter_mut().enumerate().skip(8192) {
        *byte = u8::try_from(at % 251).unwrap();
    }
    std::fs::write(&path, bytes).unwrap();
    // How far the database is behind the journal is in it: without that nothing can be opened.
    assert_contains(&LocalStore::open(dir.path()).unwrap_err().to_string(), "malformed");
}

#[test]
fn a_missing_directory_is_created() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("data").join("main");
    fill(&dir);
    SqliteStore::open(&dir).unwrap();
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let store = SqliteStore::open(&dir).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for name in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    drop(store);
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let connection = Connection::open(dir.path().join("store.sqlite")).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    assert_contains(&refusal(dir.path()), "has format 2; this version reads format 1");
}

#[test]
fn another_programs_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let connection = Connection::open(dir.path().join("store.sqlite")).unwrap();
    connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(connection);
    assert_contains(&refusal(dir.path()), "is a database of another program");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("store.sqlite"), "text ".repeat(5000)).unwrap();
    assert_contains(&refusal(dir.path()), "file is not a database");
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let path = dir.path().join("store.sqlite");
    let length = std::fs::metadata(&path).unwrap().len();
    for kept in [length - 1, length - 8192, 8192, 4000, 100, 10] {
        std::fs::File::options().write(true).open(&path).unwrap().set_len(kept).unwrap();
        let refusal = refusal(dir.path());
        assert!(
            ["is damaged", "malformed", "not a database", "disk image"]
                .iter()
                .any(|words| refusal.contains(words)),
            "{kept}: {refusal}"
        );
    }
}

#[test]
fn a_lost_file_is_not_replaced_by_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let path = dir.path().join("store.sqlite");
    std::fs::write(&path, []).unwrap();
    assert_contains(&refusal(dir.path()), "is missing or empty");
    std::fs::remove_file(&path).unwrap();
    assert_contains(&refusal(dir.path()), "is missing or empty");
}

#[test]
fn damage_is_an_error_and_not_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let path = dir.path().join("store.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    // Everything behind the first page, which holds the schema.
    for (at, byte) in bytes.iter_mut().enumerate().skip(8192) {
        *byte = u8::try_from(at % 251).unwrap();
    }
    std::fs::write(&path, bytes).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    let read = runtime.block_on(store.get("records", "7"));
    assert_contains(&read.unwrap_err().to_string(), "malformed");
    let mut batch = Batch::new();
    batch.put("records", "7", vec![1]);
    let written = runtime.block_on(store.submit(batch).durable());
    assert_contains(&written.unwrap_err().to_string(), "malformed");
}

#[test]
fn the_space_of_what_was_deleted_comes_back_while_nobody_writes() {
    gives_space_back(|dir| Box::new(SqliteStore::open(dir).unwrap()));
    gives_space_back(|dir| Box::new(LocalStore::open(dir).unwrap()));
}

fn gives_space_back(open: fn(&Path) -> Box<dyn Store>) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    for number in 0..30_000 {
        batch.put("records", format!("old/{number}"), vec![7; 1000]);
    }
    batch.put("records", "young", vec![7; 1000]);
    runtime.block_on(store.submit(batch).durable()).unwrap();
    let mut batch = Batch::new();
    batch.delete_prefix("records", "old/");
    runtime.block_on(store.submit(batch).durable()).unwrap();
    let file = dir.path().join("store.sqlite");
    let begun = std::time::Instant::now();
    // Free pages that are less than 8 MiB may stay.
    while std::fs::metadata(&file).unwrap().len() > 10 << 20 {
        assert!(begun.elapsed().as_secs() < 60, "the file has {:?}", std::fs::metadata(&file).unwrap());
        std::thread::yield_now();
    }
    let young = runtime.block_on(store.get("records", "young")).unwrap();
    assert_eq!(young.unwrap().value, vec![7; 1000]);
}
