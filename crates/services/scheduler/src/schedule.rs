//! A schedule: when it is due, what it invokes, and which of these requests may ask for.

use std::time::Duration;

use ::schedule::Schedule as Expression;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use types::Timestamp;

use crate::Error;
use crate::generated::types as model;
use crate::limits::START_DATE_AGE_MAX;
use crate::names::ScheduleName;
use crate::target;

/// Where schedules are kept: key is account, region, group and name; written by requests and by what completes one.
pub const TABLE: &str = "scheduler/schedule";

/// A schedule as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// A UUID that no later schedule of the same name has.
    pub id: String,
    /// A UUID that changes with `definition.timing`.
    pub timing_id: String,
    /// The group's name.
    pub group: String,
    /// The name, unique in the group.
    pub name: String,
    /// What the request asked for.
    pub definition: Definition,
    /// What a rate without a `StartDate` counts from: when its expression was given.
    pub anchor: Timestamp,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
}

/// What a request asks for, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// When it is due.
    pub timing: Timing,
    /// How long after that the target may be invoked, in minutes; `None`: at once.
    pub flexible_minutes: Option<u32>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether the schedule is deleted after its last invocation.
    pub deletes_itself: bool,
    /// What it invokes.
    pub target: model::Target,
}

/// When a schedule is due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// `rate(...)`, `cron(...)` or `at(...)`.
    pub expression: String,
    /// Name of the zone in which `cron` and `at` are read.
    pub timezone: String,
    /// Not before this time. A rate counts from it.
    pub start: Option<Timestamp>,
    /// Before this time only.
    pub end: Option<Timestamp>,
    /// Whether it is due at all.
    pub is_enabled: bool,
}

impl Timing {
    /// When a schedule is next due, strictly after `after`; `None` if it never is again.
    ///
    /// Source: EventBridge Scheduler API, CreateSchedule: dates are ignored by one-time schedules.
    pub fn next_due(&self, after: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        if !self.is_enabled {
            return None;
        }
        let expression = Expression::parse_scheduler(&self.expression).ok()?;
        let zone = TimeZone::get(&self.timezone).ok()?;
        if expression.is_one_time() {
            return expression.next_due(after, anchor, &zone);
        }
        let from = self.start.map_or(after, |start| after.max(just_before(start)));
        let due = expression.next_due(from, self.start.unwrap_or(anchor), &zone)?;
        self.end.is_none_or(|end| due < end).then_some(due)
    }
}

/// The last moment before a time: what is due at the time itself is due after it.
pub fn just_before(time: Timestamp) -> Timestamp {
    time - Duration::from_millis(1)
}

impl Definition {
    /// Checks what a request asks for.
    ///
    /// # Errors
    /// What is wrong with it first: expression, zone, dates, window, target.
    pub fn checked(input: model::UpdateScheduleInput, now: Timestamp) -> Result<Self, Error> {
        let expression = Expression::parse_scheduler(&input.schedule_expression)?;
        let timezone = input.schedule_expression_timezone.unwrap_or_else(|| "UTC".to_owned());
        if TimeZone::get(&timezone).is_err() {
            return Err(Error::InvalidTimezone(timezone));
        }
        // One-time schedules ignore their dates.
        if !expression.is_one_time() {
            check_dates(input.start_date, input.end_date, now)?;
        }
        let flexible_minutes = window(&input.flexible_time_window)?;
        if input.kms_key_arn.is_some() {
            return Err(Error::NotServed("KmsKeyArn"));
        }
        Ok(Self {
            timing: Timing {
                expression: input.schedule_expression,
                timezone,
                start: input.start_date,
                end: input.end_date,
                is_enabled: input.state.as_deref() != Some("DISABLED"),
            },
            flexible_minutes,
            description: input.description,
            deletes_itself: input.action_after_completion.as_deref() == Some("DELETE"),
            target: target::checked(input.target)?,
        })
    }

    /// How long after its time an occurrence may be invoked.
    pub fn window(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.flexible_minutes.unwrap_or(0)))
    }
}

