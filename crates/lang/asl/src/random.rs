//! The random numbers of one execution: made from its seed, kept in its head, so that a run can be repeated.

use serde::{Deserialize, Serialize};

/// A splitmix64 generator. Not for secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator whose numbers depend on `seed` only.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in `0..bound`, or 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let high = self.next_u64() & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = self.next_u64() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        let (node, clock) = (low & 0xffff_ffff_ffff, low >> 48);
        format!(
            "{:08x}-{:04x}-{:04x}-{clock:04x}-{node:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff
        )
    }
}

/// Spreads the bits of a number over all of it.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_is_version_four() {
        let uuid = Random::new(1).uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"));
        assert_eq!(uuid, Random::new(1).uuid());
    }
}
