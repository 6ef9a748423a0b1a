//! Task definitions: what a task is made of, checked and completed when it is registered.
//!
//! One rule stands in one place: `container` has what holds for each container, `fargate` what Fargate asks beyond
//! that, `dependencies` what holds between containers, `size` the units of processor and memory, `health_check`,
//! `restart_policy`, `linux_parameters`, `system_controls`, `name_servers` and `log_configuration` the fields of these names, `unsupported` what Runwright
//! refuses because it could not honour it.

pub mod attributes;
pub mod container;
pub mod dependencies;
pub mod fargate;
pub mod health_check;
pub mod linux_parameters;
pub mod log_configuration;
pub mod name_servers;
pub mod restart_policy;
pub mod size;
pub mod system_controls;
pub mod unsupported;

use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::error::Error;
use crate::generated::types::{self as shapes, RegisterTaskDefinitionInput};
use crate::host_folders::HostFolders;
use crate::limits;
use crate::names;
use crate::tag::{self, Tags};
use crate::volumes;

/// A registered task definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// As answers show it: checked, and completed with defaults.
    pub shape: shapes::TaskDefinition,
    /// Its tags.
    pub tags: Tags,
}

/// A family of task definitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// The greatest revision that was ever given out.
    pub last_revision: u32,
    /// The active revisions, ascending.
    pub active: Vec<u32>,
}

/// Who registers a task definition, when, and under which name.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The revision that it gets.
    pub revision: u32,
    /// Its ARN.
    pub arn: String,
    /// The time.
    pub at: Timestamp,
    /// The ARN of the caller.
    pub by: String,
}

/// The key of a revision within its scope. Ten digits, so that keys sort as revisions do.
pub fn key(family: &str, revision: u32) -> String {
    format!("{}{revision:010}", key_prefix(family))
}

/// How the keys of a family's revisions begin. `!` sorts before every character of a name, so families stay together.
pub fn key_prefix(family: &str) -> String {
    format!("{family}!")
}

impl Definition {
    /// Whether tasks can be started from it.
    pub fn is_active(&self) -> bool {
        self.shape.status.as_deref() == Some("ACTIVE")
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        self.shape.task_definition_arn.as_deref().unwrap_or_default()
    }

    /// Whether it passed the checks of Fargate when it was registered.
    pub fn runs_on_fargate(&self) -> bool {
        self.shape.compatibilities.iter().flatten().any(|one| one == "FARGATE")
    }

    /// Whether its tasks get a network interface of their own.
    pub fn has_network_interface(&self) -> bool {
        self.shape.network_mode.as_deref() == Some("awsvpc")
    }
}

/// Checks a request and completes it with defaults; everything but the names that registration gives.
///
/// # Errors
/// [`Error::Client`] naming what is wrong, [`Error::InvalidParameter`] for its tags.
pub fn parse(input: RegisterTaskDefinitionInput, folders: &HostFolders) -> Result<Definition, Error> {
    check_names(&input)?;
    if requires_fargate(&input) {
        fargate::check_modes(&input)?;
    }
    unsupported::check(&input)?;
    volumes::check(&input, folders)?;
    check_size_of_document(&input)?;
    let tags = tag::parse(input.tags.as_deref())?;
    let network_mode = input.network_mode.as_deref();
    let mut containers = Vec::with_capacity(input.container_definitions.len());
    for definition in &input.container_definitions {
        containers.push(container::parse(definition, &input)?);
    }
    container::check_together(&containers)?;
    dependencies::check(&containers)?;
    let (cpu, memory) = (size::task_cpu(&input)?, size::task_memory(&input)?);
    size::check_containers(&containers, cpu, memory)?;
    check_ephemeral_storage(&input)?;
    if requires_fargate(&input) {
        fargate::check(&input, &containers, cpu, memory)?;
    }
    let mut shape = shapes::TaskDefinition {
        family: Some(input.family.clone()),
        task_role_arn: input.task_role_arn.clone(),
        execution_role_arn: input.execution_role_arn.clone(),
        network_mode: network_mode.map(str::to_owned),
        volumes: Some(input.volumes.clone().unwrap_or_default()),
        placement_constraints: Some(Vec::new()),
        runtime_platform: input.runtime_platform.clone(),
        requires_compatibilities: input.requires_compatibilities.clone(),
        cpu: cpu.map(|cpu| cpu.to_string()),
        memory: memory.map(|memory| memory.to_string()),
        pid_mode: input.pid_mode.clone(),
        ipc_mode: input.ipc_mode.clone(),
        ephemeral_storage: input.ephemeral_storage.clone(),
        enable_fault_injection: input.enable_fault_injection,
        ..shapes::TaskDefinition::default()
    };
    let fits_fargate = fargate::check(&input, &containers, cpu, memory).is_ok();
    shape.compatibilities = Some(attributes::compatibilities(fits_fargate));
    shape.requires_attributes = Some(attributes::required(&input, &containers));
    shape.container_definitions = Some(containers);
    Ok(Definition { shape, tags })
}

