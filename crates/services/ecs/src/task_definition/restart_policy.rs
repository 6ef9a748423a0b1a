//! `restartPolicy`: its limits and defaults.
//!
//! Source: API reference, `ContainerRestartPolicy`.

use crate::error::Error;
use crate::generated::types::ContainerDefinition;
use crate::limits;
use crate::restart_policy::RestartPolicy;

/// Checks a container's restart policy.
///
/// # Errors
/// [`Error::Client`].
pub fn check(name: &str, container: &ContainerDefinition) -> Result<(), Error> {
    let Some(policy) = &container.restart_policy else { return Ok(()) };
    let (periods, default) = limits::RESTART_ATTEMPT_PERIOD_SECONDS;
    if !periods.contains(&policy.restart_attempt_period.unwrap_or(default)) {
        return Err(Error::client(format!(
            "The restartAttemptPeriod of container '{name}' must be between {} and {} seconds.",
            periods.start(),
            periods.end()
        )));
    }
    let codes = policy.ignored_exit_codes.as_deref().unwrap_or_default();
    if codes.len() > limits::IGNORED_EXIT_CODES {
        return Err(Error::client(format!(
            "The restart policy of container '{name}' can have at most {} ignoredExitCodes.",
            limits::IGNORED_EXIT_CODES
        )));
    }
    Ok(())
}

/// The restart policy of a container of a registered task definition, where it is enabled.
pub fn read(container: &ContainerDefinition) -> Option<RestartPolicy> {
    let policy = container.restart_policy.as_ref().filter(|policy| policy.enabled)?;
    let period = policy.restart_attempt_period.unwrap_or(limits::RESTART_ATTEMPT_PERIOD_SECONDS.1);
    let codes = policy.ignored_exit_codes.iter().flatten();
    Some(RestartPolicy {
        ignored_exit_codes: codes.filter_map(|code| i32::try_from(*code).ok()).collect(),
        attempt_period_seconds: u64::try_from(period).unwrap_or_default(),
    })
}
