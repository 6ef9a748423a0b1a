//! `healthCheck`: its limits and defaults. An image's own `HEALTHCHECK` is ignored, as ECS does.
//!
//! Source: API reference, `HealthCheck`.

use std::ops::RangeInclusive;

use crate::error::Error;
use crate::generated::types::{ContainerDefinition, HealthCheck};
use crate::health;
use crate::limits;

/// Checks a container's health check and completes it with defaults.
///
/// # Errors
/// [`Error::Client`].
pub fn parse(name: &str, container: &ContainerDefinition) -> Result<Option<HealthCheck>, Error> {
    let Some(given) = &container.health_check else { return Ok(None) };
    let words = given.command.get(1..).unwrap_or_default();
    match given.command.first().map(String::as_str) {
        Some("NONE") => return Ok(Some(given.clone())),
        Some("CMD" | "CMD-SHELL") if words.iter().any(|word| !word.is_empty()) => {}
        Some("CMD" | "CMD-SHELL") | None => {
            return Err(Error::client(format!(
                "The health check of container '{name}' must have a command."
            )));
        }
        Some(_) => {
            return Err(Error::client(format!(
                "The health check command of container '{name}' must begin with CMD, CMD-SHELL or NONE."
            )));
        }
    }
    let (intervals, interval) = limits::HEALTH_INTERVAL_SECONDS;
    let (timeouts, timeout) = limits::HEALTH_TIMEOUT_SECONDS;
    let (attempts, retries) = limits::HEALTH_RETRIES;
    let start_period = given.start_period;
    within(name, "startPeriod", start_period.unwrap_or(0), &limits::HEALTH_START_PERIOD_SECONDS)?;
    Ok(Some(HealthCheck {
        command: given.command.clone(),
        interval: Some(within(name, "interval", given.interval.unwrap_or(interval), &intervals)?),
        timeout: Some(within(name, "timeout", given.timeout.unwrap_or(timeout), &timeouts)?),
        retries: Some(within(name, "retries", given.retries.unwrap_or(retries), &attempts)?),
        start_period,
    }))
}

fn within(name: &str, field: &str, value: i64, range: &RangeInclusive<i64>) -> Result<i64, Error> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) = (range.start(), range.end());
    Err(Error::client(format!(
        "The health check {field} of container '{name}' must be between {least} and {most}."
    )))
}

/// Whether a container's health is checked.
pub fn is_set(container: &ContainerDefinition) -> bool {
    let command = container.health_check.as_ref().map(|check| check.command.as_slice()).unwrap_or_default();
    command.first().is_some_and(|first| first != "NONE")
}

/// The health check of a container of a registered task definition.
pub fn read(container: &ContainerDefinition) -> Option<health::HealthCheck> {
    let check = container.health_check.as_ref()?;
    let words = check.command.get(1..).unwrap_or_default().iter().cloned();
    let command = match check.command.first()?.as_str() {
        "CMD" => words.collect(),
        "CMD-SHELL" => ["/bin/sh", "-c"].map(str::to_owned).into_iter().chain(words).collect(),
        _ => return None,
    };
    let seconds =
        |given: Option<i64>, default: i64| u64::try_from(given.unwrap_or(default)).unwrap_or_default();
    Some(health::HealthCheck {
        command,
        interval_seconds: seconds(check.interval, limits::HEALTH_INTERVAL_SECONDS.1),
        timeout_seconds: seconds(check.timeout, limits::HEALTH_TIMEOUT_SECONDS.1),
        retries: u32::try_from(check.retries.unwrap_or(limits::HEALTH_RETRIES.1)).unwrap_or(1).max(1),
        start_period_seconds: seconds(check.start_period, 0),
    })
}
