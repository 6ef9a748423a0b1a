//! Random operations on a versioned bucket: what the service answers is what a list of versions in memory says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{Process, World};

#[derive(Clone, Debug)]
enum Operation {
    Put {
        key: usize,
        large: bool,
    },
    Delete {
        key: usize,
    },
    /// Deletes a version for good: the so-manieth, counted around.
    DeleteVersion {
        key: usize,
        version: usize,
    },
    SetVersioning {
        enabled: bool,
    },
    Copy {
        from: usize,
        to: usize,
    },
    Restart,
}

const KEYS: [&str; 5] = ["a", "b/1", "b/2", "b/3/x", "c d"];

/// One version: its id, and its bytes unless it is a delete marker.
#[derive(Clone, Debug, PartialEq)]
struct Version {
    id: String,
    bytes: Option<Vec<u8>>,
}

#[derive(Default)]
struct Model {
    /// The newest first.
    keys: BTreeMap<&'static str, Vec<Version>>,
    /// `None`: never set.
    enabled: Option<bool>,
    written: u8,
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = 0..KEYS.len();
    prop_oneof![
        4 => (key.clone(), any::<bool>()).prop_map(|(key, large)| Operation::Put { key, large }),
        2 => key.clone().prop_map(|key| Operation::Delete { key }),
        3 => (key.clone(), 0..4usize).prop_map(|(key, version)| Operation::DeleteVersion { key, version }),
        1 => any::<bool>().prop_map(|enabled| Operation::SetVersioning { enabled }),
        1 => (key.clone(), key).prop_map(|(from, to)| Operation::Copy { from, to }),
        1 => Just(Operation::Restart),
    ]
}

impl Model {
    fn current(&self, key: &str) -> Option<&Vec<u8>> {
        self.keys.get(key)?.first()?.bytes.as_ref()
    }

    /// What a write of any kind does to the versions of a key.
    fn insert(&mut self, key: &'static str, id: Option<&str>, bytes: Option<Vec<u8>>) {
        let versions = self.keys.entry(key).or_default();
        let id = id.filter(|_| self.enabled == Some(true)).unwrap_or("null");
        if id == "null" {
            versions.retain(|version| version.id != "null");
        }
        versions.insert(0, Version { id: id.to_owned(), bytes });
    }

    fn delete(&mut self, key: &'static str, answer: &Value) {
        match self.enabled {
            None => drop(self.keys.remove(key)),
            Some(_) => self.insert(key, answer["VersionId"].as_str(), None),
        }
    }
}

async fn apply(process: &Process, model: &mut Model, operation: &Operation) {
    match *operation {
        Operation::Put { key, large } => {
            model.written = model.written.wrapping_add(1);
            let bytes = vec![model.written; if large { 17_000 } else { 5 }];
            let answer = process.put(KEYS[key], bytes.clone()).await.unwrap();
            model.insert(KEYS[key], answer["VersionId"].as_str(), Some(bytes));
        }
        Operation::Delete { key } => {
            let input = json!({"Bucket": "bucket", "Key": KEYS[key]});
            let answer = process.call("DeleteObject", input).await.unwrap();
            model.delete(KEYS[key], &answer);
        }
        Operation::DeleteVersion { key, version } => {
            let Some(versions) = model.keys.get_mut(KEYS[key]).filter(|versions| !versions.is_empty()) else {
                return;
            };
            let gone = versions.remove(version % versions.len());
            let input = json!({"Bucket": "bucket", "Key": KEYS[key], "VersionId": gone.id});
            let answer = process.call("DeleteObject", input).await.unwrap();
            assert_eq!(answer["DeleteMarker"] == true, gone.bytes.is_none());
        }
        Operation::SetVersioning { enabled } => {
            let status = if enabled { "Enabled" } else { "Suspended" };
            let input = json!({"Bucket": "bucket", "VersioningConfiguration": {"Status": status}});
            process.call("PutBucketVersioning", input).await.unwrap();
            model.enabled = Some(enabled);
        }
        Operation::Copy { from, to } => {
            let source = format!("bucket/{}", KEYS[from]).replace(' ', "%20");
            let input = json!({
                "Bucket": "bucket", "Key": KEYS[to], "CopySource": source, "MetadataDirective": "REPLACE",
            });
            let answer = process.call("CopyObject", input).await;
            let bytes = model.current(KEYS[from]).cloned();
            assert_eq!(answer.is_ok(), bytes.is_some());
            if let Ok(answer) = answer {
                model.insert(KEYS[to], answer["VersionId"].as_str(), bytes);
            }
        }
        Operation::Restart => unreachable!("the caller does it"),
    }
}

