//! Network address translation for one data directory's networks: outbound, and from ports of this machine.
//!
//! Everything is in one table of the packet filter that belongs to the data directory alone. The rules never change;
//! ports are entries of two maps. The kernel does the work, so it goes on while no server runs.

use std::fs;
use std::io;
use std::net::Ipv4Addr;

use super::Inner;
use super::bridge::Bridge;
use super::connections;
use super::netlink::Connection;
use super::nf_tables::{Expression, Hook, Transaction, mapped_ports, table_exists, tables};
use super::range::Range;
use super::records::Record;
use crate::network::{Protocol, PublishedPort};

/// Priorities of chains: before connections are tracked, and where receivers and senders are replaced.
const BEFORE_TRACKING: i32 = -300;
const RECEIVERS: i32 = -100;
const SENDERS: i32 = 100;
/// What the name of each data directory's table begins with.
pub const TABLE: &str = "runwright-";
const PROTOCOLS: [Protocol; 2] = [Protocol::Tcp, Protocol::Udp];

impl Inner {
    /// Makes the table with the ports of all known networks, where it is missing or was made by another process.
    pub fn ensure_translation(&self, kernel: &mut Connection, bridge: Bridge) -> io::Result<()> {
        let mut made_for = self.translating.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *made_for == Some(bridge.range) && table_exists(kernel, &self.table())? {
            return Ok(());
        }
        let (table, name) = (self.table(), self.bridge_name());
        let mut all = rules(Transaction::on(&table), &name, bridge.range);
        for network in self.records.names()? {
            if let Some(record) = self.records.read(&network)? {
                all = mapped(all, &record);
            }
        }
        all.commit(kernel)?;
        // What comes from programs of this machine at its loopback address may then leave it, with another sender.
        fs::write(format!("/proc/sys/net/ipv4/conf/{name}/route_localnet"), "1")?;
        *made_for = Some(bridge.range);
        Ok(())
    }

    /// Has the network's ports of this machine lead into it.
    pub fn publish(&self, kernel: &mut Connection, record: &Record) -> io::Result<()> {
        if record.network.ports.is_empty() {
            return Ok(());
        }
        let table = self.table();
        let _one = self.translating.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        mapped(Transaction::on(&table), record).commit(kernel)
    }

    /// Has the network's ports of this machine lead nowhere. Those that do already are no error.
    pub fn unpublish(&self, record: &Record) -> io::Result<()> {
        let one = self.translating.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for PublishedPort { host_port, protocol, .. } in &record.network.ports {
            self.unmap(*protocol, *host_port)?;
        }
        drop(one);
        self.forget_connections(record);
        Ok(())
    }

    /// Has the ports lead nowhere that lead to no known network: those of one that was forgotten when its server was killed.
    pub fn unpublish_strays(&self) -> io::Result<()> {
        let mut kernel = Connection::to_netfilter()?;
        let mut mapped = Vec::new();
        for protocol in PROTOCOLS {
            let ports = mapped_ports(&mut kernel, &self.table(), map(protocol))?;
            mapped.extend(ports.into_iter().map(|port| (protocol, port)));
        }
        // Read after the table: a network is known before a port leads to it.
        let mut known = Vec::new();
        for network in self.records.names()? {
            let ports = self.records.read(&network)?.map(|record| record.network.ports).unwrap_or_default();
            known.extend(ports.iter().map(|port| (port.protocol, port.host_port)));
        }
        let mut strays = mapped.into_iter().filter(|port| !known.contains(port));
        strays.try_for_each(|(protocol, port)| self.unmap(protocol, port))
    }

    fn unmap(&self, protocol: Protocol, host_port: u16) -> io::Result<()> {
        let table = self.table();
        let one = Transaction::on(&table).unmap_port(map(protocol), host_port);
        missing_is_fine(Connection::to_netfilter().and_then(|mut kernel| one.commit(&mut kernel)))
    }

    /// What cannot be forgotten ends by itself, once nothing has been sent for a while.
    fn forget_connections(&self, record: &Record) {
        let Some(address) = record.network.address else { return };
        for port in record.network.ports.iter().filter(|port| port.protocol == Protocol::Udp) {
            let forgotten = Connection::to_netfilter().and_then(|mut kernel| {
                connections::forget_udp(&mut kernel, port.host_port, (address, port.container_port))
            });
            if let Err(error) = forgotten {
                tracing::debug!(%error, port = port.host_port, "connections to a network that is gone are not forgotten");
            }
        }
    }

    /// The ports of this machine that lead into networks of other data directories. No program listens at those.
    pub fn ports_of_others(&self) -> io::Result<Vec<(Protocol, u16)>> {
        let mut kernel = Connection::to_netfilter()?;
        let (ours, mut ports) = (self.table(), Vec::new());
        for table in tables(&mut kernel)?.iter().filter(|table| table.starts_with(TABLE) && **table != ours) {
            for protocol in PROTOCOLS {
                let mapped = mapped_ports(&mut kernel, table, map(protocol))?;
                ports.extend(mapped.into_iter().map(|port| (protocol, port)));
            }
        }
        Ok(ports)
    }

