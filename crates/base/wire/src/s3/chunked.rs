//! Takes `aws-chunked` bodies apart: sizes, signatures, data, trailers.
//!
//! Holds no more than a line of framing at a time, whatever size a chunk claims to have.
//!
//! Source: S3 API Reference, "Signature calculations for the Authorization header: transferring payload in multiple
//! chunks" and "... including trailing headers".

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::limits;
use crate::sigv4::{hex, unhex};

/// What follows the last chunk: lower-case names with their values.
pub type Trailers = Vec<(String, String)>;

/// Why a body is not well framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// A chunk's head is no size, or its data do not end where they should.
    Malformed,
    /// A chunk before the last is too short. Its number and size.
    ChunkTooShort {
        /// Number of the chunk, from 1.
        number: u64,
        /// Its size.
        size: u64,
    },
    /// Trailers are not `name:value` lines, or too many.
    MalformedTrailer,
    /// A chunk or the trailers are not signed with the right key.
    WrongSignature,
    /// The chunks hold more bytes than were announced.
    TooLong,
    /// The body ended before its last chunk did.
    Incomplete,
}

/// Signs what a client sends chunk by chunk: every signature includes the one before it.
#[derive(Clone)]
pub struct ChunkSigner {
    /// The keyed hash of the request's scope.
    pub mac: Hmac<Sha256>,
    /// The request's time, as it was sent.
    pub time: String,
    /// The scope without the access key.
    pub scope: String,
    /// The signature before: at first that of the request.
    pub previous: String,
}

impl ChunkSigner {
    fn chunk(&mut self, data_sha256: &[u8]) -> Vec<u8> {
        let nothing = hex(&Sha256::digest(b""));
        let what = format!("{nothing}\n{}", hex(data_sha256));
        self.sign("AWS4-HMAC-SHA256-PAYLOAD", &what)
    }

    fn trailers(&mut self, lines: &str) -> Vec<u8> {
        self.sign("AWS4-HMAC-SHA256-TRAILER", &hex(&Sha256::digest(lines.as_bytes())))
    }

    fn sign(&mut self, algorithm: &str, what: &str) -> Vec<u8> {
        let mut mac = self.mac.clone();
        mac.update(
            format!("{algorithm}\n{}\n{}\n{}\n{what}", self.time, self.scope, self.previous).as_bytes(),
        );
        let signature = mac.finalize().into_bytes().to_vec();
        self.previous = hex(&signature);
        signature
    }
}

/// A body being taken apart.
pub struct Decoder {
    state: State,
    signer: Option<ChunkSigner>,
    expects_trailer: bool,
    /// How many bytes of data may still come.
    data_left: u64,
    /// Framing that is not complete yet.
    line: Vec<u8>,
    trailers: Trailers,
    trailer_bytes: usize,
    trailers_signed: bool,
    /// Of the chunk that is being read.
    chunk: Chunk,
    /// How many chunks with data have begun, and how long the last of them is.
    chunks: u64,
    last_size: u64,
}

#[derive(Default)]
struct Chunk {
    left: u64,
    signature: Vec<u8>,
    sha256: Sha256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Data,
    DataEnd,
    Trailers,
    Done,
}

impl Decoder {
    /// A body of `length` bytes of data, signed chunk by chunk where there is a signer.
    pub fn new(length: u64, signer: Option<ChunkSigner>, expects_trailer: bool) -> Self {
        Self {
            state: State::Head,
            signer,
            expects_trailer,
            data_left: length,
            line: Vec::new(),
            trailers: Vec::new(),
            trailer_bytes: 0,
            trailers_signed: false,
            chunk: Chunk::default(),
            chunks: 0,
            last_size: 0,
        }
    }

