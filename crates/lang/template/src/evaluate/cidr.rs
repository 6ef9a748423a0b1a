//! `Fn::Cidr`: an address block cut into smaller ones.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::TemplateError;
use crate::error::function_error;

pub(super) const ARGUMENTS: &str = "every Fn::Cidr object requires two parameters, (1) an IP address block and (2) a \
     count, and optionally (3) the number of subnet bits.";

/// `count` blocks, each with `bits` bits for hosts; 8 for IPv4 and 64 for IPv6 where that is not given.
///
/// Source: CloudFormation User Guide, "Fn::Cidr": 1 to 256 blocks.
pub(super) fn blocks(block: &str, count: &str, bits: Option<&str>) -> Result<Vec<String>, TemplateError> {
    let wrong = || function_error(ARGUMENTS);
    let (address, prefix) = block.split_once('/').ok_or_else(wrong)?;
    let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
    let count: u128 = count.parse().map_err(|_| wrong())?;
    let (address, width) = match (address.parse::<Ipv4Addr>(), address.parse::<Ipv6Addr>()) {
        (Ok(address), _) => (u128::from(u32::from(address)), 32),
        (Err(_), Ok(address)) => (u128::from(address), 128),
        (Err(_), Err(_)) => return Err(wrong()),
    };
    let bits: u32 = match bits {
        Some(bits) => bits.parse().map_err(|_| wrong())?,
        None if width == 32 => 8,
        None => 64,
    };
    if prefix > width || bits == 0 || bits > width || !(1..=256).contains(&count) {
        return Err(wrong());
    }
    let free = (width - prefix).checked_sub(bits).ok_or_else(wrong)?;
    if free < 128 && count > 1_u128 << free {
        return Err(wrong());
    }
    let host_mask = 1_u128.checked_shl(width - prefix).map_or(u128::MAX, |size| size - 1);
    let base = address & !host_mask;
    let size = 1_u128.checked_shl(bits).unwrap_or(0);
    Ok((0..count).map(|index| written(base + index * size, width, width - bits)).collect())
}

fn written(address: u128, width: u32, prefix: u32) -> String {
    match u32::try_from(address) {
        Ok(address) if width == 32 => format!("{}/{prefix}", Ipv4Addr::from(address)),
        _ => format!("{}/{prefix}", Ipv6Addr::from(address)),
    }
}
