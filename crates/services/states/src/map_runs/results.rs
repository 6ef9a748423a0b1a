//! The results of a Map Run: the state's own result, or files in S3 that it names.
//!
//! Children's rows are read in the order of their numbers, a few at a time, and written one after the other into files that
//! are spooled: however many there are, they are never all in memory.

use std::io;
use std::sync::Arc;

use api::Spool;
use asl::map_run::{MapRunSpec, OutputType, writer_failure};
use asl::{Failure, StateMachine};
use serde_json::{Value, json};
use store::Store;
use types::Timestamp;

use super::bucket::Bucket;
use super::children::Names;
use super::documents;
use super::open_run::Children;
use super::record::ChildRecord;
use super::supply::{NoChild, Supply};
use crate::Error;
use crate::execution::ExecutionStatus;
use crate::limits::{PAYLOAD_BYTES, RESULT_FILE_BYTES};

/// The results of one Map Run whose children have all ended.
pub(super) struct Results<'a> {
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) spec: &'a MapRunSpec,
    pub(super) bucket: &'a Bucket,
}

/// The children of a Map Run that were never started.
pub(super) struct Pending<'a> {
    pub(super) supply: &'a mut Supply,
    pub(super) spec: &'a MapRunSpec,
    pub(super) machine: &'a StateMachine,
    pub(super) bucket: &'a Bucket,
    pub(super) names: &'a Names,
    pub(super) now: Timestamp,
}

/// Where results are exported to.
pub(super) struct Destination<'a> {
    bucket: &'a str,
    /// The Map Run's folder, with a slash behind it.
    folder: String,
}

impl Results<'_> {
    /// The result of the Map state, once its results are written where they are wanted.
    ///
    /// # Errors
    /// Inside: the failure of the Map Run. Outside: [`Error::Store`].
    pub(super) async fn output(&self) -> Result<Result<Value, Failure>, Error> {
        match self.destination() {
            Some(_) => self.write(None).await,
            None => Ok(Ok(self.collect().await?)),
        }
    }

    /// Where results are exported to, if they are.
    pub(super) fn destination(&self) -> Option<Destination<'_>> {
        let writer = self.spec.result_writer.as_ref()?;
        let bucket = writer.bucket()?;
        let prefix = writer.prefix().unwrap_or_default().trim_end_matches('/');
        let separator = if prefix.is_empty() { "" } else { "/" };
        Some(Destination { bucket, folder: format!("{prefix}{separator}{}/", self.spec.uuid()) })
    }

    /// The results in an array: all of them, or so many that they are too large for a state.
    async fn collect(&self) -> Result<Value, Error> {
        let mut children = Children::new(self.store, &self.spec.arn);
        let (mut outputs, mut bytes) = (Vec::new(), 0);
        while let Some((_, child)) = children.next().await?
            && bytes <= PAYLOAD_BYTES
        {
            for result in documents::results(self.spec, &child) {
                bytes += result.to_string().len() + 1;
                outputs.push(result);
            }
        }
        Ok(Value::Array(outputs))
    }

    /// Writes the files and the manifest that names them; the result of the Map state.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub(super) async fn write(
        &self,
        pending: Option<&mut Pending<'_>>,
    ) -> Result<Result<Value, Failure>, Error> {
        let Some(destination) = self.destination() else { return Ok(Ok(self.collect().await?)) };
        let mut succeeded = self.file(&destination, "SUCCEEDED");
        let mut failed = self.file(&destination, "FAILED");
        let mut unstarted = self.file(&destination, "PENDING");
        let mut children = Children::new(self.store, &self.spec.arn);
        while let Some((_, child)) = children.next().await? {
            let file = match child.status {
                ExecutionStatus::Succeeded => &mut succeeded,
                ExecutionStatus::Running
                | ExecutionStatus::Failed
                | ExecutionStatus::TimedOut
                | ExecutionStatus::Aborted => &mut failed,
            };
            for result in documents::results(self.spec, &child) {
                if let Err(failure) = file.push(&result).await {
                    return Ok(Err(failure));
                }
            }
        }
        if let Some(pending) = pending {
            while let Some(child) = pending.next().await? {
                if let Err(failure) = unstarted.push(&documents::description(self.spec, &child)).await {
                    return Ok(Err(failure));
                }
            }
        }
        Ok(self.manifest(&destination, [failed, unstarted, succeeded]).await)
    }

    async fn manifest(&self, destination: &Destination<'_>, files: [File<'_>; 3]) -> Result<Value, Failure> {
        let [failed, pending, succeeded] = files;
        let manifest = json!({
            "DestinationBucket": destination.bucket,
            "MapRunArn": self.spec.arn,
            "ResultFiles": {
                "FAILED": failed.finish().await?,
                "PENDING": pending.finish().await?,
                "SUCCEEDED": succeeded.finish().await?,
            },
        });
        let key = format!("{}manifest.json", destination.folder);
        self.bucket.put(destination.bucket, &key, manifest.to_string().into()).await?;
        Ok(asl::map_run::results::written(self.spec, &key))
    }

    fn file<'a>(&'a self, destination: &'a Destination<'a>, kind: &'static str) -> File<'a> {
        let output_type =
            self.spec.result_writer.as_ref().map_or(OutputType::Json, |writer| writer.output_type);
        File { bucket: self.bucket, destination, kind, output_type, spool: None, written: Vec::new() }
    }
}

