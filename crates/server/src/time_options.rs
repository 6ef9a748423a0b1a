//! Options and arguments about time: which clock, what was missed, times and durations as people write them.

use std::str::FromStr;
use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;
use jiff::SpanRelativeTo;
use schedule::{MakeUp, Missed};
use serde::{Deserialize, Deserializer, de};
use types::Timestamp;

/// Which of the times of schedules that fell into a downtime are made up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissedChoice {
    /// None, as there are no downtimes on AWS.
    Skip,
    /// The last of each schedule.
    Once,
    /// All, in their order.
    All,
}

/// Which clock to go by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockChoice {
    /// The machine's.
    #[default]
    Wall,
    /// One that is moved by hand, from where it stood; a new one begins at the time, or at the machine's.
    Virtual(Option<Timestamp>),
}

impl FromStr for ClockChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "wall" => Ok(Self::Wall),
            None if text == "virtual" => Ok(Self::Virtual(None)),
            Some(("virtual", start)) => {
                let whole = if start.contains('T') { start.to_owned() } else { format!("{start}T00:00:00Z") };
                let time = Timestamp::parse_rfc3339(&whole);
                let time =
                    time.map_err(|_| format!("{start:?} is not a time such as 2026-11-21T18:00:00Z"))?;
                Ok(Self::Virtual(Some(time)))
            }
            _ => Err(format!("{text:?} is not wall, virtual or virtual:START")),
        }
    }
}

impl<'de> Deserialize<'de> for ClockChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Longest time for which what was missed is made up for: each minute of it may have to be looked at.
const MISSED_WINDOW_MAX: Duration = Duration::from_secs(366 * 86_400);

/// What is to be done about them.
///
/// # Errors
/// A window that is no duration, or too long.
pub fn missed(choice: Option<MissedChoice>, window: Option<&str>) -> anyhow::Result<Missed> {
    let make_up = match choice.unwrap_or(MissedChoice::Skip) {
        MissedChoice::Skip => MakeUp::Skip,
        MissedChoice::Once => MakeUp::Once,
        MissedChoice::All => MakeUp::All,
    };
    let window = match window.map(parse_duration).transpose().map_err(anyhow::Error::msg)? {
        Some(window) if window > MISSED_WINDOW_MAX => bail!("missed-window can be 366 days at most"),
        window => window.unwrap_or(Missed::default().window),
    };
    Ok(Missed { make_up, window })
}

/// Reads a time such as `2026-11-21T18:00:00Z`.
///
/// # Errors
/// A sentence for the person.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).map_err(|_| format!("{text:?} is not a time such as 2026-11-21T18:00:00Z"))
}

/// Reads `24h`, `1d12h`, `90s` or `PT5M`; a day is 24 hours.
///
/// # Errors
/// A sentence for the person.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is not a duration such as 24h, 90s or 1d12h");
    let span: jiff::Span = text.parse().map_err(|_| refused())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| refused())?;
    duration.try_into().map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let seconds = |text| parse_duration(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("24h"), Ok(86_400));
        assert_eq!(seconds("1d12h"), Ok(129_600));
        assert_eq!(seconds("1w"), Ok(604_800));
        assert_eq!(seconds("PT5M"), Ok(300));
        assert_eq!(seconds("90s"), Ok(90));
        assert!(seconds("-1h").is_err());
        assert!(seconds("soon").is_err());
    }

    #[test]
    fn a_clock_is_chosen_by_its_name() {
        assert_eq!("wall".parse(), Ok(ClockChoice::Wall));
        assert_eq!("virtual".parse(), Ok(ClockChoice::Virtual(None)));
        let start = Some(Timestamp::parse_rfc3339("2026-11-21T00:00:00Z").unwrap());
        assert_eq!("virtual:2026-11-21".parse(), Ok(ClockChoice::Virtual(start)));
        assert_eq!("virtual:2026-11-21T00:00:00Z".parse(), Ok(ClockChoice::Virtual(start)));
        assert!("virtual:soon".parse::<ClockChoice>().is_err());
        assert!("sundial".parse::<ClockChoice>().is_err());
    }
}
