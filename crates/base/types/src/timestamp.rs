//! Points in time, to the millisecond, as AWS's APIs give them.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in UTC, counted in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Serialises as AWS's JSON protocols do: a number of epoch seconds with a fraction (`1700000000.123`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// Why a text or a number is not a [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a timestamp")]
pub struct TimestampError(String);

impl Timestamp {
    /// The earliest time that [`fmt::Display`] can show as a four-digit year.
    pub const MIN: Self = Self(-62_135_596_800_000);
    /// The last millisecond of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The time `millis` milliseconds after the epoch, kept within [`Self::MIN`] and [`Self::MAX`].
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// The time `seconds` seconds after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Seconds since the epoch with a fraction, as JSON protocols carry it.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of four-digit years are exact in an f64")]
    pub fn as_epoch_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Reads an RFC 3339 timestamp: a date, `T`, a time, and `Z` or an offset.
    ///
    /// # Errors
    /// [`TimestampError`] for any other text, and for times outside the years 1 to 9999.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimestampError> {
        let error = || TimestampError(text.to_owned());
        // jiff also reads a lower-case `t`, a blank and a bracketed zone: none of them is RFC 3339 for AWS.
        if text.as_bytes().get(10) != Some(&b'T') || text.contains('[') {
            return Err(error());
        }
        let parsed: jiff::Timestamp = text.parse().map_err(|_| error())?;
        Ok(Self::from_millis(parsed.as_millisecond()))
    }

    /// Reads a date as HTTP's headers have it: `Fri, 20 Nov 2026 23:52:07 GMT`.
    ///
    /// # Errors
    /// [`TimestampError`] for anything else.
    pub fn parse_http(text: &str) -> Result<Self, TimestampError> {
        let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
        match parsed {
            Ok(time) => Ok(Self::from_millis(time.as_millisecond())),
            Err(_) => Err(TimestampError(text.to_owned())),
        }
    }

    /// `2026-11-20T23:52:07Z`: ISO 8601 with whole seconds, the fraction cut off.
    pub fn to_iso_seconds(self) -> String {
        self.jiff().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// `2026-11-20T23:52:07.123Z`: ISO 8601 with milliseconds, always three digits.
    pub fn to_iso_millis(self) -> String {
        self.jiff().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }

    /// Formats with a `strftime` pattern, in UTC.
    pub fn format(self, pattern: &str) -> String {
        self.jiff().strftime(pattern).to_string()
    }

    /// This time as a [`jiff::Timestamp`].
    pub fn jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or_default()
    }

    /// The time from `earlier` to this one; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso_millis())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1000 == 0 {
            serializer.serialize_i64(self.0 / 1000)
        } else {
            serializer.serialize_f64(self.as_epoch_seconds())
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    /// Reads epoch seconds, whole or with a fraction, or an RFC 3339 text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Whole(i64),
            Fraction(f64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Whole(seconds) => Ok(Self::from_seconds(seconds)),
            Form::Fraction(seconds) => from_fraction(seconds)
                .ok_or_else(|| D::Error::invalid_value(Unexpected::Float(seconds), &"epoch seconds")),
            Form::Text(text) => Self::parse_rfc3339(&text).map_err(D::Error::custom),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked against the range of four-digit years")]
fn from_fraction(seconds: f64) -> Option<Timestamp> {
    let millis = (seconds * 1000.0).round();
    (millis >= Timestamp::MIN.as_epoch_seconds() * 1000.0
        && millis <= Timestamp::MAX.as_epoch_seconds() * 1000.0)
        .then(|| Timestamp::from_millis(millis as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let time = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(time.to_iso_millis(), "2023-11-14T22:13:20.123Z");
        assert_eq!(time.to_iso_seconds(), "2023-11-14T22:13:20Z");
        assert_eq!(Timestamp::parse_rfc3339("2023-11-14T22:13:20.123Z"), Ok(time));
        assert_eq!(Timestamp::parse_rfc3339("2023-11-15T00:13:20.123+02:00"), Ok(time));
        assert_eq!(serde_json::to_string(&time).unwrap(), "1700000000.123");
        assert_eq!(serde_json::from_str::<Timestamp>("1700000000.123").unwrap(), time);
        assert_eq!(serde_json::to_string(&Timestamp::from_seconds(5)).unwrap(), "5");
    }

    #[test]
    fn refuses_what_is_not_rfc3339() {
        for text in ["", "2016-12-05 21:29:29Z", "2016-12-05", "2016-12-05T21:29:29", "2016-12-05t21:29:29Z"]
        {
            assert!(Timestamp::parse_rfc3339(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stays_within_four_digit_years() {
        let far = Timestamp::MAX + Duration::from_secs(u64::MAX);
        assert_eq!(far, Timestamp::MAX);
        assert!(serde_json::from_str::<Timestamp>("1e300").is_err());
    }
}
