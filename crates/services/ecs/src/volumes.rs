//! Empty volumes: directories that the containers of one task share, and that live and die with it.
//!
//! Volumes with a place of their own (a path of the host, EFS, FSx, Docker's drivers) are not served.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use container::Mount;

use crate::error::Error;
use crate::generated::types::{ContainerDefinition, RegisterTaskDefinitionInput, Volume};
use crate::names;
use crate::task::Task;

/// Checks a task definition's volumes, and that what containers mount is one of them.
///
/// # Errors
/// [`Error::Client`].
pub fn check(input: &RegisterTaskDefinitionInput) -> Result<(), Error> {
    let mut known = BTreeSet::new();
    for volume in input.volumes.iter().flatten() {
        let name = volume.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(Error::client("Volume.name should not be null or empty."));
        }
        if !names::is_name(name) {
            return Err(Error::client("Volume.name contains invalid characters."));
        }
        if !is_empty_volume(volume) {
            return Err(Error::unsupported(format!("volumes ('{name}') other than empty ones")));
        }
        if !known.insert(name) {
            return Err(Error::client(format!("Volume names must be unique. Duplicate: {name}")));
        }
    }
    input.container_definitions.iter().try_for_each(|container| check_mount_points(container, &known))
}

fn is_empty_volume(volume: &Volume) -> bool {
    volume.host.as_ref().is_none_or(|host| host.source_path.is_none())
        && volume.docker_volume_configuration.is_none()
        && volume.efs_volume_configuration.is_none()
        && volume.s3files_volume_configuration.is_none()
        && volume.fsx_windows_file_server_volume_configuration.is_none()
        && volume.configured_at_launch != Some(true)
}

fn check_mount_points(container: &ContainerDefinition, volumes: &BTreeSet<&str>) -> Result<(), Error> {
    for mount in container.mount_points.iter().flatten() {
        let volume = mount.source_volume.as_deref().unwrap_or_default();
        if !volumes.contains(volume) {
            return Err(Error::client(format!("Unknown volume '{volume}'.")));
        }
        let path = mount.container_path.as_deref().unwrap_or_default();
        if !path.starts_with('/') || path.contains('\0') || path.split('/').any(|part| part == "..") {
            return Err(Error::client(format!("Invalid mount point path '{path}': it must be absolute.")));
        }
    }
    Ok(())
}

/// What a container mounts, where the volumes of its task lie in `directory`.
pub fn mounts(container: &ContainerDefinition, directory: &Path) -> Vec<Mount> {
    let points = container.mount_points.iter().flatten();
    points
        .map(|point| Mount::Bind {
            // Names of volumes are letters, digits, hyphens and underscores: nothing leads out of the directory.
            source: directory.join(point.source_volume.as_deref().unwrap_or_default()),
            target: point.container_path.clone().unwrap_or_default(),
            read_only: point.read_only.unwrap_or(false),
        })
        .collect()
}

/// Makes the directories that a task's containers mount. Making them again changes nothing.
///
/// # Errors
/// What the file system says.
pub async fn create(task: &Task) -> io::Result<()> {
    for source in sources(task) {
        tokio::fs::create_dir_all(&source).await?;
        open_to_all(&source).await?;
    }
    Ok(())
}

/// Removes the directories of a task, with what is in them.
///
/// # Errors
/// What the file system says.
pub async fn remove(task: &Task) -> io::Result<()> {
    let Some(directory) = sources(task).first().and_then(|source| source.parent()).map(Path::to_owned) else {
        return Ok(());
    };
    match tokio::fs::remove_dir_all(&directory).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn sources(task: &Task) -> Vec<PathBuf> {
    let mounts = task.containers.iter().flat_map(|container| &container.spec.mounts);
    mounts
        .filter_map(|mount| match mount {
            Mount::Bind { source, .. } => Some(source.clone()),
            Mount::Tmpfs { .. } => None,
        })
        .collect()
}

/// Containers of one task may run as different users, and all may write, as in a volume of Docker's.
#[cfg(unix)]
async fn open_to_all(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    tokio::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o777)).await
}

#[cfg(not(unix))]
async fn open_to_all(_: &Path) -> io::Result<()> {
    Ok(())
}
