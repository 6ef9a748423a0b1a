//! Numbers as event patterns compare them: by value where 64-bit floating point can say the value, else by spelling.

/// The value of a JSON number literal, or `None` where no 64-bit float spells the same decimal number.
///
/// `9007199254740993` is not comparable: patterns then match it by its literal text alone.
pub(crate) fn comparable(literal: &str) -> Option<f64> {
    comparable_if(literal, |_| true)
}

/// The same for values that `wanted` accepts only: it is asked first, because the check of the spelling costs more.
pub(crate) fn comparable_if(literal: &str, wanted: impl FnOnce(f64) -> bool) -> Option<f64> {
    let value: f64 = literal.parse().ok()?;
    // Up to 15 significant digits always survive the way to a float and back.
    let is_comparable = || {
        value.is_finite()
            && (literal.len() <= 15 && !literal.contains(['e', 'E']) || same_decimal(literal, value))
    };
    (wanted(value) && is_comparable()).then_some(value)
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
