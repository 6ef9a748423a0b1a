//! Interfaces, addresses and routes of one network namespace, through rtnetlink.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::netlink::{Connection, Message, Reply};
use super::range::Range;

/// `VETH_INFO_PEER`, which `libc` does not know.
const VETH_PEER: u16 = 1;
/// `IFLA_INFO_SLAVE_KIND`, `IFLA_INFO_SLAVE_DATA` and `IFLA_BRPORT_MODE`, neither.
const PORT_KIND: u16 = 4;
const PORT_DATA: u16 = 5;
const PORT_HAIRPIN: u16 = 4;
const CREATE: u16 = libc::NLM_F_CREATE as u16;
const EXCLUSIVE: u16 = libc::NLM_F_EXCL as u16;
const REPLACE: u16 = libc::NLM_F_REPLACE as u16;
/// Bytes of the structures that begin the messages about interfaces, addresses and routes.
const LINK_BYTES: usize = 16;
const ADDRESS_BYTES: usize = 8;
const ROUTE_BYTES: usize = 12;
/// Bytes of an interface's description.
const DESCRIPTION_BYTES: usize = 255;

/// An interface, and what it says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it says.
    pub description: String,
}

/// A hardware address.
pub type Mac = [u8; 6];

/// The interfaces of the namespace in which it was opened.
#[derive(Debug)]
pub struct Links(Connection);

