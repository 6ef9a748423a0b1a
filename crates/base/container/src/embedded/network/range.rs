//! Ranges of IPv4 addresses, and the choice of one for a data directory's networks. Pure.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// The bits that all addresses of a chosen range have in common: 4096 addresses.
const PREFIX: u8 = 20;
/// As in a VPC, the first four addresses of a range are not given away: itself, the gateway, DNS, and one for later.
const RESERVED: u32 = 4;

/// A range of addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    first: Ipv4Addr,
    prefix: u8,
}

impl Range {
    /// The range in which `address` lies.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        Self { first: Ipv4Addr::from_bits(address.to_bits() & mask), prefix }
    }

    /// How many bits the addresses have in common.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The first address.
    pub fn first(self) -> Ipv4Addr {
        self.first
    }

    /// The address whose bits are set where the addresses have their bits in common.
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0))
    }

    /// The last address, which reaches all of them.
    pub fn last(self) -> Ipv4Addr {
        let rest = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        Ipv4Addr::from_bits(self.first.to_bits() | rest)
    }

    /// The address that this machine has in it.
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first.to_bits().saturating_add(1))
    }

    /// Whether `address` lies in it.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last()).contains(&address)
    }

    /// Whether some address lies in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// Whether networks may have `address`.
    pub fn is_for_networks(self, address: Ipv4Addr) -> bool {
        self.contains(address)
            && address.to_bits() >= self.first.to_bits() + RESERVED
            && address < self.last()
    }

    /// Every address that networks may have, each once, beginning at one that `seed` decides.
    ///
    /// So an address that became free is not given away again at once, while neighbours may still remember whose it was.
    pub fn addresses_for_networks(self, seed: u64) -> impl Iterator<Item = Ipv4Addr> {
        let first = self.first.to_bits() + RESERVED;
        let count = self.last().to_bits().saturating_sub(first);
        let start = u32::try_from(seed % u64::from(count.max(1))).unwrap_or(0);
        (0..count).map(move |step| Ipv4Addr::from_bits(first + (start + step) % count))
    }
}

/// The first range that meets none of `taken`, if any.
///
/// Those of AWS's default VPC come first, 172.31.0.0/16, then the rest of 172.16.0.0/12, then the upper end of
/// 10.0.0.0/8.
pub fn choose(taken: &[Range]) -> Option<Range> {
    let default_vpc = (16..=31).rev().flat_map(|second| parts(172, second));
    let large = (224..=255).flat_map(|second| parts(10, second));
    default_vpc.chain(large).find(|range| !taken.iter().any(|other| range.overlaps(*other)))
}

fn parts(first: u8, second: u8) -> impl Iterator<Item = Range> {
    (0..16_u8).map(move |part| Range::new(Ipv4Addr::new(first, second, part * 16, 0), PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str, prefix: u8) -> Range {
        Range::new(text.parse().unwrap(), prefix)
    }

    #[test]
    fn a_range_is_chosen_that_meets_no_route() {
        assert_eq!(choose(&[]), Some(range("172.31.0.0", 20)));
        assert_eq!(choose(&[range("172.31.15.0", 24)]), Some(range("172.31.16.0", 20)));
        assert_eq!(choose(&[range("172.31.0.0", 16)]), Some(range("172.30.0.0", 20)));
        assert_eq!(choose(&[range("172.16.0.0", 12)]), Some(range("10.224.0.0", 20)));
        assert_eq!(choose(&[range("172.16.0.0", 12), range("10.0.0.0", 8)]), None);
        assert_eq!(choose(&[range("0.0.0.0", 0)]), None);
    }

    #[test]
    fn addresses_are_those_of_hosts_each_once() {
        let range = range("172.31.16.9", 28);
        assert_eq!(
            (range.first(), range.gateway(), range.last()),
            ip("172.31.16.0", "172.31.16.1", "172.31.16.15")
        );
        let mut given: Vec<Ipv4Addr> = range.addresses_for_networks(u64::MAX).collect();
        assert!(given.iter().all(|address| range.is_for_networks(*address)));
        given.sort_unstable();
        given.dedup();
        assert_eq!((given.len(), given.first().copied()), (11, "172.31.16.4".parse().ok()));
        assert!(
            !range.is_for_networks(range.last()) && !range.is_for_networks("172.31.16.3".parse().unwrap())
        );
    }

    fn ip(one: &str, two: &str, three: &str) -> (Ipv4Addr, Ipv4Addr, Ipv4Addr) {
        (one.parse().unwrap(), two.parse().unwrap(), three.parse().unwrap())
    }
}
