//! The bytes of an object, decompressed where they are compressed, and without a byte order mark.
//!
//! Compressed data can be a thousand times as long as the chunk it comes in: it is decompressed block by block, as it is
//! read.

use std::io::Write as _;

use flate2::write::MultiGzDecoder;

use crate::error_name::Failure;
use crate::map_run::reader_failure;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTANDARD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Bytes by which the encoding can be told.
const SIGNATURE: usize = 4;

/// Bytes that were given and not read yet.
#[derive(Debug, Default)]
pub(super) struct Decompressed {
    given: Vec<u8>,
    at: usize,
    ended: bool,
    encoding: Encoding,
    first: First,
}

/// The first bytes of the text, until it can be told whether they are a byte order mark.
#[derive(Debug, Default)]
struct First {
    bytes: Vec<u8>,
    passed: bool,
}

#[derive(Debug, Default)]
enum Encoding {
    #[default]
    Unknown,
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Decompressed {
    pub(super) fn give(&mut self, bytes: &[u8]) {
        self.given.drain(..self.at);
        self.at = 0;
        self.given.extend_from_slice(bytes);
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Whether there is nothing to read until more is given.
    pub(super) fn is_starved(&self) -> bool {
        let enough = if matches!(self.encoding, Encoding::Unknown) { SIGNATURE } else { 1 };
        !self.ended && self.rest().len() < enough
    }

    /// Whether everything has been read.
    pub(super) fn is_exhausted(&self) -> bool {
        self.ended && self.rest().is_empty()
    }

    /// The next bytes: about `length` of them, and none where more must be given, or at the end.
    pub(super) fn next_block(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        if self.is_starved() {
            return Ok(Vec::new());
        }
        self.recognise()?;
        let block = self.decode(length)?;
        Ok(self.first.pass(block, self.is_exhausted()))
    }

    fn rest(&self) -> &[u8] {
        self.given.get(self.at..).unwrap_or_default()
    }

    fn recognise(&mut self) -> Result<(), Failure> {
        if !matches!(self.encoding, Encoding::Unknown) {
            return Ok(());
        }
        if self.rest().starts_with(&ZSTANDARD) {
            return Err(reader_failure("Objects that are compressed with ZSTD are not supported."));
        }
        self.encoding = if self.rest().starts_with(&GZIP) {
            Encoding::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))
        } else {
            Encoding::Plain
        };
        Ok(())
    }

    fn decode(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        let rest = self.given.get(self.at..).unwrap_or_default();
        match &mut self.encoding {
            Encoding::Unknown => Ok(Vec::new()),
            Encoding::Plain => {
                let block = rest.get(..length).unwrap_or(rest).to_vec();
                self.at += block.len();
                Ok(block)
            }
            Encoding::Gzip(decoder) => {
                let mut rest = rest;
                while !rest.is_empty() && decoder.get_ref().len() < length {
                    let read = decoder.write(rest).map_err(|_| damaged())?;
                    // A decoder that takes nothing more has met the end of the data: what follows is not its own.
                    let read = if read == 0 { rest.len() } else { read };
                    rest = rest.get(read..).unwrap_or_default();
                }
                self.at = self.given.len() - rest.len();
                if rest.is_empty() && self.ended {
                    decoder.try_finish().map_err(|_| damaged())?;
                } else if rest.is_empty() {
                    decoder.flush().map_err(|_| damaged())?;
                }
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }
}

impl First {
    /// The block without a byte order mark; nothing while it may be one.
    fn pass(&mut self, block: Vec<u8>, ended: bool) -> Vec<u8> {
        if self.passed {
            return block;
        }
        self.bytes.extend(block);
        if self.bytes.len() < BYTE_ORDER_MARK.len() && !ended {
            return Vec::new();
        }
        self.passed = true;
        if self.bytes.starts_with(&BYTE_ORDER_MARK) {
            self.bytes.drain(..BYTE_ORDER_MARK.len());
        }
        std::mem::take(&mut self.bytes)
    }
}

fn damaged() -> Failure {
    reader_failure("The object is not valid GZIP data.")
}
