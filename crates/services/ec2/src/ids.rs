//! Ids of EC2's resources: a prefix and 17 hexadecimal digits.
//!
//! What a region has from its beginning has ids made from account and region: they are the same in every data directory,
//! so that templates and examples can name them.

use sha2::{Digest as _, Sha256};
use types::{AccountId, Region};

/// A new id, such as `vpc-0` and 16 random digits.
pub fn new(prefix: &str) -> String {
    let digits: String = api::ids::hex32().chars().take(16).collect();
    format!("{prefix}-0{digits}")
}

/// The id of what every region has, such as `subnet` `default a`.
pub fn derived(prefix: &str, account: &AccountId, region: &Region, name: &str) -> String {
    let digest = Sha256::digest(format!("{account}/{region}/{prefix}/{name}"));
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}-0{digits}")
}
