//! The language of the kernel's packet filter, as far as it is spoken here: tables, chains, maps, rules.
//!
//! Numbers are those of `linux/netfilter/nf_tables.h`. What the rules are for is known to `translation`.

use std::io;
use std::net::Ipv4Addr;

use super::netlink::{Connection, Message, Reply, attributes};
use super::range::Range;

const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEW_TABLE: u16 = 0;
const GET_TABLE: u16 = 1;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const GET_CHAIN: u16 = 4;
const NEW_RULE: u16 = 6;
const NEW_SET: u16 = 9;
const NEW_ELEMENT: u16 = 12;
const GET_ELEMENT: u16 = 13;
const DELETE_ELEMENT: u16 = 14;
const CREATE: u16 = libc::NLM_F_CREATE as u16;
const APPEND: u16 = libc::NLM_F_APPEND as u16;
/// Tables of IPv4.
const FAMILY: u8 = 2;
/// Bytes of the structure that begins each message.
const BODY_BYTES: usize = 4;
/// The first of the registers, which hold 16 bytes, and its second four bytes.
const REGISTER: u32 = 1;
const REGISTER_SECOND_WORD: u32 = 9;
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
const IS_MAP: u32 = 8;
/// What `nft` shows a port as, and an address with a port.
const PORT_TYPE: u32 = 13;
const ADDRESS_AND_PORT_TYPE: u32 = 7 << 6 | 13;

/// Where a chain hooks into a packet's way, and the greater of two priorities is the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// On arrival.
    Arrival = 0,
    /// On its way through this machine.
    Forward = 2,
    /// On its way out of a program of this machine.
    Output = 3,
    /// On departure.
    Departure = 4,
}

