//! The rules that may want an event for the value of one field.
//!
//! Every operator has its index: whole texts, beginnings, ends, texts without regard to case, pieces of wildcards,
//! numbers and ranges, addresses. An index only proposes. What it proposes is compared with the whole rule afterwards, so a
//! proposal too many costs time, and one too few would be wrong.

use std::collections::HashMap;

use crate::cidr;
use crate::event::Leaf;
use crate::intervals::Intervals;
use crate::number;
use crate::postings::{Affixes, Postings};
use crate::value_pattern::{TextPattern, ValuePattern, fold};

/// Bytes of a wildcard's inner text by which it is found.
const GRAM: usize = 3;

/// Alternatives by the value of one field.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldIndex {
    texts: Postings,
    prefixes: Affixes,
    suffixes: Affixes,
    folded: Postings,
    folded_prefixes: Affixes,
    folded_suffixes: Affixes,
    grams: Grams,
    addresses: [Intervals; 2],
    /// By their places among all numbers.
    numbers: HashMap<u64, Vec<u32>>,
    ranges: Intervals,
    /// Numbers that no float says.
    literals: Postings,
    nulls: Vec<u32>,
    trues: Vec<u32>,
    falses: Vec<u32>,
    any_text: Vec<u32>,
    anything: Vec<u32>,
}

/// Where an index keeps what one pattern accepts.
enum Place<'p> {
    Text(&'p [u8]),
    Prefix(&'p [u8]),
    Suffix(&'p [u8]),
    Folded(String),
    FoldedPrefix(String),
    FoldedSuffix(String),
    /// A text somewhere inside, of at least a gram.
    Inside(&'p [u8]),
    /// The family of the address, and its range.
    Addresses(usize, (u128, u128)),
    Number(u64),
    Range((u128, u128)),
    Literal(&'p [u8]),
    Null,
    True,
    False,
    AnyText,
    Anything,
    Nowhere,
}

impl Place<'_> {
    fn of(pattern: &ValuePattern) -> Place<'_> {
        match pattern {
            ValuePattern::Null => Place::Null,
            ValuePattern::True => Place::True,
            ValuePattern::False => Place::False,
            ValuePattern::String(text) => Place::Text(text.as_bytes()),
            ValuePattern::Number { value: Some(value), .. } => Place::Number(number::place(*value)),
            ValuePattern::Number { literal, value: None } => Place::Literal(literal.as_bytes()),
            ValuePattern::Ip(range) => {
                let (family, range) = range.places();
                Place::Addresses(family, range)
            }
            ValuePattern::Text(pattern) => Place::of_text(pattern),
            ValuePattern::Numeric(range) => match range.places() {
                (first, last) if first == last => u64::try_from(first).map_or(Place::Nowhere, Place::Number),
                places => Place::Range(places),
            },
            ValuePattern::Absent => Place::Nowhere,
            ValuePattern::Exists
            | ValuePattern::AnythingButStrings(_)
            | ValuePattern::AnythingButNumbers(_)
            | ValuePattern::AnythingButText(_) => Place::Anything,
        }
    }

    fn of_text(pattern: &TextPattern) -> Place<'_> {
        match pattern {
            TextPattern::Prefix(text) => Place::Prefix(text.as_bytes()),
            TextPattern::Suffix(text) => Place::Suffix(text.as_bytes()),
            TextPattern::PrefixIgnoreCase(text) => Place::FoldedPrefix(fold(text)),
            TextPattern::SuffixIgnoreCase(text) => Place::FoldedSuffix(fold(text)),
            TextPattern::EqualsIgnoreCase(text) => Place::Folded(fold(text)),
            TextPattern::Wildcard(wildcard) => {
                let (first, inner, last) = wildcard.longest_parts();
                let outer = first.len().max(last.len());
                match inner.len() {
                    length if length >= GRAM && length > outer => Place::Inside(inner.as_bytes()),
                    _ if outer == 0 => Place::AnyText,
                    _ if first.len() == outer => Place::Prefix(first.as_bytes()),
                    _ => Place::Suffix(last.as_bytes()),
                }
            }
        }
    }
}

/// Alternatives that an event makes worth a look, each once.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    seen: Vec<u64>,
    pub(crate) alternatives: Vec<u32>,
    /// Room for the text without regard to case.
    folded: String,
}

impl Proposals {
    pub(crate) fn reset(&mut self, alternatives: usize) {
        self.alternatives.clear();
        self.seen.clear();
        self.seen.resize(alternatives.div_ceil(64), 0);
    }

    #[inline]
    pub(crate) fn add(&mut self, alternative: u32) {
        let Some(word) = self.seen.get_mut(alternative as usize / 64) else { return };
        let bit = 1 << (alternative % 64);
        if *word & bit == 0 {
            *word |= bit;
            self.alternatives.push(alternative);
        }
    }

