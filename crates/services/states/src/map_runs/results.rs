//! The results of a Map Run: the state's own result, or files in S3 that it names.
//!
//! Children's rows are read in the order of their numbers, a few at a time, and written one after the other into files that
//! are spooled: however many there are, they are never all in memory.

use std::io;
use std::sync::Arc;

use api::Spool;
use asl::map_run::results::{ChildResult, DOCUMENT_BYTES, Document, ResultFile, StartedChild, WrittenFile};
use asl::map_run::{MapRunSpec, ResultWriter, writer_failure};
use asl::{Failure, MachineKind, StateMachine};
use serde_json::Value;
use store::Store;
use types::Timestamp;

use super::bucket::Bucket;
use super::open_run::Children;
use super::record::ChildRecord;
use super::supply::{NextChild, NoChild, Supply};
use crate::Error;
use crate::limits::PAYLOAD_BYTES;
use crate::name::{self, MapRunArn};

/// The results of one Map Run whose children have all ended.
pub(super) struct Results<'a> {
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) spec: &'a MapRunSpec,
    pub(super) bucket: &'a Bucket,
    /// Number and date of its last redrive.
    pub(super) redrive: (u64, Option<Timestamp>),
}

/// The children of a Map Run that were never started.
pub(super) struct Pending<'a> {
    pub(super) supply: &'a mut Supply,
    pub(super) spec: &'a MapRunSpec,
    pub(super) machine: &'a StateMachine,
    pub(super) bucket: &'a Bucket,
    pub(super) now: Timestamp,
}

impl Results<'_> {
    /// The result of the Map state, once its results are written where they are wanted.
    ///
    /// # Errors
    /// Inside: the failure of the Map Run. Outside: [`Error::Store`].
    pub(super) async fn output(&self) -> Result<Result<Value, Failure>, Error> {
        match self.destination() {
            Some(destination) => self.write(destination, None).await,
            None => Ok(Ok(self.collect().await?)),
        }
    }

    /// Name of the bucket that results are exported to, if they are.
    pub(super) fn destination(&self) -> Option<&str> {
        self.spec.result_writer.as_ref().and_then(ResultWriter::bucket)
    }

    /// The results themselves: all of them, or so many that they are too large for a state.
    async fn collect(&self) -> Result<Value, Error> {
        let mut children = Children::new(self.store, &self.spec.arn);
        let (mut records, mut bytes) = (Vec::new(), 0);
        while bytes <= PAYLOAD_BYTES
            && let Some((_, child)) = children.next().await?
        {
            for record in self.result(&child)?.records(self.spec.transformation()) {
                bytes += record.to_string().len() + 1;
                records.push(record);
            }
        }
        Ok(self.spec.collected(records))
    }

    /// Writes the files and the manifest that names them; the result of the Map state.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub(super) async fn write(
        &self,
        bucket: &str,
        pending: Option<&mut Pending<'_>>,
    ) -> Result<Result<Value, Failure>, Error> {
        let mut files = ResultFile::ALL.map(|file| File::new(self, bucket, file));
        let mut children = Children::new(self.store, &self.spec.arn);
        while let Some((_, child)) = children.next().await? {
            if let Err(failure) = push(&mut files, self, &self.result(&child)?).await {
                return Ok(Err(failure));
            }
        }
        if let Some(pending) = pending {
            while let Some(child) = pending.next().await? {
                let result = ChildResult { started: None, input: child.input };
                if let Err(failure) = push(&mut files, self, &result).await {
                    return Ok(Err(failure));
                }
            }
        }
        Ok(self.complete(bucket, files).await)
    }

    async fn complete(&self, bucket: &str, files: [File<'_>; 3]) -> Result<Value, Failure> {
        let mut written = Vec::new();
        for mut file in files {
            file.complete().await?;
            written.append(&mut file.written);
        }
        let key = self.spec.manifest_key(self.redrive.0);
        let manifest = self.spec.manifest(&written).to_string();
        self.bucket.put(bucket, &key, manifest.into()).await?;
        Ok(self.spec.exported(&key))
    }

    fn result(&self, child: &ChildRecord) -> Result<ChildResult, Error> {
        let started = StartedChild {
            execution_arn: child.execution.clone(),
            state_machine_arn: MapRunArn::parse(&self.spec.arn)?.state_machine_arn,
            name: name::execution_name(&child.execution).to_owned(),
            status: child.status.as_str(),
            output: child.output.as_deref().map(Arc::from),
            error: child.failure.error.as_ref().map(|error| error.as_str().to_owned()),
            cause: child.failure.cause.clone(),
            start_date: child.start_date,
            stop_date: child.stop_date.unwrap_or(child.start_date),
            redrive_count: child.redrive_count,
            redrive_date: self.redrive.1.filter(|_| child.redrive_count > 0),
            is_redrivable: self.spec.execution_kind == MachineKind::Standard,
        };
        Ok(ChildResult { started: Some(started), input: child.input.as_str().into() })
    }
}

