//! Networks by Docker's means: a container that does nothing holds each one, and the others join it.
//!
//! The holder has the address and the ports. All holders of one owner are in one user-defined network of the engine,
//! which goes when the last of them does. Names and labels tell what is ours.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, TcpListener};

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HostConfig, NetworkCreateRequest,
    PortBinding,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, InspectNetworkOptions,
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::TryStreamExt;

use super::failure::{broken, message, status};
use super::{DockerDriver, holder, is_alive};
use crate::driver::{DriverError, is_container_name};
use crate::network::{Network, NetworkError, NetworkKind, NetworkSpec, PortMapping, Protocol, PublishedPort};

/// The label that marks a holder as ours; its value is the owner.
const HOLDER_LABEL: &str = "runwright.network";
/// What the name of a holder ends with, behind the network's.
const HOLDER_SUFFIX: &str = ".network";
/// The name server that the engine runs in its user-defined networks.
const ENGINE_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

/// The name of the container that holds a network.
pub fn holder_name(network: &str) -> String {
    format!("{network}{HOLDER_SUFFIX}")
}

impl DockerDriver {
    pub(super) async fn provide(&self, spec: NetworkSpec) -> Result<Network, NetworkError> {
        spec.validate()?;
        if matches!(spec.kind, NetworkKind::Bridged { address: Some(_) }) {
            return Err(NetworkError::Unsupported("Docker chooses the addresses of its networks".to_owned()));
        }
        let _one = self.networks.names.lock(&spec.name).await;
        // While holders are made, the engine's network is not removed.
        let _common = self.networks.common.read().await;
        let known = self.holder(&spec.name).await?;
        if known.is_none() {
            self.create_holder(&spec).await?;
        }
        if !known.as_ref().is_some_and(is_alive)
            && let Err(error) = self.docker.start_container(&holder_name(&spec.name), None).await
        {
            self.remove_holder(&spec.name)
                .await
                .map_err(|error| NetworkError::Unavailable(error.to_string()))?;
            return Err(start_error(&spec, &message(&error)));
        }
        match self.holder(&spec.name).await? {
            Some(found) => Ok(network(&spec, &found)),
            None => Err(NetworkError::Unavailable("the network's holder was removed".to_owned())),
        }
    }

    pub(super) async fn withdraw(&self, name: &str) -> Result<(), DriverError> {
        if !is_container_name(name) {
            return Ok(());
        }
        let _one = self.networks.names.lock(name).await;
        let unavailable = |error: NetworkError| DriverError::Unavailable(error.to_string());
        if self.holder(name).await.map_err(unavailable)?.is_some() {
            self.remove_holder(name).await?;
        }
        // Whoever is making a network needs it: then the last one removes it.
        let Ok(_nobody) = self.networks.common.try_write() else { return Ok(()) };
        if !self.network_names().await?.is_empty() {
            return Ok(());
        }
        match self.docker.remove_network(&self.network_name()).await {
            Err(error) if !matches!(status(&error), Some(403 | 404 | 409)) => Err(broken(&error)),
            _ => Ok(()),
        }
    }

