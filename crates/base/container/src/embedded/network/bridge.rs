//! The bridge of a data directory: the switch between its networks and this machine.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use super::abandoned::{BRIDGE, BRIDGE_SCOPE};
use super::links::{self, Links};
use super::range::{self, Range};
use super::{Inner, failed};
use crate::network::NetworkError;

/// An address without a file, which one process of this network namespace can have at a time.
const MUTEX: &[u8] = b"runwright-networks";
const MUTEX_PAUSE: Duration = Duration::from_millis(5);
const MUTEX_ATTEMPTS: u32 = 2000;
/// Whether this machine passes on what is not for itself.
pub const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// A bridge that is there.
#[derive(Clone, Copy, Debug)]
pub struct Bridge {
    /// The number of its interface.
    pub index: u32,
    /// The range that its networks' addresses are taken from.
    pub range: Range,
}

impl Inner {
    /// The name of the bridge: at most 15 characters, as the kernel wants.
    pub fn bridge_name(&self) -> String {
        format!("{BRIDGE}{}", self.scope.get(..BRIDGE_SCOPE).unwrap_or(&self.scope))
    }

    /// The bridge, made where there is none. Its range is chosen once, and again only when another network of this
    /// machine came to lie in it while none of ours was there.
    pub fn bridge(&self, links: &mut Links) -> Result<Bridge, NetworkError> {
        if let Some(bridge) = self.known_bridge(links).map_err(failed)? {
            return Ok(bridge);
        }
        // Two servers that choose at the same time must not choose the same.
        let _mutex = mutex().map_err(failed)?;
        if let Some(bridge) = self.known_bridge(links).map_err(failed)? {
            return Ok(bridge);
        }
        let name = self.bridge_name();
        let half_made = links.index(&name).map_err(failed)?;
        let range = self.choose_range(&links.ranges(half_made).map_err(failed)?)?;
        self.make_bridge(links, &name, half_made, range).map_err(failed)
    }

    fn known_bridge(&self, links: &mut Links) -> io::Result<Option<Bridge>> {
        let (Some(range), Some(index)) = (self.records.range()?, links.index(&self.bridge_name())?) else {
            return Ok(None);
        };
        let whole = links.addresses(index)?.contains(&range.gateway());
        Ok(whole.then_some(Bridge { index, range }))
    }

    fn choose_range(&self, taken: &[Range]) -> Result<Range, NetworkError> {
        let remembered = self.records.range().map_err(failed)?;
        let is_free = |range: &Range| !taken.iter().any(|other| range.overlaps(*other));
        let in_use = self.records.has_addresses().map_err(failed)?;
        if let Some(range) = remembered.filter(|range| in_use || is_free(range)) {
            return Ok(range);
        }
        let mut taken = taken.to_vec();
        // What asks for names must not be hidden by a network that has the same address.
        let resolvers = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let resolvers = resolvers.split_whitespace().filter_map(|word| word.parse::<Ipv4Addr>().ok());
        taken.extend(resolvers.map(|address| Range::new(address, 32)));
        let range = range::choose(&taken).ok_or_else(|| {
            NetworkError::Exhausted("every private range of addresses is in use on this machine".to_owned())
        })?;
        self.records.set_range(range).map_err(failed)?;
        Ok(range)
    }

    fn make_bridge(
        &self,
        links: &mut Links,
        name: &str,
        half_made: Option<u32>,
        range: Range,
    ) -> io::Result<Bridge> {
        let gateway = range.gateway();
        if let Some(index) = half_made {
            links.delete(index)?;
        }
        links.add_bridge(name, links::mac_of(gateway))?;
        let index = links.index(name)?.ok_or(io::ErrorKind::NotFound)?;
        forward();
        self.describe_bridge(links, index)?;
        links.add_address(index, gateway, range.prefix())?;
        Ok(Bridge { index, range })
    }
}

/// Has this machine pass on what is not for itself. Where that is forbidden, networks reach this machine and each other.
fn forward() {
    if fs::read_to_string(FORWARDING).is_ok_and(|now| now.trim() == "0")
        && let Err(error) = fs::write(FORWARDING, "1")
    {
        tracing::warn!(%error, "{FORWARDING} is 0 and cannot be set: tasks do not reach beyond this machine");
    }
}

fn mutex() -> io::Result<UnixListener> {
    let address = SocketAddr::from_abstract_name(MUTEX)?;
    for _ in 0..MUTEX_ATTEMPTS {
        match UnixListener::bind_addr(&address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => std::thread::sleep(MUTEX_PAUSE),
            result => return result,
        }
    }
    Err(io::Error::other("another server has been making its network for too long"))
}