impl Definition {
    /// The definition as it is once registered.
    #[must_use]
    pub fn registered(mut self, registration: Registration) -> Self {
        self.shape.task_definition_arn = Some(registration.arn);
        self.shape.revision = Some(i64::from(registration.revision));
        self.shape.status = Some("ACTIVE".to_owned());
        self.shape.registered_at = Some(registration.at);
        self.shape.registered_by = Some(registration.by);
        self
    }

    /// The definition as it is once deregistered.
    #[must_use]
    pub fn deregistered(mut self, now: Timestamp) -> Self {
        self.shape.status = Some("INACTIVE".to_owned());
        self.shape.deregistered_at = Some(now);
        self
    }
}

fn check_names(input: &RegisterTaskDefinitionInput) -> Result<(), Error> {
    if input.family.is_empty() {
        return Err(Error::client("Family should not be null or empty."));
    }
    if input.family.len() > limits::NAME_CHARACTERS {
        return Err(Error::client("Family name should not be longer than 255 characters."));
    }
    if !names::is_name(&input.family) {
        return Err(Error::client("Family contains invalid characters."));
    }
    let roles = [&input.task_role_arn, &input.execution_role_arn];
    if roles.into_iter().flatten().any(|role| !is_role(role)) {
        return Err(Error::client("Role is not valid"));
    }
    if input.container_definitions.is_empty() {
        return Err(Error::client("Container list cannot be empty."));
    }
    if input.container_definitions.len() > limits::CONTAINERS_PER_TASK_DEFINITION {
        return Err(Error::client("Too many containers."));
    }
    Ok(())
}

/// Whether `role` is the ARN or the name of a role.
pub fn is_role(role: &str) -> bool {
    let name = match role.parse::<types::Arn>() {
        Ok(arn) if arn.service == "iam" => match arn.resource.strip_prefix("role/") {
            Some(path) => path.rsplit('/').next().unwrap_or_default().to_owned(),
            None => return false,
        },
        Ok(_) => return false,
        Err(_) => role.to_owned(),
    };
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
}

fn check_size_of_document(input: &RegisterTaskDefinitionInput) -> Result<(), Error> {
    let bytes = serde_json::to_vec(input).map_or(usize::MAX, |text| text.len());
    if bytes > limits::TASK_DEFINITION_BYTES {
        return Err(Error::client(
            "Actual length of Task Definition exceeds the maximum length of 65536 bytes.",
        ));
    }
    Ok(())
}

fn check_ephemeral_storage(input: &RegisterTaskDefinitionInput) -> Result<(), Error> {
    match &input.ephemeral_storage {
        Some(storage) => check_ephemeral_storage_gib(storage.size_in_gi_b),
        None => Ok(()),
    }
}

/// Checks an amount of ephemeral storage.
///
/// # Errors
/// [`Error::Client`].
pub fn check_ephemeral_storage_gib(gib: i64) -> Result<(), Error> {
    let permitted = limits::EPHEMERAL_STORAGE_GIB;
    if gib < *permitted.start() {
        return Err(Error::client(format!("EphemeralStorage size should be at least {}", permitted.start())));
    }
    if gib > *permitted.end() {
        return Err(Error::client(format!("EphemeralStorage size should be at most {}", permitted.end())));
    }
    Ok(())
}

/// Whether a request asks for the checks of Fargate.
pub fn requires_fargate(input: &RegisterTaskDefinitionInput) -> bool {
    input.requires_compatibilities.iter().flatten().any(|one| one == "FARGATE")
}
