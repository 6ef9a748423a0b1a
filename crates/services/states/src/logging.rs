//! Execution logs: what a state machine's `LoggingConfiguration` asks for, and the messages.
//!
//! Delivering them is `delivery`'s business.

use asl::{ExecutionSpec, HistoryEvent, LogLevel};
use serde::{Deserialize, Serialize};
use types::{Arn, Timestamp};

use crate::Error;
use crate::fingerprint;
use crate::generated::types::{CloudWatchLogsLogGroup, LogDestination, LoggingConfiguration};

/// `loggingConfiguration`, understood. The default is `OFF`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Logging {
    level: Level,
    include_execution_data: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    log_group_arns: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Level {
    #[default]
    Off,
    Fatal,
    Error,
    All,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::All => "ALL",
        }
    }

    fn of_events(self) -> LogLevel {
        match self {
            Self::Off => LogLevel::Off,
            Self::Fatal => LogLevel::Fatal,
            Self::Error => LogLevel::Error,
            Self::All => LogLevel::All,
        }
    }
}

impl Logging {
    /// Reads a request's `loggingConfiguration`.
    ///
    /// # Errors
    /// [`Error::LogDestinations`] unless there is exactly one destination, or none with level `OFF`;
    /// [`Error::LogDestinationNotFound`] where it is not the ARN of a log group.
    pub(crate) fn parse(configuration: Option<LoggingConfiguration>) -> Result<Self, Error> {
        let Some(configuration) = configuration else { return Ok(Self::default()) };
        let level = match configuration.level.as_deref() {
            Some("ALL") => Level::All,
            Some("ERROR") => Level::Error,
            Some("FATAL") => Level::Fatal,
            _ => Level::Off,
        };
        let destinations = configuration.destinations.unwrap_or_default();
        if destinations.len() > 1 || destinations.is_empty() && level != Level::Off {
            return Err(Error::LogDestinations);
        }
        let log_group_arns: Option<Vec<String>> = destinations.into_iter().map(log_group_arn).collect();
        let logging = Self {
            level,
            include_execution_data: configuration.include_execution_data.unwrap_or(false),
            log_group_arns: log_group_arns.ok_or(Error::LogDestinations)?,
        };
        if !logging.log_group_arns.iter().all(|arn| log_group_name(arn).is_some()) {
            return Err(Error::LogDestinationNotFound);
        }
        Ok(logging)
    }

    /// `loggingConfiguration` of an answer.
    pub(crate) fn describe(&self) -> LoggingConfiguration {
        let destinations: Vec<LogDestination> = self
            .log_group_arns
            .iter()
            .map(|arn| LogDestination {
                cloud_watch_logs_log_group: Some(CloudWatchLogsLogGroup { log_group_arn: Some(arn.clone()) }),
            })
            .collect();
        LoggingConfiguration {
            level: Some(self.level.as_str().to_owned()),
            include_execution_data: Some(self.include_execution_data),
            destinations: (!destinations.is_empty()).then_some(destinations),
        }
    }

    /// Name of the log group that events go to; none where nothing is logged.
    pub(crate) fn log_group(&self) -> Option<String> {
        if self.level == Level::Off {
            return None;
        }
        self.log_group_arns.first().and_then(|arn| log_group_name(arn))
    }

    /// The messages that the level asks for, with the time of each.
    pub(crate) fn messages(&self, spec: &ExecutionSpec, events: &[HistoryEvent]) -> Vec<Message> {
        let level = self.level.of_events();
        let wanted =
            events.iter().filter(|event| level != LogLevel::Off && event.kind().log_level() <= level);
        let message = |event: &HistoryEvent| Message {
            timestamp: event.timestamp,
            message: event
                .to_log_message(&spec.arn, spec.redrive_count, self.include_execution_data)
                .to_string(),
        };
        wanted.map(message).collect()
    }
}

/// One event for CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) timestamp: Timestamp,
    pub(crate) message: String,
}

/// Name of the stream that a machine's events of this time go to.
///
/// AWS begins new streams at times of its own; here it is one for each machine and hour.
pub(crate) fn stream(machine_arn: &str, machine_name: &str, at: Timestamp) -> String {
    let hour = at.format("%Y-%m-%d-%H-00");
    format!("states/{machine_name}/{hour}/{}", fingerprint::hex(&[machine_arn, &hour], 8))
}

fn log_group_arn(destination: LogDestination) -> Option<String> {
    destination.cloud_watch_logs_log_group?.log_group_arn
}

fn log_group_name(arn: &str) -> Option<String> {
    let arn: Arn = arn.parse().ok()?;
    let name = arn.resource.strip_prefix("log-group:")?.strip_suffix(":*")?;
    (arn.service == "logs" && !name.is_empty()).then(|| name.to_owned())
}
