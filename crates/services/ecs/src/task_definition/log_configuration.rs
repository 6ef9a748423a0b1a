//! Log drivers: `awslogs` is served, with the options that decide where the output goes.

use std::collections::BTreeMap;

use container::LogBuffer;

use crate::error::Error;
use crate::generated::types::ContainerDefinition;
use crate::limits;
use crate::multiline::{Multiline, datetime_pattern};
use crate::task::LogStream;

/// Options of `awslogs` that are honoured.
const OPTIONS: [&str; 8] = [
    "awslogs-group",
    "awslogs-region",
    "awslogs-stream-prefix",
    "awslogs-create-group",
    "awslogs-datetime-format",
    "awslogs-multiline-pattern",
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
        None | Some("true" | "false") => {}
        Some(other) => {
            return Err(Error::client(format!(
                "Invalid value '{other}' of log option awslogs-create-group: it must be true or false."
            )));
        }
    }
    check_multiline(options)?;
    log_buffer(options).map(drop)
}

/// What Docker's `awslogs` driver says when the container is started is said here.
fn check_multiline(options: &BTreeMap<String, String>) -> Result<(), Error> {
    if options.contains_key("awslogs-datetime-format") && options.contains_key("awslogs-multiline-pattern") {
        return Err(Error::client(
            "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at the same time",
        ));
    }
    match multiline(options) {
        Some(pattern) => Multiline::new(&pattern).map(drop).map_err(|reason| {
            Error::client(format!("awslogs could not parse multiline pattern key {pattern:?}: {reason}"))
        }),
        None => Ok(()),
    }
}

/// What the first line of every event matches, where events have several.
fn multiline(options: &BTreeMap<String, String>) -> Option<String> {
    let format = options.get("awslogs-datetime-format").map(|format| datetime_pattern(format));
    format.or_else(|| options.get("awslogs-multiline-pattern").cloned())
}

/// What happens to the container when it writes faster than CloudWatch Logs takes it.
///
/// Without a `mode` it waits, as in an AWS account whose setting `defaultLogDriverMode` is `blocking`.
pub fn buffer(container: &ContainerDefinition) -> LogBuffer {
    let options = container.log_configuration.as_ref().filter(|_| is_awslogs(container));
    let options = options.map(|one| one.options.clone().unwrap_or_default());
    // It was checked when the definition was registered.
    options.and_then(|options| log_buffer(&options).ok()).unwrap_or_default()
}

fn log_buffer(options: &BTreeMap<String, String>) -> Result<LogBuffer, Error> {
    let size = options.get("max-buffer-size").map(String::as_str);
    // Who says how large the buffer is wants one that does not block.
    let mode = if size.is_some() { "non-blocking" } else { "blocking" };
    match options.get("mode").map_or(mode, String::as_str) {
        "blocking" if size.is_some() => Err(Error::client(
            "Log option max-buffer-size is only supported with the option mode=non-blocking.",
        )),
        "blocking" => Ok(LogBuffer::Blocking { bytes: limits::LOG_BUFFER_BYTES }),
        "non-blocking" => match size.map_or(Some(limits::LOG_MAX_BUFFER_SIZE), bytes) {
            Some(bytes) => Ok(LogBuffer::NonBlocking { bytes }),
            None => Err(Error::client(format!(
                "Invalid value '{}' of log option max-buffer-size: it must be a size, such as 25m.",
                size.unwrap_or_default()
            ))),
        },
        other => Err(Error::client(format!(
            "Invalid value '{other}' of log option mode: it must be blocking or non-blocking."
        ))),
    }
}

/// A size as Docker writes it: `1048576`, `1024k`, `1m`, `1MB`, `1 MiB`; never 0.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift).filter(|bytes| *bytes > 0)
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
        multiline: multiline(options),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_as_docker_does() {
        for (text, size) in [("1", 1), ("25m", 25 << 20), ("1 MiB", 1 << 20), ("2KB", 2048), ("1g", 1 << 30)]
        {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for text in ["", "0", "m", "-1m", "1x", "1.5m", "99999999999999999999", "18446744073709551615g"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
