//! `rate(5 minutes)`: every so often, counted from an anchor. A day is 24 hours of clock time.

use types::Timestamp;

/// A period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    period_ms: i64,
}

/// Which units go with which values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Units {
    /// `1 minute` and `2 minutes`, not the other way round.
    Agreeing,
    /// Singular and plural with any value.
    Any,
}

impl Rate {
    /// Reads `5 minutes`.
    pub(crate) fn parse(text: &str, units: Units) -> Option<Self> {
        let (value, unit) = text.split_once(' ')?;
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let value: i64 = value.parse::<u32>().ok().filter(|value| *value > 0)?.into();
        let (singular, is_plural) = match unit.strip_suffix('s') {
            Some(singular) => (singular, true),
            None => (unit, false),
        };
        if units == Units::Agreeing && is_plural != (value > 1) {
            return None;
        }
        let unit_ms: i64 = match singular {
            "minute" => 60_000,
            "hour" => 3_600_000,
            "day" => 86_400_000,
            _ => return None,
        };
        Some(Self { period_ms: value.checked_mul(unit_ms)? })
    }

    /// The first multiple of the period after `anchor` that lies after `after`.
    pub(crate) fn next_due(
        self,
        after: Timestamp,
        anchor: Timestamp,
        skips_anchor: bool,
    ) -> Option<Timestamp> {
        let least = i64::from(skips_anchor);
        let passed = after.as_millis() - anchor.as_millis();
        let count = (passed.div_euclid(self.period_ms) + 1).max(least);
        let millis = anchor.as_millis().checked_add(self.period_ms.checked_mul(count)?)?;
        (millis <= Timestamp::MAX.as_millis()).then(|| Timestamp::from_millis(millis))
    }
}
