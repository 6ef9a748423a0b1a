//! `dnsServers` and `dnsSearchDomains`: whom a container asks for names, and for which.

use std::net::IpAddr;

use crate::error::Error;
use crate::generated::types::ContainerDefinition;

/// Checks both. In `awsvpc` they are the network interface's.
///
/// # Errors
/// [`Error::Client`].
pub fn check(name: &str, container: &ContainerDefinition, network_mode: Option<&str>) -> Result<(), Error> {
    for (field, list) in
        [("dnsServers", &container.dns_servers), ("dnsSearchDomains", &container.dns_search_domains)]
    {
        if network_mode == Some("awsvpc") && list.as_ref().is_some_and(|list| !list.is_empty()) {
            return Err(Error::client(format!(
                "{field} is not supported on container when networkMode=awsvpc."
            )));
        }
    }
    let mut servers = container.dns_servers.iter().flatten();
    if let Some(server) = servers.find(|server| server.parse::<IpAddr>().is_err()) {
        return Err(Error::client(format!("Invalid DNS server '{server}' for container '{name}'.")));
    }
    let is_domain = |domain: &str| {
        (1..=253).contains(&domain.len())
            && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    match container.dns_search_domains.iter().flatten().find(|domain| !is_domain(domain)) {
        Some(domain) => {
            Err(Error::client(format!("Invalid DNS search domain '{domain}' for container '{name}'.")))
        }
        None => Ok(()),
    }
}
