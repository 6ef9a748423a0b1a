//! Finds where strings and numbers of a JSON text end, eight bytes at a time.
//!
//! It reads no further than the text goes and decides nothing else: escapes, keys and structure are `reading`'s.

/// Where the plain characters of a string that go on at `position` end: at a quote, a backslash, a control character or
/// the end of the text.
#[inline]
pub(crate) fn plain_end(bytes: &[u8], mut position: usize) -> usize {
    while let Some(eight) = Eight::at(bytes, position) {
        if let Some(end) = first(eight.string_ends()) {
            return position + end;
        }
        position += 8;
    }
    while bytes.get(position).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        position += 1;
    }
    position
}

/// The same for a key, and whether there is a dot in it.
#[inline]
pub(crate) fn key_end(bytes: &[u8], mut position: usize) -> (usize, bool) {
    let mut dots = 0;
    while let Some(eight) = Eight::at(bytes, position) {
        let ends = eight.string_ends();
        // The flags below the first end.
        dots |= eight.dots() & (ends & ends.wrapping_neg()).wrapping_sub(1);
        if let Some(end) = first(ends) {
            return (position + end, dots != 0);
        }
        position += 8;
    }
    let end = plain_end(bytes, position);
    (end, dots != 0 || bytes.get(position..end).unwrap_or_default().contains(&b'.'))
}

/// Where the number that starts at `position` ends, or the place at which it is none.
#[inline]
pub(crate) fn number_end(bytes: &[u8], position: usize) -> Result<usize, usize> {
    let start = position + usize::from(bytes.get(position) == Some(&b'-'));
    let Some(eight) = Eight::at(bytes, start) else { return any_number_end(bytes, start) };
    // Most numbers have their point within eight bytes, and many their end.
    let others = eight.other_than_digits();
    let Some(whole) = first(others) else { return any_number_end(bytes, start) };
    let is_zero = eight.0 & 0xff == u64::from(b'0');
    if whole == 0 || is_zero && whole > 1 {
        return Err(start + usize::from(whole > 0));
    }
    let mut end = start + whole;
    if bytes.get(end) == Some(&b'.') {
        end = match first(others & (others - 1)) {
            Some(fraction) if fraction > whole + 1 => start + fraction,
            Some(_) => return Err(end + 1),
            None => more_digits_end(bytes, start + 8, end + 1)?,
        };
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) { exponent_end(bytes, end) } else { Ok(end) }
}

/// The same for one whose sign is behind, of any length.
#[inline(never)]
fn any_number_end(bytes: &[u8], mut position: usize) -> Result<usize, usize> {
    position = match bytes.get(position) {
        Some(b'0') => position + 1,
        _ => digits_end(bytes, position)?,
    };
    if bytes.get(position) == Some(&b'.') {
        position = digits_end(bytes, position + 1)?;
    }
    exponent_end(bytes, position)
}

/// The end of the exponent, if there is one at `position`.
#[inline(never)]
fn exponent_end(bytes: &[u8], mut position: usize) -> Result<usize, usize> {
    if !matches!(bytes.get(position), Some(b'e' | b'E')) {
        return Ok(position);
    }
    position += 1;
    position += usize::from(matches!(bytes.get(position), Some(b'+' | b'-')));
    digits_end(bytes, position)
}

/// The end of one digit or more.
fn digits_end(bytes: &[u8], start: usize) -> Result<usize, usize> {
    more_digits_end(bytes, start, start)
}

/// The end of digits that go on at `position`; there must be one from `start` on.
#[inline]
fn more_digits_end(bytes: &[u8], mut position: usize, start: usize) -> Result<usize, usize> {
    while let Some(eight) = Eight::at(bytes, position) {
        if let Some(end) = first(eight.other_than_digits()) {
            position += end;
            return if position == start { Err(start) } else { Ok(position) };
        }
        position += 8;
    }
    while bytes.get(position).is_some_and(u8::is_ascii_digit) {
        position += 1;
    }
    if position == start { Err(start) } else { Ok(position) }
}

/// Eight bytes of the text, the first one lowest. What they are compared for is flagged in the highest bit of each.
#[derive(Clone, Copy)]
struct Eight(u64);

/// In every byte a one.
const ONES: u64 = 0x0101_0101_0101_0101;
/// In every byte the highest bit.
const FLAGS: u64 = ONES << 7;

impl Eight {
    #[inline]
    fn at(bytes: &[u8], position: usize) -> Option<Self> {
        Some(Self(u64::from_le_bytes(*bytes.get(position..)?.first_chunk()?)))
    }

    /// What cannot be inside a string as it is. Only the lowest flag is right: borrows may set higher ones.
    #[inline]
    fn string_ends(self) -> u64 {
        let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
        let controls = self.0.wrapping_sub(ONES * 0x20) & !self.0;
        (zero(self.0 ^ (ONES * 0x22)) | zero(self.0 ^ (ONES * 0x5c)) | controls) & FLAGS
    }

    /// The dots; all flags are right.
    #[inline]
    fn dots(self) -> u64 {
        let others = self.0 ^ (ONES * 0x2e);
        !(((others & !FLAGS) + !FLAGS) | others) & FLAGS
    }

    /// What is no digit; all flags are right.
    #[inline]
    fn other_than_digits(self) -> u64 {
        // Digits become 0 to 9, to which 0x76 can be added below the flag.
        let distances = self.0 ^ (ONES * 0x30);
        (((distances & !FLAGS) + ONES * 0x76) | distances) & FLAGS
    }
}

/// The first flagged byte.
#[inline]
fn first(flags: u64) -> Option<usize> {
    (flags != 0).then(|| flags.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_judged_right_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..20 {
                let mut text = [b'7'; 20];
                if let Some(at) = text.get_mut(place) {
                    *at = byte;
                }
                let ends = matches!(byte, b'"' | b'\\' | 0..=0x1f);
                let wanted = if ends { place } else { 20 };
                assert_eq!(plain_end(&text, 0), wanted, "{byte} at {place}");
                assert_eq!(key_end(&text, 0), (wanted, byte == b'.'), "{byte} at {place}");
                let digits = if byte.is_ascii_digit() { 20 } else { place };
                assert_eq!(digits_end(&text, 0), if digits == 0 { Err(0) } else { Ok(digits) });
            }
        }
    }
}
