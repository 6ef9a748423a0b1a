//! The objects of a bucket, page by page, as `ListObjectsV2` gives them.

use serde_json::{Map, Value};
use types::Timestamp;

use super::ObjectName;

/// A listing that is not over.
#[derive(Debug)]
pub(super) struct Listing {
    parameters: Map<String, Value>,
}

impl Listing {
    pub(super) fn new(parameters: &Value) -> Self {
        Self { parameters: parameters.as_object().cloned().unwrap_or_default() }
    }

    /// What the next page is asked with.
    pub(super) fn parameters(&self) -> Value {
        Value::Object(self.parameters.clone())
    }

    /// Whether there is another page.
    pub(super) fn goes_on(&mut self, answer: &Value) -> bool {
        let token = answer.get("NextContinuationToken").filter(|token| token.is_string());
        if let Some(token) = token {
            self.parameters.insert("ContinuationToken".to_owned(), token.clone());
        }
        token.is_some()
    }

    /// The objects of a page, to be opened. What stands for a folder has nothing in it.
    pub(super) fn objects(&self, answer: &Value) -> Vec<ObjectName> {
        let bucket = self.parameters.get("Bucket").and_then(Value::as_str).unwrap_or_default();
        let names = contents(answer).filter_map(|object| object.get("Key")?.as_str());
        names
            .filter(|key| !key.ends_with('/'))
            .map(|key| ObjectName { bucket: bucket.to_owned(), key: key.to_owned(), version_id: None })
            .collect()
    }
}

/// The items of a page: what it says of each object.
pub(super) fn items(answer: &Value) -> impl Iterator<Item = Value> {
    contents(answer).map(|object| {
        let members = [("Etag", "ETag"), ("Key", "Key"), ("LastModified", "LastModified"), ("Size", "Size")];
        let mut item = Map::new();
        for (name, member) in members.into_iter().chain([("StorageClass", "StorageClass")]) {
            if let Some(value) = object.get(member) {
                let value = if name == "LastModified" { seconds(value) } else { value.clone() };
                item.insert(name.to_owned(), value);
            }
        }
        Value::Object(item)
    })
}

fn contents(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("Contents").and_then(Value::as_array).into_iter().flatten()
}

/// Seconds since 1970, as items show times. S3 counts no fractions.
fn seconds(time: &Value) -> Value {
    match time {
        Value::String(text) => Timestamp::parse_rfc3339(text)
            .map_or_else(|_| time.clone(), |time| whole_seconds(time.as_millis())),
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
            Some(seconds) => Value::from(seconds.floor() as i64),
            None => time.clone(),
        },
        other => other.clone(),
    }
}

fn whole_seconds(millis: i64) -> Value {
    Value::from(millis.div_euclid(1000))
}
