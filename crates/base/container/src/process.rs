//! Works out which process a container runs, from its specification and its image.
//!
//! Docker's rules, which ECS's are: pure, so that every one of them is a case file. Looking the user up in the image's
//! `/etc/passwd` and the executable in its `PATH` needs the image's files and happens in the container.

use crate::driver::{ContainerSpec, Image, LaunchError};
use crate::signal::Signal;

/// The `PATH` of a container whose image and specification set none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The process that a container runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Process {
    /// The executable and its arguments: at least one.
    pub arguments: Vec<String>,
    /// Variables, each name once.
    pub environment: Vec<(String, String)>,
    /// An absolute path.
    pub working_directory: String,
    /// As `USER` is written, if anyone asked for one.
    pub user: Option<String>,
    /// What asks the process to end.
    pub stop_signal: Signal,
}

impl Process {
    /// The process of a container of `image` that is specified by `spec`, and called `hostname` on its network.
    ///
    /// # Errors
    /// [`LaunchError::CannotCreate`] when there is nothing to run, or the stop signal is none.
    pub fn resolve(spec: &ContainerSpec, image: &Image, hostname: &str) -> Result<Self, LaunchError> {
        let arguments = arguments(spec, image);
        if arguments.first().is_none_or(String::is_empty) {
            return Err(LaunchError::CannotCreate("no command specified".to_owned()));
        }
        let stop_signal = match spec.stop_signal.as_ref().or(image.stop_signal.as_ref()) {
            None => Signal::TERM,
            Some(text) => Signal::parse(text)
                .ok_or_else(|| LaunchError::CannotCreate(format!("invalid signal: {text}")))?,
        };
        Ok(Self {
            arguments,
            environment: environment(spec, image, hostname),
            working_directory: working_directory(spec, image),
            user: spec.user.clone().or_else(|| image.user.clone()).filter(|user| !user.is_empty()),
            stop_signal,
        })
    }

    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An entry point replaces `ENTRYPOINT` and drops `CMD`; an empty one only clears `ENTRYPOINT`. An empty command is none.
fn arguments(spec: &ContainerSpec, image: &Image) -> Vec<String> {
    let command = spec.command.as_ref().filter(|command| !command.is_empty());
    let replaced = spec.entry_point.as_ref().filter(|entry_point| !entry_point.is_empty());
    let entry_point = spec.entry_point.as_ref().unwrap_or(&image.entry_point);
    let command = match (command, replaced) {
        (Some(command), _) => command.as_slice(),
        (None, Some(_)) => &[],
        (None, None) => &image.command,
    };
    entry_point.iter().chain(command).cloned().collect()
}

fn environment(spec: &ContainerSpec, image: &Image, hostname: &str) -> Vec<(String, String)> {
    let defaults =
        [("PATH".to_owned(), DEFAULT_PATH.to_owned()), ("HOSTNAME".to_owned(), hostname.to_owned())];
    let mut variables: Vec<(String, String)> = Vec::new();
    for (name, value) in defaults.iter().chain(&image.environment).chain(&spec.environment) {
        match variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => old.clone_from(value),
            None => variables.push((name.clone(), value.clone())),
        }
    }
    variables
}

fn working_directory(spec: &ContainerSpec, image: &Image) -> String {
    let directory = spec.working_directory.as_deref().unwrap_or(&image.working_directory);
    // An image may say `WORKDIR app`, which builders make absolute and other tools do not.
    if directory.starts_with('/') { directory.to_owned() } else { format!("/{directory}") }
}