    #[inline]
    pub(crate) fn add_all(&mut self, alternatives: &[u32]) {
        for alternative in alternatives {
            self.add(*alternative);
        }
    }
}

impl FieldIndex {
    /// Proposes an alternative from now on where `pattern` may accept the value.
    pub(crate) fn add(&mut self, pattern: &ValuePattern, alternative: u32) {
        match Place::of(pattern) {
            Place::Text(text) => self.texts.add(text, alternative),
            Place::Prefix(text) => self.prefixes.add(text, alternative),
            Place::Suffix(text) => self.suffixes.add(text, alternative),
            Place::Folded(text) => self.folded.add(text.as_bytes(), alternative),
            Place::FoldedPrefix(text) => self.folded_prefixes.add(text.as_bytes(), alternative),
            Place::FoldedSuffix(text) => self.folded_suffixes.add(text.as_bytes(), alternative),
            Place::Inside(text) => self.grams.add(text, alternative),
            Place::Addresses(family, range) => {
                if let Some(addresses) = self.addresses.get_mut(family) {
                    addresses.add(range, alternative);
                }
            }
            Place::Number(place) => self.numbers.entry(place).or_default().push(alternative),
            Place::Range(range) => self.ranges.add(range, alternative),
            Place::Literal(literal) => self.literals.add(literal, alternative),
            place => {
                if let Some(list) = self.list(&place) {
                    list.push(alternative);
                }
            }
        }
    }

    /// Takes back what [`FieldIndex::add`] did.
    pub(crate) fn take(&mut self, pattern: &ValuePattern, alternative: u32) {
        match Place::of(pattern) {
            Place::Text(text) => self.texts.take(text, alternative),
            Place::Prefix(text) => self.prefixes.take(text, alternative),
            Place::Suffix(text) => self.suffixes.take(text, alternative),
            Place::Folded(text) => self.folded.take(text.as_bytes(), alternative),
            Place::FoldedPrefix(text) => self.folded_prefixes.take(text.as_bytes(), alternative),
            Place::FoldedSuffix(text) => self.folded_suffixes.take(text.as_bytes(), alternative),
            Place::Inside(text) => self.grams.take(text, alternative),
            Place::Addresses(family, range) => {
                if let Some(addresses) = self.addresses.get_mut(family) {
                    addresses.take(range, alternative);
                }
            }
            Place::Number(place) => {
                if let Some(list) = self.numbers.get_mut(&place) {
                    list.retain(|one| *one != alternative);
                    if list.is_empty() {
                        self.numbers.remove(&place);
                    }
                }
            }
            Place::Range(range) => self.ranges.take(range, alternative),
            Place::Literal(literal) => self.literals.take(literal, alternative),
            place => {
                if let Some(list) = self.list(&place) {
                    list.retain(|one| *one != alternative);
                }
            }
        }
    }

    fn list(&mut self, place: &Place<'_>) -> Option<&mut Vec<u32>> {
        match place {
            Place::Null => Some(&mut self.nulls),
            Place::True => Some(&mut self.trues),
            Place::False => Some(&mut self.falses),
            Place::AnyText => Some(&mut self.any_text),
            Place::Anything => Some(&mut self.anything),
            _ => None,
        }
    }

    /// How much work it is likely to be to find an alternative by `pattern`: the fewer others are in its place, and the
    /// fewer events come to it, the better. Only comparisons have a meaning.
    pub(crate) fn cost(&self, pattern: &ValuePattern) -> usize {
        let short = |text: &[u8]| 16 / (text.len() + 1);
        match Place::of(pattern) {
            Place::Text(text) => 1 + self.texts.count(text),
            Place::Folded(text) => 2 + self.folded.count(text.as_bytes()),
            Place::Number(place) => 2 + self.numbers.get(&place).map_or(0, Vec::len),
            Place::Literal(literal) => 2 + self.literals.count(literal),
            Place::Prefix(text) => 4 + short(text) + self.prefixes.count(text),
            Place::Suffix(text) => 4 + short(text) + self.suffixes.count(text),
            Place::FoldedPrefix(text) => {
                4 + short(text.as_bytes()) + self.folded_prefixes.count(text.as_bytes())
            }
            Place::FoldedSuffix(text) => {
                4 + short(text.as_bytes()) + self.folded_suffixes.count(text.as_bytes())
            }
            Place::Inside(text) => 12 + self.grams.count(text),
            Place::Addresses(family, _) => 12 + self.addresses.get(family).map_or(0, Intervals::len) / 4,
            Place::Range(_) => 24 + self.ranges.len() / 4,
            Place::Null => 64 + self.nulls.len(),
            Place::True => 64 + self.trues.len(),
            Place::False => 64 + self.falses.len(),
            Place::AnyText => 256 + self.any_text.len(),
            Place::Anything => 1024 + self.anything.len(),
            Place::Nowhere => 0,
        }
    }

