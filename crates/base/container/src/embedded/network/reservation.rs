//! What a new network gets: an address, ports of this machine, name servers.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};

use super::links::{self, Links};
use super::range::Range;
use super::records::{Claim, Record};
use super::{Inner, failed, resolver};
use crate::image::digest::Digest;
use crate::network::{Network, NetworkError, NetworkKind, NetworkSpec, PortMapping, Protocol, PublishedPort};

/// The first of the ports that are given to mappings without one, up to the greatest there is. ECS's range.
const DYNAMIC_PORTS: u16 = 49_153;

impl Inner {
    /// Decides what a new network gets, and notes it.
    pub fn reserve(&self, spec: &NetworkSpec) -> Result<Record, NetworkError> {
        let _lock = self.records.lock().map_err(failed)?;
        let mut record = Record { spec: spec.clone(), network: Network::default() };
        let reserved = match spec.kind {
            NetworkKind::Isolated => Ok(()),
            NetworkKind::Bridged { address } => self.reserve_address(&mut record, address),
        };
        let ports = reserved.and_then(|()| self.reserve_ports(&mut record));
        if let Err(error) = ports.and_then(|()| self.records.write(&record).map_err(failed)) {
            self.release(&record).map_err(failed)?;
            return Err(error);
        }
        Ok(record)
    }

    /// Gives back what a network had. To be called under the lock.
    pub fn release(&self, record: &Record) -> io::Result<()> {
        record.claims().iter().try_for_each(|claim| self.records.release(claim, &record.spec.name))
    }

    fn reserve_address(&self, record: &mut Record, wanted: Option<Ipv4Addr>) -> Result<(), NetworkError> {
        let range = self.bridge(&mut Links::open().map_err(failed)?)?.range;
        let address = self.claim_address(range, wanted, &record.spec.name)?;
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let files = [read("/etc/resolv.conf"), read(resolver::UPSTREAM_FILE)];
        record.network = Network {
            address: Some(address),
            prefix: range.prefix(),
            gateway: Some(range.gateway()),
            mac_address: Some(links::mac_text(links::mac_of(address))),
            ports: Vec::new(),
            dns_servers: resolver::name_servers(&files.each_ref().map(String::as_str)),
        };
        Ok(())
    }

    fn claim_address(
        &self,
        range: Range,
        wanted: Option<Ipv4Addr>,
        name: &str,
    ) -> Result<Ipv4Addr, NetworkError> {
        let mut candidates: Box<dyn Iterator<Item = Ipv4Addr>> = match wanted {
            Some(address) => {
                Box::new(Some(address).filter(|address| range.is_for_networks(*address)).into_iter())
            }
            None => Box::new(range.addresses_for_networks(seed(name))),
        };
        let claimed =
            candidates.find_map(|address| match self.records.claim(&Claim::Address(address), name) {
                Ok(false) => None,
                Ok(true) => Some(Ok(address)),
                Err(error) => Some(Err(failed(error))),
            });
        claimed.unwrap_or_else(|| {
            let range = format!("{}/{}", range.first(), range.prefix());
            Err(wanted.map_or_else(
                || NetworkError::Exhausted(format!("no address is left in {range}")),
                NetworkError::AddressNotAvailable,
            ))
        })
    }

    fn reserve_ports(&self, record: &mut Record) -> Result<(), NetworkError> {
        if record.spec.port_mappings.is_empty() {
            return Ok(());
        }
        // Without a packet filter nobody has any.
        let mut taken = self.ports_of_others().unwrap_or_default();
        for mapping in record.spec.port_mappings.clone() {
            let port = self.reserve_port(mapping, &record.spec.name, &taken)?;
            taken.push((port.protocol, port.host_port));
            record.network.ports.push(port);
        }
        Ok(())
    }

    fn reserve_port(
        &self,
        mapping: PortMapping,
        name: &str,
        taken: &[(Protocol, u16)],
    ) -> Result<PublishedPort, NetworkError> {
        let PortMapping { container_port, host_port, protocol } = mapping;
        for host_port in host_port.map_or_else(|| dynamic_ports(seed(&self.scope)), |port| vec![port]) {
            let claim = Claim::Port(protocol, host_port);
            if !taken.contains(&(protocol, host_port))
                && is_free(protocol, host_port)
                && self.records.claim(&claim, name).map_err(failed)?
            {
                return Ok(PublishedPort { container_port, host_port, protocol });
            }
        }
        Err(match host_port {
            Some(port) => NetworkError::PortInUse { port, protocol },
            None => {
                NetworkError::Exhausted(format!("no port of this machine from {DYNAMIC_PORTS} on is free"))
            }
        })
    }
}

/// Each port that a mapping without one may get, beginning at one that `seed` decides: servers that choose at the same
/// time begin at different ones.
fn dynamic_ports(seed: u64) -> Vec<u16> {
    let mut ports: Vec<u16> = (DYNAMIC_PORTS..=u16::MAX).collect();
    let start = usize::try_from(seed % ports.len() as u64).unwrap_or(0);
    ports.rotate_left(start);
    ports
}

/// Whether no program listens at the port.
fn is_free(protocol: Protocol, port: u16) -> bool {
    let everywhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
    match protocol {
        Protocol::Tcp => TcpListener::bind(everywhere).is_ok(),
        Protocol::Udp => UdpSocket::bind(everywhere).is_ok(),
    }
}

fn seed(name: &str) -> u64 {
    let digest = Digest::of(name.as_bytes());
    digest.hex().get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}
