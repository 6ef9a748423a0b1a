//! Text with delimiters: an item for each row, an object of strings under the names of the columns.
//!
//! Quotes and backslashes are read as AWS reads them, which is more than RFC 4180 says: a quote may stand in the middle of
//! a field, a pair of quotes is one even where the field is not quoted, and a backslash that escapes nothing disappears.
//!
//! Source: Step Functions Developer Guide, "ItemReader (Map)" and "Parsing an input CSV file".

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value};

use super::Entry;
use super::lines::check_size;
use crate::error_name::Failure;
use crate::limits::CSV_HEADER_BYTES;
use crate::map_run::reader_failure;

const QUOTE: u8 = b'"';
const ESCAPE: u8 = b'\\';

/// Names of the columns; no two are alike.
#[derive(Clone, Debug)]
pub(super) struct Headers(Vec<String>);

/// Rows while they are read.
#[derive(Debug)]
pub(super) struct CsvRows {
    delimiter: u8,
    headers: Option<Headers>,
    line: Vec<u8>,
    /// The last byte was a carriage return, which ended a line: a newline after it is not another one.
    returned: bool,
    row: Row,
}

/// A row that may go on in the next line.
#[derive(Debug, Default)]
struct Row {
    fields: Vec<String>,
    field: Vec<u8>,
    in_quotes: bool,
    /// Whether the field has begun, with anything but a quote.
    in_field: bool,
}

impl Headers {
    /// Checks names of columns.
    pub(super) fn new(names: Vec<String>) -> Result<Self, Failure> {
        let mut seen = HashSet::new();
        if !names.iter().all(|name| seen.insert(name.as_str())) {
            return Err(reader_failure("CSV headers cannot contain duplicates."));
        }
        if names.iter().map(String::len).sum::<usize>() > CSV_HEADER_BYTES {
            return Err(reader_failure(format!("CSV headers cannot exceed {CSV_HEADER_BYTES} bytes.")));
        }
        Ok(Self(names))
    }

    /// The row as an object: what is missing is empty, what is too much is left out.
    fn item(&self, fields: Vec<String>) -> Value {
        let fields = fields.into_iter().chain(std::iter::repeat(String::new()));
        Value::Object(self.0.iter().cloned().zip(fields.map(Value::from)).collect::<Map<_, _>>())
    }
}

impl CsvRows {
    /// Without `headers`, the first row has them.
    pub(super) fn new(delimiter: u8, headers: Option<Headers>) -> Self {
        Self { delimiter, headers, line: Vec::new(), returned: false, row: Row::default() }
    }

    /// Takes the next bytes, the last ones where `ended`.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        ended: bool,
        entries: &mut VecDeque<Entry>,
    ) -> Result<(), Failure> {
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.returned, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(entries)?,
                other => self.line.push(*other),
            }
        }
        check_size(&self.line)?;
        if ended { self.end_text(entries) } else { Ok(()) }
    }

    fn end_line(&mut self, entries: &mut VecDeque<Entry>) -> Result<(), Failure> {
        let line = std::mem::take(&mut self.line);
        check_size(&self.row.field)?;
        check_size(&line)?;
        if line.is_empty() && !self.row.in_quotes {
            return Ok(());
        }
        self.row.read(&line, self.delimiter);
        if self.row.in_quotes {
            self.row.field.push(b'\n');
            return Ok(());
        }
        let fields = std::mem::take(&mut self.row).finish();
        match &self.headers {
            Some(headers) => entries.push_back((None, headers.item(fields))),
            None => self.headers = Some(Headers::new(fields)?),
        }
        Ok(())
    }

    fn end_text(&mut self, entries: &mut VecDeque<Entry>) -> Result<(), Failure> {
        self.end_line(entries)?;
        if self.row.in_quotes {
            return Err(reader_failure("Un-terminated quoted field at end of CSV line"));
        }
        Ok(())
    }
}

impl Row {
    /// Reads a line of the row: the first, or one inside of quotes.
    fn read(&mut self, line: &[u8], delimiter: u8) {
        let mut at = 0;
        while let Some(byte) = line.get(at).copied() {
            let next = line.get(at + 1).copied();
            let inside = self.in_quotes || self.in_field;
            match byte {
                ESCAPE => {
                    let escaped = next.filter(|next| inside && [QUOTE, ESCAPE, delimiter].contains(next));
                    self.field.extend(escaped);
                    at += usize::from(escaped.is_some());
                }
                QUOTE if inside && next == Some(QUOTE) => {
                    self.field.push(QUOTE);
                    at += 1;
                }
                QUOTE => self.quote(line, at, delimiter),
                byte if byte == delimiter && !self.in_quotes => self.end_field(),
                byte => {
                    self.field.push(byte);
                    self.in_field = true;
                }
            }
            at += 1;
        }
    }

    /// A quote opens or closes; one in the middle of a field also stays.
    fn quote(&mut self, line: &[u8], at: usize, delimiter: u8) {
        self.in_quotes = !self.in_quotes;
        let before = at.checked_sub(1).and_then(|before| line.get(before));
        let after = line.get(at + 1);
        let in_the_middle =
            at > 2 && before != Some(&delimiter) && after.is_some_and(|after| *after != delimiter);
        if in_the_middle {
            // Blanks before a quoted field are not part of it.
            if !self.field.is_empty() && self.field.iter().all(u8::is_ascii_whitespace) {
                self.field.clear();
            } else {
                self.field.push(QUOTE);
            }
        }
        self.in_field = !self.in_field;
    }

    fn end_field(&mut self) {
        let field = std::mem::take(&mut self.field);
        self.fields.push(String::from_utf8_lossy(&field).into_owned());
        self.in_field = false;
    }

    fn finish(mut self) -> Vec<String> {
        self.end_field();
        self.fields
    }
}
