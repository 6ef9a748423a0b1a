//! What RunTask changes in a task definition for the tasks that it starts.

use crate::error::Error;
use crate::generated::types::{ContainerDefinition, ContainerOverride, KeyValuePair, TaskOverride};
use crate::task_definition::{self, Definition, size};
use crate::{environment_files, limits};

/// Checks a request's overrides against the task definition.
///
/// # Errors
/// [`Error::InvalidParameter`], [`Error::Client`].
pub fn check(overrides: &TaskOverride, definition: &Definition) -> Result<(), Error> {
    let characters = serde_json::to_string(overrides).map_or(usize::MAX, |text| text.chars().count());
    if characters > limits::OVERRIDES_CHARACTERS {
        return Err(Error::invalid("Container Overrides length must be at most 8192"));
    }
    if overrides.inference_accelerator_overrides.as_ref().is_some_and(|list| !list.is_empty()) {
        return Err(Error::unsupported("overrides.inferenceAcceleratorOverrides"));
    }
    let roles = [&overrides.task_role_arn, &overrides.execution_role_arn];
    if roles.into_iter().flatten().any(|role| !task_definition::is_role(role)) {
        return Err(Error::client("Role is not valid"));
    }
    if let Some(storage) = &overrides.ephemeral_storage {
        task_definition::check_ephemeral_storage_gib(storage.size_in_gi_b)?;
    }
    overrides
        .container_overrides
        .iter()
        .flatten()
        .try_for_each(|one| check_container(one, overrides, definition))
}

fn check_container(
    one: &ContainerOverride,
    overrides: &TaskOverride,
    definition: &Definition,
) -> Result<(), Error> {
    let name = one.name.as_deref().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::invalid("Container Overrides must specify a name"))?;
    let containers = definition.shape.container_definitions.iter().flatten();
    if !containers.into_iter().any(|container| container.name.as_deref() == Some(name)) {
        return Err(Error::invalid(format!(
            "Override for container named {name} is not a container in the TaskDefinition."
        )));
    }
    let role = overrides.execution_role_arn.as_deref().or(definition.shape.execution_role_arn.as_deref());
    environment_files::check(one.environment_files.as_deref(), role)?;
    if one.resource_requirements.as_ref().is_some_and(|list| !list.is_empty()) {
        return Err(Error::unsupported(format!("overrides.resourceRequirements of container '{name}'")));
    }
    if one.environment.iter().flatten().any(|pair| pair.name.as_deref().is_none_or(str::is_empty)) {
        return Err(Error::invalid("Environment variable name should not be null or empty."));
    }
    if [one.cpu, one.memory, one.memory_reservation].into_iter().flatten().any(|value| value < 0) {
        return Err(Error::invalid(format!("Invalid cpu or memory override for container '{name}'.")));
    }
    Ok(())
}

/// Checks that the containers, with what the overrides change of them, fit into the task.
///
/// # Errors
/// [`Error::InvalidParameter`], in the words in which registration refuses such containers.
pub fn check_sizes(
    overrides: &TaskOverride,
    definition: &Definition,
    cpu: Option<i64>,
    memory: Option<i64>,
) -> Result<(), Error> {
    let containers = definition.shape.container_definitions.iter().flatten();
    let containers: Vec<_> = containers.map(|container| apply(container, overrides)).collect();
    let checked = size::check_containers(&containers, cpu, memory);
    checked.map_err(|error| Error::invalid(error.to_string()))
}

/// The container as it is started: a command replaces the whole command, variables replace those of the same name.
pub fn apply(container: &ContainerDefinition, overrides: &TaskOverride) -> ContainerDefinition {
    let mut result = container.clone();
    let own = overrides.container_overrides.iter().flatten().filter(|one| one.name == container.name);
    for one in own {
        // An empty list overrides nothing.
        if let Some(command) = one.command.as_ref().filter(|command| !command.is_empty()) {
            result.command = Some(command.clone());
        }
        if let Some(variables) = &one.environment {
            result.environment = Some(merged(result.environment.unwrap_or_default(), variables));
        }
        if let Some(files) = one.environment_files.as_ref().filter(|files| !files.is_empty()) {
            result.environment_files = Some(files.clone());
        }
        result.cpu = one.cpu.or(result.cpu);
        result.memory = one.memory.or(result.memory);
        result.memory_reservation = one.memory_reservation.or(result.memory_reservation);
    }
    result
}

/// The overrides as a task shows them: with an entry for each container of the definition.
pub fn shown(overrides: &TaskOverride, definition: &Definition) -> TaskOverride {
    let mut containers = overrides.container_overrides.clone().unwrap_or_default();
    for container in definition.shape.container_definitions.iter().flatten() {
        if !containers.iter().any(|one| one.name == container.name) {
            containers
                .push(ContainerOverride { name: container.name.clone(), ..ContainerOverride::default() });
        }
    }
    TaskOverride {
        container_overrides: Some(containers),
        inference_accelerator_overrides: Some(Vec::new()),
        ..overrides.clone()
    }
}

fn merged(mut variables: Vec<KeyValuePair>, overrides: &[KeyValuePair]) -> Vec<KeyValuePair> {
    for variable in overrides {
        match variables.iter_mut().find(|known| known.name == variable.name) {
            Some(known) => known.value.clone_from(&variable.value),
            None => variables.push(variable.clone()),
        }
    }
    variables
}
