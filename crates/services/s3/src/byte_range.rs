//! The `Range` of a read.

use std::ops::Range;

/// What part of an object is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteRange {
    /// `bytes=FIRST-` or `bytes=FIRST-LAST`.
    From { first: u64, last: Option<u64> },
    /// `bytes=-COUNT`: the last so many.
    Last(u64),
}

impl ByteRange {
    /// Reads a header. What is not one range of bytes is `None`: HTTP says to ignore it.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
        let (first, last) = (first.trim(), last.trim());
        if first.is_empty() {
            return Some(Self::Last(number(last)?));
        }
        let first = number(first)?;
        let last = if last.is_empty() { None } else { Some(number(last)?) };
        last.is_none_or(|last| first <= last).then_some(Self::From { first, last })
    }

    /// Reads the range of a copy: `bytes=FIRST-LAST`, both given.
    pub(crate) fn parse_closed(text: &str) -> Option<Range<u64>> {
        match Self::parse(text)? {
            Self::From { first, last: Some(last) } => Some(first..last.checked_add(1)?),
            Self::From { last: None, .. } | Self::Last(_) => None,
        }
    }

    /// Which bytes of an object of `size` they are; `None` where there are none.
    pub(crate) fn resolve(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From { first, last } => first..last.map_or(size, |last| size.min(last.saturating_add(1))),
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

/// `Content-Range` of an answer that holds `range` of an object of `size`.
pub(crate) fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

fn number(digits: &str) -> Option<u64> {
    // `+1` is a number for Rust, not for HTTP.
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_range() {
        let range = |text: &str| ByteRange::parse(text).and_then(|range| range.resolve(10));
        assert_eq!(range("bytes=0-4"), Some(0..5));
        assert_eq!(range("bytes=5-"), Some(5..10));
        assert_eq!(range("bytes=-3"), Some(7..10));
        assert_eq!(range("bytes=-30"), Some(0..10));
        assert_eq!(range("bytes=8-99"), Some(8..10));
        assert_eq!(range("bytes=10-"), None);
        assert_eq!(range("bytes=-0"), None);
        for text in
            ["bytes=a-b", "bytes=4-2", "bytes=0-1,3-4", "items=0-1", "bytes=", "bytes=-", "bytes=+1-2"]
        {
            assert_eq!(ByteRange::parse(text), None, "{text}");
        }
        assert_eq!(ByteRange::parse_closed("bytes=1-2"), Some(1..3));
        assert_eq!(ByteRange::parse_closed("bytes=1-"), None);
    }
}
