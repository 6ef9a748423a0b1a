//! The filters of the Describe operations: all must match, each by one of its values.

use std::marker::PhantomData;

use crate::error::Error;
use crate::generated::types as shapes;

/// What filters can be asked of.
pub trait Filterable: Default {
    /// The values that the filter of that name looks at; `None` where there is no such filter.
    fn values(&self, filter: &str) -> Option<Vec<String>>;

    /// The tags, of what has some.
    fn tags(&self) -> &[shapes::Tag] {
        &[]
    }

    /// Whether `tag:KEY` and `tag-key` are filters.
    const HAS_TAGS: bool = false;
}

/// Filters for things of one kind.
#[derive(Clone, Debug)]
pub struct Filters<T> {
    filters: Vec<(String, Vec<String>)>,
    of: PhantomData<fn(T)>,
}

impl<T: Filterable> Filters<T> {
    /// Reads a request's filters.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`] for one that there is not, [`Error::FilterWithoutValues`].
    pub fn parse(given: Option<Vec<shapes::Filter>>) -> Result<Self, Error> {
        let mut filters = Vec::new();
        for shapes::Filter { name, values } in given.unwrap_or_default() {
            let name = name.unwrap_or_default();
            if candidates(&T::default(), &name).is_none() {
                return Err(Error::InvalidFilter(name));
            }
            let values = values.filter(|values| !values.is_empty());
            filters.push((name, values.ok_or(Error::FilterWithoutValues)?));
        }
        Ok(Self { filters, of: PhantomData })
    }

    /// Those that all filters let through.
    pub fn select(&self, all: impl IntoIterator<Item = T>) -> Vec<T> {
        all.into_iter().filter(|one| self.matches(one)).collect()
    }

    fn matches(&self, one: &T) -> bool {
        self.filters.iter().all(|(name, wanted)| {
            let values = candidates(one, name).unwrap_or_default();
            wanted.iter().any(|wanted| values.iter().any(|value| is_like(wanted, value)))
        })
    }
}

fn candidates<T: Filterable>(one: &T, filter: &str) -> Option<Vec<String>> {
    let tags = one.tags().iter();
    match filter.strip_prefix("tag:") {
        Some(key) if T::HAS_TAGS => {
            let tag = tags.filter(|tag| tag.key.as_deref() == Some(key));
            Some(tag.map(|tag| tag.value.clone().unwrap_or_default()).collect())
        }
        None if T::HAS_TAGS && filter == "tag-key" => Some(tags.filter_map(|tag| tag.key.clone()).collect()),
        _ => one.values(filter),
    }
}

/// `*` stands for any text, `?` for one character, and a backslash before either for itself.
fn is_like(pattern: &str, value: &str) -> bool {
    let (pattern, value): (Vec<char>, Vec<char>) = (pattern.chars().collect(), value.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where to go on when what follows the last `*` does not fit.
    let mut again: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(at), value.get(seen)) {
            (None, None) => return true,
            (Some('*'), _) => {
                again = Some((at + 1, seen));
                at += 1;
                continue;
            }
            (Some('?'), Some(_)) => Some(1),
            (Some('\\'), Some(letter)) if pattern.get(at + 1) == Some(letter) => Some(2),
            (Some(wanted), Some(letter)) if wanted == letter => Some(1),
            _ => None,
        };
        match (step, again) {
            (Some(width), _) => (at, seen) = (at + width, seen + 1),
            (None, Some((from, tried))) if tried < value.len() => {
                (at, seen) = (from, tried + 1);
                again = Some((from, tried + 1));
            }
            (None, _) => return false,
        }
    }
}

/// A flag as filters write it.
pub fn flag(value: Option<bool>) -> Vec<String> {
    value.map(|value| value.to_string()).into_iter().collect()
}

/// One value, if it is there.
pub fn one(value: &Option<String>) -> Vec<String> {
    value.iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_ec2_does() {
        for (pattern, value) in [
            ("abc", "abc"),
            ("*", ""),
            ("a*", "a"),
            ("*c", "abcc"),
            ("a*b*c", "a-b-b-c"),
            ("a?c", "abc"),
            ("10.0.*", "10.0.0.0/16"),
            ("a\\*", "a*"),
            ("a\\b", "a\\b"),
        ] {
            assert!(is_like(pattern, value), "{pattern} {value}");
        }
        for (pattern, value) in
            [("abc", "ab"), ("a?", "a"), ("a*b", "abc"), ("a\\*", "ab"), ("", "a"), ("A", "a")]
        {
            assert!(!is_like(pattern, value), "{pattern} {value}");
        }
    }
}
