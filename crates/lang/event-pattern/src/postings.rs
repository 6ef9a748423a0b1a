//! Lists of pattern alternatives, found by texts: whole ones, and the beginnings or ends of others.

use std::collections::HashMap;

/// Up to this many keys are compared one by one.
const FEW: usize = 8;

/// A map whose keys are bytes, for lookups by texts that mostly are not in it.
#[derive(Clone, Debug)]
pub(crate) enum BytesMap<V> {
    Few(Vec<Entry<V>>),
    Many(HashMap<Box<[u8]>, V>),
}

#[derive(Clone, Debug)]
pub(crate) struct Entry<V> {
    head: u64,
    key: Box<[u8]>,
    value: V,
}

impl<V> Default for BytesMap<V> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<V> BytesMap<V> {
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<&V> {
        match self {
            Self::Few(entries) => {
                let head = head(key);
                let entry = entries.iter().find(|entry| entry.is(head, key));
                entry.map(|entry| &entry.value)
            }
            Self::Many(map) => map.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        match self {
            Self::Few(entries) => {
                let head = head(key);
                entries.iter_mut().find(|entry| entry.is(head, key)).map(|entry| &mut entry.value)
            }
            Self::Many(map) => map.get_mut(key),
        }
    }

    /// Adds a key that is not there.
    pub(crate) fn insert(&mut self, key: &[u8], value: V) {
        match self {
            Self::Few(entries) if entries.len() < FEW => {
                entries.push(Entry { head: head(key), key: key.into(), value });
            }
            Self::Few(entries) => {
                let mut map: HashMap<_, _> =
                    entries.drain(..).map(|entry| (entry.key, entry.value)).collect();
                map.insert(key.into(), value);
                *self = Self::Many(map);
            }
            Self::Many(map) => drop(map.insert(key.into(), value)),
        }
    }

    pub(crate) fn remove(&mut self, key: &[u8]) {
        match self {
            Self::Few(entries) => entries.retain(|entry| *entry.key != *key),
            Self::Many(map) => drop(map.remove(key)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Few(entries) => entries.is_empty(),
            Self::Many(map) => map.is_empty(),
        }
    }
}

impl<V> Entry<V> {
    #[inline]
    fn is(&self, head: u64, key: &[u8]) -> bool {
        self.head == head && self.key.len() == key.len() && (key.len() <= 8 || *self.key == *key)
    }
}

/// All bytes of a key of up to eight, the first eight of a longer one. Keys of different lengths may share it.
#[inline]
fn head(key: &[u8]) -> u64 {
    if let Some(eight) = key.first_chunk() {
        return u64::from_le_bytes(*eight);
    }
    if let (Some(first), Some(last)) = (key.first_chunk(), key.last_chunk()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    key.iter().fold(0, |head, byte| head << 8 | u64::from(*byte))
}

/// Numbers of alternatives by a text.
pub(crate) type Postings = BytesMap<Vec<u32>>;

impl Postings {
    pub(crate) fn add(&mut self, key: &[u8], alternative: u32) {
        match self.get_mut(key) {
            Some(list) => list.push(alternative),
            None => self.insert(key, vec![alternative]),
        }
    }

    pub(crate) fn take(&mut self, key: &[u8], alternative: u32) {
        let Some(list) = self.get_mut(key) else { return };
        list.retain(|one| *one != alternative);
        if list.is_empty() {
            self.remove(key);
        }
    }

    pub(crate) fn count(&self, key: &[u8]) -> usize {
        self.get(key).map_or(0, Vec::len)
    }
}

/// Alternatives by the beginning, or the end, of a text: one map for each length that there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Affixes {
    by_length: Vec<(usize, Postings)>,
}

impl Affixes {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_length.is_empty()
    }

    pub(crate) fn add(&mut self, affix: &[u8], alternative: u32) {
        let at = match self.by_length.binary_search_by_key(&affix.len(), |(length, _)| *length) {
            Ok(at) => at,
            Err(at) => {
                self.by_length.insert(at, (affix.len(), Postings::default()));
                at
            }
        };
        if let Some((_, postings)) = self.by_length.get_mut(at) {
            postings.add(affix, alternative);
        }
    }

    pub(crate) fn take(&mut self, affix: &[u8], alternative: u32) {
        for (_, postings) in self.by_length.iter_mut().filter(|(length, _)| *length == affix.len()) {
            postings.take(affix, alternative);
        }
        self.by_length.retain(|(_, postings)| !postings.is_empty());
    }

    pub(crate) fn count(&self, affix: &[u8]) -> usize {
        let of_length = self.by_length.iter().find(|(length, _)| *length == affix.len());
        of_length.map_or(0, |(_, postings)| postings.count(affix))
    }

    /// Alternatives of which `text` has the beginning.
    #[inline]
    pub(crate) fn of_beginnings(&self, text: &[u8], mut found: impl FnMut(&[u32])) {
        for (length, postings) in &self.by_length {
            let Some(beginning) = text.get(..*length) else { return };
            if let Some(list) = postings.get(beginning) {
                found(list);
            }
        }
    }

    /// Alternatives of which `text` has the end.
    #[inline]
    pub(crate) fn of_ends(&self, text: &[u8], mut found: impl FnMut(&[u32])) {
        for (length, postings) in &self.by_length {
            let Some(end) = text.len().checked_sub(*length).and_then(|from| text.get(from..)) else {
                return;
            };
            if let Some(list) = postings.get(end) {
                found(list);
            }
        }
    }
}