impl Links {
    /// Opens the interfaces of the calling thread's namespace.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn open() -> io::Result<Self> {
        Connection::to_routing().map(Self)
    }

    /// The number of the interface called `name`.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn index(&mut self, name: &str) -> io::Result<Option<u32>> {
        let message = Message::new(libc::RTM_GETLINK, 0, &link(0, 0)).with_text(libc::IFLA_IFNAME, name);
        match self.0.ask(message) {
            Ok(reply) => Ok(reply.number(4).map(u32::from_ne_bytes)),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a bridge, and starts it.
    ///
    /// # Errors
    /// Those of the kernel; `AlreadyExists` where the name is taken.
    pub fn add_bridge(&mut self, name: &str, mac: Mac) -> io::Result<()> {
        let up = libc::IFF_UP as u32;
        let message = Message::new(libc::RTM_NEWLINK, CREATE | EXCLUSIVE, &link(0, up))
            .with_text(libc::IFLA_IFNAME, name)
            .with(libc::IFLA_ADDRESS, &mac)
            .with_nested(libc::IFLA_LINKINFO, |info| info.with_text(libc::IFLA_INFO_KIND, "bridge"));
        self.0.request(message)
    }

    /// Gives an interface a description for people, of at most 255 bytes: what is too long is not given.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn set_description(&mut self, index: u32, description: &str) -> io::Result<()> {
        if description.len() > DESCRIPTION_BYTES {
            return Ok(());
        }
        let message = Message::new(libc::RTM_NEWLINK, 0, &link(index, 0));
        self.0.request(message.with(libc::IFLA_IFALIAS, description.as_bytes()))
    }

    /// The interfaces that have a description.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn described(&mut self) -> io::Result<Vec<Described>> {
        let replies = self.0.list(Message::new(libc::RTM_GETLINK, 0, &link(0, 0)))?;
        let described = |reply: &Reply| {
            let of = |kind: u16| reply.attributes(LINK_BYTES).find(|(found, _)| *found == kind);
            let (_, description) = of(libc::IFLA_IFALIAS)?;
            let (_, name) = of(libc::IFLA_IFNAME)?;
            let index = reply.number(4).map(u32::from_ne_bytes)?;
            Some(Described { index, name: text(name), description: text(description) })
        };
        Ok(replies.iter().filter_map(described).collect())
    }

    /// Makes a pair of interfaces: `name` here, started and a port of `bridge`, and `peer` in `namespace`.
    ///
    /// # Errors
    /// Those of the kernel; `AlreadyExists` where a name is taken.
    pub fn add_pair(
        &mut self,
        name: &str,
        bridge: u32,
        peer: &str,
        mac: Mac,
        namespace: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let up = libc::IFF_UP as u32;
        let message = Message::new(libc::RTM_NEWLINK, CREATE | EXCLUSIVE, &link(0, up))
            .with_text(libc::IFLA_IFNAME, name)
            .with(libc::IFLA_MASTER, &bridge.to_ne_bytes())
            .with_nested(libc::IFLA_LINKINFO, |info| {
                let info = info.with_text(libc::IFLA_INFO_KIND, "veth");
                info.with_nested(libc::IFLA_INFO_DATA, |data| {
                    data.with_nested(VETH_PEER, |other| {
                        other
                            .with_bytes(&link(0, 0))
                            .with_text(libc::IFLA_IFNAME, peer)
                            .with(libc::IFLA_ADDRESS, &mac)
                            .with(libc::IFLA_NET_NS_FD, &namespace.as_raw_fd().to_ne_bytes())
                    })
                })
            });
        self.0.request(message)
    }

    /// Lets a port of a bridge be sent back what came from it.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn set_hairpin(&mut self, port: u32) -> io::Result<()> {
        let message =
            Message::new(libc::RTM_NEWLINK, 0, &link(port, 0)).with_nested(libc::IFLA_LINKINFO, |info| {
                let info = info.with_text(PORT_KIND, "bridge");
                info.with_nested(PORT_DATA, |data| data.with(PORT_HAIRPIN, &[1]))
            });
        self.0.request(message)
    }

    /// Starts an interface.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn set_up(&mut self, index: u32) -> io::Result<()> {
        let up = libc::IFF_UP as u32;
        self.0.request(Message::new(libc::RTM_NEWLINK, 0, &link(index, up)))
    }

    /// Removes an interface; the other one of a pair goes with it. One that is gone already is no error.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn delete(&mut self, index: u32) -> io::Result<()> {
        match self.0.request(Message::new(libc::RTM_DELLINK, 0, &link(index, 0))) {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
            result => result,
        }
    }

    /// Gives an interface an address; one that it has already is no error.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn add_address(&mut self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut body = vec![inet(), prefix, 0, 0];
        body.extend(index.to_ne_bytes());
        let broadcast = Range::new(address, prefix).last();
        let message = Message::new(libc::RTM_NEWADDR, CREATE | REPLACE, &body)
            .with(libc::IFA_LOCAL, &address.octets())
            .with(libc::IFA_ADDRESS, &address.octets());
        let message =
            if prefix < 31 { message.with(libc::IFA_BROADCAST, &broadcast.octets()) } else { message };
        self.0.request(message)
    }

    /// Sends what nothing else is known about to `gateway`.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn set_default_route(&mut self, gateway: Ipv4Addr) -> io::Result<()> {
        let table = libc::RT_TABLE_MAIN;
        let body = [
            inet(),
            0,
            0,
            0,
            table,
            libc::RTPROT_STATIC,
            libc::RT_SCOPE_UNIVERSE,
            libc::RTN_UNICAST,
            0,
            0,
            0,
            0,
        ];
        let message = Message::new(libc::RTM_NEWROUTE, CREATE | REPLACE, &body)
            .with(libc::RTA_GATEWAY, &gateway.octets());
        self.0.request(message)
    }

    /// The ports of a bridge: their numbers and names.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn ports(&mut self, bridge: u32) -> io::Result<Vec<(u32, String)>> {
        let replies = self.0.list(Message::new(libc::RTM_GETLINK, 0, &link(0, 0)))?;
        let port = |reply: &Reply| {
            let of = |kind: u16| reply.attributes(LINK_BYTES).find(|(found, _)| *found == kind);
            let (_, master) = of(libc::IFLA_MASTER)?;
            let (_, name) = of(libc::IFLA_IFNAME)?;
            let index = reply.number(4).map(u32::from_ne_bytes)?;
            (master == bridge.to_ne_bytes()).then(|| (index, text(name)))
        };
        Ok(replies.iter().filter_map(port).collect())
    }

    /// The ranges of addresses that lead somewhere from here, except the default route and what leads to `except`.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn ranges(&mut self, except: Option<u32>) -> io::Result<Vec<Range>> {
        let mut ranges = Vec::new();
        let mut body = [0; ROUTE_BYTES];
        if let Some(family) = body.first_mut() {
            *family = inet();
        }
        for reply in self.0.list(Message::new(libc::RTM_GETROUTE, 0, &body))? {
            let find = |kind| {
                reply.attributes(ROUTE_BYTES).find(|(found, _)| *found == kind).map(|(_, value)| value)
            };
            let outgoing =
                find(libc::RTA_OIF).and_then(|value| value.first_chunk().copied()).map(u32::from_ne_bytes);
            let Some([_, prefix]) = reply.number(0) else { continue };
            if let Some(address) = find(libc::RTA_DST).and_then(address)
                && (except.is_none() || outgoing != except)
            {
                ranges.push(Range::new(address, prefix));
            }
        }
        Ok(ranges)
    }

    /// The addresses of an interface.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn addresses(&mut self, index: u32) -> io::Result<Vec<Ipv4Addr>> {
        let mut body = [0; ADDRESS_BYTES];
        if let Some(family) = body.first_mut() {
            *family = inet();
        }
        let replies = self.0.list(Message::new(libc::RTM_GETADDR, 0, &body))?;
        let local = |reply: &Reply| {
            let of = reply.number(4).map(u32::from_ne_bytes)?;
            let found = reply.attributes(ADDRESS_BYTES).find(|(kind, _)| *kind == libc::IFA_LOCAL);
            found.filter(|_| of == index).and_then(|(_, value)| address(value))
        };
        Ok(replies.iter().filter_map(local).collect())
    }
}

/// The hardware address that belongs to an address: one that no manufacturer gave, by its second lowest bit.
pub fn mac_of(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    [0x02, 0, a, b, c, d]
}

/// A hardware address as people write it.
pub fn mac_text(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// The structure that begins a message about an interface. `flags` are the ones to set.
fn link(index: u32, flags: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(index.to_ne_bytes());
    body.extend(flags.to_ne_bytes());
    body.extend(flags.to_ne_bytes());
    body
}

fn inet() -> u8 {
    libc::AF_INET as u8
}

fn address(value: &[u8]) -> Option<Ipv4Addr> {
    value.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}
