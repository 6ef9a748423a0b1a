//! One object while it is read.

use std::collections::VecDeque;
use std::sync::Arc;

use super::csv::{CsvRows, Headers};
use super::decompress::Decompressed;
use super::json::JsonItems;
use super::lines::JsonLines;
use super::manifest::{Manifest, ManifestText};
use super::{Entry, ObjectName};
use crate::error_name::Failure;
use crate::map_run::{CsvDelimiter, InputType, ManifestType, ReaderConfig, reader_failure};

/// Bytes that are made into entries at a time.
const BLOCK: usize = 64 * 1024;

/// What is in an object.
#[derive(Clone, Debug)]
pub(super) enum Format {
    Csv { delimiter: u8, headers: Option<Headers> },
    Json { pointer: String },
    JsonLines,
    Manifest(ManifestType),
}

/// An object that is open.
#[derive(Debug)]
pub(super) struct OpenObject {
    source: Arc<str>,
    bytes: Decompressed,
    content: Content,
    over: bool,
}

#[derive(Debug)]
enum Content {
    Csv(Box<CsvRows>),
    Json(Box<JsonItems>),
    JsonLines(JsonLines),
    Manifest(ManifestText),
}

impl Format {
    /// The format of an input type.
    pub(super) fn of(input_type: Option<InputType>, config: &ReaderConfig) -> Result<Self, Failure> {
        match input_type {
            Some(InputType::Csv) => {
                let headers = config.csv_headers.clone().map(Headers::new).transpose()?;
                Ok(Self::Csv { delimiter: delimiter(config.csv_delimiter), headers })
            }
            Some(InputType::Json) => {
                Ok(Self::Json { pointer: config.items_pointer.clone().unwrap_or_default() })
            }
            Some(InputType::JsonLines) => Ok(Self::JsonLines),
            Some(InputType::Parquet) => Err(reader_failure("The input type PARQUET is not supported.")),
            Some(InputType::Manifest) | None => Err(reader_failure("The ItemReader has no InputType.")),
        }
    }

    /// The format of the files of an inventory.
    pub(super) fn inventory(headers: Vec<String>) -> Result<Self, Failure> {
        Ok(Self::Csv { delimiter: b',', headers: Some(Headers::new(headers)?) })
    }
}

fn delimiter(delimiter: CsvDelimiter) -> u8 {
    match delimiter {
        CsvDelimiter::Comma => b',',
        CsvDelimiter::Pipe => b'|',
        CsvDelimiter::Semicolon => b';',
        CsvDelimiter::Space => b' ',
        CsvDelimiter::Tab => b'\t',
    }
}

impl OpenObject {
    pub(super) fn new(name: &ObjectName, format: Format) -> Self {
        let content = match format {
            Format::Csv { delimiter, headers } => Content::Csv(Box::new(CsvRows::new(delimiter, headers))),
            Format::Json { pointer } => Content::Json(Box::new(JsonItems::new(&pointer))),
            Format::JsonLines => Content::JsonLines(JsonLines::default()),
            Format::Manifest(kind) => Content::Manifest(ManifestText::new(kind)),
        };
        let source = format!("s3://{}/{}", name.bucket, name.key).into();
        Self { source, bytes: Decompressed::default(), content, over: false }
    }

    /// URI of the object.
    pub(super) fn source(&self) -> Arc<str> {
        Arc::clone(&self.source)
    }

    /// Whether everything that was given has been read, and more is to come.
    pub(super) fn wants_bytes(&self) -> bool {
        !self.over && self.bytes.is_starved()
    }

    pub(super) fn give(&mut self, bytes: &[u8]) {
        self.bytes.give(bytes);
    }

    pub(super) fn end(&mut self) {
        self.bytes.end();
    }

    /// Whether nothing more comes out of it.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Makes entries of the next block of it.
    pub(super) fn read(&mut self, entries: &mut VecDeque<Entry>) -> Result<(), Failure> {
        let block = self.bytes.next_block(BLOCK)?;
        let ended = block.is_empty() && self.bytes.is_exhausted();
        self.over = match &mut self.content {
            Content::Csv(rows) => rows.read(&block, ended, entries).map(|()| ended),
            Content::Json(items) => items.read(&block, ended, entries).map(|()| ended || items.is_over()),
            Content::JsonLines(lines) => lines.read(&block, ended, entries).map(|()| ended),
            Content::Manifest(text) => text.read(&block).map(|()| ended),
        }?;
        Ok(())
    }

    /// The manifest, where the object was one and has been read.
    pub(super) fn manifest(&self) -> Option<Result<Manifest, Failure>> {
        match &self.content {
            Content::Manifest(text) if self.over => Some(text.parse()),
            _ => None,
        }
    }
}
