//! Connections that the kernel tracks: those through a port that leads nowhere any more are forgotten.
//!
//! The packet filter is asked for the first packet of a connection only. One of UDP has no end: who goes on sending would
//! go on reaching a network that is gone, or whoever has its address next.

use std::io;
use std::net::Ipv4Addr;

use super::netlink::{Connection, Message, Reply, attributes};

/// `NFNL_SUBSYS_CTNETLINK`, and its `IPCTNL_MSG_CT_GET` and `IPCTNL_MSG_CT_DELETE`.
const LIST: u16 = 1 << 8 | 1;
const DELETE: u16 = 1 << 8 | 2;
const BODY: [u8; 4] = [libc::AF_INET as u8, 0, 0, 0];
/// `CTA_TUPLE_ORIG` and `CTA_TUPLE_REPLY`, and what is in them: addresses, and protocol with ports.
const AS_SENT: u16 = 1;
const AS_ANSWERED: u16 = 2;
const ADDRESSES: u16 = 1;
const SENDER: u16 = 1;
const PORTS: u16 = 2;
const PROTOCOL: u16 = 1;
const SENDER_PORT: u16 = 2;
const RECEIVER_PORT: u16 = 3;

/// Forgets the connections of UDP that were led from `port` of this machine to `to`.
///
/// # Errors
/// Those of the kernel.
pub fn forget_udp(kernel: &mut Connection, port: u16, to: (Ipv4Addr, u16)) -> io::Result<()> {
    for connection in kernel.list(Message::new(LIST, 0, &BODY))? {
        let Some(sent) = attribute_of(&connection, AS_SENT) else { continue };
        if !leads(&connection, sent, port, to) {
            continue;
        }
        match kernel.request(Message::new(DELETE, 0, &BODY).with(AS_SENT | super::netlink::NESTED, sent)) {
            // It ended by itself.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            deleted => deleted?,
        }
    }
    Ok(())
}

fn leads(connection: &Reply, sent: &[u8], port: u16, (address, inner): (Ipv4Addr, u16)) -> bool {
    let udp = u8::try_from(libc::IPPROTO_UDP).unwrap_or_default();
    let answered = attribute_of(connection, AS_ANSWERED).unwrap_or_default();
    let of = |tuple, group, kind| attribute(attribute(tuple, group).unwrap_or_default(), kind);
    of(sent, PORTS, PROTOCOL) == Some(&[udp][..])
        && of(sent, PORTS, RECEIVER_PORT) == Some(&port.to_be_bytes()[..])
        && of(answered, ADDRESSES, SENDER) == Some(&address.octets()[..])
        && of(answered, PORTS, SENDER_PORT) == Some(&inner.to_be_bytes()[..])
}

fn attribute_of(reply: &Reply, wanted: u16) -> Option<&[u8]> {
    reply.attributes(BODY.len()).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

fn attribute(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}
