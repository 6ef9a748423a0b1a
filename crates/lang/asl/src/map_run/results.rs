//! What becomes of the results of a Map Run: the state's result, or documents in S3.

use serde_json::{Value, json};

use super::MapRunSpec;

/// The result of a Map state whose results were written to S3: where the manifest is.
pub fn written(spec: &MapRunSpec, manifest_key: &str) -> Value {
    let bucket = spec.result_writer.as_ref().and_then(super::ResultWriter::bucket);
    json!({
        "MapRunArn": spec.arn,
        "ResultWriterDetails": {"Bucket": bucket, "Key": manifest_key},
    })
}
