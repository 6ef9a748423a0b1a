//! Log drivers: `awslogs` is served, with the options that decide where the output goes.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::generated::types::ContainerDefinition;
use crate::task::LogStream;

/// Options of `awslogs` that are honoured, or that only tune what has no equivalent here (buffers and blocking: output
/// is kept on disk until it is delivered).
const OPTIONS: [&str; 6] = [
    "awslogs-group",
    "awslogs-region",
    "awslogs-stream-prefix",
    "awslogs-create-group",
    "mode",
    "max-buffer-size",
];

/// Checks a container's log configuration.
///
/// # Errors
/// [`Error::Client`] for another driver, an option that is not honoured, or one that is missing.
pub fn check(container: &ContainerDefinition) -> Result<(), Error> {
    let Some(configuration) = &container.log_configuration else { return Ok(()) };
    let name = container.name.as_deref().unwrap_or_default();
    let driver = configuration.log_driver.as_str();
    if driver != "awslogs" {
        return Err(Error::unsupported(format!(
            "logConfiguration.logDriver '{driver}' of container '{name}'"
        )));
    }
    if configuration.secret_options.as_ref().is_some_and(|options| !options.is_empty()) {
        return Err(Error::unsupported(format!("logConfiguration.secretOptions of container '{name}'")));
    }
    let empty = BTreeMap::new();
    let options = configuration.options.as_ref().unwrap_or(&empty);
    if let Some(option) = options.keys().find(|option| !OPTIONS.contains(&option.as_str())) {
        return Err(Error::unsupported(format!("logConfiguration.options '{option}' of container '{name}'")));
    }
    let missing = |option: &str| options.get(option).is_none_or(String::is_empty);
    if missing("awslogs-group") || missing("awslogs-region") {
        return Err(Error::client("Log driver awslogs requires options: awslogs-region, awslogs-group"));
    }
    match options.get("awslogs-create-group").map(String::as_str) {
        None | Some("true" | "false") => Ok(()),
        Some(other) => Err(Error::client(format!(
            "Invalid value '{other}' of log option awslogs-create-group: it must be true or false."
        ))),
    }
}

/// Whether the container's streams begin with a prefix of its own.
pub fn has_stream_prefix(container: &ContainerDefinition) -> bool {
    let options = container.log_configuration.as_ref().and_then(|one| one.options.as_ref());
    options.is_some_and(|options| options.get("awslogs-stream-prefix").is_some_and(|one| !one.is_empty()))
}

/// Whether the container's output goes to CloudWatch Logs.
pub fn is_awslogs(container: &ContainerDefinition) -> bool {
    container.log_configuration.as_ref().is_some_and(|one| one.log_driver == "awslogs")
}

/// The stream of a container of the task `task_id`.
///
/// `prefix/container/task-id`. Without a prefix AWS takes the container's own id, which is not known before the
/// container has been started; the task's id and the container's name stand in for it.
pub fn stream(container: &ContainerDefinition, task_id: &str) -> Option<LogStream> {
    let options = container.log_configuration.as_ref()?.options.as_ref()?;
    let name = container.name.as_deref().unwrap_or_default();
    let stream = match options.get("awslogs-stream-prefix").filter(|prefix| !prefix.is_empty()) {
        Some(prefix) => format!("{prefix}/{name}/{task_id}"),
        None => format!("{name}/{task_id}"),
    };
    Some(LogStream {
        group: options.get("awslogs-group")?.clone(),
        name: stream,
        region: options.get("awslogs-region")?.clone(),
        create_group: options.get("awslogs-create-group").is_some_and(|create| create == "true"),
    })
}
