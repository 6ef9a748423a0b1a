//! `dependsOn`: which containers wait for which others of their task.
//!
//! Source of the texts: answers of RegisterTaskDefinition in the field; that about cycles is the one about `links`, said
//! of dependencies.

use std::collections::BTreeMap;

use crate::dependency::{Condition, Dependency};
use crate::error::Error;
use crate::generated::types::ContainerDefinition;
use crate::names;

/// Checks that each container waits for what can come: for containers that exist, and not for itself in the end.
///
/// # Errors
/// [`Error::Client`].
pub fn check(containers: &[ContainerDefinition]) -> Result<(), Error> {
    let mut edges = BTreeMap::new();
    for container in containers {
        let mut names = Vec::new();
        for dependency in container.depends_on.iter().flatten() {
            check_one(&dependency.container_name, &dependency.condition, containers)?;
            names.push(dependency.container_name.as_str());
        }
        edges.insert(container.name.as_deref().unwrap_or_default(), names);
    }
    if names::has_cycle(&edges) {
        return Err(Error::client("Container dependencies should not have a cycle"));
    }
    Ok(())
}

fn check_one(name: &str, condition: &str, containers: &[ContainerDefinition]) -> Result<(), Error> {
    let Some(other) = containers.iter().find(|container| container.name.as_deref() == Some(name)) else {
        // The plus sign is AWS's.
        return Err(Error::client(format!(
            "Cannot depend on container + '{name}' because it does not exist"
        )));
    };
    let Some(condition) = Condition::parse(condition) else {
        // The model's values were checked before.
        return Err(Error::client(format!("Invalid container dependency condition '{condition}'.")));
    };
    if condition.is_end() && other.essential != Some(false) {
        return Err(Error::client(
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
        ));
    }
    if condition == Condition::Healthy && !super::health_check::is_set(other) {
        return Err(Error::client("A dependency container with HEALTHY condition must have a health check"));
    }
    Ok(())
}

/// What a container of a registered task definition waits for.
pub fn read(container: &ContainerDefinition) -> Vec<Dependency> {
    let given = container.depends_on.iter().flatten();
    given
        .filter_map(|one| {
            Some(Dependency {
                container: one.container_name.clone(),
                condition: Condition::parse(&one.condition)?,
            })
        })
        .collect()
}
