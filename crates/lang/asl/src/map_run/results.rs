//! What becomes of the results of a Map Run: the state's result, or documents in S3.
//!
//! A child gives one record; what the records look like, `Transformation` says, and what surrounds them, `OutputType`.
//! Records of children that failed are always whole.
//!
//! Source: Step Functions Developer Guide, "ResultWriter (Map)"; recorded documents.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use types::Timestamp;

use super::{MapRunSpec, OutputType, ResultWriter, WriteTransformation};

/// Bytes of one document of results at most: 5 GiB, the largest object that S3 puts at once.
pub const DOCUMENT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// What is told of one child.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildResult {
    /// The child's ARN; `None` where it was never started.
    pub started: Option<StartedChild>,
    /// Its input.
    pub input: Arc<str>,
}

/// What is told of a child that was started.
#[derive(Clone, Debug, PartialEq)]
pub struct StartedChild {
    /// Its ARN.
    pub execution_arn: String,
    /// ARN of the state machine, with the label of the Map state.
    pub state_machine_arn: String,
    /// Its name.
    pub name: String,
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: &'static str,
    /// Its output, if it succeeded.
    pub output: Option<Arc<str>>,
    /// Why it failed.
    pub error: Option<String>,
    /// What happened.
    pub cause: Option<String>,
    /// When it started.
    pub start_date: Timestamp,
    /// When it ended.
    pub stop_date: Timestamp,
    /// How often it was redriven.
    pub redrive_count: u64,
    /// When it was redriven last.
    pub redrive_date: Option<Timestamp>,
    /// Whether it is a Standard execution: Express ones have no redrive status.
    pub is_redrivable: bool,
}

/// The document that a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResultFile {
    /// `FAILED_n.json`: also of children that timed out or were aborted.
    Failed,
    /// `PENDING_n.json`: of items that no child was started for.
    Pending,
    /// `SUCCEEDED_n.json`.
    Succeeded,
}

impl ResultFile {
    /// Every document, in the order in which the manifest names them.
    pub const ALL: [Self; 3] = [Self::Failed, Self::Pending, Self::Succeeded];

    /// `FAILED`, `PENDING` or `SUCCEEDED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "FAILED",
            Self::Pending => "PENDING",
            Self::Succeeded => "SUCCEEDED",
        }
    }
}

impl ChildResult {
    /// The document that the child's record belongs to.
    pub fn file(&self) -> ResultFile {
        match &self.started {
            None => ResultFile::Pending,
            Some(child) if child.status == "SUCCEEDED" => ResultFile::Succeeded,
            Some(_) => ResultFile::Failed,
        }
    }

    /// The child's records: one, but for an output that is flattened.
    pub fn records(&self, transformation: WriteTransformation) -> Vec<Value> {
        let succeeded = self.started.as_ref().filter(|_| self.file() == ResultFile::Succeeded);
        let output = succeeded.and_then(|child| serde_json::from_str(child.output.as_deref()?).ok());
        match (transformation, output) {
            (WriteTransformation::Compact, Some(output)) => vec![output],
            (WriteTransformation::Flatten, Some(Value::Array(elements))) => elements,
            (WriteTransformation::Flatten, Some(output)) => vec![output],
            (WriteTransformation::None, _) | (_, None) => vec![self.description()],
        }
    }

    /// The child, its input and its output; the names of the members in their order.
    fn description(&self) -> Value {
        let mut record = Map::new();
        let mut set = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
        let included = || json!({"Included": true});
        let Some(child) = &self.started else {
            set("Input", self.input.as_ref().into());
            set("InputDetails", included());
            set("Status", "PENDING".into());
            return Value::Object(record);
        };
        let mut set_if =
            |name: &str, value: Option<Value>| value.into_iter().for_each(|value| set(name, value));
        let text = |text: &str| Some(Value::from(text));
        set_if("Cause", child.cause.as_deref().and_then(text));
        set_if("Error", child.error.as_deref().and_then(text));
        set_if("ExecutionArn", text(&child.execution_arn));
        set_if("Input", text(&self.input));
        set_if("InputDetails", Some(included()));
        set_if("Name", text(&child.name));
        set_if("Output", child.output.as_deref().and_then(text));
        set_if("OutputDetails", Some(included()));
        set_if("RedriveCount", Some(child.redrive_count.into()));
        set_if("RedriveDate", child.redrive_date.and_then(|date| text(&date.to_iso_millis())));
        let (status, reason) = child.redrive_status();
        set_if("RedriveStatus", status.and_then(text));
        set_if("RedriveStatusReason", reason.and_then(text));
        set_if("StartDate", text(&child.start_date.to_iso_millis()));
        set_if("StateMachineArn", text(&child.state_machine_arn));
        set_if("Status", text(child.status));
        set_if("StopDate", text(&child.stop_date.to_iso_millis()));
        Value::Object(record)
    }
}

