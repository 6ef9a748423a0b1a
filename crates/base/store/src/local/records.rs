//! A table's records in memory: those that were put and deleted since the layer began, over whatever lies below.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Included, Unbounded};

/// Memory that an entry takes beside its key and value, about.
pub(super) const OVERHEAD: usize = 96;

/// A record's version, as far as it is known without a look at what lies below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// There is no such record below: deleting it leaves nothing behind.
    Created(u64),
    /// This version, whatever lies below.
    Exactly(u64),
    /// So many above the version below, which is 0 where there is none.
    Above(u64),
}

/// What a layer knows of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State<V = Vec<u8>> {
    /// It was put.
    Put { version: Version, value: V },
    /// It was deleted.
    Deleted,
}

/// The records of one table.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) keys: BTreeMap<String, State>,
    /// Prefixes whose records below are deleted; none of them begins with another.
    pub(super) cleared: BTreeSet<String>,
}

impl Version {
    fn next(self) -> Self {
        self.plus(1)
    }

    fn plus(self, more: u64) -> Self {
        match self {
            Self::Created(version) => Self::Created(version + more),
            Self::Exactly(version) => Self::Exactly(version + more),
            Self::Above(version) => Self::Above(version + more),
        }
    }

    /// The version where this one lies over `below`.
    pub(super) fn over(self, below: Option<Self>) -> Self {
        match (self, below) {
            (Self::Above(more), Some(below)) => below.plus(more),
            (version, _) => version,
        }
    }

    /// The number where the version below is `below`.
    pub(super) fn resolve(self, below: u64) -> u64 {
        match self {
            Self::Created(version) | Self::Exactly(version) => version,
            Self::Above(more) => below.saturating_add(more),
        }
    }
}

impl<V> State<V> {
    /// The state that is seen where this one lies over `below`.
    pub(super) fn over<W>(self, below: Option<&State<W>>) -> Self {
        match (self, below) {
            (Self::Put { version: Version::Above(more), value }, Some(State::Deleted)) => {
                Self::Put { version: Version::Exactly(more), value }
            }
            (Self::Put { version, value }, Some(State::Put { version: below, .. })) => {
                Self::Put { version: version.over(Some(*below)), value }
            }
            (state, _) => state,
        }
    }

    /// Whether what lies below makes no difference.
    pub(super) fn is_settled(&self) -> bool {
        !matches!(self, Self::Put { version: Version::Above(_), .. })
    }
}

impl State {
    /// The same with its value borrowed.
    pub(super) fn borrowed(&self) -> State<&[u8]> {
        match self {
            Self::Put { version, value } => State::Put { version: *version, value },
            Self::Deleted => State::Deleted,
        }
    }
}

impl Table {
    /// What is known of the record under `key`; none where only what lies below knows.
    pub(super) fn find(&self, key: &str) -> Option<State<&[u8]>> {
        let state = self.keys.get(key).map(State::borrowed);
        state.or_else(|| self.clears(key).then_some(State::Deleted))
    }

