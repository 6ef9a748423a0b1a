//! What Runwright refuses to register because it could not honour it, by the name of the field.

use crate::error::Error;
use crate::generated::types::{ContainerDefinition, LinuxParameters, RegisterTaskDefinitionInput};

/// Refuses a request that asks for what is not served.
///
/// # Errors
/// [`Error::Client`] naming the first such field.
pub fn check(input: &RegisterTaskDefinitionInput) -> Result<(), Error> {
    let compatibility = |name: &str| input.requires_compatibilities.iter().flatten().any(|one| one == name);
    let several = input.container_definitions.len() > 1;
    let shared = |mode: Option<&str>| several && mode == Some("task");
    let platform = input.runtime_platform.as_ref();
    let fields = [
        ("placementConstraints", is_filled(&input.placement_constraints)),
        // Nothing is shared where there is one container.
        ("pidMode task of more than one container", shared(input.pid_mode.as_deref())),
        ("ipcMode task of more than one container", shared(input.ipc_mode.as_deref())),
        ("proxyConfiguration", input.proxy_configuration.is_some()),
        ("inferenceAccelerators", is_filled(&input.inference_accelerators)),
        ("enableFaultInjection", input.enable_fault_injection == Some(true)),
        ("trustedExecutionConfiguration", input.trusted_execution_configuration.is_some()),
        ("requiresCompatibilities EXTERNAL", compatibility("EXTERNAL")),
        ("requiresCompatibilities MANAGED_INSTANCES", compatibility("MANAGED_INSTANCES")),
        (
            "runtimePlatform.operatingSystemFamily other than LINUX",
            platform
                .and_then(|platform| platform.operating_system_family.as_deref())
                .is_some_and(|family| family != "LINUX"),
        ),
    ];
    refuse_first("", &fields)?;
    input.container_definitions.iter().try_for_each(container)
}

fn container(container: &ContainerDefinition) -> Result<(), Error> {
    let fields = [
        ("repositoryCredentials", container.repository_credentials.is_some()),
        ("links", is_filled(&container.links)),
        ("privileged", container.privileged == Some(true)),
        ("dockerSecurityOptions", is_filled(&container.docker_security_options)),
        ("pseudoTerminal", container.pseudo_terminal == Some(true)),
        ("resourceRequirements", is_filled(&container.resource_requirements)),
        ("firelensConfiguration", container.firelens_configuration.is_some()),
        ("credentialSpecs", is_filled(&container.credential_specs)),
    ];
    let name = container.name.as_deref().unwrap_or_default();
    refuse_first(name, &fields)?;
    container.linux_parameters.as_ref().map_or(Ok(()), |parameters| linux_parameters(name, parameters))
}

fn linux_parameters(container: &str, parameters: &LinuxParameters) -> Result<(), Error> {
    let fields = [
        ("linuxParameters.devices", is_filled(&parameters.devices)),
        ("linuxParameters.maxSwap", parameters.max_swap.is_some()),
        ("linuxParameters.swappiness", parameters.swappiness.is_some()),
    ];
    refuse_first(container, &fields)
}

fn refuse_first(container: &str, fields: &[(&str, bool)]) -> Result<(), Error> {
    match fields.iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((field, _)) if container.is_empty() => Err(Error::unsupported(field)),
        Some((field, _)) => Err(Error::unsupported(format!("{field} of container '{container}'"))),
    }
}

fn is_filled<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_some_and(|list| !list.is_empty())
}
