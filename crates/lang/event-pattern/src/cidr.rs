//! IP addresses and the `cidr` operator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses of one family, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IpRange {
    first: IpAddr,
    last: IpAddr,
}

impl IpRange {
    /// The range of one address.
    pub(crate) fn single(address: IpAddr) -> Self {
        Self { first: address, last: address }
    }

    /// Reads `10.0.0.0/24` or `2001:db8::/32`. Bits after the mask are ignored.
    pub(crate) fn parse_cidr(text: &str) -> Result<Self, String> {
        // Empty parts at the end do not count: `10.0.0.0/` has one part, `10.0.0.0/8/` two.
        let parts: Vec<&str> = text.trim_end_matches('/').split('/').collect();
        let &[address, mask] = parts.as_slice() else {
            return Err("Malformed CIDR, one '/' required".to_owned());
        };
        let Ok(mask) = mask.parse::<i32>() else {
            return Err("Malformed CIDR, mask bits must be an integer".to_owned());
        };
        let Ok(mask) = u32::try_from(mask) else {
            return Err("Malformed CIDR, mask bits must not be negative".to_owned());
        };
        if !looks_like_address(address) {
            return Err(format!("Nonstandard IP address: {address}"));
        }
        let Some(address) = parse_address(address) else {
            return Err(format!("Invalid IP address: {address}"));
        };
        match address {
            IpAddr::V4(_) if mask > 31 => Err("IPv4 mask bits must be < 32".to_owned()),
            IpAddr::V6(_) if mask > 127 => Err("IPv6 mask bits must be < 128".to_owned()),
            IpAddr::V4(v4) => {
                let variable = u32::MAX.checked_shr(mask).unwrap_or(0);
                let base = u32::from(v4);
                Ok(Self {
                    first: IpAddr::V4(Ipv4Addr::from(base & !variable)),
                    last: IpAddr::V4(Ipv4Addr::from(base | variable)),
                })
            }
            IpAddr::V6(v6) => {
                let variable = u128::MAX.checked_shr(mask).unwrap_or(0);
                let base = u128::from(v6);
                Ok(Self {
                    first: IpAddr::V6(Ipv6Addr::from(base & !variable)),
                    last: IpAddr::V6(Ipv6Addr::from(base | variable)),
                })
            }
        }
    }

    /// The family and both ends as numbers.
    pub(crate) fn places(self) -> (usize, (u128, u128)) {
        let place = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address),
        };
        (usize::from(self.first.is_ipv6()), (place(self.first), place(self.last)))
    }

    /// Whether `text` is an address of this range, in whatever notation.
    pub(crate) fn contains(&self, text: &str) -> bool {
        match (parse_address(text), self.first, self.last) {
            (Some(IpAddr::V4(address)), IpAddr::V4(first), IpAddr::V4(last)) => {
                first <= address && address <= last
            }
            (Some(IpAddr::V6(address)), IpAddr::V6(first), IpAddr::V6(last)) => {
                first <= address && address <= last
            }
            _ => false,
        }
    }
}

/// Reads an address; an IPv6 notation of an IPv4 address (`::ffff:a00:1`) is that IPv4 address.
pub(crate) fn parse_address(text: &str) -> Option<IpAddr> {
    if !looks_like_address(text) {
        return None;
    }
    if text.contains(':') {
        let address: Ipv6Addr = text.parse().ok()?;
        return Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4));
    }
    // Leading zeros are decimal here, so the standard parser, which refuses them, is not used.
    let mut octets = [0; 4];
    for (octet, part) in octets.iter_mut().zip(text.split('.')) {
        *octet = part.parse().ok()?;
    }
    Some(IpAddr::V4(Ipv4Addr::from(octets)))
}

/// Four decimal numbers with dots, or hexadecimal digits with at least one colon.
fn looks_like_address(text: &str) -> bool {
    if text.contains(':') {
        return text.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
    }
    let mut parts = 0;
    for part in text.split('.') {
        parts += 1;
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
    }
    parts == 4
}
