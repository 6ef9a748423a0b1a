//! Processor and memory of a task: their units, and the pairs that Fargate has.

use crate::error::Error;
use crate::generated::types::{ContainerDefinition, RegisterTaskDefinitionInput};

/// CPU units of the whole task: `256`, `0.25 vCPU`, `.25 vcpu`.
///
/// # Errors
/// [`Error::Client`] for another text.
pub fn task_cpu(input: &RegisterTaskDefinitionInput) -> Result<Option<i64>, Error> {
    input.cpu.as_deref().map(cpu_units).transpose()
}

/// MiB of the whole task: `512`, `0.5 GB`, `1gb`.
///
/// # Errors
/// [`Error::Client`] for another text.
pub fn task_memory(input: &RegisterTaskDefinitionInput) -> Result<Option<i64>, Error> {
    input.memory.as_deref().map(memory_mib).transpose()
}

/// Reads CPU units, or vCPUs with their unit.
///
/// # Errors
/// [`Error::Client`].
pub fn cpu_units(text: &str) -> Result<i64, Error> {
    amount(text, "vcpu").ok_or_else(|| {
        Error::client(
            "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
        )
    })
}

/// Reads MiB, or GB with their unit.
///
/// # Errors
/// [`Error::Client`].
pub fn memory_mib(text: &str) -> Result<i64, Error> {
    amount(text, "gb").ok_or_else(|| {
        Error::client(
            "Invalid 'memory' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
        )
    })
}

/// A positive whole number, or a decimal number of 1024s followed by `unit` in any case.
fn amount(text: &str, unit: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let units = match text.strip_suffix(unit) {
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
        None => return None,
        Some(number) => thousandths(number.trim())?.checked_mul(1024)? / 1000,
    };
    (units > 0).then_some(units)
}

/// A decimal number such as `0.25`, `.5` or `2` in thousandths.
fn thousandths(number: &str) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || fraction.len() > 3
    {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: i64 = format!("{fraction:0<3}").parse().ok()?;
    whole.checked_mul(1000)?.checked_add(fraction)
}

/// Whether Fargate has tasks of this size.
///
/// Source: measured on AWS in August 2026; Developer Guide, "Task CPU and memory".
pub fn is_fargate_pair(cpu: i64, memory: i64) -> bool {
    let stepped =
        |least: i64, most: i64, step: i64| (least..=most).contains(&memory) && (memory - least) % step == 0;
    match cpu {
        256 => [512, 1024, 2048].contains(&memory),
        512 => stepped(1024, 4096, 1024),
        1024 => stepped(2048, 8192, 1024),
        2048 => stepped(4096, 16384, 1024),
        4096 => stepped(8192, 30720, 1024),
        8192 => stepped(16384, 61440, 4096),
        16384 => stepped(32768, 122_880, 8192),
        _ => false,
    }
}

/// Checks that the containers fit into the task, and that each says how much memory it wants where the task does not.
///
/// # Errors
/// [`Error::Client`].
pub fn check_containers(
    containers: &[ContainerDefinition],
    cpu: Option<i64>,
    memory: Option<i64>,
) -> Result<(), Error> {
    for container in containers {
        let name = container.name.as_deref().unwrap_or_default();
        let (hard, soft) = (container.memory, container.memory_reservation);
        if memory.is_none() && hard.is_none() && soft.is_none() {
            return Err(Error::client(format!(
                "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
            )));
        }
        if let (Some(task), Some(own)) = (memory, hard.or(soft))
            && own > task
        {
            return Err(Error::client(format!(
                "The 'memory' setting for container '{name}' is greater than for the task."
            )));
        }
    }
    let total = containers.iter().filter_map(|container| container.cpu).fold(0, i64::saturating_add);
    if cpu.is_some_and(|task| total > task) {
        return Err(Error::client(
            "The total of the 'cpu' settings of all containers is greater than the 'cpu' setting for the task.",
        ));
    }
    Ok(())
}
