//! `cron(minutes hours day-of-month month day-of-week year)`, on civil time.
//!
//! The calendar search is the croner crate's. It takes more than AWS does, so a validator comes first: what it passes
//! means the same to both.

use std::collections::BTreeSet;
use std::iter::StepBy;
use std::ops::RangeInclusive;

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A cron expression.
#[derive(Clone, Debug)]
pub(crate) struct Cron {
    cron: croner::Cron,
    /// The last time it is due; `None` if it never is (31 February). Searching for what never comes is slow, so
    /// this is found out once.
    last: Option<DateTime>,
}

impl Cron {
    /// Reads the six fields.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<String> = text.split_ascii_whitespace().map(str::to_ascii_uppercase).collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else { return None };
        let (day_of_month, day_of_week) = match (day_of_month.as_str(), day_of_week.as_str()) {
            ("?", "?") => return None,
            ("?", day) => ("?".to_owned(), day_of_week_values(day)?),
            (day, "?") => (day_of_month_values(day)?, "?".to_owned()),
            _ => return None,
        };
        let (minutes, hours) = (MINUTES.values(minutes)?, HOURS.values(hours)?);
        let (month, year) = (MONTH.values(month)?, YEAR.values(year)?);
        let pattern = format!("0 {minutes} {hours} {day_of_month} {month} {day_of_week} {year}");
        let parser = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .alternative_weekdays(true)
            .sloppy_ranges(true)
            .build();
        let cron = parser.parse(&pattern).ok()?;
        let end = DateTime::new(2200, 1, 1, 0, 0, 0, 0).ok()?;
        let last = cron.find_previous_occurrence(&end, true).ok();
        Some(Self { cron, last })
    }

    /// The first time after `civil`.
    pub(crate) fn next_after(&self, civil: DateTime) -> Option<DateTime> {
        if civil >= self.last? {
            return None;
        }
        self.cron.find_next_occurrence(&civil, false).ok()
    }
}

/// What a field's values may be.
struct FieldRule {
    least: u16,
    most: u16,
    names: &'static [&'static str],
}

const MINUTES: FieldRule = FieldRule { least: 0, most: 59, names: &[] };
const HOURS: FieldRule = FieldRule { least: 0, most: 23, names: &[] };
const DAY_OF_MONTH: FieldRule = FieldRule { least: 1, most: 31, names: &[] };
const MONTH: FieldRule = FieldRule { least: 1, most: 12, names: &MONTHS };
const DAY_OF_WEEK: FieldRule = FieldRule { least: 1, most: 7, names: &WEEKDAYS };
const YEAR: FieldRule = FieldRule { least: 1970, most: 2199, names: &[] };

impl FieldRule {
    /// The values of a list of `*`, values and ranges, each with an optional step, written out one by one.
    ///
    /// croner has its own opinion on steps (larger than their range, or over all years); plain values leave it none.
    fn values(&self, field: &str) -> Option<String> {
        let mut values = BTreeSet::new();
        for item in field.split(',') {
            values.extend(self.item(item)?);
        }
        let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        Some(values.join(","))
    }

    fn item(&self, item: &str) -> Option<StepBy<RangeInclusive<u16>>> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(number(step).filter(|step| (1..=self.most).contains(step))?)),
            None => (item, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if range == "*" => (self.least, self.most),
            None if step.is_some() => (self.value(range)?, self.most),
            None => (self.value(range)?, self.value(range)?),
        };
        (first <= last).then(|| (first..=last).step_by(step.unwrap_or(1).into()))
    }

    fn value(&self, text: &str) -> Option<u16> {
        if let Some(index) = self.names.iter().position(|name| *name == text) {
            return u16::try_from(index + 1).ok();
        }
        number(text).filter(|value| (self.least..=self.most).contains(value))
    }
}

/// Values and ranges, or alone `L` (the last day), `15W` or `LW` (the weekday nearest to a day).
fn day_of_month_values(field: &str) -> Option<String> {
    let is_special = match field.strip_suffix('W') {
        Some(day) => day == "L" || DAY_OF_MONTH.value(day).is_some(),
        None => field == "L",
    };
    if is_special { Some(field.to_owned()) } else { DAY_OF_MONTH.values(field) }
}

/// Values and ranges, or alone `L` (Saturday), `6L` (the last Friday), `6#2` (the second Friday).
fn day_of_week_values(field: &str) -> Option<String> {
    if field == "L" {
        // croner takes a bare `L` and is never due.
        return Some("7".to_owned());
    }
    if let Some((day, count)) = field.split_once('#') {
        let day = DAY_OF_WEEK.value(day)?;
        let count = number(count).filter(|count| (1..=5).contains(count))?;
        return Some(format!("{day}#{count}"));
    }
    match field.strip_suffix('L') {
        Some(day) => Some(format!("{}L", DAY_OF_WEEK.value(day)?)),
        None => DAY_OF_WEEK.values(field),
    }
}

/// One to four digits.
fn number(text: &str) -> Option<u16> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
