//! S3 as Map Runs use it: through the door, as the state machine's role.

use api::{AwsError, Body, Call, Dispatcher, Principal, Reply};
use asl::Failure;
use asl::map_run::{reader_failure, writer_failure};
use serde_json::{Value, json};
use types::{AccountId, Region};

use crate::Error;
use crate::fingerprint;
use crate::name::MapRunArn;

/// S3, for one Map Run.
pub(super) struct Bucket {
    dispatcher: Dispatcher,
    principal: Principal,
    region: Region,
    account: AccountId,
}

/// An object that is being read.
pub(super) struct Opened {
    pub(super) etag: Option<String>,
    reader: api::Reader,
}

impl Bucket {
    /// S3 for the Map Run with that ARN, as the role.
    ///
    /// # Errors
    /// Where the ARN is none of a Map Run.
    pub(super) fn new(dispatcher: &Dispatcher, map_run: &str, role_arn: &str) -> Result<Self, Error> {
        let arn = MapRunArn::parse(map_run)?;
        let (region, account) = arn.place();
        Ok(Self {
            dispatcher: dispatcher.clone(),
            principal: Principal::role(role_arn, fingerprint::letters(&[map_run])),
            region: region.clone(),
            account: account.clone(),
        })
    }

    /// Calls `ListObjectsV2`.
    ///
    /// # Errors
    /// `States.ItemReaderFailed`.
    pub(super) async fn list(&self, parameters: Value) -> Result<Value, Failure> {
        let reply = self.call("ListObjectsV2", parameters, None).await.map_err(reader_failure)?;
        Ok(reply.output)
    }

    /// Opens an object with `GetObject`.
    ///
    /// # Errors
    /// `States.ItemReaderFailed`.
    pub(super) async fn open(&self, parameters: Value) -> Result<Opened, Failure> {
        let reply = self.call("GetObject", parameters, None).await.map_err(reader_failure)?;
        let etag = reply.output.get("ETag").and_then(Value::as_str).map(str::to_owned);
        Ok(Opened { etag, reader: reply.body.unwrap_or_default().reader() })
    }

    /// Writes an object with `PutObject`.
    ///
    /// # Errors
    /// `States.ResultWriterFailed`.
    pub(super) async fn put(&self, bucket: &str, key: &str, body: Body) -> Result<(), Failure> {
        let input = json!({"Bucket": bucket, "Key": key, "ContentType": "application/json"});
        self.call("PutObject", input, Some(body)).await.map_err(writer_failure)?;
        Ok(())
    }

    /// The folder for large bodies on their way to S3.
    pub(super) fn spool(&self) -> api::Spool {
        api::Spool::new(self.dispatcher.spool_folder("s3"), checksum::Algorithm::Crc32)
    }

    async fn call(&self, operation: &str, input: Value, body: Option<Body>) -> Result<Reply, String> {
        let call = Call::new(self.principal.clone(), &self.account, &self.region, "s3", operation, input);
        let request_id = call.request_id.clone();
        let answer = self.dispatcher.call_streaming(call, body).await;
        answer.map_err(|error| cause(&error, &request_id))
    }
}

impl Opened {
    /// The next bytes; `None` behind the last.
    ///
    /// # Errors
    /// `States.ItemReaderFailed`.
    pub(super) async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Failure> {
        self.reader.next().await.map_err(|error| reader_failure(error.to_string()))
    }
}

/// An error in the words of the SDK that Step Functions calls S3 with.
fn cause(error: &AwsError, request_id: &str) -> String {
    format!(
        "{} (Service: Amazon S3; Status Code: {}; Error Code: {}; Request ID: {request_id}; Proxy: null)",
        error.message, error.status, error.code,
    )
}
