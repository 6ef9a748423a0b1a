//! Bodies on their way in and out: in memory, in files, and what is left of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use api::limits::MEMORY_BYTES_MAX;
use api::{Body, Content, FileRange, Spool};
use checksum::{Algorithm, Checksum};

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

async fn spooled(folder: Option<&Path>, bytes: &[u8]) -> std::io::Result<Body> {
    let mut spool = Spool::new(folder, Algorithm::Crc32);
    for chunk in bytes.chunks(77_777) {
        spool.write(chunk).await?;
    }
    spool.finish().await
}

#[tokio::test]
async fn few_bytes_stay_in_memory_and_many_go_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for (count, in_memory) in [
        (0, true),
        (1, true),
        (MEMORY_BYTES_MAX, true),
        (MEMORY_BYTES_MAX + 1, false),
        (1 << 20, false),
        (5_000_001, false),
    ] {
        let bytes = bytes(count);
        let body = spooled(Some(folder.path()), &bytes).await.unwrap();
        assert_eq!(matches!(body.content(), Content::Memory(_)), in_memory, "{count}");
        assert_eq!(files(folder.path()), usize::from(!in_memory));
        assert_eq!(body.len(), count as u64);
        assert_eq!(body.collect(u64::MAX).await.unwrap(), bytes);
        let digests = body.known_digests().unwrap().clone();
        assert_eq!(digests.checksum, Checksum::of(Algorithm::Crc32, &bytes));
        assert_eq!(body.digests(Algorithm::Crc32).await.unwrap(), digests);
        assert_eq!(body.digests(Algorithm::Sha1).await.unwrap().md5, digests.md5);
        drop(body);
        assert_eq!(files(folder.path()), 0);
    }
}

#[tokio::test]
async fn without_a_folder_many_bytes_are_refused() {
    assert_eq!(spooled(None, &bytes(100_000)).await.unwrap().len(), 100_000);
    let error = spooled(None, &bytes(3 << 20)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
}

#[tokio::test]
async fn a_spool_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::new(Some(folder.path()), Algorithm::Crc64Nvme);
    spool.write(&bytes(3 << 20)).await.unwrap();
    spool.write(&bytes(3 << 20)).await.unwrap();
    drop(spool.finish().await.unwrap());
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn a_body_is_saved_by_rename_or_copy() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = bytes(2_000_000);
    let body = spooled(Some(folder.path()), &bytes).await.unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    body.clone().save(&first).await.unwrap();
    assert_eq!(files(folder.path()), 1);
    body.save(&second).await.unwrap();
    Body::from(bytes.clone()).save(&second).await.unwrap();
    for path in [first, second] {
        assert_eq!(fs::read(path).unwrap(), bytes);
    }
    assert_eq!(files(folder.path()), 2);
}

#[tokio::test]
async fn ranges_of_files_are_one_body() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = bytes(1_500_000);
    let path = folder.path().join("file");
    fs::write(&path, &bytes).unwrap();
    let whole = FileRange::at(&path, 0, bytes.len() as u64);
    let body = Body::files([whole.part(10, 1_000_000), whole.part(0, 0), whole.part(1_499_999, u64::MAX)]);
    assert_eq!(body.len(), 1_000_001);
    let read = body.collect(u64::MAX).await.unwrap();
    assert_eq!(read[..1_000_000], bytes[10..1_000_010]);
    assert_eq!(read[1_000_000..], bytes[1_499_999..]);
    assert!(body.collect(1_000_000).await.is_err());

    let too_long = Body::files([FileRange::at(&path, 1_000_000, 600_000)]);
    assert_eq!(too_long.collect(u64::MAX).await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    assert!(Body::files([FileRange::at(folder.path().join("none"), 0, 1)]).reader().next().await.is_err());
}