    /// Proposes every alternative that this value of the field may satisfy.
    #[inline]
    pub(crate) fn propose(&self, leaf: &Leaf<'_>, proposals: &mut Proposals) {
        match leaf {
            Leaf::String(text) => self.propose_by_text(text, proposals),
            Leaf::Number(written) => {
                if !self.literals.is_empty()
                    && let Some(list) = self.literals.get(written.literal.as_bytes())
                {
                    proposals.add_all(list);
                }
                if !(self.numbers.is_empty() && self.ranges.is_empty())
                    && let Some(value) = written.value()
                {
                    let place = number::place(value);
                    proposals.add_all(self.numbers.get(&place).map_or(&[], Vec::as_slice));
                    self.ranges.around(place.into(), &mut |alternative| proposals.add(alternative));
                }
            }
            Leaf::Null => proposals.add_all(&self.nulls),
            Leaf::True => proposals.add_all(&self.trues),
            Leaf::False => proposals.add_all(&self.falses),
        }
        proposals.add_all(&self.anything);
    }

    #[inline]
    fn propose_by_text(&self, text: &str, proposals: &mut Proposals) {
        let bytes = text.as_bytes();
        if let Some(list) = self.texts.get(bytes) {
            proposals.add_all(list);
        }
        self.prefixes.of_beginnings(bytes, |list| proposals.add_all(list));
        self.suffixes.of_ends(bytes, |list| proposals.add_all(list));
        self.grams.of(bytes, |list| proposals.add_all(list));
        proposals.add_all(&self.any_text);
        if !(self.folded.is_empty() && self.folded_prefixes.is_empty() && self.folded_suffixes.is_empty()) {
            self.propose_by_folded_text(text, proposals);
        }
        if self.addresses.iter().any(|addresses| !addresses.is_empty())
            && let Some((family, (address, _))) =
                cidr::parse_address(text).map(|address| cidr::IpRange::single(address).places())
            && let Some(addresses) = self.addresses.get(family)
        {
            addresses.around(address, &mut |alternative| proposals.add(alternative));
        }
    }

    fn propose_by_folded_text(&self, text: &str, proposals: &mut Proposals) {
        let mut folded = std::mem::take(&mut proposals.folded);
        folded.clear();
        crate::value_pattern::fold_into(text, &mut folded);
        let bytes = folded.as_bytes();
        if let Some(list) = self.folded.get(bytes) {
            proposals.add_all(list);
        }
        self.folded_prefixes.of_beginnings(bytes, |list| proposals.add_all(list));
        self.folded_suffixes.of_ends(bytes, |list| proposals.add_all(list));
        proposals.folded = folded;
    }
}

/// Alternatives by three bytes that a text must have somewhere.
#[derive(Clone, Debug, Default)]
struct Grams {
    lists: HashMap<[u8; GRAM], Vec<u32>>,
    /// A bit for some grams together: where it is off, none of them is in the map.
    filter: Vec<u64>,
}

impl Grams {
    const FILTER_WORDS: usize = 64;

    /// Enters an alternative under the gram of `text` that has the fewest others.
    fn add(&mut self, text: &[u8], alternative: u32) {
        let Some(gram) = grams(text).min_by_key(|gram| self.count_of(*gram)) else { return };
        self.filter.resize(Self::FILTER_WORDS, 0);
        let (word, bit) = Self::filter_place(gram);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
        self.lists.entry(gram).or_default().push(alternative);
    }

    /// Takes it back from whichever gram it was entered under.
    fn take(&mut self, text: &[u8], alternative: u32) {
        for gram in grams(text) {
            let Some(list) = self.lists.get_mut(&gram) else { continue };
            list.retain(|one| *one != alternative);
            if list.is_empty() {
                self.lists.remove(&gram);
            }
        }
        if self.lists.is_empty() {
            self.filter.clear();
        }
    }

    fn count(&self, text: &[u8]) -> usize {
        grams(text).map(|gram| self.count_of(gram)).min().unwrap_or(0)
    }

    fn count_of(&self, gram: [u8; GRAM]) -> usize {
        self.lists.get(&gram).map_or(0, Vec::len)
    }

    #[inline]
    fn of(&self, text: &[u8], mut found: impl FnMut(&[u32])) {
        if self.filter.is_empty() {
            return;
        }
        for gram in grams(text) {
            let (word, bit) = Self::filter_place(gram);
            if self.filter.get(word).is_some_and(|word| word & bit != 0)
                && let Some(list) = self.lists.get(&gram)
            {
                found(list);
            }
        }
    }

    fn filter_place([first, second, third]: [u8; GRAM]) -> (usize, u64) {
        let mixed = u32::from_le_bytes([first, second, third, 0]).wrapping_mul(0x9E37_79B1) >> 20;
        (mixed as usize / 64 % Self::FILTER_WORDS, 1 << (mixed % 64))
    }
}

fn grams(text: &[u8]) -> impl Iterator<Item = [u8; GRAM]> {
    text.windows(GRAM).filter_map(|window| window.first_chunk().copied())
}
