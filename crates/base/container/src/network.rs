//! Networks that containers join: what is asked of a driver, and what it answers.
//!
//! A network is known by the name that its owner chose. It exists on its own, before its first container and after its
//! last one; the containers that join it share its addresses, its ports and its loopback interface. What a network is made of is
//! the driver's.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::driver::{ContainerSpec, is_container_name};

/// The network that a container sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NetworkMode {
    /// This machine's network.
    #[default]
    Host,
    /// A network of its own, with nothing but the loopback interface.
    Private,
    /// The network of another running container of the same driver, by its name.
    Container(String),
    /// A network that was provided before, by its name: [`crate::Driver::provide_network`].
    Network(String),
}

/// A network to provide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// Its name, made as a container's is: [`ContainerSpec::name`].
    pub name: String,
    /// What it reaches.
    pub kind: NetworkKind,
    /// Ports of this machine that lead into it. An isolated network has none.
    pub port_mappings: Vec<PortMapping>,
    /// The host name of the containers that join it and have none of their own; its name when absent.
    pub hostname: Option<String>,
}

/// What a network reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NetworkKind {
    /// This machine, the other networks, and what this machine reaches, from an address of its own.
    Bridged {
        /// The address; any free one when absent.
        address: Option<Ipv4Addr>,
    },
    /// Nothing but itself.
    Isolated,
}

/// A port of this machine that leads to a port in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortMapping {
    /// The port in the network.
    pub container_port: u16,
    /// The port of this machine, on all of its addresses; any free one when absent.
    pub host_port: Option<u16>,
    /// The protocol of both.
    pub protocol: Protocol,
}

/// A protocol that has ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// `tcp` or `udp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A network that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its address, where it has one.
    pub address: Option<Ipv4Addr>,
    /// How many leading bits of the address it shares with its neighbours.
    pub prefix: u8,
    /// The address of this machine that it reaches everything through.
    pub gateway: Option<Ipv4Addr>,
    /// The hardware address of its interface, as `02:00:ac:1f:00:05`.
    pub mac_address: Option<String>,
    /// The ports of this machine that lead into it, in the order of the mappings.
    pub ports: Vec<PublishedPort>,
    /// The name servers that its containers ask.
    pub dns_servers: Vec<IpAddr>,
}

/// A port of this machine that leads into a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PublishedPort {
    /// The port in the network.
    pub container_port: u16,
    /// The port of this machine.
    pub host_port: u16,
    /// The protocol of both.
    pub protocol: Protocol,
}

impl NetworkSpec {
    /// Checks what holds for every driver.
    ///
    /// # Errors
    /// [`NetworkError::Invalid`].
    pub fn validate(&self) -> Result<(), NetworkError> {
        let refuse = |reason: String| Err(NetworkError::Invalid(reason));
        if !is_container_name(&self.name) {
            return refuse(format!("{:?} is not a name of a network", self.name));
        }
        // The same rules as a container's: its host name is this one.
        let hostname = ContainerSpec {
            name: self.name.clone(),
            hostname: self.hostname.clone(),
            ..ContainerSpec::default()
        };
        if let Err(error) = hostname.validate() {
            return refuse(error.to_string());
        }
        if self.kind == NetworkKind::Isolated && !self.port_mappings.is_empty() {
            return refuse("an isolated network has no ports on this machine".to_owned());
        }
        if self.port_mappings.iter().any(|one| one.container_port == 0 || one.host_port == Some(0)) {
            return refuse("0 is not a port".to_owned());
        }
        let fixed = |one: &PortMapping| one.host_port.map(|port| (port, one.protocol));
        let mut fixed: Vec<_> = self.port_mappings.iter().filter_map(fixed).collect();
        fixed.sort_unstable();
        match fixed.windows(2).find_map(|pair| pair.first().filter(|first| Some(*first) == pair.get(1))) {
            Some((port, protocol)) => Err(NetworkError::PortInUse { port: *port, protocol: *protocol }),
            None => Ok(()),
        }
    }
}

/// Why a network is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// What was asked for makes no sense.
    #[error("invalid network: {0}")]
    Invalid(String),
    /// Another network, or another program, has the port.
    #[error("Bind for 0.0.0.0:{port} failed: port is already allocated")]
    PortInUse {
        /// The port of this machine.
        port: u16,
        /// Its protocol.
        protocol: Protocol,
    },
    /// Another network has the address, or it is none of ours.
    #[error("address {0} is not available")]
    AddressNotAvailable(Ipv4Addr),
    /// As many networks exist as there are addresses or ports.
    #[error("{0}")]
    Exhausted(String),
    /// No network of that name was provided.
    #[error("network {0} is not known")]
    Unknown(String),
    /// This process may not do it. What to do is in the text.
    #[error("{0}")]
    Forbidden(String),
    /// This machine or this engine does not offer it.
    #[error("{0}")]
    Unsupported(String),
    /// The kernel or the engine did not do it. Asking again may work.
    #[error("network: {0}")]
    Unavailable(String),
}