    /// The records from `from` on, up to `before`, in that order.
    pub(super) fn range(
        &self,
        from: &str,
        before: Option<&str>,
        descending: bool,
    ) -> Box<dyn Iterator<Item = (&String, &State)> + '_> {
        let end = before.map_or(Unbounded, Excluded);
        if before.is_some_and(|before| before <= from) {
            return Box::new(std::iter::empty());
        }
        let range = self.keys.range::<str, _>((Included(from), end));
        if descending { Box::new(range.rev()) } else { Box::new(range) }
    }

    /// As much of the table as decides the first `limit` records of a range.
    pub(super) fn excerpt(&self, from: &str, before: Option<&str>, descending: bool, limit: usize) -> Self {
        let mut excerpt = Self::default();
        let mut left = limit;
        for (key, state) in self.range(from, before, descending) {
            if left == 0 {
                break;
            }
            left -= usize::from(matches!(state, State::Put { .. }));
            excerpt.keys.insert(key.clone(), state.clone());
        }
        // A prefix before the range may reach into it, and only the last one can.
        let reaching = self.cleared.range::<str, _>((Unbounded, Excluded(from))).next_back();
        let within = self.cleared.range::<str, _>((Included(from), Unbounded));
        let within = within.take_while(|prefix| before.is_none_or(|before| prefix.as_str() < before));
        excerpt.cleared = reaching.into_iter().chain(within).cloned().collect();
        excerpt
    }

    /// Whether the record under `key` below is deleted by a prefix.
    pub(super) fn clears(&self, key: &str) -> bool {
        // Of prefixes none of which begins with another, only the last one up to the key can be the key's.
        !self.cleared.is_empty()
            && self
                .cleared
                .range::<str, _>((Unbounded, Included(key)))
                .next_back()
                .is_some_and(|prefix| key.starts_with(prefix))
    }

    /// Creates or replaces a record, whose version before is `known` to somebody; 0 where there was none.
    pub(super) fn put(&mut self, key: String, value: Vec<u8>, known: Option<u64>, bytes: &mut usize) {
        *bytes += value.len();
        if let Some(state) = self.keys.get_mut(&key) {
            let version = match state {
                State::Put { version, value } => {
                    *bytes = bytes.saturating_sub(value.len());
                    version.next()
                }
                State::Deleted => Version::Exactly(1),
            };
            *state = State::Put { version, value };
            return;
        }
        let version = match known {
            _ if self.clears(&key) => Version::Exactly(1),
            Some(0) => Version::Created(1),
            Some(version) => Version::Exactly(version + 1),
            None => Version::Above(1),
        };
        *bytes += key.len() + OVERHEAD;
        self.keys.insert(key, State::Put { version, value });
    }

    /// Deletes a record, if there is one.
    pub(super) fn delete(&mut self, key: String, bytes: &mut usize) {
        match self.keys.get_mut(&key) {
            Some(State::Put { version: Version::Created(_), .. }) => self.forget(&key, bytes),
            Some(state) => {
                *bytes = bytes.saturating_sub(size(state));
                *state = State::Deleted;
            }
            None => {
                if !self.clears(&key) {
                    *bytes += key.len() + OVERHEAD;
                    self.keys.insert(key, State::Deleted);
                }
            }
        }
    }

    /// Deletes all records whose keys begin with `prefix`.
    pub(super) fn delete_prefix(&mut self, prefix: String, bytes: &mut usize) {
        let under: Vec<String> = self
            .keys
            .range::<str, _>((Included(prefix.as_str()), Unbounded))
            .take_while(|(key, _)| key.starts_with(&prefix))
            .map(|(key, _)| key.clone())
            .collect();
        for key in under {
            self.forget(&key, bytes);
        }
        if self.clears(&prefix) {
            return;
        }
        let longer: Vec<String> = self
            .cleared
            .range::<str, _>((Included(prefix.as_str()), Unbounded))
            .take_while(|longer| longer.starts_with(&prefix))
            .cloned()
            .collect();
        for longer in longer {
            *bytes = bytes.saturating_sub(longer.len() + OVERHEAD);
            self.cleared.remove(&longer);
        }
        *bytes += prefix.len() + OVERHEAD;
        self.cleared.insert(prefix);
    }

    fn forget(&mut self, key: &str, bytes: &mut usize) {
        if let Some(state) = self.keys.remove(key) {
            *bytes = bytes.saturating_sub(key.len() + OVERHEAD + size(&state));
        }
    }

    /// Lays `upper` over this table.
    pub(super) fn absorb(&mut self, upper: Self, bytes: &mut usize) {
        for prefix in upper.cleared {
            self.delete_prefix(prefix, bytes);
        }
        for (key, state) in upper.keys {
            match state {
                State::Deleted => self.delete(key, bytes),
                State::Put { version, value } => self.lay(key, version, value, bytes),
            }
        }
    }

    fn lay(&mut self, key: String, version: Version, value: Vec<u8>, bytes: &mut usize) {
        *bytes += value.len();
        if let Some(state) = self.keys.get_mut(&key) {
            *bytes = bytes.saturating_sub(size(state));
            let is_fresh = matches!(state, State::Put { version: Version::Created(_), .. });
            let version = match version {
                // Deleted here, and perhaps still there below.
                Version::Created(version) if !is_fresh => Version::Exactly(version),
                Version::Exactly(version) if is_fresh => Version::Created(version),
                version => version,
            };
            *state = State::Put { version, value }.over(Some(state));
            return;
        }
        let version = match version {
            Version::Above(more) if self.clears(&key) => Version::Exactly(more),
            version => version,
        };
        *bytes += key.len() + OVERHEAD;
        self.keys.insert(key, State::Put { version, value });
    }
}

fn size(state: &State) -> usize {
    match state {
        State::Put { value, .. } => value.len(),
        State::Deleted => 0,
    }
}