    /// The next data in `input`, which is left with what follows them; `None` where all of it was framing.
    ///
    /// # Errors
    /// What is wrong with the framing, or with a signature of what came before.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, FramingError> {
        while !input.is_empty() {
            match self.state {
                State::Data if self.chunk.left > 0 => return Ok(Some(self.data(input))),
                State::Data => self.end_of_data()?,
                State::Done => return Err(FramingError::Malformed),
                State::Head | State::DataEnd | State::Trailers => {
                    if let Some(line) = self.line(input)? {
                        self.framing(&line)?;
                    }
                }
            }
        }
        if self.state == State::Data && self.chunk.left == 0 {
            self.end_of_data()?;
        }
        Ok(None)
    }

    /// The trailers, when the body has ended: lower-case names with their values.
    ///
    /// # Errors
    /// [`FramingError::Incomplete`] where more should have come.
    pub fn finish(mut self) -> Result<Trailers, FramingError> {
        if self.state == State::Trailers && self.line.is_empty() && self.may_end() {
            // Some clients leave out the empty line behind nothing.
            self.end_of_trailers()?;
        }
        let complete = self.state == State::Done && self.data_left == 0;
        if complete { Ok(self.trailers) } else { Err(FramingError::Incomplete) }
    }

    fn data<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        let count = usize::try_from(self.chunk.left).unwrap_or(usize::MAX).min(input.len());
        let (data, rest) = input.split_at(count);
        *input = rest;
        self.chunk.left -= count as u64;
        if self.signer.is_some() {
            self.chunk.sha256.update(data);
        }
        data
    }

    fn end_of_data(&mut self) -> Result<(), FramingError> {
        self.state = State::DataEnd;
        self.check_chunk()
    }

    fn check_chunk(&mut self) -> Result<(), FramingError> {
        let Some(signer) = &mut self.signer else { return Ok(()) };
        let chunk = std::mem::take(&mut self.chunk);
        let wanted = signer.chunk(&chunk.sha256.finalize());
        if crate::sigv4::equal(&wanted, &chunk.signature) {
            Ok(())
        } else {
            Err(FramingError::WrongSignature)
        }
    }

    /// A line without its end, once all of it is there.
    fn line(&mut self, input: &mut &[u8]) -> Result<Option<String>, FramingError> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (part, rest) = input.split_at(end.map_or(input.len(), |end| end + 1));
        *input = rest;
        if self.line.len() + part.len() > limits::CHUNK_LINE_BYTES_MAX {
            return Err(self.malformed());
        }
        self.line.extend_from_slice(part);
        if end.is_none() {
            return Ok(None);
        }
        let line = String::from_utf8(std::mem::take(&mut self.line)).map_err(|_| self.malformed())?;
        let line = line.strip_suffix('\n').unwrap_or(&line);
        Ok(Some(line.strip_suffix('\r').unwrap_or(line).to_owned()))
    }

    const fn malformed(&self) -> FramingError {
        match self.state {
            State::Trailers => FramingError::MalformedTrailer,
            _ => FramingError::Malformed,
        }
    }

    fn framing(&mut self, line: &str) -> Result<(), FramingError> {
        match self.state {
            State::Head => self.head(line),
            State::Trailers => self.trailer(line),
            _ if line.is_empty() => {
                self.state = State::Head;
                Ok(())
            }
            _ => Err(FramingError::Malformed),
        }
    }

    /// `400;chunk-signature=..`, or a size alone.
    fn head(&mut self, line: &str) -> Result<(), FramingError> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let legal = (1..=16).contains(&size.len()) && size.bytes().all(|digit| digit.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16).ok().filter(|_| legal).ok_or(FramingError::Malformed)?;
        if size > 0 && self.chunks > 0 && self.last_size < limits::CHUNK_BYTES_MIN {
            return Err(FramingError::ChunkTooShort { number: self.chunks, size: self.last_size });
        }
        self.data_left = self.data_left.checked_sub(size).ok_or(FramingError::TooLong)?;
        let signature = extension.trim().strip_prefix("chunk-signature=").and_then(unhex).unwrap_or_default();
        self.chunk = Chunk { left: size, signature, sha256: Sha256::new() };
        self.last_size = size;
        if size > 0 {
            self.chunks += 1;
            self.state = State::Data;
            return Ok(());
        }
        self.check_chunk()?;
        self.state = State::Trailers;
        Ok(())
    }

    fn trailer(&mut self, line: &str) -> Result<(), FramingError> {
        if line.is_empty() {
            // An empty line may stand between the trailers and their signature.
            return if self.may_end() { self.end_of_trailers() } else { Ok(()) };
        }
        self.trailer_bytes += line.len();
        let (name, value) = line.split_once(':').ok_or(FramingError::MalformedTrailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if self.trailer_bytes > limits::TRAILER_BYTES_MAX || name.is_empty() {
            return Err(FramingError::MalformedTrailer);
        }
        if name == "x-amz-trailer-signature" {
            return self.check_trailers(value);
        }
        self.trailers.push((name, value.to_owned()));
        Ok(())
    }

    fn check_trailers(&mut self, signature: &str) -> Result<(), FramingError> {
        let lines: String = self.trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let Some(signer) = &mut self.signer else { return Ok(()) };
        let wanted = signer.trailers(&lines);
        if !crate::sigv4::equal(&wanted, &unhex(signature).unwrap_or_default()) {
            return Err(FramingError::WrongSignature);
        }
        self.trailers_signed = true;
        Ok(())
    }

    /// Whether nothing more must come: trailers of signed chunks are signed too.
    const fn may_end(&self) -> bool {
        self.trailers_signed || !self.expects_trailer || self.signer.is_none()
    }

    fn end_of_trailers(&mut self) -> Result<(), FramingError> {
        if self.expects_trailer || self.trailers.is_empty() {
            self.state = State::Done;
            return Ok(());
        }
        Err(FramingError::MalformedTrailer)
    }
}