/// Adds a child's records to the file that they belong to.
async fn push(files: &mut [File<'_>; 3], results: &Results<'_>, child: &ChildResult) -> Result<(), Failure> {
    let Some(file) = files.iter_mut().find(|file| file.kind == child.file()) else { return Ok(()) };
    for record in child.records(results.spec.transformation()) {
        file.push(&record).await?;
    }
    Ok(())
}

/// The files of one kind of results: behind one that is full there comes another.
struct File<'a> {
    results: &'a Results<'a>,
    bucket: &'a str,
    kind: ResultFile,
    /// The one that is being written.
    current: Option<Current>,
    written: Vec<WrittenFile>,
}

struct Current {
    document: Document,
    spool: Spool,
    bytes: u64,
}

impl Current {
    async fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes += text.len() as u64;
        self.spool.write(text.as_bytes()).await.map_err(|error| unwritable(&error))
    }
}

impl<'a> File<'a> {
    fn new(results: &'a Results<'a>, bucket: &'a str, kind: ResultFile) -> Self {
        Self { results, bucket, kind, current: None, written: Vec::new() }
    }

    async fn push(&mut self, record: &Value) -> Result<(), Failure> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => Current {
                document: Document::new(self.results.spec.output_type()),
                spool: self.results.bucket.spool(),
                bytes: 0,
            },
        };
        let text = current.document.record(record);
        current.write(&text).await?;
        let is_full = current.bytes >= DOCUMENT_BYTES - PAYLOAD_BYTES as u64 * 4;
        self.current = Some(current);
        if is_full { self.complete().await } else { Ok(()) }
    }

    /// Puts the file that is being written into its bucket.
    async fn complete(&mut self) -> Result<(), Failure> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let end = current.document.end();
        current.write(end).await?;
        let Results { spec, bucket, redrive, .. } = self.results;
        let key = spec.result_key(self.kind, self.written.len() as u64, redrive.0);
        let body = current.spool.finish().await.map_err(|error| unwritable(&error))?;
        bucket.put(self.bucket, &key, body).await?;
        self.written.push(WrittenFile { file: self.kind, key, size: current.bytes });
        Ok(())
    }
}

impl Pending<'_> {
    /// The next child that was never started. What cannot be read any more is left out.
    async fn next(&mut self) -> Result<Option<NextChild>, Error> {
        loop {
            match self.supply.next(self.spec, self.machine, self.bucket, self.now).await {
                // It is among those that have ended.
                Ok(next) if next.before.is_some() => {}
                Ok(next) => return Ok(Some(next)),
                Err(NoChild::Complete | NoChild::Failed(_)) => return Ok(None),
                Err(NoChild::Error(error)) => return Err(error),
            }
        }
    }
}

fn unwritable(error: &io::Error) -> Failure {
    writer_failure(error.to_string())
}
