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

/// A UUID, of version 4 by its looks.
pub(crate) fn uuid(parts: &[&str]) -> String {
    let digits: Vec<char> = hex(parts, 32).chars().collect();
    let mut text = String::with_capacity(36);
    for (at, digit) in digits.into_iter().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(match at {
            12 => '4',
            16 => variant(digit),
            _ => digit,
        });
    }
    text
}

/// One of `8`, `9`, `a`, `b`.
fn variant(digit: char) -> char {
    hex_digit(8 | (u8::try_from(digit.to_digit(16).unwrap_or(0)).unwrap_or(0) & 3))
}

/// 32 letters, as Step Functions names its sessions of a role.
pub(crate) fn letters(parts: &[&str]) -> String {
    const ALPHABET: &[u8; 52] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let letter =
        |byte: &u8| ALPHABET.get(usize::from(*byte) % ALPHABET.len()).copied().map_or('A', char::from);
    digest(parts).iter().map(letter).collect()
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
        let uuid = uuid(&["a"]);
        assert_eq!((uuid.len(), uuid.as_bytes()[14]), (36, b'4'), "{uuid}");
        assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
        assert_eq!(letters(&["a"]).len(), 32);
        assert!(letters(&["a"]).chars().all(|c| c.is_ascii_alphabetic()));
    }
}
