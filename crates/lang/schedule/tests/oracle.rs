//! Compares due times with a brute-force reading of AWS's rules: every day is looked at, every minute of it tried.
#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::{ProptestConfig, any, proptest};
use schedule::Schedule;
use types::Timestamp;

const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"];
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A small generator (xorshift), so that every run tries the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    fn field(&mut self, least: u64, most: u64, names: &[&str]) -> String {
        let items = if self.below(4) == 0 { 3 } else { 1 };
        let list: Vec<String> = (0..items).map(|_| self.item(least, most, names)).collect();
        list.join(",")
    }

    fn item(&mut self, least: u64, most: u64, names: &[&str]) -> String {
        let first = self.between(least, most);
        let last = self.between(first, most);
        let step = self.between(1, (most - least).min(20));
        let name =
            |value: u64, named: bool| match names.get(usize::try_from(value.wrapping_sub(1)).unwrap_or(99)) {
                Some(name) if named => (*name).to_owned(),
                _ => value.to_string(),
            };
        let named = self.below(2) == 0;
        match self.below(6) {
            0 => "*".to_owned(),
            1 => format!("*/{step}"),
            2 => format!("{first}/{step}"),
            3 => format!("{}-{}", name(first, named), name(last, named)),
            4 => format!("{first}-{last}/{step}"),
            _ => name(first, named),
        }
    }

    fn expression(&mut self) -> [String; 6] {
        let minutes = self.field(0, 59, &[]);
        let hours = self.field(0, 23, &[]);
        let (day_of_month, day_of_week) = if self.below(2) == 0 {
            let day = match self.below(5) {
                0 => "L".to_owned(),
                1 => format!("{}W", self.between(1, 31)),
                _ => self.field(1, 31, &[]),
            };
            (day, "?".to_owned())
        } else {
            let day = match self.below(5) {
                0 => "L".to_owned(),
                1 => format!("{}#{}", self.between(1, 7), self.between(1, 5)),
                2 => format!("{}L", self.between(1, 7)),
                _ => self.field(1, 7, &DAYS),
            };
            ("?".to_owned(), day)
        };
        let month = if self.below(2) == 0 { "*".to_owned() } else { self.field(1, 12, &MONTHS) };
        let year = match self.below(5) {
            0 => format!("{}", self.between(2020, 2035)),
            1 => format!("*/{}", self.between(1, 5)),
            _ => "*".to_owned(),
        };
        [minutes, hours, day_of_month, month, day_of_week, year]
    }
}

fn set(field: &str, least: i16, most: i16, names: &[&str]) -> BTreeSet<i16> {
    let value = |text: &str| -> i16 {
        names
            .iter()
            .position(|name| *name == text)
            .map_or_else(|| text.parse().unwrap(), |at| i16::try_from(at).unwrap() + 1)
    };
    let mut all = BTreeSet::new();
    for item in field.split(',') {
        let (range, step) =
            item.split_once('/').map_or((item, None), |(range, step)| (range, Some(value(step))));
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (value(first), value(last)),
            None if range == "*" => (least, most),
            None => (value(range), if step.is_some() { most } else { value(range) }),
        };
        all.extend((first..=last).step_by(usize::try_from(step.unwrap_or(1)).unwrap()));
    }
    all
}

