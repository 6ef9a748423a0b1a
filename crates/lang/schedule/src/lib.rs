//! When schedules are due: `rate(...)`, `cron(...)` and `at(...)` of EventBridge rules and of EventBridge Scheduler.
//!
//! Pure: the time comes in as an argument. Flexible time windows, start and end dates belong to the services.

mod cron;
mod missed;
mod overlap;
mod rate;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use types::Timestamp;

use cron::Cron;
pub use missed::{Lateness, MakeUp, Missed, Verdict};
pub use overlap::{Overlap, UnknownOverlap};
use rate::{Rate, Units};

/// Why a text is not a schedule expression, in the words of the service that was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// An EventBridge rule does not take it.
    #[error("Parameter ScheduleExpression is not valid.")]
    Rule,
    /// EventBridge Scheduler does not take it.
    #[error("Invalid Schedule Expression {expression}.")]
    Scheduler {
        /// The text as given.
        expression: String,
    },
}

/// A compiled schedule expression.
#[derive(Clone, Debug)]
pub struct Schedule {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Rate { rate: Rate, first: First },
    Cron(Box<Cron>),
    At(DateTime),
}

/// Which occurrence of a rate is the first.
#[derive(Clone, Copy, Debug)]
enum First {
    AtAnchor,
    OnePeriodLater,
}

impl Schedule {
    /// Compiles a rule's expression: `rate(...)` or `cron(...)`.
    ///
    /// Source: EventBridge User Guide, "Setting a schedule pattern for scheduled rules (legacy)".
    ///
    /// # Errors
    /// [`ParseError::Rule`].
    pub fn parse_rule(expression: &str) -> Result<Self, ParseError> {
        let kind = match argument(expression) {
            Some(("rate", text)) => Rate::parse(text, Units::Agreeing)
                .map(|rate| Kind::Rate { rate, first: First::OnePeriodLater }),
            Some(("cron", text)) => Cron::parse(text).map(|cron| Kind::Cron(Box::new(cron))),
            _ => None,
        };
        kind.map(|kind| Self { kind }).ok_or(ParseError::Rule)
    }

    /// Compiles an expression of EventBridge Scheduler: `rate(...)`, `cron(...)` or `at(...)`.
    ///
    /// Source: EventBridge Scheduler User Guide, "Schedule types".
    ///
    /// # Errors
    /// [`ParseError::Scheduler`].
    pub fn parse_scheduler(expression: &str) -> Result<Self, ParseError> {
        let kind = match argument(expression) {
            Some(("rate", text)) => {
                Rate::parse(text, Units::Any).map(|rate| Kind::Rate { rate, first: First::AtAnchor })
            }
            Some(("cron", text)) => Cron::parse(text).map(|cron| Kind::Cron(Box::new(cron))),
            Some(("at", text)) => at(text).map(Kind::At),
            _ => None,
        };
        kind.map(|kind| Self { kind })
            .ok_or_else(|| ParseError::Scheduler { expression: expression.to_owned() })
    }

    /// Whether this is `at(...)`, which is due once.
    pub fn is_one_time(&self) -> bool {
        matches!(self.kind, Kind::At(_))
    }

    /// Returns when the schedule is next due, strictly after `after`, or `None` if it never is again.
    ///
    /// `anchor` is what a rate counts from: a rule's creation (first due one period later), or a schedule's start
    /// (first due right then). `zone` is where `cron` and `at` are read: UTC for rules. A local time that daylight
    /// saving skips is not due; one that it repeats is due the first time only.
    ///
    /// Source: EventBridge Scheduler User Guide, "Daylight savings time on EventBridge Scheduler".
    pub fn next_due(&self, after: Timestamp, anchor: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.kind {
            Kind::Rate { rate, first } => {
                rate.next_due(after, anchor, matches!(first, First::OnePeriodLater))
            }
            Kind::Cron(cron) => {
                let mut civil = after.jiff().to_zoned(zone.clone()).datetime();
                loop {
                    civil = cron.next_after(civil)?;
                    match first_instant(civil, zone) {
                        Some(instant) if instant > after => return Some(instant),
                        // In a gap, or on the repeated half of an hour whose first half has passed.
                        Some(_) | None => {}
                    }
                }
            }
            Kind::At(civil) => first_instant(*civil, zone).filter(|instant| *instant > after),
        }
    }
}

/// The earliest instant at which clocks in `zone` show `civil`, or `None` if they never do.
fn first_instant(civil: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let offset = match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, .. } => before,
        AmbiguousOffset::Gap { .. } => return None,
    };
    Some(Timestamp::from_millis(offset.to_timestamp(civil).ok()?.as_millisecond()))
}

/// Splits `name(text)`.
fn argument(expression: &str) -> Option<(&str, &str)> {
    expression.strip_suffix(')')?.split_once('(')
}

/// Reads `yyyy-mm-ddThh:mm:ss`.
fn at(text: &str) -> Option<DateTime> {
    let is_shaped = text.len() == 19
        && text.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        });
    if is_shaped { text.parse().ok() } else { None }
}
