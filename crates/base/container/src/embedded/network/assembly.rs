//! Makes a network of what was reserved for it, and takes it apart.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;

use super::bridge::Bridge;
use super::links::{self, Links};
use super::netlink::Connection;
use super::records::Record;
use super::{Inner, LOOPBACK, failed, namespace};
use crate::image::digest::Digest;
use crate::network::{NetworkError, NetworkKind};

/// The interface of a bridged network, in its namespace.
const INTERFACE: &str = "eth0";

impl Inner {
    /// Makes whatever the network still lacks. Leaves the calling thread in the network's namespace.
    pub fn assemble(&self, record: &Record) -> Result<(), NetworkError> {
        let mut ours = Links::open().map_err(failed)?;
        let bridge = match record.spec.kind {
            NetworkKind::Isolated => None,
            NetworkKind::Bridged { .. } => Some(self.bridge(&mut ours)?),
        };
        if let Some(bridge) = bridge {
            self.translate(record, bridge)?;
        }
        self.assemble_namespace(record, &mut ours, bridge).map_err(failed)
    }

    /// Without translation a network reaches this machine and its neighbours, and has no ports of this machine.
    fn translate(&self, record: &Record, bridge: Bridge) -> Result<(), NetworkError> {
        let translated = Connection::to_netfilter().and_then(|mut kernel| {
            self.ensure_translation(&mut kernel, bridge)?;
            self.publish(&mut kernel, record)
        });
        match translated {
            Err(error) if !record.network.ports.is_empty() => Err(NetworkError::Unsupported(format!(
                "ports of this machine cannot be led to tasks: nf_tables: {error}"
            ))),
            Err(error) => {
                tracing::warn!(%error, "nf_tables is not to be had: tasks do not reach beyond this machine");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn assemble_namespace(
        &self,
        record: &Record,
        ours: &mut Links,
        bridge: Option<Bridge>,
    ) -> io::Result<()> {
        let file = self.records.namespace(&record.spec.name);
        let kept = namespace::is_kept(&file);
        if kept {
            namespace::enter(&file)?
        } else {
            namespace::enter_new()?
        }
        let mut inside = Links::open()?;
        inside.set_up(LOOPBACK)?;
        if let (Some(bridge), Some(address)) = (bridge, record.network.address) {
            let interface = self.attach(&record.spec.name, address, ours, &mut inside, bridge)?;
            if !record.network.ports.is_empty()
                && let Some(port) = ours.index(&self.port_name(&record.spec.name))?
            {
                // So that it reaches itself by a port of this machine, where the bridge redirects on its own.
                ours.set_hairpin(port)?;
            }
            inside.add_address(interface, address, record.network.prefix)?;
            inside.set_up(interface)?;
            inside.set_default_route(bridge.range.gateway())?;
        }
        // Last, so that what is kept is whole. Without it everything vanishes with this thread.
        if kept { Ok(()) } else { namespace::keep(&file) }
    }

    /// The network's interface, made where it is missing.
    fn attach(
        &self,
        name: &str,
        address: Ipv4Addr,
        ours: &mut Links,
        inside: &mut Links,
        bridge: Bridge,
    ) -> io::Result<u32> {
        if let Some(index) = inside.index(INTERFACE)? {
            return Ok(index);
        }
        let port = self.port_name(name);
        // Its other end was in a namespace that is gone, or about to go.
        if let Some(stale) = ours.index(&port)? {
            ours.delete(stale)?;
        }
        let mac = links::mac_of(address);
        ours.add_pair(&port, bridge.index, INTERFACE, mac, namespace::current()?.as_fd())?;
        inside.index(INTERFACE)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Takes apart what there is of the network `name`. What it reserved stays reserved.
    pub fn disassemble(&self, name: &str) -> io::Result<()> {
        let mut links = Links::open()?;
        if let Some(index) = links.index(&self.port_name(name))? {
            links.delete(index)?;
        }
        namespace::discard(&self.records.namespace(name))
    }

    /// Removes the ports of the bridge that belong to no known network.
    pub fn remove_strays(&self) -> io::Result<()> {
        let mut links = Links::open()?;
        let Some(bridge) = links.index(&self.bridge_name())? else { return Ok(()) };
        self.describe_bridge(&mut links, bridge)?;
        let known: Vec<String> = self.records.names()?.iter().map(|name| self.port_name(name)).collect();
        for (index, name) in links.ports(bridge)? {
            if !known.contains(&name) {
                links.delete(index)?;
            }
        }
        Ok(())
    }

    /// Removes the bridge and the translation. No network must be known.
    pub fn remove_common(&self) -> io::Result<()> {
        let mut links = Links::open()?;
        if let Some(bridge) = links.index(&self.bridge_name())? {
            self.remove_translation()?;
            links.delete(bridge)?;
        }
        Ok(())
    }

    /// The name of a network's port of the bridge: at most 15 characters, as the kernel wants.
    pub fn port_name(&self, network: &str) -> String {
        let digest = Digest::of(format!("{}/{network}", self.scope).as_bytes());
        format!("rwv{}", digest.hex().get(..12).unwrap_or_default())
    }
}
