//! What happened while the clock was moved, for a person or a program to read.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::Timestamp;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Happening {
    /// When, by the clock.
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen. Of one moment they are told in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "event", rename_all_fields = "camelCase")]
pub enum What {
    /// The time of a schedule came.
    Schedule {
        /// The ARN of the rule or the schedule.
        schedule: String,
        /// `FIRED`; or `MISSED` or `OVERLAPPED`, and nobody was invoked.
        status: String,
    },
    /// An execution began or ended.
    Execution {
        /// The state machine's ARN.
        state_machine: String,
        /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
        status: String,
        /// How long it took, in milliseconds; of one that ended.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        took_ms: Option<i64>,
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        error: Option<String>,
        /// The execution's ARN.
        execution: String,
    },
    /// A task's containers run, or have ended.
    Task {
        /// The task definition's ARN.
        task_definition: String,
        /// `RUNNING` or `STOPPED`.
        status: String,
        /// Why it stopped.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
        /// The exit codes of its containers.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        exit_codes: Vec<i64>,
        /// The task's ARN.
        task: String,
    },
    /// Something did not end in the time that was given to it: the clock went on without it.
    StillRunning {
        /// What: a task's ARN, or what is to be done in which queue.
        subject: String,
    },
}

impl Happening {
    /// One line for a person.
    pub fn line(&self) -> String {
        format!("{}  {}", self.time.to_iso_seconds(), self.what.line())
    }

    /// The same for a program, with a time that people read, too.
    ///
    /// # Errors
    /// None that is known: it is plain data.
    pub fn to_json(&self) -> serde_json::Result<Value> {
        let mut value = serde_json::to_value(self)?;
        value["time"] = self.time.to_iso_millis().into();
        Ok(value)
    }
}

impl What {
    /// How many schedules fired, executions ended and tasks stopped with this.
    pub fn counts(&self) -> [usize; 3] {
        match self {
            Self::Schedule { status, .. } => [usize::from(status == "FIRED"), 0, 0],
            Self::Execution { took_ms, .. } => [0, usize::from(took_ms.is_some()), 0],
            Self::Task { status, .. } => [0, 0, usize::from(status == "STOPPED")],
            Self::StillRunning { .. } => [0, 0, 0],
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Schedule { schedule, status } => {
                let (kind, name) = match schedule.split_once(":rule/") {
                    Some((_, name)) => ("rule", name),
                    None => ("schedule", after(schedule, ":schedule/")),
                };
                let status = match status.as_str() {
                    "FIRED" => "fired",
                    "MISSED" => "missed: nobody was there",
                    _ => "left out: the one before is still at work",
                };
                format!("{kind} {name} {status}")
            }
            Self::Execution { state_machine, status, took_ms, error, .. } => {
                let name = after(state_machine, ":stateMachine:");
                let error = error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
                match took_ms {
                    None => format!("execution of {name} started"),
                    Some(ms) => format!("execution of {name} {status} after {}{error}", duration(*ms)),
                }
            }
            Self::Task { task_definition, status, reason, exit_codes, .. } => {
                let name = task_definition.rsplit('/').next().unwrap_or_default();
                if status != "STOPPED" {
                    return format!("task of {name} runs");
                }
                let codes: Vec<String> = exit_codes.iter().map(i64::to_string).collect();
                let codes = if codes.is_empty() { "none".to_owned() } else { codes.join(", ") };
                let reason = reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
                format!("task of {name} stopped, exit {codes}{reason}")
            }
            Self::StillRunning { subject } => format!("{subject} is still at work: the clock goes on"),
        }
    }
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or(text, |(_, rest)| rest)
}

/// `1h 30m`, `2.5s`.
pub fn duration(ms: i64) -> String {
    let (days, hours) = (ms / 86_400_000, ms / 3_600_000 % 24);
    let (minutes, rest) = (ms / 60_000 % 60, ms % 60_000);
    let mut parts = Vec::new();
    for (count, unit) in [(days, 'd'), (hours, 'h'), (minutes, 'm')] {
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    if rest > 0 || parts.is_empty() {
        let millis = rest % 1000;
        let seconds = rest / 1000;
        let fraction = format!(".{millis:03}");
        parts.push(format!("{seconds}{}s", fraction.trim_end_matches('0').trim_end_matches('.')));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let texts = [0, 1, 2500, 60_000, 5_400_000, 90_061_000].map(duration);
        assert_eq!(texts, ["0s", "0.001s", "2.5s", "1m", "1h 30m", "1d 1h 1m 1s"]);
    }

    #[test]
    fn a_line_says_what_a_person_wants_to_know() {
        let schedule = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly".to_owned();
        let what = What::Schedule { schedule, status: "FIRED".to_owned() };
        let line = Happening { time: Timestamp::from_seconds(0), what }.line();
        assert_eq!(line, "1970-01-01T00:00:00Z  schedule default/nightly fired");
    }
}
