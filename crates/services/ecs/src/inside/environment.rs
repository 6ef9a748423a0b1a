//! The environment variables by which a container finds its surroundings.
//!
//! Source: Amazon ECS Developer Guide, "Task IAM role", "Task metadata endpoint version 4"; SDKs and Tools Reference Guide,
//! "Container credential provider", "Service-specific endpoints".

use std::net::{Ipv4Addr, SocketAddrV4};

use container::NetworkMode;

use super::{Inside, container_id};
use crate::task::{Container, Task};

/// Where containers with a network of their own find credentials and metadata.
pub const DOCUMENTS_ADDRESS: SocketAddrV4 = SocketAddrV4::new(ADDRESS, 80);
/// Where they find the API.
pub const API_ADDRESS: SocketAddrV4 = SocketAddrV4::new(ADDRESS, 4566);

const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);

type Variable = (String, String);

impl Inside {
    /// The container's variables, completed: those by which it finds the API before its own, which may say otherwise; those
    /// by which it finds itself after them, as the container agent has it.
    pub fn complete(&self, environment: Vec<Variable>, task: &Task, container: &Container) -> Vec<Variable> {
        let (api, itself) = match &container.spec.network {
            NetworkMode::Host => (self.endpoint_url.clone(), self.on_this_machine(task, container)),
            NetworkMode::Network(_) => {
                let api = self.api.as_ref().map(|_| format!("http://{API_ADDRESS}"));
                (api, in_own_network(task, container))
            }
            // There is nobody to be reached.
            NetworkMode::Private | NetworkMode::Container(_) => (None, Vec::new()),
        };
        let api = api.map(|url| ("AWS_ENDPOINT_URL", url));
        let named = |(name, value): (&str, String)| (name.to_owned(), value);
        api.into_iter().map(named).chain(environment).chain(itself.into_iter().map(named)).collect()
    }

    fn on_this_machine(&self, task: &Task, container: &Container) -> Vec<(&'static str, String)> {
        let Some(url) = &self.endpoint_url else { return Vec::new() };
        let place = task.key().replace('/', ".");
        let id = format!("{place}.{}", container_id(container));
        let mut variables = metadata(&format!("{url}/v3/{id}"), &format!("{url}/v4/{id}"));
        if let Some(role) = &task.task_role {
            let uri = format!("{url}/v2/credentials/{place}.{}", role.credentials_id());
            variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri));
            variables.push(("AWS_CONTAINER_AUTHORIZATION_TOKEN", role.authorization_token().to_owned()));
        }
        variables
    }
}

fn in_own_network(task: &Task, container: &Container) -> Vec<(&'static str, String)> {
    let (url, id) = (format!("http://{ADDRESS}"), container_id(container));
    let mut variables = metadata(&format!("{url}/v3/{id}"), &format!("{url}/v4/{id}"));
    if let Some(role) = &task.task_role {
        let uri = format!("/v2/credentials/{}", role.credentials_id());
        variables.push(("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", uri));
    }
    variables
}

fn metadata(v3: &str, v4: &str) -> Vec<(&'static str, String)> {
    vec![("ECS_CONTAINER_METADATA_URI", v3.to_owned()), ("ECS_CONTAINER_METADATA_URI_V4", v4.to_owned())]
}
