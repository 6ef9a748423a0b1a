//! Map Runs: what a distributed Map state asks for, and everything about running it that needs no IO.
//!
//! A [`MapRunSpec`] is all that a Map Run has to know: it never needs the execution that started it again. Its items are
//! read with an [`ItemReader`], become the inputs of child executions in [`ChildInputs`], and the outcomes of the children
//! become documents in [`results`]. Nothing here calls S3, stores anything, or decides when a child starts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::definition::{MachineKind, StateId};
use crate::error_name::{ErrorName, Failure};
use crate::payload::Payload;

mod child_input;
mod item;
mod reader;
pub mod results;
mod scope;
mod tolerance;

pub use child_input::{ChildInput, ChildInputs, ItemBatcher};
pub use item::Item;
pub use reader::{ItemReader, Next, ReaderCall};
pub(crate) use scope::FrozenScope;
pub use tolerance::Tolerance;

/// What a Map Run is told when it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapRunSpec {
    /// `arn:aws:states:REGION:ACCOUNT:mapRun:MACHINE/LABEL:UUID`.
    pub arn: String,
    /// Name of the Map state.
    pub state: Arc<str>,
    /// `Label`, or the one that was made up for the state.
    pub label: String,
    /// `ExecutionType` of the children.
    pub execution_kind: MachineKind,
    /// Children that run side by side at most; 0 is no limit of the state's own.
    pub max_concurrency: u64,
    /// What failures are tolerated.
    pub tolerance: Tolerance,
    /// Where the items come from.
    pub source: ItemSource,
    /// How many items one child is given, where that is not one.
    pub batcher: Option<ItemBatcher>,
    /// Where the results go, where they are not simply the state's result.
    pub result_writer: Option<ResultWriter>,
    /// What the children run.
    pub processor: Processor,
    /// What `ItemSelector` sees.
    pub(crate) scope: FrozenScope,
}

/// The first state of an item processor. Has a meaning only in the machine that it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Processor(pub(crate) StateId);

/// Where the items of a Map Run come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ItemSource {
    /// The state's own input: an array, or an object whose members are the items.
    Items(Payload),
    /// S3, as `ItemReader` says.
    Reader {
        /// `Resource`.
        resource: ReaderResource,
        /// `Parameters` or `Arguments`, evaluated.
        parameters: Payload,
        /// `ReaderConfig`, evaluated.
        config: ReaderConfig,
    },
}

/// `Resource` of an `ItemReader`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReaderResource {
    /// `arn:aws:states:::s3:getObject`.
    GetObject,
    /// `arn:aws:states:::s3:listObjectsV2`.
    ListObjectsV2,
}

/// `ReaderConfig`, evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderConfig {
    /// `InputType`; absent where keys are listed and not opened.
    pub input_type: Option<InputType>,
    /// `CSVHeaders`, where `CSVHeaderLocation` is `GIVEN`; otherwise the first row has them.
    pub csv_headers: Option<Vec<String>>,
    /// `CSVDelimiter`.
    pub csv_delimiter: CsvDelimiter,
    /// `MaxItems`; 0 is no limit, and fewer is refused when the items are read.
    pub max_items: i64,
    /// `ItemsPointer`: a JSON pointer to the items.
    pub items_pointer: Option<String>,
    /// `ManifestType`; absent with the input type `MANIFEST`, it is that of an inventory.
    pub manifest_type: Option<ManifestType>,
    /// `Transformation`.
    pub transformation: ReadTransformation,
}

/// `InputType` of a `ReaderConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's own names")]
pub enum InputType {
    Csv,
    Json,
    JsonLines,
    Parquet,
    Manifest,
}

/// `CSVDelimiter` of a `ReaderConfig`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's own names")]
pub enum CsvDelimiter {
    #[default]
    Comma,
    Pipe,
    Semicolon,
    Space,
    Tab,
}

/// `ManifestType` of a `ReaderConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManifestType {
    /// `S3_INVENTORY`: the `manifest.json` of an inventory report. Its items are the rows of the report.
    S3Inventory,
    /// `ATHENA_DATA`: the manifest of an `UNLOAD` query. Its items are in the files that it names.
    AthenaData,
}

/// `Transformation` of a `ReaderConfig`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadTransformation {
    /// `NONE`: an item is what the listing says of an object.
    #[default]
    None,
    /// `LOAD_AND_FLATTEN`: the listed objects are opened, and the items are in them.
    LoadAndFlatten,
}

/// `ResultWriter`, evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultWriter {
    /// `Parameters` or `Arguments` of `arn:aws:states:::s3:putObject`: `Bucket`, `Prefix`. Without them the results are the
    /// state's result.
    pub destination: Option<Payload>,
    /// `WriterConfig.Transformation`.
    pub transformation: WriteTransformation,
    /// `WriterConfig.OutputType`.
    pub output_type: OutputType,
}

/// `Transformation` of a `WriterConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteTransformation {
    /// `NONE`: a result is a child's description.
    None,
    /// `COMPACT`: a result is a child's output.
    Compact,
    /// `FLATTEN`: a result is an element of a child's output.
    Flatten,
}

/// `OutputType` of a `WriterConfig`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputType {
    /// `JSON`: an array.
    #[default]
    Json,
    /// `JSONL`: a value on each line.
    JsonLines,
}

impl MapRunSpec {
    /// Name of the Map Run: the last part of its ARN.
    pub fn uuid(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }
}

impl ResultWriter {
    /// `Bucket` of the destination.
    pub fn bucket(&self) -> Option<&str> {
        self.parameter("Bucket")
    }

    /// `Prefix` of the destination.
    pub fn prefix(&self) -> Option<&str> {
        self.parameter("Prefix")
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.destination.as_ref()?.value().get(name)?.as_str()
    }
}

/// Why items could not be read: `States.ItemReaderFailed`.
pub fn reader_failure(cause: impl Into<String>) -> Failure {
    Failure::new(ErrorName::ItemReaderFailed, cause)
}

/// Why results could not be written: `States.ResultWriterFailed`.
pub fn writer_failure(cause: impl Into<String>) -> Failure {
    Failure::new(ErrorName::ResultWriterFailed, cause)
}
