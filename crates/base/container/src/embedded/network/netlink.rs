//! Messages to the kernel's network subsystems, as netlink carries them, and its answers.
//!
//! Only the envelope: what is in the messages is known to `links` and `nf_tables`. Everything here blocks for as
//! long as the kernel takes, and belongs to the network namespace in which the [`Connection`] was opened.

use std::io;

use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
use netlink_sys::{Socket, SocketAddr};

/// Bytes of a message's header: length, type, flags, sequence, sender.
const HEADER_BYTES: usize = 16;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
const DUMP: u16 = 0x300;
/// The bits of an attribute's type that say how it is to be read, and not which one it is.
const ATTRIBUTE_TYPE: u16 = 0x3fff;
/// The bit of an attribute's type that says that attributes are in it.
pub const NESTED: u16 = 0x8000;

/// One message to the kernel, under construction.
#[derive(Clone, Debug)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// A message of the type `kind`, with `flags` beyond "this is a request" and the structure that begins its body.
    pub fn new(kind: u16, flags: u16, body: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        put(&mut bytes, 4, &kind.to_ne_bytes());
        put(&mut bytes, 6, &(flags | REQUEST).to_ne_bytes());
        bytes.extend_from_slice(body);
        align(&mut bytes);
        Self { bytes }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.put(kind, value);
        self
    }

    /// Adds an attribute that is a text, with the NUL that the kernel wants.
    #[must_use]
    pub fn with_text(self, kind: u16, text: &str) -> Self {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        self.with(kind, &value)
    }

    /// Adds an attribute that is made of what `write` writes.
    #[must_use]
    pub fn with_nested(mut self, kind: u16, write: impl FnOnce(Self) -> Self) -> Self {
        let start = self.bytes.len();
        self.put(kind | NESTED, &[]);
        let mut whole = write(self);
        let length = u16::try_from(whole.bytes.len() - start).unwrap_or(u16::MAX);
        put(&mut whole.bytes, start, &length.to_ne_bytes());
        whole
    }

    /// Adds bytes that are no attribute, such as the structure at the beginning of a nested one.
    #[must_use]
    pub fn with_bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        align(&mut self.bytes);
        self
    }

    fn put(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        align(&mut self.bytes);
    }

    fn finish(mut self, flags: u16, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        put(&mut self.bytes, 0, &length.to_ne_bytes());
        let flags = number::<2>(&self.bytes, 6).map_or(flags, |known| u16::from_ne_bytes(known) | flags);
        put(&mut self.bytes, 6, &flags.to_ne_bytes());
        put(&mut self.bytes, 8, &sequence.to_ne_bytes());
        self.bytes
    }
}

/// One message from the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    body: Vec<u8>,
}

impl Reply {
    /// The number that stands `at` in the structure that begins the body.
    pub fn number<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        number(&self.body, at)
    }

    /// The attributes behind a structure of `structure` bytes.
    pub fn attributes(&self, structure: usize) -> impl Iterator<Item = (u16, &[u8])> {
        attributes(self.body.get(structure..).unwrap_or_default())
    }
}

/// The attributes in `bytes`, which are as long as they say; what is damaged ends them.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(number(rest, 0)?));
        let kind = u16::from_ne_bytes(number(rest, 2)?) & ATTRIBUTE_TYPE;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A conversation with one subsystem of the kernel, in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    sequence: u32,
}

impl Connection {
    /// Opens one to rtnetlink: interfaces, addresses, routes.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn to_routing() -> io::Result<Self> {
        Self::open(NETLINK_ROUTE)
    }

    /// Opens one to nfnetlink: the packet filter.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn to_netfilter() -> io::Result<Self> {
        Self::open(NETLINK_NETFILTER)
    }

    fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends a request and waits until the kernel says that it is done.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn request(&mut self, message: Message) -> io::Result<()> {
        let sequence = self.send([message], ACKNOWLEDGE)?;
        self.replies(sequence, false).map(drop)
    }

    /// Sends a request that is answered with one message, or with an error.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn ask(&mut self, message: Message) -> io::Result<Reply> {
        let sequence = self.send([message], 0)?;
        let first = self.replies(sequence, true)?.into_iter().next();
        first.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    }

    /// Sends a request that is answered with any number of messages.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn list(&mut self, message: Message) -> io::Result<Vec<Reply>> {
        let sequence = self.send([message], DUMP)?;
        self.replies(sequence, false)
    }

    /// Sends messages in one piece, and waits until the kernel says that the last but one is done.
    ///
    /// That is what a transaction of the packet filter needs: all or nothing of what is between its first message and
    /// its last.
    ///
    /// # Errors
    /// The first of those of the kernel.
    pub fn transact(&mut self, begin: Message, middle: Vec<Message>, end: Message) -> io::Result<()> {
        let mut bytes = Vec::new();
        let last = middle.len();
        let first = self.sequence + 1;
        for (place, message) in std::iter::once(begin).chain(middle).chain([end]).enumerate() {
            self.sequence += 1;
            bytes.extend(message.finish(if place == last { ACKNOWLEDGE } else { 0 }, self.sequence));
        }
        self.socket.send(&bytes, 0)?;
        let last = first + u32::try_from(last).unwrap_or(u32::MAX);
        loop {
            for (sequence, kind, body) in self.receive()? {
                let code = if kind == ERROR { error_code(&body) } else { 0 };
                if code != 0 {
                    return Err(io::Error::from_raw_os_error(code));
                }
                if sequence == last {
                    return Ok(());
                }
            }
        }
    }

    fn send<const N: usize>(&mut self, messages: [Message; N], flags: u16) -> io::Result<u32> {
        for message in messages {
            self.sequence += 1;
            self.socket.send(&message.finish(flags, self.sequence), 0)?;
        }
        Ok(self.sequence)
    }

    /// The answers to the message `sequence`: up to its end, or the first one only.
    fn replies(&mut self, sequence: u32, one: bool) -> io::Result<Vec<Reply>> {
        let mut replies = Vec::new();
        loop {
            for (of, kind, body) in self.receive()? {
                match kind {
                    _ if of != sequence => {}
                    DONE => return Ok(replies),
                    ERROR => match error_code(&body) {
                        0 => return Ok(replies),
                        code => return Err(io::Error::from_raw_os_error(code)),
                    },
                    _ => replies.push(Reply { body }),
                }
            }
            if one && !replies.is_empty() {
                return Ok(replies);
            }
        }
    }

    /// The messages of one datagram: sequence, type, body.
    fn receive(&mut self) -> io::Result<Vec<(u32, u16, Vec<u8>)>> {
        let (bytes, _) = self.socket.recv_from_full()?;
        let mut messages = Vec::new();
        let mut rest = bytes.as_slice();
        while let (Some(length), Some(kind), Some(sequence)) =
            (number(rest, 0), number(rest, 4), number(rest, 8))
        {
            let length = usize::try_from(u32::from_ne_bytes(length)).unwrap_or(usize::MAX);
            let Some(body) = rest.get(HEADER_BYTES..length) else { break };
            messages.push((u32::from_ne_bytes(sequence), u16::from_ne_bytes(kind), body.to_vec()));
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(messages)
    }
}

/// The error number of an error message; 0 is an acknowledgement.
fn error_code(body: &[u8]) -> i32 {
    number(body, 0).map_or(libc::EPROTO, |code| i32::from_ne_bytes(code).saturating_neg())
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
