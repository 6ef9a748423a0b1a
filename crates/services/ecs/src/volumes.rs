//! Volumes: directories that the containers of one task share and that live and die with it, and folders of this machine.
//!
//! Volumes with a place of their own elsewhere (EFS, FSx, EBS, Docker's drivers) are not served. Which folders of this
//! machine may be mounted is `host_folders`'.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use container::Mount;

use crate::error::Error;
use crate::generated::types::{ContainerDefinition, MountPoint, RegisterTaskDefinitionInput, Volume};
use crate::host_folders::HostFolders;
use crate::names;
use crate::task::Task;

/// Checks a task definition's volumes, and that what containers mount is one of them.
///
/// # Errors
/// [`Error::Client`].
pub fn check(input: &RegisterTaskDefinitionInput, folders: &HostFolders) -> Result<(), Error> {
    let mut known = BTreeSet::new();
    for volume in input.volumes.iter().flatten() {
        let name = volume.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(Error::client("Volume.name should not be null or empty."));
        }
        if !names::is_name(name) {
            return Err(Error::client("Volume.name contains invalid characters."));
        }
        if !is_local(volume) {
            return Err(Error::unsupported(format!(
                "volumes ('{name}') other than empty ones and folders of this machine"
            )));
        }
        check_source_path(name, source_path(volume), folders)?;
        if !known.insert(name) {
            return Err(Error::client(format!("Volume names must be unique. Duplicate: {name}")));
        }
    }
    let containers = &input.container_definitions;
    containers.iter().try_for_each(|container| check_mount_points(container, &known))?;
    check_volumes_from(containers)
}

fn check_source_path(volume: &str, path: Option<&str>, folders: &HostFolders) -> Result<(), Error> {
    match path {
        None => Ok(()),
        Some("") => Err(Error::client("host.sourcePath should not be blank.")),
        Some(path) if folders.allow(Path::new(path)) => Ok(()),
        Some(path) => Err(Error::client(format!(
            "host.sourcePath '{path}' of volume '{volume}' is not allowed: it is none of the folders that the server was started with (--allow-bind), nor inside of one."
        ))),
    }
}

/// Whether a volume lies on this machine.
fn is_local(volume: &Volume) -> bool {
    volume.docker_volume_configuration.is_none()
        && volume.efs_volume_configuration.is_none()
        && volume.s3files_volume_configuration.is_none()
        && volume.fsx_windows_file_server_volume_configuration.is_none()
        && volume.configured_at_launch != Some(true)
}

/// The folder of this machine that a volume is.
pub fn source_path(volume: &Volume) -> Option<&str> {
    volume.host.as_ref()?.source_path.as_deref()
}

fn check_mount_points(container: &ContainerDefinition, volumes: &BTreeSet<&str>) -> Result<(), Error> {
    for mount in container.mount_points.iter().flatten() {
        let volume = mount.source_volume.as_deref().unwrap_or("null");
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

fn check_volumes_from(containers: &[ContainerDefinition]) -> Result<(), Error> {
    let names: BTreeSet<&str> = containers.iter().filter_map(|one| one.name.as_deref()).collect();
    let mut edges = BTreeMap::new();
    for container in containers {
        let sources: Vec<&str> = sources_of(container).map(|(source, _)| source).collect();
        if let Some(unknown) = sources.iter().find(|source| !names.contains(*source)) {
            return Err(Error::client(format!(
                "Cannot mount volumes from container '{unknown}' because it does not exist"
            )));
        }
        edges.insert(container.name.as_deref().unwrap_or_default(), sources);
    }
    if names::has_cycle(&edges) {
        return Err(Error::client("Container volumesFrom should not have a cycle"));
    }
    Ok(())
}

/// The containers whose mounts a container takes over, and whether it may only read them.
fn sources_of(container: &ContainerDefinition) -> impl Iterator<Item = (&str, bool)> {
    let sources = container.volumes_from.iter().flatten();
    sources.map(|one| (one.source_container.as_deref().unwrap_or("null"), one.read_only.unwrap_or(false)))
}

/// What the containers of a task mount.
#[derive(Clone, Debug)]
pub struct TaskVolumes<'a> {
    /// Where the task's own volumes are made.
    pub directory: PathBuf,
    /// The volumes of the task definition.
    pub volumes: &'a [Volume],
    /// The containers of the task definition.
    pub containers: &'a [ContainerDefinition],
}

impl TaskVolumes<'_> {
    /// What `container` mounts: its own mount points, then those that it takes over. Of two at one path the first wins.
    pub fn mounts(&self, container: &ContainerDefinition) -> Vec<Mount> {
        let mut mounts = BTreeMap::new();
        self.gather(container, false, &mut mounts);
        mounts.into_values().collect()
    }

    /// The folders of this machine that any container mounts.
    pub fn host_folders(&self) -> Vec<PathBuf> {
        let points = self.containers.iter().flat_map(|container| container.mount_points.iter().flatten());
        let volumes: BTreeSet<&str> = points.filter_map(|point| point.source_volume.as_deref()).collect();
        let mounted =
            self.volumes.iter().filter(|one| volumes.contains(one.name.as_deref().unwrap_or_default()));
        mounted.filter_map(source_path).map(PathBuf::from).collect()
    }

    fn gather(&self, container: &ContainerDefinition, read_only: bool, mounts: &mut BTreeMap<String, Mount>) {
        for point in container.mount_points.iter().flatten() {
            let target = point.container_path.clone().unwrap_or_default();
            mounts.entry(target.clone()).or_insert_with(|| Mount::Bind {
                source: self.source(point),
                target,
                read_only: read_only || point.read_only.unwrap_or(false),
            });
        }
        // Registration made sure that this ends.
        for (name, source_read_only) in sources_of(container) {
            if let Some(source) = self.containers.iter().find(|one| one.name.as_deref() == Some(name)) {
                self.gather(source, read_only || source_read_only, mounts);
            }
        }
    }

    fn source(&self, point: &MountPoint) -> PathBuf {
        let name = point.source_volume.as_deref().unwrap_or_default();
        let volume = self.volumes.iter().find(|volume| volume.name.as_deref() == Some(name));
        match volume.and_then(source_path) {
            Some(path) => PathBuf::from(path),
            // Names of volumes are letters, digits, hyphens and underscores: nothing leads out of the directory.
            None => self.directory.join(name),
        }
    }
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
    let Some(directory) = &task.volumes_directory else { return Ok(()) };
    match tokio::fs::remove_dir_all(directory).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The directories that are the task's own: never a folder that somebody else put things into.
fn sources(task: &Task) -> Vec<PathBuf> {
    let Some(directory) = &task.volumes_directory else { return Vec::new() };
    let mounts = task.containers.iter().flat_map(|container| &container.spec.mounts);
    mounts
        .filter_map(|mount| match mount {
            Mount::Bind { source, .. } => source.starts_with(directory).then(|| source.clone()),
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