/// Everything that can be seen is as the model says.
async fn check(world: &World, process: &Process, model: &Model) {
    let mut files = 0;
    for key in KEYS {
        assert_eq!(process.get(key, None).await.as_ref(), model.current(key), "{key}");
        for version in model.keys.get(key).into_iter().flatten() {
            let found = process.get(key, Some(&version.id)).await;
            assert_eq!(found, version.bytes, "{key} {}", version.id);
            files += usize::from(version.bytes.as_ref().is_some_and(|bytes| bytes.len() > 16_384));
        }
    }
    assert_eq!(world.files(), files);
    let there: Vec<&str> = KEYS.into_iter().filter(|key| model.current(key).is_some()).collect();
    assert_eq!(list(process, 2).await, there);
    let versions: Vec<(String, String)> = KEYS
        .into_iter()
        .flat_map(|key| model.keys.get(key).into_iter().flatten().map(move |version| (key, version)))
        .map(|(key, version)| (key.to_owned(), version.id.clone()))
        .collect();
    for size in [1, 3, 1000] {
        let mut found = list_versions(process, size).await;
        // Delete markers come in a list of their own: in the order of keys only together.
        let place = |entry: &(String, String)| versions.iter().position(|version| version == entry);
        found.sort_by_key(place);
        assert_eq!(found, versions, "in pages of {size}");
    }
}

async fn list(process: &Process, page: usize) -> Vec<String> {
    let (mut keys, mut token) = (Vec::new(), Value::Null);
    loop {
        let input = json!({"Bucket": "bucket", "MaxKeys": page, "ContinuationToken": token});
        let answer = process.call("ListObjectsV2", input).await.unwrap();
        let contents = answer["Contents"].as_array().into_iter().flatten();
        keys.extend(contents.map(|object| object["Key"].as_str().unwrap().to_owned()));
        token = answer["NextContinuationToken"].clone();
        if answer["IsTruncated"] == false {
            return keys;
        }
    }
}

async fn list_versions(process: &Process, page: usize) -> Vec<(String, String)> {
    let (mut versions, mut key, mut id) = (Vec::new(), Value::Null, Value::Null);
    loop {
        let input = json!({
            "Bucket": "bucket", "MaxKeys": page, "KeyMarker": key, "VersionIdMarker": id,
        });
        let answer = process.call("ListObjectVersions", input).await.unwrap();
        for kind in ["Versions", "DeleteMarkers"] {
            for version in answer[kind].as_array().into_iter().flatten() {
                let text = |name: &str| version[name].as_str().unwrap().to_owned();
                versions.push((text("Key"), text("VersionId")));
            }
        }
        if answer["IsTruncated"] == false {
            return versions;
        }
        (key, id) = (answer["NextKeyMarker"].clone(), answer["NextVersionIdMarker"].clone());
    }
}

async fn run(operations: Vec<Operation>) {
    let (world, mut model) = (World::new(), Model::default());
    let mut process = world.process().await;
    process.call("CreateBucket", json!({"Bucket": "bucket"})).await.unwrap();
    for operation in &operations {
        if matches!(operation, Operation::Restart) {
            drop(process);
            process = world.process().await;
        } else {
            apply(&process, &mut model, operation).await;
        }
    }
    check(&world, &process, &model).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn versions_are_as_a_model_says(operations in prop::collection::vec(operation(), 1..40)) {
        tokio::runtime::Runtime::new().unwrap().block_on(run(operations));
    }
}
