//! The network of a task: what is asked of the container driver, and what the task shows of the answer. Pure.
//!
//! With `awsvpc` and `bridge` a task has an address of its own, with `none` nothing but itself, and with `host` this
//! machine's network, so that there is nothing to provide. Its containers share it.

use container::{Network, NetworkError, NetworkKind, NetworkSpec, PortMapping, Protocol, PublishedPort};
use serde::{Deserialize, Serialize};

use crate::generated::types::{ContainerDefinition, NetworkBinding};

/// A network that is provided for a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskNetwork {
    /// What is asked of the driver. It is called as the task.
    pub spec: NetworkSpec,
    /// For each of its port mappings, the place of the container that it is for.
    pub containers: Vec<usize>,
    /// What the driver answered, once it did.
    pub provided: Option<Network>,
}

impl TaskNetwork {
    /// The network of the task `id` with these containers; `None` where it has this machine's.
    pub fn plan(id: &str, mode: Option<&str>, containers: &[ContainerDefinition]) -> Option<Self> {
        let mut ports = Vec::new();
        let kind = match mode {
            Some("host") => return None,
            Some("none") => NetworkKind::Isolated,
            Some("awsvpc") => NetworkKind::Bridged { address: None },
            // The default on Linux is `bridge`.
            _ => {
                ports = bridge_ports(containers);
                NetworkKind::Bridged { address: None }
            }
        };
        let (containers_of_ports, port_mappings) = ports.into_iter().unzip();
        let hostname = containers.iter().find_map(|one| one.hostname.clone()).filter(|name| !name.is_empty());
        let spec = NetworkSpec { name: id.to_owned(), kind, port_mappings, hostname };
        Some(Self { spec, containers: containers_of_ports, provided: None })
    }

    /// The `networkBindings` of the container at `place`.
    pub fn bindings(&self, place: usize) -> Vec<NetworkBinding> {
        let published = self.provided.iter().flat_map(|network| &network.ports);
        let of_container = self.containers.iter().zip(published).filter(|(of, _)| **of == place);
        of_container.map(|(_, port)| binding(*port)).collect()
    }
}

/// Port mappings with the place of their container.
fn bridge_ports(containers: &[ContainerDefinition]) -> Vec<(usize, PortMapping)> {
    let mut ports = Vec::new();
    for (place, container) in containers.iter().enumerate() {
        for mapping in container.port_mappings.iter().flatten() {
            let port = |number: Option<i64>| number.and_then(|number| u16::try_from(number).ok());
            let Some(container_port) = port(mapping.container_port) else { continue };
            let protocol =
                if mapping.protocol.as_deref() == Some("udp") { Protocol::Udp } else { Protocol::Tcp };
            // 0 is any free one.
            let host_port = port(mapping.host_port).filter(|port| *port != 0);
            ports.push((place, PortMapping { container_port, host_port, protocol }));
        }
    }
    ports
}

fn binding(port: PublishedPort) -> NetworkBinding {
    NetworkBinding {
        bind_ip: Some("0.0.0.0".to_owned()),
        container_port: Some(port.container_port.into()),
        host_port: Some(port.host_port.into()),
        protocol: Some(port.protocol.as_str().to_owned()),
        ..NetworkBinding::default()
    }
}

/// Why a task did not get its network, as AWS says it.
pub fn stopped_reason(task_id: &str, error: &NetworkError) -> String {
    match error {
        NetworkError::PortInUse { .. } => format!(
            "CannotStartContainerError: Error response from daemon: driver failed programming external connectivity \
             on endpoint {task_id}: {error}"
        ),
        NetworkError::Unavailable(_) => {
            "Timeout waiting for network interface provisioning to complete.".to_owned()
        }
        NetworkError::Invalid(_)
        | NetworkError::AddressNotAvailable(_)
        | NetworkError::Exhausted(_)
        | NetworkError::Unknown(_)
        | NetworkError::Forbidden(_)
        | NetworkError::Unsupported(_) => {
            format!("ResourceInitializationError: unable to provision the network of the task: {error}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(mode: Option<&str>) -> Option<TaskNetwork> {
        let containers = json!([
            {"name": "a", "portMappings": [{"containerPort": 80, "hostPort": 0}, {"containerPort": 53, "hostPort": 5353, "protocol": "udp"}]},
            {"name": "b", "portMappings": [{"containerPort": 81}], "hostname": "bee"},
        ]);
        TaskNetwork::plan("0123", mode, &serde_json::from_value::<Vec<_>>(containers).unwrap())
    }

    #[test]
    fn the_mode_decides() {
        assert_eq!(plan(Some("host")), None);
        assert_eq!(plan(Some("none")).unwrap().spec.kind, NetworkKind::Isolated);
        assert!(plan(Some("awsvpc")).unwrap().spec.port_mappings.is_empty(), "reached by its own address");
        assert_eq!(plan(None), plan(Some("bridge")));
    }

    #[test]
    fn bindings_are_shown_at_their_container() {
        let mut network = plan(Some("bridge")).unwrap();
        assert_eq!(network.spec.hostname.as_deref(), Some("bee"));
        assert_eq!(
            network.spec.port_mappings.iter().map(|one| one.host_port).collect::<Vec<_>>(),
            [None, Some(5353), None]
        );
        assert!(network.bindings(0).is_empty(), "not yet");
        let published = |mapping: &PortMapping| PublishedPort {
            container_port: mapping.container_port,
            host_port: mapping.host_port.unwrap_or(50_000 + mapping.container_port),
            protocol: mapping.protocol,
        };
        let ports = network.spec.port_mappings.iter().map(published).collect();
        network.provided = Some(Network { ports, ..Network::default() });
        let shown = |place| serde_json::to_value(network.bindings(place)).unwrap();
        assert_eq!(
            shown(0),
            json!([
                {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 50080, "protocol": "tcp"},
                {"bindIP": "0.0.0.0", "containerPort": 53, "hostPort": 5353, "protocol": "udp"},
            ])
        );
        assert_eq!(shown(1)[0]["hostPort"], 50081);
    }
}
