//! Numbers as event patterns compare them: by value where 64-bit floating point can say the value, else by spelling.

use std::cell::Cell;

/// A number of an event, whose value is read when a pattern asks for it, once.
#[derive(Clone, Debug)]
pub(crate) struct Number<'a> {
    /// As written.
    pub(crate) literal: &'a str,
    reading: Cell<Reading>,
}

#[derive(Clone, Copy, Debug)]
enum Reading {
    Unread,
    /// Whether the literal says this value is still to be looked at: that costs more than reading it.
    Value(f64),
    Comparable(f64),
    /// No 64-bit float says this number.
    Incomparable,
}

impl<'a> Number<'a> {
    pub(crate) fn new(literal: &'a str) -> Self {
        Self { literal, reading: Cell::new(Reading::Unread) }
    }

    /// The value, if it is possible that patterns compare it.
    #[inline]
    pub(crate) fn value(&self) -> Option<f64> {
        match self.reading.get() {
            Reading::Value(value) | Reading::Comparable(value) => Some(value),
            Reading::Incomparable => None,
            Reading::Unread => {
                let value = self.literal.parse().ok().filter(|value: &f64| value.is_finite());
                self.reading.set(value.map_or(Reading::Incomparable, Reading::Value));
                value
            }
        }
    }

    /// Whether the number is comparable and `wanted` accepts its value.
    #[inline]
    pub(crate) fn is(&self, wanted: impl FnOnce(f64) -> bool) -> bool {
        let Some(value) = self.value().filter(|value| wanted(*value)) else { return false };
        if let Reading::Value(_) = self.reading.get() {
            let is_comparable = is_comparable(self.literal, value);
            self.reading.set(if is_comparable { Reading::Comparable(value) } else { Reading::Incomparable });
            return is_comparable;
        }
        true
    }
}

/// The value of a JSON number literal, or `None` where no 64-bit float spells the same decimal number.
///
/// `9007199254740993` is not comparable: patterns then match it by its literal text alone.
pub(crate) fn comparable(literal: &str) -> Option<f64> {
    let number = Number::new(literal);
    if number.is(|_| true) { number.value() } else { None }
}

/// Up to 15 significant digits always survive the way to a float and back.
fn is_comparable(literal: &str, value: f64) -> bool {
    literal.len() <= 15 && !literal.contains(['e', 'E']) || same_decimal(literal, value)
}

/// Whether the shortest spelling of `value` is the same decimal number as `literal`.
fn same_decimal(literal: &str, value: f64) -> bool {
    match (Decimal::read(literal), Decimal::read(&format!("{value:e}"))) {
        (Some(written), Some(held)) => written == held,
        _ => false,
    }
}

/// A decimal number without leading or trailing zeros: `0.digits × 10^exponent`.
#[derive(PartialEq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn read(literal: &str) -> Option<Self> {
        let (is_negative, unsigned) = match literal.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, literal),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let leading_zeros = i64::try_from(all.len() - significant.len()).ok()?;
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits, exponent: 0 });
        }
        let exponent = exponent.checked_add(i64::try_from(whole.len()).ok()? - leading_zeros)?;
        Some(Self { is_negative, digits, exponent })
    }
}

/// The numbers that a `numeric` operator accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NumericRange {
    pub(crate) bottom: Bound,
    pub(crate) top: Bound,
}

/// One end of a [`NumericRange`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    Unbounded,
    Inclusive(f64),
    Exclusive(f64),
}

impl NumericRange {
    /// The first and the last value within, as [`place`]s.
    pub(crate) fn places(self) -> (u128, u128) {
        let first = match self.bottom {
            Bound::Unbounded => 0,
            Bound::Inclusive(bottom) => u128::from(place(bottom)),
            Bound::Exclusive(bottom) => u128::from(place(bottom)) + 1,
        };
        let last = match self.top {
            Bound::Unbounded => u128::MAX,
            Bound::Inclusive(top) => u128::from(place(top)),
            Bound::Exclusive(top) => u128::from(place(top)).saturating_sub(1),
        };
        (first, last)
    }

    pub(crate) fn contains(self, value: f64) -> bool {
        let above = match self.bottom {
            Bound::Unbounded => true,
            Bound::Inclusive(bottom) => value >= bottom,
            Bound::Exclusive(bottom) => value > bottom,
        };
        let below = match self.top {
            Bound::Unbounded => true,
            Bound::Inclusive(top) => value <= top,
            Bound::Exclusive(top) => value < top,
        };
        above && below
    }
}

/// Where a value stands among all finite floats: equal values have equal places, greater ones greater places.
pub(crate) fn place(value: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    // Zero has two spellings.
    let bits = (value + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}
