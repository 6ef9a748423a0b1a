//! What Fargate asks of a task definition beyond what EC2 does.

use super::{log_configuration, size};
use crate::error::Error;
use crate::generated::types::{ContainerDefinition, LinuxParameters, RegisterTaskDefinitionInput};
use crate::limits;
use crate::volumes;

/// Checks that a task definition can run on Fargate.
///
/// # Errors
/// [`Error::Client`] with the first reason why not.
pub fn check(
    input: &RegisterTaskDefinitionInput,
    containers: &[ContainerDefinition],
    cpu: Option<i64>,
    memory: Option<i64>,
) -> Result<(), Error> {
    if input.network_mode.as_deref() != Some("awsvpc") {
        return Err(Error::client("Fargate only supports network mode ‘awsvpc’."));
    }
    let cpu =
        cpu.ok_or_else(|| Error::client("Fargate requires that 'cpu' be defined at the task level."))?;
    let memory = memory
        .ok_or_else(|| Error::client("Fargate requires that 'memory' be defined at the task level."))?;
    check_pair(cpu, memory)?;
    check_modes(input)?;
    containers.iter().try_for_each(|container| check_container(input, container))
}

/// Checks the modes in which Fargate runs tasks, and that nothing of the machine is asked for.
///
/// # Errors
/// [`Error::Client`] with the first reason why not.
pub fn check_modes(input: &RegisterTaskDefinitionInput) -> Result<(), Error> {
    match input.pid_mode.as_deref() {
        None | Some("task") => {}
        Some(mode) => {
            return Err(Error::client(format!(
                "Tasks using the Fargate launch type do not support pidMode '{mode}'. The supported value for pidMode is 'task'."
            )));
        }
    }
    if input.ipc_mode.is_some() {
        return Err(Error::client("Tasks using the Fargate launch type do not support ipcMode."));
    }
    if input.volumes.iter().flatten().any(|volume| volumes::source_path(volume).is_some()) {
        return Err(Error::client("Fargate compatible task definitions do not support sourcePath"));
    }
    if input.container_definitions.iter().any(|container| container.privileged == Some(true)) {
        return Err(Error::client("Fargate compatible task definitions do not support privileged"));
    }
    Ok(())
}

/// Checks that Fargate has tasks of this size.
///
/// # Errors
/// [`Error::Client`].
pub fn check_pair(cpu: i64, memory: i64) -> Result<(), Error> {
    if size::is_fargate_pair(cpu, memory) {
        return Ok(());
    }
    Err(Error::client(format!(
        "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory"
    )))
}

fn check_container(
    input: &RegisterTaskDefinitionInput,
    container: &ContainerDefinition,
) -> Result<(), Error> {
    let name = container.name.as_deref().unwrap_or_default();
    if log_configuration::is_awslogs(container) {
        if input.execution_role_arn.is_none() {
            return Err(Error::client(
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
            ));
        }
        if !log_configuration::has_stream_prefix(container) {
            return Err(Error::client(
                "Log driver awslogs requires option awslogs-stream-prefix for Fargate tasks.",
            ));
        }
    }
    if container.image.as_deref().is_some_and(is_ecr_image) && input.execution_role_arn.is_none() {
        return Err(Error::client(
            "Fargate requires task definition to have execution role ARN to support ECR images.",
        ));
    }
    if container.stop_timeout.is_some_and(|seconds| seconds > limits::STOP_TIMEOUT_SECONDS_FARGATE) {
        return Err(Error::client(format!(
            "Invalid 'stopTimeout' setting for container '{name}'. The maximum for Fargate is 120 seconds."
        )));
    }
    let start_timeout = limits::START_TIMEOUT_SECONDS_FARGATE;
    if container.start_timeout.is_some_and(|seconds| !start_timeout.contains(&seconds)) {
        return Err(Error::client(format!(
            "Invalid 'startTimeout' setting for container '{name}'. The value for Fargate is between {} and {} seconds.",
            start_timeout.start(),
            start_timeout.end(),
        )));
    }
    if let Some(limit) = container.ulimits.iter().flatten().find(|limit| limit.name != "nofile") {
        return Err(Error::client(format!(
            "Tasks using the Fargate launch type do not support the ulimit '{}'. The supported ulimit is 'nofile'.",
            limit.name
        )));
    }
    container.linux_parameters.as_ref().map_or(Ok(()), check_linux_parameters)
}

fn check_linux_parameters(parameters: &LinuxParameters) -> Result<(), Error> {
    if parameters.shared_memory_size.is_some() {
        return Err(Error::client("Fargate compatible task definitions do not support sharedMemorySize"));
    }
    if parameters.tmpfs.as_ref().is_some_and(|mounts| !mounts.is_empty()) {
        return Err(Error::client("Fargate compatible task definitions do not support tmpfs"));
    }
    let mut added = parameters.capabilities.iter().flat_map(|capabilities| capabilities.add.iter().flatten());
    match added.find(|capability| *capability != "SYS_PTRACE") {
        Some(capability) => Err(Error::client(format!(
            "Fargate compatible task definitions do not support adding the capability '{capability}'. The supported capability is 'SYS_PTRACE'."
        ))),
        None => Ok(()),
    }
}

/// Whether an image lies in a private repository of ECR: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/...`.
pub fn is_ecr_image(image: &str) -> bool {
    let registry = image.split('/').next().unwrap_or_default();
    registry.contains(".dkr.ecr.") && registry.contains(".amazonaws.com")
}