/// The files of one kind of results: behind one that is full there comes another.
struct File<'a> {
    bucket: &'a Bucket,
    destination: &'a Destination<'a>,
    /// `SUCCEEDED`, `FAILED` or `PENDING`.
    kind: &'static str,
    output_type: OutputType,
    /// The one that is written, and how many bytes it has.
    spool: Option<(Spool, usize)>,
    /// `Key` and `Size` of those that are complete.
    written: Vec<Value>,
}

impl File<'_> {
    async fn push(&mut self, result: &Value) -> Result<(), Failure> {
        let text = result.to_string();
        let is_full = |(_, bytes): &(Spool, usize)| bytes + text.len() > RESULT_FILE_BYTES;
        if self.spool.as_ref().is_some_and(is_full) {
            self.complete().await?;
        }
        let (mut spool, mut bytes) = self.spool.take().unwrap_or_else(|| (self.bucket.spool(), 0));
        let before = match (self.output_type, bytes) {
            (OutputType::Json, 0) => "[",
            (OutputType::Json, _) => ",",
            (OutputType::JsonLines, 0) => "",
            (OutputType::JsonLines, _) => "\n",
        };
        for part in [before, &text] {
            spool.write(part.as_bytes()).await.map_err(|error| unwritable(&error))?;
            bytes += part.len();
        }
        self.spool = Some((spool, bytes));
        Ok(())
    }

    /// Puts the file into its bucket.
    async fn complete(&mut self) -> Result<(), Failure> {
        let Some((mut spool, bytes)) = self.spool.take() else { return Ok(()) };
        let (end, suffix) = match self.output_type {
            OutputType::Json => ("]", "json"),
            OutputType::JsonLines => ("", "jsonl"),
        };
        spool.write(end.as_bytes()).await.map_err(|error| unwritable(&error))?;
        let key = format!("{}{}_{}.{suffix}", self.destination.folder, self.kind, self.written.len());
        let body = spool.finish().await.map_err(|error| unwritable(&error))?;
        self.bucket.put(self.destination.bucket, &key, body).await?;
        self.written.push(json!({"Key": key, "Size": bytes + end.len()}));
        Ok(())
    }

    async fn finish(mut self) -> Result<Vec<Value>, Failure> {
        self.complete().await?;
        Ok(self.written)
    }
}

impl Pending<'_> {
    /// The next child that was never started. What cannot be read any more is left out.
    async fn next(&mut self) -> Result<Option<ChildRecord>, Error> {
        loop {
            match self.supply.next(self.spec, self.machine, self.bucket, self.now).await {
                // It is among those that have ended.
                Ok(next) if next.is_redriven => {}
                Ok(next) => {
                    let execution = self.names.execution_arn(next.place.index, next.place.redrive_count);
                    return Ok(Some(ChildRecord::pending(execution, &next.place, &next.input, self.now)));
                }
                Err(NoChild::Complete | NoChild::Failed(_)) => return Ok(None),
                Err(NoChild::Error(error)) => return Err(error),
            }
        }
    }
}

fn unwritable(error: &io::Error) -> Failure {
    writer_failure(error.to_string())
}
