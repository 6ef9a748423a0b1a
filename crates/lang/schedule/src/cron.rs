//! `cron(minutes hours day-of-month month day-of-week year)`, on civil time.
//!
//! The calendar search is the croner crate's. It takes more than AWS does, so a validator comes first: what it passes
//! means the same to both.

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
        let is_valid = MINUTES.allows(minutes)
            && HOURS.allows(hours)
            && MONTH.allows(month)
            && YEAR.allows(year)
            && match (day_of_month.as_str(), day_of_week.as_str()) {
                ("?", "?") => false,
                ("?", _) => is_day_of_week(day_of_week),
                (_, "?") => is_day_of_month(day_of_month),
                _ => false,
            };
        if !is_valid {
            return None;
        }
        // The last day of the week is Saturday.
        let day_of_week = if day_of_week == "L" { "7" } else { day_of_week.as_str() };
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
    /// A list of `*`, values and ranges, each with an optional step.
    fn allows(&self, field: &str) -> bool {
        field.split(',').all(|item| self.allows_item(item))
    }

    fn allows_item(&self, item: &str) -> bool {
        let range = match item.split_once('/') {
            Some((range, step)) => match number(step) {
                Some(step) if (1..=self.most).contains(&step) => range,
                _ => return false,
            },
            None => item,
        };
        if range == "*" {
            return true;
        }
        match range.split_once('-') {
            Some((first, last)) => match (self.value(first), self.value(last)) {
                (Some(first), Some(last)) => first <= last,
                _ => false,
            },
            None => self.value(range).is_some(),
        }
    }

    fn value(&self, text: &str) -> Option<u16> {
        if let Some(index) = self.names.iter().position(|name| *name == text) {
            return u16::try_from(index + 1).ok();
        }
        number(text).filter(|value| (self.least..=self.most).contains(value))
    }
}

/// Values and ranges, with `L` among them for the last day, or `15W` or `LW` alone: the weekday nearest to it.
fn is_day_of_month(field: &str) -> bool {
    match field.strip_suffix('W') {
        Some("L") => true,
        Some(day) => number(day).is_some_and(|day| (1..=31).contains(&day)),
        None => field.split(',').all(|item| item == "L" || DAY_OF_MONTH.allows_item(item)),
    }
}

/// Values and ranges, or alone `L` (Saturday), `6L` (the last Friday), `6#2` (the second Friday).
fn is_day_of_week(field: &str) -> bool {
    if field == "L" {
        return true;
    }
    if let Some((day, count)) = field.split_once('#') {
        return DAY_OF_WEEK.value(day).is_some()
            && number(count).is_some_and(|count| (1..=5).contains(&count));
    }
    match field.strip_suffix('L') {
        Some(day) => DAY_OF_WEEK.value(day).is_some(),
        None => DAY_OF_WEEK.allows(field),
    }
}

/// One to four digits.
fn number(text: &str) -> Option<u16> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
