//! What a task definition requires of where it runs, as answers list it.

use std::collections::BTreeSet;

use super::{fargate, log_configuration};
use crate::generated::types::{Attribute, ContainerDefinition, RegisterTaskDefinitionInput};

/// The launch types that the definition was found fit for.
pub fn compatibilities(fits_fargate: bool) -> Vec<String> {
    let names: &[&str] = if fits_fargate { &["EC2", "FARGATE"] } else { &["EC2"] };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The attributes that a container instance would need.
///
/// Source: Developer Guide, "Amazon ECS container agent configuration", and agent releases.
pub fn required(input: &RegisterTaskDefinitionInput, containers: &[ContainerDefinition]) -> Vec<Attribute> {
    let mut names = BTreeSet::from(["com.amazonaws.ecs.capability.docker-remote-api.1.18"]);
    let execution_role = input.execution_role_arn.is_some();
    if input.task_role_arn.is_some() {
        names.insert("com.amazonaws.ecs.capability.task-iam-role");
    }
    if input.network_mode.as_deref() == Some("awsvpc") {
        names.insert("ecs.capability.task-eni");
    }
    if input.pid_mode.is_some() || input.ipc_mode.is_some() {
        names.insert("ecs.capability.pid-ipc-namespace-sharing");
    }
    for container in containers {
        if log_configuration::is_awslogs(container) {
            names.insert("com.amazonaws.ecs.capability.logging-driver.awslogs");
            names.insert("com.amazonaws.ecs.capability.docker-remote-api.1.19");
            if execution_role {
                names.insert("ecs.capability.execution-role-awslogs");
            }
        }
        if container.image.as_deref().is_some_and(fargate::is_ecr_image) {
            names.insert("com.amazonaws.ecs.capability.ecr-auth");
            if execution_role {
                names.insert("ecs.capability.execution-role-ecr-pull");
            }
        }
        for secret in container.secrets.iter().flatten() {
            names.insert(match secret.value_from.contains(":secretsmanager:") {
                true => "ecs.capability.secrets.asm.environment-variables",
                false => "ecs.capability.secrets.ssm.environment-variables",
            });
        }
        if container.environment_files.as_ref().is_some_and(|files| !files.is_empty()) {
            names.insert("ecs.capability.env-files.s3");
        }
        if container.memory_reservation.is_some() {
            names.insert("com.amazonaws.ecs.capability.docker-remote-api.1.21");
        }
    }
    names.into_iter().map(|name| Attribute { name: name.to_owned(), ..Attribute::default() }).collect()
}
