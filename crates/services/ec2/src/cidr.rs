//! Blocks of IPv4 addresses.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A block such as `10.0.0.0/16`, without bits set behind the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    network: u32,
    prefix: u8,
}

/// What is no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a CIDR block")]
pub struct NotACidr;

impl Cidr {
    /// The block of that address and prefix length, at most 32; bits behind the prefix are cleared.
    pub const fn new(address: [u8; 4], prefix: u8) -> Self {
        Self { network: u32::from_be_bytes(address) & mask(prefix), prefix }
    }

    /// The length of the prefix.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether all of `other` lies in it.
    pub fn contains(self, other: Self) -> bool {
        self.prefix <= other.prefix && other.network & mask(self.prefix) == self.network
    }

    /// Whether some address lies in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// How many addresses it has.
    pub fn size(self) -> u64 {
        1 << (32 - u32::from(self.prefix))
    }

    /// The address at that place, the first being 0.
    pub fn address(self, at: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network.wrapping_add(at))
    }
}

const fn mask(prefix: u8) -> u32 {
    match prefix {
        0 => 0,
        32.. => u32::MAX,
        prefix => u32::MAX << (32 - prefix),
    }
}

impl FromStr for Cidr {
    type Err = NotACidr;

    fn from_str(text: &str) -> Result<Self, NotACidr> {
        let (address, prefix) = text.split_once('/').ok_or(NotACidr)?;
        let address: Ipv4Addr = address.parse().map_err(|_| NotACidr)?;
        let prefix = prefix_length(prefix, 32).ok_or(NotACidr)?;
        Ok(Self::new(address.octets(), prefix))
    }
}

impl TryFrom<String> for Cidr {
    type Error = NotACidr;

    fn try_from(text: String) -> Result<Self, NotACidr> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.network), self.prefix)
    }
}

/// A block of IPv6 addresses as it is written shortest, without bits behind the prefix; `None` for what is none.
pub fn canonical_ipv6(text: &str) -> Option<String> {
    let (address, prefix) = text.split_once('/')?;
    let address: Ipv6Addr = address.parse().ok()?;
    let prefix = prefix_length(prefix, 128)?;
    let kept = if prefix == 0 { 0 } else { u128::MAX << (128 - u32::from(prefix)) };
    Some(format!("{}/{prefix}", Ipv6Addr::from_bits(address.to_bits() & kept)))
}

fn prefix_length(text: &str, max: u8) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|prefix| plain && *prefix <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_compared_by_their_addresses() {
        let cidr = |text: &str| text.parse::<Cidr>().unwrap();
        assert!(cidr("10.0.0.0/16").contains(cidr("10.0.255.0/24")));
        assert!(!cidr("10.0.0.0/16").contains(cidr("10.1.0.0/24")));
        assert!(cidr("10.0.1.0/24").overlaps(cidr("10.0.0.0/16")));
        assert!(cidr("0.0.0.0/0").contains(cidr("203.0.113.0/24")));
        assert_eq!(cidr("10.0.1.7/24").to_string(), "10.0.1.0/24");
        assert_eq!((cidr("10.0.0.0/28").size(), cidr("0.0.0.0/0").size()), (16, 1 << 32));
    }

    #[test]
    fn what_is_no_block_is_none() {
        for text in ["", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/", "::/0", "x/8"] {
            assert_eq!(text.parse::<Cidr>(), Err(NotACidr), "{text}");
        }
        assert_eq!(canonical_ipv6("2001:DB8::1/32").as_deref(), Some("2001:db8::/32"));
        assert_eq!(canonical_ipv6("10.0.0.0/8"), None);
    }
}