fn check_dates(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> Result<(), Error> {
    if start.is_some_and(|start| start + START_DATE_AGE_MAX < now) {
        return Err(Error::StartDatePassed);
    }
    match start.zip(end) {
        Some((start, end)) if end <= start => Err(Error::EndDateBeforeStartDate),
        _ => Ok(()),
    }
}

fn window(window: &model::FlexibleTimeWindow) -> Result<Option<u32>, Error> {
    let minutes = window.maximum_window_in_minutes.and_then(|minutes| u32::try_from(minutes).ok());
    match (window.mode.as_str(), minutes) {
        ("FLEXIBLE", Some(minutes)) => Ok(Some(minutes)),
        ("FLEXIBLE", None) => Err(Error::WindowMissing),
        (_, None) => Ok(None),
        (_, Some(_)) => Err(Error::WindowForbidden),
    }
}

impl Schedule {
    /// A schedule that is new.
    pub fn new(name: &ScheduleName, definition: Definition, now: Timestamp) -> Self {
        Self {
            id: api::ids::uuid(),
            timing_id: api::ids::uuid(),
            group: name.group.group.clone(),
            name: name.name.clone(),
            definition,
            anchor: now,
            created: now,
            modified: now,
        }
    }

    /// The schedule after an update, which replaces everything. A rate keeps its beat unless it becomes another rate.
    pub fn updated(&self, definition: Definition, now: Timestamp) -> Self {
        let (old, new) = (&self.definition.timing, &definition.timing);
        let timing_id = if old == new { self.timing_id.clone() } else { api::ids::uuid() };
        let anchor = if old.expression == new.expression { self.anchor } else { now };
        Self { timing_id, definition, anchor, modified: now, ..self.clone() }
    }

    /// When it is next due, strictly after `after`; `None` if it never is again.
    pub fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        self.definition.timing.next_due(after, self.anchor)
    }

    /// What GetSchedule shows.
    pub fn describe(self, name: &ScheduleName) -> model::GetScheduleOutput {
        let Definition { timing, flexible_minutes, description, deletes_itself, target } = self.definition;
        model::GetScheduleOutput {
            arn: Some(name.arn().to_string()),
            group_name: Some(self.group),
            name: Some(self.name),
            schedule_expression: Some(timing.expression),
            start_date: timing.start,
            end_date: timing.end,
            description,
            schedule_expression_timezone: Some(timing.timezone),
            state: Some(state(timing.is_enabled)),
            creation_date: Some(self.created),
            last_modification_date: Some(self.modified),
            kms_key_arn: None,
            target: Some(target),
            flexible_time_window: Some(model::FlexibleTimeWindow {
                mode: if flexible_minutes.is_some() { "FLEXIBLE" } else { "OFF" }.to_owned(),
                maximum_window_in_minutes: flexible_minutes.map(i64::from),
            }),
            action_after_completion: Some(if deletes_itself { "DELETE" } else { "NONE" }.to_owned()),
        }
    }

    /// What ListSchedules shows.
    pub fn summary(self, name: &ScheduleName) -> model::ScheduleSummary {
        model::ScheduleSummary {
            arn: Some(name.arn().to_string()),
            name: Some(self.name),
            group_name: Some(self.group),
            state: Some(state(self.definition.timing.is_enabled)),
            creation_date: Some(self.created),
            last_modification_date: Some(self.modified),
            target: Some(model::TargetSummary { arn: self.definition.target.arn }),
        }
    }
}

/// The text of a state.
pub fn state(is_enabled: bool) -> String {
    if is_enabled { "ENABLED" } else { "DISABLED" }.to_owned()
}

/// A creation asks for what an update does.
impl From<model::CreateScheduleInput> for model::UpdateScheduleInput {
    fn from(input: model::CreateScheduleInput) -> Self {
        Self {
            name: input.name,
            group_name: input.group_name,
            schedule_expression: input.schedule_expression,
            start_date: input.start_date,
            end_date: input.end_date,
            description: input.description,
            schedule_expression_timezone: input.schedule_expression_timezone,
            state: input.state,
            kms_key_arn: input.kms_key_arn,
            target: input.target,
            flexible_time_window: input.flexible_time_window,
            client_token: input.client_token,
            action_after_completion: input.action_after_completion,
        }
    }
}