/// What a rule compares, and what it does with a packet that passes; expressions are evaluated one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression<'a> {
    /// It came in by this interface.
    ArrivesBy(&'a str),
    /// It goes out by this interface.
    LeavesBy(&'a str),
    /// It goes out by another interface than this one.
    LeavesByOther(&'a str),
    /// Its sender is in the range.
    From(Range),
    /// Its receiver is in the range.
    To(Range),
    /// Its receiver is this machine, at whichever address.
    ToThisMachine,
    /// Its protocol has this number.
    Protocol(u8),
    /// Its receiver was replaced before.
    WasRedirected,
    /// Replace its receiver by what the map says of its port, if it says something.
    RedirectBy(&'a str),
    /// Replace its sender by this machine's own address, the one that it goes out by.
    Masquerade,
    /// Let it vanish.
    Drop,
}

/// Messages that are carried out together or not at all.
#[derive(Clone, Debug)]
pub struct Transaction<'a> {
    table: &'a str,
    messages: Vec<Message>,
}

impl<'a> Transaction<'a> {
    /// One that changes `table`.
    pub fn on(table: &'a str) -> Self {
        Self { table, messages: Vec::new() }
    }

    /// Carries it out.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn commit(self, kernel: &mut Connection) -> io::Result<()> {
        let edge = |kind| Message::new(kind, 0, &[0, 0, 0, u8::try_from(SUBSYSTEM).unwrap_or_default()]);
        kernel.transact(edge(BATCH_BEGIN), self.messages, edge(BATCH_END))
    }

    /// Makes the table where it is missing.
    #[must_use]
    pub fn make_table(self) -> Self {
        let message = message(NEW_TABLE, CREATE).with_text(1, self.table);
        self.and(message)
    }

    /// Removes the table with all that is in it.
    #[must_use]
    pub fn remove_table(self) -> Self {
        let message = message(DELETE_TABLE, 0).with_text(1, self.table);
        self.and(message)
    }

    /// Makes a chain whose rules all packets pass at `hook`. `kind` is `filter` or `nat`.
    #[must_use]
    pub fn make_chain(self, name: &str, kind: &str, hook: Hook, priority: i32) -> Self {
        let message = message(NEW_CHAIN, CREATE)
            .with_text(1, self.table)
            .with_text(3, name)
            .with_nested(4, |at| at.with(1, &(hook as u32).to_be_bytes()).with(2, &priority.to_be_bytes()))
            .with_text(7, kind);
        self.and(message)
    }

    /// Makes a map from ports to an address with a port. `id` is unique in the transaction.
    #[must_use]
    pub fn make_port_map(self, name: &str, id: u32) -> Self {
        let number = |number: u32| number.to_be_bytes();
        let message = message(NEW_SET, CREATE)
            .with_text(1, self.table)
            .with_text(2, name)
            .with(3, &number(IS_MAP))
            .with(4, &number(PORT_TYPE))
            .with(5, &number(2))
            .with(6, &number(ADDRESS_AND_PORT_TYPE))
            .with(7, &number(8))
            .with(10, &number(id));
        self.and(message)
    }

    /// Adds an entry to a map of ports.
    #[must_use]
    pub fn map_port(self, map: &str, port: u16, to: (Ipv4Addr, u16)) -> Self {
        let mut data = to.0.octets().to_vec();
        data.extend(to.1.to_be_bytes());
        data.extend([0, 0]);
        let message = self.element(NEW_ELEMENT, CREATE, map, |element| {
            let element = element.with_nested(1, |key| key.with(1, &port.to_be_bytes()));
            element.with_nested(2, |value| value.with(1, &data))
        });
        self.and(message)
    }

    /// Removes an entry from a map of ports.
    #[must_use]
    pub fn unmap_port(self, map: &str, port: u16) -> Self {
        let key = |element: Message| element.with_nested(1, |key| key.with(1, &port.to_be_bytes()));
        let message = self.element(DELETE_ELEMENT, 0, map, key);
        self.and(message)
    }

    fn element(&self, kind: u16, flags: u16, map: &str, write: impl FnOnce(Message) -> Message) -> Message {
        message(kind, flags)
            .with_text(1, self.table)
            .with_text(2, map)
            .with_nested(3, |list| list.with_nested(1, write))
    }

    /// Appends a rule to a chain.
    #[must_use]
    pub fn add_rule(self, chain: &str, expressions: &[Expression<'_>]) -> Self {
        let message = message(NEW_RULE, CREATE | APPEND)
            .with_text(1, self.table)
            .with_text(2, chain)
            .with_nested(4, |list| expressions.iter().fold(list, |list, one| one.write(list)));
        self.and(message)
    }

    fn and(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }
}

/// Whether there is a table of that name.
///
/// # Errors
/// Those of the kernel.
pub fn table_exists(kernel: &mut Connection, name: &str) -> io::Result<bool> {
    match kernel.ask(message(GET_TABLE, 0).with_text(1, name)) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The names of all tables.
///
/// # Errors
/// Those of the kernel.
pub fn tables(kernel: &mut Connection) -> io::Result<Vec<String>> {
    let tables = kernel.list(message(GET_TABLE, 0))?;
    let name =
        |table: &Reply| table.attributes(BODY_BYTES).find(|(kind, _)| *kind == 1).map(|(_, name)| text(name));
    Ok(tables.iter().filter_map(name).collect())
}

/// The ports that a map has entries for. A map that is not there has none.
///
/// # Errors
/// Those of the kernel.
pub fn mapped_ports(kernel: &mut Connection, table: &str, map: &str) -> io::Result<Vec<u16>> {
    let replies = match kernel.list(message(GET_ELEMENT, 0).with_text(1, table).with_text(2, map)) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(Vec::new()),
        replies => replies?,
    };
    let lists = replies.iter().flat_map(|reply| reply.attributes(BODY_BYTES)).filter(|(kind, _)| *kind == 3);
    let elements = lists.flat_map(|(_, list)| attributes(list)).map(|(_, element)| element);
    let first = |value| attributes(value).find(|(kind, _)| *kind == 1).map(|(_, value)| value);
    let key = |element| first(first(element)?)?.first_chunk::<2>().copied();
    Ok(elements.filter_map(key).map(u16::from_be_bytes).collect())
}

/// The tables whose chains drop whatever passes through this machine unless a rule of theirs accepts it.
///
/// # Errors
/// Those of the kernel.
pub fn tables_that_refuse_forwarding(kernel: &mut Connection) -> io::Result<Vec<String>> {
    let chains = kernel.list(message(GET_CHAIN, 0))?;
    let refusing = |chain: &Reply| {
        let of = |kind: u16| {
            chain.attributes(BODY_BYTES).find(|(found, _)| *found == kind).map(|(_, value)| value)
        };
        let hook = attributes(of(4)?).find(|(kind, _)| *kind == 1)?.1;
        let (forward, drop) = ((Hook::Forward as u32).to_be_bytes(), 0_u32.to_be_bytes());
        (hook == forward && of(5)? == drop).then(|| of(1))?.map(text)
    };
    Ok(chains.iter().filter_map(refusing).collect())
}

impl Expression<'_> {
    /// Adds what the kernel evaluates for it to the list.
    fn write(&self, list: Message) -> Message {
        match self {
            Self::ArrivesBy(name) => compare(meta(list, 6), EQUAL, &interface(name)),
            Self::LeavesBy(name) => compare(meta(list, 7), EQUAL, &interface(name)),
            Self::LeavesByOther(name) => compare(meta(list, 7), NOT_EQUAL, &interface(name)),
            Self::From(range) => in_range(load(list, NETWORK_HEADER, 12, 4), *range),
            Self::To(range) => in_range(load(list, NETWORK_HEADER, 16, 4), *range),
            Self::ToThisMachine => {
                // The type of the receiver's address, by the routes.
                let list = expression(list, "fib", |fib| with_numbers(fib, &[(1, REGISTER), (2, 3), (3, 2)]));
                compare(list, EQUAL, &u32::from(libc::RTN_LOCAL).to_ne_bytes())
            }
            Self::Protocol(number) => compare(meta(list, 16), EQUAL, &[*number]),
            Self::WasRedirected => {
                const REDIRECTED: u32 = 1 << 5;
                let list = expression(list, "ct", |ct| with_numbers(ct, &[(1, REGISTER), (2, 2)]));
                compare(masked(list, &REDIRECTED.to_ne_bytes()), NOT_EQUAL, &[0; 4])
            }
            Self::RedirectBy(map) => {
                let list = expression(load(list, TRANSPORT_HEADER, 2, 2), "lookup", |lookup| {
                    with_numbers(lookup.with_text(1, map), &[(2, REGISTER), (3, REGISTER)])
                });
                let family = u32::from(FAMILY);
                let registers = [(1, 1), (2, family), (3, REGISTER), (5, REGISTER_SECOND_WORD)];
                expression(list, "nat", |nat| with_numbers(nat, &registers))
            }
            Self::Masquerade => expression(list, "masq", |masq| masq),
            Self::Drop => expression(list, "immediate", |immediate| {
                let immediate = with_numbers(immediate, &[(1, 0)]);
                immediate
                    .with_nested(2, |data| data.with_nested(2, |verdict| with_numbers(verdict, &[(1, 0)])))
            }),
        }
    }
}

fn message(kind: u16, flags: u16) -> Message {
    Message::new(SUBSYSTEM << 8 | kind, flags, &[FAMILY, 0, 0, 0])
}

fn expression(list: Message, name: &str, write: impl FnOnce(Message) -> Message) -> Message {
    list.with_nested(1, |one| one.with_text(1, name).with_nested(2, write))
}

fn with_numbers(message: Message, numbers: &[(u16, u32)]) -> Message {
    numbers.iter().fold(message, |message, (kind, number)| message.with(*kind, &number.to_be_bytes()))
}

/// Loads something that is known about the packet.
fn meta(list: Message, key: u32) -> Message {
    expression(list, "meta", |meta| with_numbers(meta, &[(1, REGISTER), (2, key)]))
}

/// Loads some bytes of the packet.
fn load(list: Message, header: u32, offset: u32, length: u32) -> Message {
    let numbers = [(1, REGISTER), (2, header), (3, offset), (4, length)];
    expression(list, "payload", |payload| with_numbers(payload, &numbers))
}

/// Goes on only where what was loaded compares to `value` as `how` says.
fn compare(list: Message, how: u32, value: &[u8]) -> Message {
    expression(list, "cmp", |cmp| {
        with_numbers(cmp, &[(1, REGISTER), (2, how)]).with_nested(3, |data| data.with(1, value))
    })
}

fn masked(list: Message, mask: &[u8; 4]) -> Message {
    expression(list, "bitwise", |bitwise| {
        let bitwise = with_numbers(bitwise, &[(1, REGISTER), (2, REGISTER), (3, 4)]);
        let bitwise = bitwise.with_nested(4, |data| data.with(1, mask));
        bitwise.with_nested(5, |data| data.with(1, &[0; 4]))
    })
}

fn in_range(list: Message, range: Range) -> Message {
    compare(masked(list, &range.mask().octets()), EQUAL, &range.first().octets())
}

fn interface(name: &str) -> [u8; 16] {
    let mut padded = [0; 16];
    for (place, byte) in padded.iter_mut().zip(name.bytes().take(15)) {
        *place = byte;
    }
    padded
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}
