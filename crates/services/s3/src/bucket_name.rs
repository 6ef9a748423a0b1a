//! Names of buckets.

use std::net::Ipv4Addr;

const PREFIXES: [&str; 4] = ["xn--", "sthree-", "amzn-s3-demo-", "amzn_s3_demo_"];
const SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// Whether a new bucket may be called so: 3 to 63 characters of `[a-z0-9.-]`, beginning and ending with a letter or a
/// digit, no two dots side by side, not like an IP address, without what AWS keeps for itself.
///
/// Source: S3 User Guide, "General purpose bucket naming rules".
pub(crate) fn is_valid(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-'))
        && edge(name.chars().next())
        && edge(name.chars().next_back())
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err()
        // AWS's own documents and many tests use names that begin with `amzn-s3-demo-bucket`.
        && !PREFIXES.iter().any(|prefix| name.starts_with(prefix) && !name.starts_with("amzn-s3-demo-bucket"))
        && !SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn follow_the_rules() {
        for name in ["abc", "a.b-c", "1-2", "my-bucket.example.com", "amzn-s3-demo-bucket1"] {
            assert!(is_valid(name), "{name}");
        }
        let long = "a".repeat(64);
        for name in
            ["ab", &long, "Abc", "a_b", "-ab", "ab-", ".ab", "a..b", "192.168.5.4", "xn--a", "a-s3alias"]
        {
            assert!(!is_valid(name), "{name}");
        }
    }
}