impl StartedChild {
    fn redrive_status(&self) -> (Option<&'static str>, Option<&'static str>) {
        match (self.is_redrivable, self.status) {
            (false, _) => (None, None),
            (true, "SUCCEEDED") => {
                (Some("NOT_REDRIVABLE"), Some("Execution is SUCCEEDED and cannot be redriven"))
            }
            (true, _) => (Some("REDRIVABLE_BY_MAP_RUN"), None),
        }
    }
}

/// A document of records while it is written: bytes to append, so that it never is in memory as a whole.
#[derive(Clone, Debug)]
pub struct Document {
    output_type: OutputType,
    is_empty: bool,
}

impl Document {
    /// A document without records.
    pub fn new(output_type: OutputType) -> Self {
        Self { output_type, is_empty: true }
    }

    /// The bytes of the next record, and of what stands before it.
    pub fn record(&mut self, record: &Value) -> String {
        let first = std::mem::replace(&mut self.is_empty, false);
        match (self.output_type, first) {
            (OutputType::Json, true) => format!("[{record}"),
            (OutputType::Json, false) => format!(",{record}"),
            (OutputType::JsonLines, _) => format!("{record}\n"),
        }
    }

    /// The bytes behind the last record.
    pub fn end(&self) -> &'static str {
        match (self.output_type, self.is_empty) {
            (OutputType::Json, true) => "[]",
            (OutputType::Json, false) => "]",
            (OutputType::JsonLines, _) => "",
        }
    }
}

/// A document that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Which records are in it.
    pub file: ResultFile,
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

impl MapRunSpec {
    /// How a child's result is recorded: as the `ResultWriter` says, and without one as its output.
    pub fn transformation(&self) -> WriteTransformation {
        self.result_writer.as_ref().map_or(WriteTransformation::Compact, |writer| writer.transformation)
    }

    /// How records are put together; without a `ResultWriter`, as an array.
    pub fn output_type(&self) -> OutputType {
        self.result_writer.as_ref().map(|writer| writer.output_type).unwrap_or_default()
    }

    /// Key of a document of results: `PREFIX/UUID/SUCCEEDED_0.json`. What is written after a redrive has a folder of its own.
    pub fn result_key(&self, file: ResultFile, number: u64, redrive_count: u64) -> String {
        let extension = match self.output_type() {
            OutputType::Json => "json",
            OutputType::JsonLines => "jsonl",
        };
        self.key(redrive_count, &format!("{}_{number}.{extension}", file.as_str()))
    }

    /// Key of the manifest: `PREFIX/UUID/manifest.json`.
    pub fn manifest_key(&self, redrive_count: u64) -> String {
        self.key(redrive_count, "manifest.json")
    }

    fn key(&self, redrive_count: u64, name: &str) -> String {
        let prefix = self.result_writer.as_ref().and_then(ResultWriter::prefix).unwrap_or_default();
        let prefix = prefix.trim_end_matches('/');
        let folder = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let redrive = if redrive_count == 0 { String::new() } else { format!("Redrive-{redrive_count}/") };
        format!("{folder}{}/{redrive}{name}", self.uuid())
    }

    /// The manifest: which documents there are.
    pub fn manifest(&self, files: &[WrittenFile]) -> Value {
        let mut result_files = Map::new();
        for kind in ResultFile::ALL {
            let files = files.iter().filter(|file| file.file == kind);
            let files = files.map(|file| json!({"Key": file.key, "Size": file.size})).collect();
            result_files.insert(kind.as_str().to_owned(), Value::Array(files));
        }
        json!({
            "DestinationBucket": self.result_writer.as_ref().and_then(ResultWriter::bucket),
            "MapRunArn": self.arn,
            "ResultFiles": result_files,
        })
    }

    /// The result of the Map state whose results were written to S3.
    pub fn exported(&self, manifest_key: &str) -> Value {
        json!({
            "MapRunArn": self.arn,
            "ResultWriterDetails": {
                "Bucket": self.result_writer.as_ref().and_then(ResultWriter::bucket),
                "Key": manifest_key,
            },
        })
    }

    /// The result of the Map state whose results stay with it: the records of all children, in the order of their items.
    pub fn collected(&self, records: Vec<Value>) -> Value {
        match self.output_type() {
            OutputType::Json => Value::Array(records),
            OutputType::JsonLines => {
                records.iter().map(|record| format!("{record}\n")).collect::<String>().into()
            }
        }
    }
}