    /// Removes the table.
    pub fn remove_translation(&self) -> io::Result<()> {
        let table = self.table();
        let remove = Transaction::on(&table).remove_table();
        missing_is_fine(Connection::to_netfilter().and_then(|mut kernel| remove.commit(&mut kernel)))
    }

    fn table(&self) -> String {
        format!("{TABLE}{}", self.scope)
    }
}

/// The table, empty but for its rules. An older one is replaced.
pub fn rules<'a>(transaction: Transaction<'a>, bridge: &str, range: Range) -> Transaction<'a> {
    let loopback = Range::new(Ipv4Addr::LOCALHOST, 8);
    let mut all = transaction.make_table().remove_table().make_table();
    for (protocol, id) in PROTOCOLS.into_iter().zip(1..) {
        all = all.make_port_map(map(protocol), id);
    }
    all = all
        .make_chain("guard", "filter", Hook::Arrival, BEFORE_TRACKING)
        // This machine's loopback addresses are routed on the bridge, but not for what networks send there.
        .add_rule("guard", &[Expression::ArrivesBy(bridge), Expression::To(loopback), Expression::Drop])
        .make_chain("outbound", "nat", Hook::Departure, SENDERS)
        .add_rule(
            "outbound",
            &[Expression::From(range), Expression::LeavesByOther(bridge), Expression::Masquerade],
        );
    for from in [loopback, range] {
        // The answer must come back through this machine: not to itself, nor straight to a neighbour.
        let redirected = [Expression::LeavesBy(bridge), Expression::WasRedirected];
        all = all.add_rule(
            "outbound",
            &[&redirected[..], &[Expression::From(from), Expression::Masquerade]].concat(),
        );
    }
    for (chain, hook) in [("ports", Hook::Arrival), ("own-ports", Hook::Output)] {
        all = all.make_chain(chain, "nat", hook, RECEIVERS);
        for protocol in PROTOCOLS {
            let number = if protocol == Protocol::Tcp { libc::IPPROTO_TCP } else { libc::IPPROTO_UDP };
            let number = Expression::Protocol(u8::try_from(number).unwrap_or_default());
            let redirect = [Expression::ToThisMachine, number, Expression::RedirectBy(map(protocol))];
            all = all.add_rule(chain, &redirect);
        }
    }
    all
}

fn mapped<'a>(transaction: Transaction<'a>, record: &Record) -> Transaction<'a> {
    let Some(address) = record.network.address else { return transaction };
    record.network.ports.iter().fold(transaction, |all, port| {
        all.map_port(map(port.protocol), port.host_port, (address, port.container_port))
    })
}

fn map(protocol: Protocol) -> &'static str {
    protocol.as_str()
}

fn missing_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::embedded::network::namespace;
    use crate::network::{NetworkKind, NetworkSpec, PortMapping};

    const SCOPE: &str = "abandoned0";

    fn provide(inner: &Inner, name: &str) -> Record {
        let port_mappings =
            vec![PortMapping { container_port: 80, host_port: None, protocol: Protocol::Tcp }];
        let kind = NetworkKind::Bridged { address: None };
        let spec = NetworkSpec { name: name.to_owned(), kind, port_mappings, hostname: None };
        // A thread is in the network afterwards.
        std::thread::scope(|scope| scope.spawn(|| inner.provide(&spec)).join().unwrap().unwrap());
        inner.records.read(name).unwrap().unwrap()
    }

    fn published(inner: &Inner) -> Vec<u16> {
        mapped_ports(&mut Connection::to_netfilter().unwrap(), &inner.table(), "tcp").unwrap()
    }

    fn ports(record: &Record) -> Vec<u16> {
        record.network.ports.iter().map(|port| port.host_port).collect()
    }

    /// The server that had made the networks is killed; the next one removes one of them while it makes another.
    fn a_network_is_removed_while_the_table_is_made_anew(data: &Path) {
        let old = provide(&Inner::open(data, SCOPE).unwrap(), "old");
        let next = Inner::open(data, SCOPE).unwrap();
        next.take_apart("old", Some(&old)).unwrap();
        let new = provide(&next, "new");
        next.let_go("old", Some(&old)).unwrap();
        assert_eq!(published(&next), ports(&new));
        next.remove("new").unwrap();
        assert_eq!(published(&next), Vec::<u16>::new());
    }

    /// The server is killed between the last two steps of a removal.
    fn a_forgotten_networks_ports_are_removed_by_the_next_start(data: &Path) {
        let first = Inner::open(data, SCOPE).unwrap();
        let kept = provide(&first, "kept");
        provide(&first, "forgotten");
        first.disassemble("forgotten").unwrap();
        first.records.forget("forgotten").unwrap();
        assert_eq!(published(&first).len(), 2);
        let next = Inner::open(data, SCOPE).unwrap();
        next.unpublish_strays().unwrap();
        assert_eq!(published(&next), ports(&kept));
        next.remove("kept").unwrap();
    }

    /// In a network namespace that ends with the test's thread.
    #[test]
    fn no_port_leads_to_a_network_that_is_gone() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        namespace::enter_new().unwrap();
        for test in [
            a_network_is_removed_while_the_table_is_made_anew,
            a_forgotten_networks_ports_are_removed_by_the_next_start,
        ] {
            let data = tempfile::tempdir().unwrap();
            test(data.path());
        }
    }
}
