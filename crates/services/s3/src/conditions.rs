//! Conditional requests: whether what is there is what the caller means.

use types::Timestamp;

/// The conditions of a read, or of a copy's source.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadConditions {
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// The condition that did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unmet {
    /// `If-Match`.
    Match,
    /// `If-Unmodified-Since`.
    UnmodifiedSince,
    /// `If-None-Match`: the caller has it already.
    NoneMatch,
    /// `If-Modified-Since`: the caller has it already.
    ModifiedSince,
}

impl ReadConditions {
    /// Finds the condition that an object with `etag` (without quotes), written at `modified`, does not meet.
    ///
    /// An ETag outweighs the time that goes with it.
    ///
    /// Source: S3 API Reference, GetObject, "Overriding response header values"; RFC 9110, 13.2.2.
    pub(crate) fn check(&self, etag: &str, modified: Timestamp) -> Result<(), Unmet> {
        let modified = modified.as_seconds();
        match (&self.if_match, self.if_unmodified_since) {
            (Some(wanted), _) if !names(wanted, etag) => return Err(Unmet::Match),
            (None, Some(since)) if modified > since.as_seconds() => return Err(Unmet::UnmodifiedSince),
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(unwanted), _) if names(unwanted, etag) => Err(Unmet::NoneMatch),
            (None, Some(since)) if modified <= since.as_seconds() => Err(Unmet::ModifiedSince),
            _ => Ok(()),
        }
    }
}

/// Whether a header's list of ETags, with or without quotes, or `*`, names this one.
pub(crate) fn names(header: &str, etag: &str) -> bool {
    header.split(',').map(unquoted).any(|given| given == "*" || given == etag)
}

/// An ETag without its quotes.
pub(crate) fn unquoted(etag: &str) -> &str {
    etag.trim().trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(conditions: &ReadConditions) -> Result<(), Unmet> {
        conditions.check("abc", Timestamp::from_millis(10_500))
    }

    #[test]
    fn etags_outweigh_times() {
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        let text = |text: &str| Some(text.to_owned());
        let none = ReadConditions::default();
        assert_eq!(check(&none), Ok(()));
        assert_eq!(check(&ReadConditions { if_match: text("\"x\", \"abc\""), ..none.clone() }), Ok(()));
        assert_eq!(check(&ReadConditions { if_match: text("x"), ..none.clone() }), Err(Unmet::Match));
        let old = ReadConditions { if_unmodified_since: at(9), ..none.clone() };
        assert_eq!(check(&old), Err(Unmet::UnmodifiedSince));
        assert_eq!(check(&ReadConditions { if_match: text("*"), ..old }), Ok(()));
        let same = ReadConditions { if_modified_since: at(10), ..none.clone() };
        assert_eq!(check(&same), Err(Unmet::ModifiedSince));
        assert_eq!(check(&ReadConditions { if_none_match: text("x"), ..same.clone() }), Ok(()));
        assert_eq!(check(&ReadConditions { if_none_match: text("abc"), ..same }), Err(Unmet::NoneMatch));
    }
}
