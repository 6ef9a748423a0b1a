//! Names made from other names: equal for equal parts, different for different ones, and telling nothing.

use sha2::{Digest, Sha256};

/// The SHA-256 of the parts, a zero byte between them.
fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}

/// `count` hexadecimal digits, at most 64.
pub(crate) fn hex(parts: &[&str], count: usize) -> String {
    digest(parts).iter().flat_map(|byte| [byte >> 4, byte & 15]).take(count).map(hex_digit).collect()
}

/// 32 letters, as Step Functions names its sessions of a role.
pub(crate) fn letters(parts: &[&str]) -> String {
    const ALPHABET: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letter =
        |byte: &u8| ALPHABET.get(usize::from(*byte) % ALPHABET.len()).copied().map_or('A', char::from);
    digest(parts).iter().map(letter).collect()
}

/// The form of a UUID.
pub(crate) fn uuid(parts: &[&str]) -> String {
    let digits = hex(parts, 32);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    // As AWS has them here: of version 3, which names are hashed into.
    format!("{}-{}-3{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_every_part() {
        assert_eq!(hex(&["a", "b"], 64), hex(&["a", "b"], 64));
        assert_ne!(hex(&["ab", ""], 64), hex(&["a", "b"], 64));
        assert_eq!(hex(&["a"], 8).len(), 8);
        assert_eq!(uuid(&["a"]).len(), 36);
        assert_ne!(uuid(&["a"]), uuid(&["b"]));
        assert_eq!(letters(&["a"]).len(), 32);
        assert!(letters(&["a"]).chars().all(|c| c.is_ascii_alphabetic()));
    }
}
