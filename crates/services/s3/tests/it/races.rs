//! Many at once: the last commit wins, and nothing is lost or left.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;

use crate::world::World;

/// Too large for the store: a file each.
const LARGE: usize = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_one_key_leave_one_object_and_one_file() {
    let world = World::new();
    let process = Arc::new(world.process().await);
    process.call("CreateBucket", json!({"Bucket": "bucket"})).await.unwrap();
    let writers = (0..32u8).map(|writer| {
        let process = Arc::clone(&process);
        tokio::spawn(async move { process.put("key", vec![writer; LARGE]).await.unwrap() })
    });
    join_all(writers).await;
    let bytes = process.get("key", None).await.unwrap();
    assert_eq!(bytes, vec![bytes[0]; LARGE]);
    assert_eq!(world.files(), 1);
    process.call("DeleteObject", json!({"Bucket": "bucket", "Key": "key"})).await.unwrap();
    assert_eq!(world.files(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creates_what_must_not_exist() {
    let world = World::new();
    let process = Arc::new(world.process().await);
    process.call("CreateBucket", json!({"Bucket": "bucket"})).await.unwrap();
    let writers = (0..32u8).map(|writer| {
        let process = Arc::clone(&process);
        tokio::spawn(async move {
            let input = json!({"Bucket": "bucket", "Key": "key", "IfNoneMatch": "*"});
            process.stream("PutObject", input, Some(vec![writer; LARGE].into())).await
        })
    });
    let outcomes = join_all(writers).await;
    let codes: Vec<_> =
        outcomes.into_iter().filter_map(|outcome| Some(outcome.unwrap().err()?.code)).collect();
    assert_eq!(codes.len(), 31);
    assert!(codes.iter().all(|code| code == "PreconditionFailed"), "{codes:?}");
    assert_eq!(world.files(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_reads_on_while_the_object_goes() {
    let world = World::new();
    let process = world.process().await;
    process.call("CreateBucket", json!({"Bucket": "bucket"})).await.unwrap();
    process.put("key", vec![1; 3_000_000]).await.unwrap();
    let reply = process.stream("GetObject", json!({"Bucket": "bucket", "Key": "key"}), None).await.unwrap();
    let mut reader = reply.body.unwrap().reader();
    let mut read = reader.next().await.unwrap().unwrap().to_vec();
    process.put("key", vec![2; LARGE]).await.unwrap();
    process.call("DeleteObject", json!({"Bucket": "bucket", "Key": "key"})).await.unwrap();
    assert_eq!(world.files(), 0);
    while let Some(chunk) = reader.next().await.unwrap() {
        read.extend_from_slice(&chunk);
    }
    assert_eq!(read, vec![1; 3_000_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_being_filled_is_deleted_or_not() {
    let world = World::new();
    let process = Arc::new(world.process().await);
    for _ in 0..20 {
        process.call("CreateBucket", json!({"Bucket": "bucket"})).await.unwrap();
        let (filler, deleter) = (Arc::clone(&process), Arc::clone(&process));
        let fill = tokio::spawn(async move { filler.put("key", vec![1; LARGE]).await.is_ok() });
        let delete =
            tokio::spawn(
                async move { deleter.call("DeleteBucket", json!({"Bucket": "bucket"})).await.is_ok() },
            );
        let (filled, deleted) = (fill.await.unwrap(), delete.await.unwrap());
        assert!(filled != deleted, "filled: {filled}, deleted: {deleted}");
        assert_eq!(world.files(), usize::from(filled));
        if filled {
            process.call("DeleteObject", json!({"Bucket": "bucket", "Key": "key"})).await.unwrap();
            process.call("DeleteBucket", json!({"Bucket": "bucket"})).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_held_outlive_their_objects() {
    let world = World::new();
    let process = world.process().await;
    process.call("CreateBucket", json!({"Bucket": "bucket"})).await.unwrap();
    process.put("key", vec![1; LARGE]).await.unwrap();
    process.put("small", vec![1]).await.unwrap();
    let (held, also_held) = (process.s3.hold_files(), process.s3.hold_files());
    let named = s3::named_files(&*process.store).await.unwrap();
    process.put("key", vec![2; LARGE]).await.unwrap();
    process.call("DeleteObject", json!({"Bucket": "bucket", "Key": "key"})).await.unwrap();
    assert_eq!(process.get("key", None).await, None);
    drop(held);
    assert_eq!((named.len(), world.files()), (1, 2));
    let file = world.dir.path().join("objects").join(&named[0]);
    assert_eq!(std::fs::read(file).unwrap(), vec![1; LARGE]);
    drop(also_held);
    assert_eq!(world.files(), 0);
}