    pub(super) async fn network_names(&self) -> Result<Vec<String>, DriverError> {
        let filters = HashMap::from([("label", vec![format!("{HOLDER_LABEL}={}", self.owner)])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = self.docker.list_containers(Some(options)).await.map_err(|error| broken(&error))?;
        let names = found.into_iter().filter_map(|one| one.names?.into_iter().next());
        let mut names: Vec<String> = names
            .filter_map(|name| Some(name.trim_start_matches('/').strip_suffix(HOLDER_SUFFIX)?.to_owned()))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(super) async fn listen(
        &self,
        name: &str,
        address: SocketAddrV4,
    ) -> Result<TcpListener, NetworkError> {
        let unknown = || NetworkError::Unknown(name.to_owned());
        let found = if is_container_name(name) { self.holder(name).await? } else { None };
        let pid = found.filter(is_alive).and_then(|found| found.state?.pid).ok_or_else(unknown)?;
        enter_and_listen(pid, name, address).await
    }

    /// The container that holds a network of ours.
    async fn holder(&self, network: &str) -> Result<Option<ContainerInspectResponse>, NetworkError> {
        let name = holder_name(network);
        let Some(found) = self.inspect(&name).await.map_err(|error| unavailable(&error))? else {
            return Ok(None);
        };
        let labels = found.config.as_ref().and_then(|config| config.labels.as_ref());
        if labels.and_then(|labels| labels.get(HOLDER_LABEL)) == Some(&self.owner) {
            return Ok(Some(found));
        }
        Err(NetworkError::Unavailable(format!("the container \"/{name}\" belongs to somebody else")))
    }

    async fn create_holder(&self, spec: &NetworkSpec) -> Result<(), NetworkError> {
        self.ensure_image().await?;
        let mode = match spec.kind {
            NetworkKind::Isolated => "none".to_owned(),
            NetworkKind::Bridged { .. } => self.ensure_network().await?,
        };
        let key = |port: &PortMapping| format!("{}/{}", port.container_port, port.protocol.as_str());
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        for mapping in &spec.port_mappings {
            // An empty port is any free one.
            let port = mapping.host_port.map(|port| port.to_string()).unwrap_or_default();
            let binding = PortBinding { host_ip: Some(String::new()), host_port: Some(port) };
            bindings.entry(key(mapping)).or_default().get_or_insert_default().push(binding);
        }
        let body = ContainerCreateBody {
            image: Some(holder::IMAGE.to_owned()),
            // The name is there to be found in /proc.
            cmd: Some(vec![holder::PROGRAM.to_owned(), spec.name.clone()]),
            hostname: Some(spec.hostname.clone().unwrap_or_else(|| spec.name.chars().take(63).collect())),
            labels: Some(HashMap::from([(HOLDER_LABEL.to_owned(), self.owner.clone())])),
            exposed_ports: Some(bindings.keys().cloned().collect()),
            host_config: Some(HostConfig {
                network_mode: Some(mode),
                port_bindings: Some(bindings),
                // As for the embedded driver's networks: who is not root listens on port 80 as well.
                sysctls: Some(HashMap::from([(
                    "net.ipv4.ip_unprivileged_port_start".to_owned(),
                    "0".to_owned(),
                )])),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(&holder_name(&spec.name)).build();
        match self.docker.create_container(Some(options), body).await {
            // Another process was faster; it made the same.
            Err(error) if status(&error) == Some(409) => Ok(()),
            result => result.map(drop).map_err(|error| unavailable(&error)),
        }
    }

    async fn remove_holder(&self, network: &str) -> Result<(), DriverError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.docker.remove_container(&holder_name(network), Some(options)).await {
            Err(error) if status(&error) != Some(404) => Err(broken(&error)),
            _ => Ok(()),
        }
    }

    async fn ensure_image(&self) -> Result<(), NetworkError> {
        if self.docker.inspect_image(holder::IMAGE).await.is_ok() {
            return Ok(());
        }
        let version = self.docker.version().await.map_err(|error| unavailable(&error))?;
        let architecture = version.arch.unwrap_or_default();
        let files = holder::file_system(&architecture).ok_or_else(|| {
            NetworkError::Unsupported(format!(
                "networks of tasks are not available on an engine on {architecture}"
            ))
        })?;
        let (repository, tag) = super::request::pull_name(holder::IMAGE);
        let options = CreateImageOptionsBuilder::new().from_src("-").repo(repository).tag(tag).build();
        let steps = self.docker.create_image(Some(options), Some(bollard::body_full(files.into())), None);
        steps.try_collect::<Vec<_>>().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// The name of the engine's network that all holders are in, made where it is missing.
    async fn ensure_network(&self) -> Result<String, NetworkError> {
        let name = self.network_name();
        let _one = self.networks.names.lock(&format!("{name}{HOLDER_SUFFIX}")).await;
        match self.docker.inspect_network(&name, None::<InspectNetworkOptions>).await {
            Ok(_) => return Ok(name),
            Err(error) if status(&error) == Some(404) => {}
            Err(error) => return Err(unavailable(&error)),
        }
        let request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some("bridge".to_owned()),
            labels: Some(HashMap::from([(HOLDER_LABEL.to_owned(), self.owner.clone())])),
            ..NetworkCreateRequest::default()
        };
        match self.docker.create_network(request).await {
            Err(error) if status(&error) != Some(409) => Err(unavailable(&error)),
            _ => Ok(name),
        }
    }

    fn network_name(&self) -> String {
        // Fowler, Noll and Vo's hash: the owner may be any text, and the name must stay the same for ever.
        let hash = self.owner.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        format!("runwright-{hash:016x}")
    }
}

/// What the engine says about a network, by its holder.
fn network(spec: &NetworkSpec, holder: &ContainerInspectResponse) -> Network {
    let settings = holder.network_settings.clone().unwrap_or_default();
    let bridged = matches!(spec.kind, NetworkKind::Bridged { .. });
    let endpoint: EndpointSettings =
        settings.networks.unwrap_or_default().into_values().next().unwrap_or_default();
    let text = |text: Option<String>| text.filter(|text| bridged && !text.is_empty());
    let mut bindings = settings.ports.unwrap_or_default();
    let published = spec.port_mappings.iter().filter_map(|mapping| {
        let key = format!("{}/{}", mapping.container_port, mapping.protocol.as_str());
        Some(published(*mapping, bindings.get_mut(&key)?.as_mut()?))
    });
    Network {
        ports: published.flatten().collect(),
        address: text(endpoint.ip_address).and_then(|text| text.parse().ok()),
        prefix: endpoint
            .ip_prefix_len
            .and_then(|bits| u8::try_from(bits).ok())
            .filter(|_| bridged)
            .unwrap_or(0),
        gateway: text(endpoint.gateway).and_then(|text| text.parse().ok()),
        mac_address: text(endpoint.mac_address),
        dns_servers: if bridged { vec![ENGINE_DNS] } else { Vec::new() },
    }
}

/// The binding of a mapping: the engine lists one for each family of addresses, with the same port.
fn published(mapping: PortMapping, bindings: &mut Vec<PortBinding>) -> Option<PublishedPort> {
    let port = |binding: &PortBinding| binding.host_port.as_deref().and_then(|port| port.parse::<u16>().ok());
    let wanted = |found: u16| mapping.host_port.is_none_or(|wanted| wanted == found);
    let host_port = bindings.iter().filter_map(port).find(|found| wanted(*found))?;
    // The same port of the container may be led to from several ports of this machine.
    bindings.retain(|binding| port(binding) != Some(host_port));
    Some(PublishedPort { container_port: mapping.container_port, host_port, protocol: mapping.protocol })
}

/// What it means that a holder does not start.
fn start_error(spec: &NetworkSpec, reason: &str) -> NetworkError {
    let taken =
        ["port is already allocated", "address already in use"].iter().any(|words| reason.contains(words));
    let fixed = spec.port_mappings.iter().filter_map(|one| Some((one.host_port?, one.protocol)));
    let mut named = fixed.filter(|(port, _): &(u16, Protocol)| reason.contains(&format!(":{port}")));
    match named.next().filter(|_| taken) {
        Some((port, protocol)) => NetworkError::PortInUse { port, protocol },
        None => NetworkError::Unavailable(reason.to_owned()),
    }
}

#[cfg(target_os = "linux")]
async fn enter_and_listen(pid: i64, name: &str, address: SocketAddrV4) -> Result<TcpListener, NetworkError> {
    let directory = std::path::PathBuf::from(format!("/proc/{pid}"));
    let expected = format!("{}\0{name}\0", holder::PROGRAM);
    // The engine may run elsewhere: in a virtual machine, or around the container that this process is in.
    if std::fs::read(directory.join("cmdline")).ok().as_deref() != Some(expected.as_bytes()) {
        return Err(NetworkError::Unsupported(
            "the engine's networks cannot be entered: it does not run on this machine, or not beside this process"
                .to_owned(),
        ));
    }
    crate::embedded::network::listen_in(directory.join("ns/net"), address).await
}

#[cfg(not(target_os = "linux"))]
async fn enter_and_listen(_: i64, _: &str, _: SocketAddrV4) -> Result<TcpListener, NetworkError> {
    Err(NetworkError::Unsupported("the engine's networks can only be entered on Linux".to_owned()))
}

fn unavailable(error: &bollard::errors::Error) -> NetworkError {
    NetworkError::Unavailable(message(error))
}