fn is_weekday(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

fn day_matches(date: Date, day_of_month: &str, day_of_week: &str, plain: &BTreeSet<i16>) -> bool {
    let weekday = i16::from(date.weekday().to_sunday_one_offset());
    let is_last_week = date.day() + 7 > date.days_in_month();
    if day_of_week == "?" {
        return match day_of_month.strip_suffix('W') {
            _ if day_of_month == "L" => date.day() == date.days_in_month(),
            Some(day) => {
                let Ok(wanted) = Date::new(date.year(), date.month(), day.parse().unwrap()) else {
                    return false;
                };
                // The nearest weekday that is in the same month.
                let near =
                    [0, -1, 1, -2, 2].into_iter().map(|days: i64| wanted.checked_add(days.days()).unwrap());
                near.into_iter().find(|near| is_weekday(*near) && near.month() == wanted.month())
                    == Some(date)
            }
            None => plain.contains(&i16::from(date.day())),
        };
    }
    if day_of_week == "L" {
        return weekday == 7;
    }
    if let Some((day, count)) = day_of_week.split_once('#') {
        return day.parse() == Ok(weekday) && count.parse() == Ok((date.day() - 1) / 7 + 1);
    }
    match day_of_week.strip_suffix('L') {
        Some(day) => day.parse() == Ok(weekday) && is_last_week,
        None => plain.contains(&weekday),
    }
}

/// The earliest instant at which clocks show `civil`, by trying the offsets around it.
fn instant(civil: DateTime, zone: &TimeZone) -> Option<i64> {
    let as_utc = TimeZone::UTC.to_timestamp(civil).unwrap();
    let offset = |hours| zone.to_offset(as_utc + SignedDuration::from_hours(hours));
    let tried =
        [offset(-30), offset(30)].map(|offset| as_utc - SignedDuration::from_secs(offset.seconds().into()));
    tried.into_iter().filter(|at| zone.to_datetime(*at) == civil).map(jiff::Timestamp::as_millisecond).min()
}

/// The first `count` due times after `after` in each zone. Days are looked at once for all of them.
fn due(fields: &[String; 6], after: i64, zones: &[TimeZone], count: usize) -> Vec<Vec<i64>> {
    let [minutes, hours, day_of_month, month, day_of_week, year] = fields;
    let (minutes, hours) = (set(minutes, 0, 59, &[]), set(hours, 0, 23, &[]));
    let (months, years) = (set(month, 1, 12, &MONTHS), set(year, 1970, 2199, &[]));
    let day = jiff::Timestamp::from_millisecond(after).unwrap().to_zoned(TimeZone::UTC).date();
    let plain = match (day_of_month.as_str(), day_of_week.as_str()) {
        (special, "?") | ("?", special)
            if special.contains(['L', 'W', '#']) && !DAYS.iter().any(|day| special.contains(day)) =>
        {
            BTreeSet::new()
        }
        (days, "?") => set(days, 1, 31, &[]),
        (_, days) => set(days, 1, 7, &DAYS),
    };
    // Whatever the zone.
    let long_past = TimeZone::UTC.to_datetime(jiff::Timestamp::from_millisecond(after - 86_400_000).unwrap());
    let mut found = vec![vec![]; zones.len()];
    // It is still yesterday somewhere.
    let mut date = day.yesterday().unwrap();
    while date.year() < 2200 && found.iter().any(|found| found.len() < count) {
        if !years.contains(&date.year()) {
            date = Date::new(date.year() + 1, 1, 1).unwrap();
            continue;
        }
        if !months.contains(&i16::from(date.month())) {
            date = date.last_of_month().tomorrow().unwrap();
            continue;
        }
        if day_matches(date, day_of_month, day_of_week, &plain) {
            for (zone, found) in zones.iter().zip(&mut found).filter(|(_, found)| found.len() < count) {
                let civil = hours.iter().flat_map(|hour| {
                    minutes.iter().map(move |minute| {
                        date.at(i8::try_from(*hour).unwrap(), i8::try_from(*minute).unwrap(), 0, 0)
                    })
                });
                let due = civil.filter(|civil| *civil > long_past).filter_map(|civil| instant(civil, zone));
                // Clocks show times in their order, where only the first of two equal ones counts.
                let left = count - found.len();
                found.extend(due.filter(|at| *at > after).take(left));
            }
        }
        date = date.tomorrow().unwrap();
    }
    found
}

/// The first five due times after `after`, as the crate says.
fn found(schedule: &Schedule, mut after: Timestamp, zone: &TimeZone) -> Vec<i64> {
    let mut found = vec![];
    while let Some(next) = schedule.next_due(after, after, zone).filter(|_| found.len() < 5) {
        found.push(next.as_millis());
        after = next;
    }
    found
}

#[test]
fn four_thousand_expressions_are_due_in_six_zones_when_the_oracle_says() {
    let mut random = Random(0x5EED_2026_1121);
    let zones = ZONES.map(|name| TimeZone::get(name).unwrap());
    let (mut compared, mut times, mut differences) = (0, 0, vec![]);
    for _ in 0..4000 {
        let fields = random.expression();
        let start = 1_704_067_200 + i64::try_from(random.below(7 * 365 * 86_400)).unwrap();
        let expression = format!("cron({})", fields.join(" "));
        let schedule = Schedule::parse_scheduler(&expression).expect(&expression);
        let after = Timestamp::from_seconds(start);
        let wanted = due(&fields, after.as_millis(), &zones, 5);
        for ((zone, name), wanted) in zones.iter().zip(ZONES).zip(wanted) {
            let got = found(&schedule, after, zone);
            (compared, times) = (compared + 1, times + wanted.len());
            if got != wanted {
                differences.push(format!("{expression} {name} after {start}: want {wanted:?}, got {got:?}"));
            }
        }
    }
    println!("{compared} comparisons, {times} due times, {} differences", differences.len());
    assert_eq!(compared, 24_000);
    assert!(differences.is_empty(), "such as\n{}", differences[..differences.len().min(8)].join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>(), fields in "[0-9A-Z*?/,#LW -]{0,30}", at in any::<i64>()) {
        for expression in [text.clone(), format!("cron({fields})"), format!("rate({text})"), format!("at({text})")] {
            let _ = Schedule::parse_rule(&expression);
            if let Ok(schedule) = Schedule::parse_scheduler(&expression) {
                let _ = schedule.next_due(Timestamp::from_millis(at), Timestamp::MIN, &TimeZone::UTC);
            }
        }
    }
}
