//! The process may end between any two batches: what was answered is there, whole, and nothing else is left.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{Process, World};

const LARGE: usize = 20_000;

/// What must be there: the bytes of each key; `None` where nobody knows, as the answer never came.
#[derive(Default)]
struct Ledger(BTreeMap<&'static str, Vec<Option<Vec<u8>>>>);

impl Ledger {
    /// A key holds these bytes from now on, if that was answered; else it may, or may not.
    fn write(&mut self, key: &'static str, bytes: Option<Vec<u8>>, was_answered: bool) {
        let possible = self.0.entry(key).or_insert_with(|| vec![None]);
        if was_answered {
            possible.clear();
        }
        possible.push(bytes);
    }
}

/// Does a bit of everything, until the process dies.
async fn work(process: &Process, ledger: &mut Ledger) -> bool {
    let bucket = |key: &str| json!({"Bucket": "bucket", "Key": key});
    if process.call("CreateBucket", json!({"Bucket": "bucket"})).await.is_err() {
        return false;
    }
    for (key, bytes) in [
        ("small", vec![1; 10]),
        ("large", vec![2; LARGE]),
        ("large", vec![3; LARGE]),
        ("small", vec![4; LARGE]),
        ("large", vec![5; 10]),
        ("gone", vec![6; LARGE]),
    ] {
        let done = process.put(key, bytes.clone()).await.is_ok();
        ledger.write(key, Some(bytes), done);
        if !done {
            return false;
        }
    }
    let done = process.call("DeleteObject", bucket("gone")).await.is_ok();
    ledger.write("gone", None, done);
    if !done {
        return false;
    }
    let mut copy = bucket("copy");
    copy["CopySource"] = "bucket/small".into();
    let done = process.call("CopyObject", copy).await.is_ok();
    ledger.write("copy", Some(vec![4; LARGE]), done);
    done && upload(process, ledger).await.is_some()
}

async fn upload(process: &Process, ledger: &mut Ledger) -> Option<()> {
    let begun =
        process.call("CreateMultipartUpload", json!({"Bucket": "bucket", "Key": "parts"})).await.ok()?;
    let mut parts = Vec::new();
    for (number, byte, size) in [(1, 7, 10), (1, 8, 5 << 20), (2, 9, LARGE)] {
        let mut input = json!({"Bucket": "bucket", "Key": "parts", "PartNumber": number});
        input["UploadId"] = begun["UploadId"].clone();
        let answer = process.stream("UploadPart", input, Some(vec![byte; size].into())).await.ok()?;
        parts.retain(|part: &Value| part["PartNumber"] != number);
        parts.push(json!({"PartNumber": number, "ETag": answer.output["ETag"]}));
    }
    let whole = [vec![8; 5 << 20], vec![9; LARGE]].concat();
    let mut input = json!({"Bucket": "bucket", "Key": "parts", "MultipartUpload": {"Parts": parts}});
    input["UploadId"] = begun["UploadId"].clone();
    let done = process.call("CompleteMultipartUpload", input).await.is_ok();
    ledger.write("parts", Some(whole), done);
    done.then_some(())
}

/// What is there is what was answered, and whole.
async fn check(process: &Process, ledger: &Ledger, batches: usize) {
    for (key, possible) in &ledger.0 {
        let found = process.get(key, None).await;
        assert!(possible.contains(&found), "{key} after {batches} batches");
    }
}

/// Deletes everything; then there must be no file.
async fn empty(world: &World, process: &Process, batches: usize) {
    let bucket = json!({"Bucket": "bucket"});
    let Ok(listed) = process.call("ListObjectsV2", bucket.clone()).await else { return };
    for object in listed["Contents"].as_array().into_iter().flatten() {
        let input = json!({"Bucket": "bucket", "Key": object["Key"]});
        process.call("DeleteObject", input).await.unwrap();
    }
    // What is left of uploads goes with the bucket.
    process.call("DeleteBucket", bucket).await.unwrap();
    assert_eq!(world.files(), 0, "after {batches} batches");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_after_every_batch_leaves_what_was_answered_and_nothing_else() {
    for batches in 0.. {
        let (world, mut ledger) = (World::new(), Ledger::default());
        let process = world.process_with(batches).await;
        let survived = work(&process, &mut ledger).await;
        assert!(survived || process.store.is_dead(), "after {batches} batches");
        drop(process);
        let process = world.process().await;
        check(&process, &ledger, batches).await;
        empty(&world, &process, batches).await;
        if survived {
            assert!(batches > 10, "{batches} batches are too few for a crash to show anything");
            return;
        }
    }
}
