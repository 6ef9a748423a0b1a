//! Which keys a list shows: a prefix, common prefixes up to a delimiter, pages.
//!
//! A [`Listing`] is offered keys in their order and says what becomes of each; it also says from where on to read, so
//! that what lies under a common prefix is jumped over. Reading the store is the callers'.

use std::ops::ControlFlow;

/// One page of a list in the making.
#[derive(Debug)]
pub(crate) struct Listing {
    prefix: String,
    delimiter: Option<String>,
    limit: usize,
    count: usize,
    common_prefixes: Vec<String>,
    /// Keys up to this one are done with, and all that begin so where it is a common prefix.
    after: Option<String>,
    truncated: bool,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It is on the page.
    Itself,
    /// It stands behind a common prefix, or was on an earlier page.
    Not,
}

impl Listing {
    /// A page of at most `limit` entries, keys and common prefixes taken together, that come after `after`: a key, or
    /// the common prefix that an earlier page ended with.
    pub(crate) fn new(prefix: &str, delimiter: Option<&str>, after: Option<String>, limit: usize) -> Self {
        Self {
            prefix: prefix.to_owned(),
            delimiter: delimiter.filter(|delimiter| !delimiter.is_empty()).map(str::to_owned),
            limit,
            count: 0,
            common_prefixes: Vec::new(),
            after,
            truncated: false,
        }
    }

    /// Offers the next key; breaks where the page is full and the key belongs to the next one.
    pub(crate) fn offer(&mut self, key: &str) -> ControlFlow<(), Shown> {
        let group = self.group(key);
        if self.is_done_with(key, group.as_deref()) {
            return ControlFlow::Continue(Shown::Not);
        }
        if self.count >= self.limit {
            self.truncated = true;
            return ControlFlow::Break(());
        }
        self.count += 1;
        self.after = Some(group.clone().unwrap_or_else(|| key.to_owned()));
        ControlFlow::Continue(match group {
            Some(group) => {
                self.common_prefixes.push(group);
                Shown::Not
            }
            None => Shown::Itself,
        })
    }

    /// Takes one more entry for the key that was offered last: an older version of it. False where the page is full.
    pub(crate) fn one_more(&mut self) -> bool {
        self.truncated = self.count >= self.limit;
        self.count += usize::from(!self.truncated);
        !self.truncated
    }

    fn is_done_with(&self, key: &str, group: Option<&str>) -> bool {
        match (&self.after, group) {
            (None, _) => false,
            // A page that ended below a common prefix ends with it.
            (Some(after), Some(group)) => after.starts_with(group) || key <= after.as_str(),
            (Some(after), None) => key <= after.as_str(),
        }
    }

    /// The common prefix that `key` stands behind.
    fn group(&self, key: &str) -> Option<String> {
        let delimiter = self.delimiter.as_deref()?;
        let rest = key.strip_prefix(self.prefix.as_str())?;
        let end = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
        key.get(..end).map(str::to_owned)
    }

    /// After which key to go on reading, once those up to `read` have been offered.
    pub(crate) fn resume_after(&self, read: Option<&str>) -> Option<String> {
        let after = match (&self.after, &self.delimiter) {
            (Some(after), Some(delimiter)) if self.is_group(after, delimiter) => Some(end_of(after)),
            (after, _) => after.clone(),
        };
        after.max(read.map(str::to_owned))
    }

    fn is_group(&self, after: &str, delimiter: &str) -> bool {
        after.starts_with(&self.prefix)
            && after.len() > self.prefix.len()
            && after.ends_with(delimiter)
            && self.group(after).as_deref() == Some(after)
    }

    /// Whether an entry was found that belongs to the next page.
    pub(crate) fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Whether a key stands behind a common prefix.
    pub(crate) fn is_grouped(&self, key: &str) -> bool {
        self.group(key).is_some()
    }

    /// What one page tells beside its keys: the common prefixes, and the entry that the next page comes after, if there
    /// is one.
    pub(crate) fn finish(self) -> (Vec<String>, Option<String>) {
        let next = if self.truncated { self.after } else { None };
        (self.common_prefixes, next)
    }
}

/// A text after all keys that begin with `prefix`: no key is longer than it.
fn end_of(prefix: &str) -> String {
    let last = "\u{10ffff}";
    format!("{prefix}{}", last.repeat(crate::limits::KEY_BYTES_MAX / last.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 8] = ["a", "b/1", "b/2", "b/3/x", "c", "d/1", "d0", "e"];

    /// Everything a client sees that pages through, one page in brackets each.
    fn pages(prefix: &str, delimiter: Option<&str>, limit: usize) -> String {
        let (mut seen, mut after) = (String::new(), None);
        loop {
            let mut listing = Listing::new(prefix, delimiter, after, limit);
            let mut read = listing.resume_after(None);
            let mut entries = Vec::new();
            while let Some(key) = KEYS
                .iter()
                .find(|key| key.starts_with(prefix) && read.as_deref().is_none_or(|read| **key > read))
            {
                match listing.offer(key) {
                    ControlFlow::Break(()) => break,
                    ControlFlow::Continue(Shown::Itself) => entries.push((*key).to_owned()),
                    ControlFlow::Continue(Shown::Not) => {}
                }
                read = listing.resume_after(Some(key));
            }
            let (prefixes, next) = listing.finish();
            entries.extend(prefixes.into_iter().map(|prefix| format!("<{prefix}>")));
            entries.sort_by_key(|entry| entry.trim_matches(['<', '>']).to_owned());
            seen += &format!("[{}]", entries.join(" "));
            if next.is_none() {
                return seen;
            }
            after = next;
        }
    }

    #[test]
    fn pages_hold_keys_and_common_prefixes() {
        assert_eq!(pages("", None, 5), "[a b/1 b/2 b/3/x c][d/1 d0 e]");
        assert_eq!(pages("", Some("/"), 100), "[a <b/> c <d/> d0 e]");
        assert_eq!(pages("", Some("/"), 1), "[a][<b/>][c][<d/>][d0][e]");
        assert_eq!(pages("b/", Some("/"), 2), "[b/1 b/2][<b/3/>]");
        assert_eq!(pages("b", Some("/"), 2), "[<b/>]");
        assert_eq!(pages("x", Some("/"), 2), "[]");
    }

    #[test]
    fn a_page_that_starts_below_a_common_prefix_does_not_show_it() {
        let mut listing = Listing::new("", Some("/"), Some("b/1".to_owned()), 10);
        assert_eq!(listing.offer("b/2"), ControlFlow::Continue(Shown::Not));
        assert_eq!(listing.offer("c"), ControlFlow::Continue(Shown::Itself));
        assert_eq!(listing.finish(), (Vec::new(), None));
    }
}
