//! S3 as far as Step Functions sees it: objects in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use api::model::ServiceModel;
use api::{AwsError, Body, Context, Reply, Service};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

#[path = "../../../../s3/src/generated/model.rs"]
mod s3_model;

/// Keeps objects.
#[derive(Default)]
pub struct FakeS3 {
    objects: Mutex<BTreeMap<(String, String), Vec<u8>>>,
    /// Who has called, and what.
    calls: Mutex<Vec<(String, String)>>,
}

impl FakeS3 {
    pub fn put(&self, bucket: &str, key: &str, content: impl Into<Vec<u8>>) {
        self.objects.lock().unwrap().insert((bucket.to_owned(), key.to_owned()), content.into());
    }

    pub fn has_objects(&self) -> bool {
        !self.objects.lock().unwrap().is_empty()
    }

    /// An object, read as JSON.
    pub fn json(&self, bucket: &str, key: &str) -> Option<Value> {
        let objects = self.objects.lock().unwrap();
        let content = objects.get(&(bucket.to_owned(), key.to_owned()))?;
        Some(serde_json::from_slice(content).unwrap())
    }

    /// Operations and the principals that called them.
    pub fn calls(&self) -> Vec<(String, String)> {
        self.calls.lock().unwrap().clone()
    }

    fn get(&self, bucket: &str, key: &str) -> Result<Reply, AwsError> {
        let objects = self.objects.lock().unwrap();
        let content = objects.get(&(bucket.to_owned(), key.to_owned())).ok_or_else(|| {
            AwsError::new("NoSuchKey", "The specified key does not exist.").with_status(404)
        })?;
        let etag = format!(
            "\"{:x}\"",
            content.iter().fold(content.len(), |sum, byte| sum * 31 % 1_000_003 + usize::from(*byte))
        );
        Ok(Reply {
            output: json!({"ETag": etag, "ContentLength": content.len()}),
            body: Some(Body::from(content.clone())),
        })
    }

    fn list(&self, bucket: &str, prefix: &str) -> Value {
        let objects = self.objects.lock().unwrap();
        let found = objects.iter().filter(|((of, key), _)| of == bucket && key.starts_with(prefix));
        let contents: Vec<Value> = found
            .map(|((_, key), content)| {
                json!({
                    "Key": key, "Size": content.len(), "ETag": "\"e\"", "LastModified": 1_700_000_000,
                    "StorageClass": "STANDARD",
                })
            })
            .collect();
        json!({"IsTruncated": false, "KeyCount": contents.len(), "Contents": contents})
    }
}

impl Service for FakeS3 {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn model(&self) -> &'static ServiceModel {
        &s3_model::MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move { Ok(self.serve_streaming(cx, operation, input, None).await?.output) })
    }

    fn serve_streaming<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
        body: Option<Body>,
    ) -> BoxFuture<'a, Result<Reply, AwsError>> {
        Box::pin(async move {
            self.calls.lock().unwrap().push((operation.to_owned(), cx.principal.arn()));
            let text = |name: &str| input[name].as_str().unwrap_or_default();
            match operation {
                "GetObject" => self.get(text("Bucket"), text("Key")),
                "ListObjectsV2" => Ok(self.list(text("Bucket"), text("Prefix")).into()),
                "PutObject" => {
                    let content = body.unwrap_or_default().collect(u64::MAX).await.unwrap();
                    self.put(text("Bucket"), text("Key"), content.to_vec());
                    Ok(json!({"ETag": "\"e\""}).into())
                }
                other => Err(AwsError::new("UnknownOperationException", other)),
            }
        })
    }
}
