//! Names that nobody has used before.

use uuid::Uuid;

/// A random UUID in lower case with hyphens.
pub fn uuid() -> String {
    Uuid::new_v4().to_string()
}

/// 32 random hexadecimal digits in lower case, as ECS names tasks.
pub fn hex32() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A random number, for seeds.
pub fn seed() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

/// `count` random characters of `A-Z2-7`, as IAM's unique ids and access keys are made of.
pub fn base32(count: usize) -> String {
    random(count, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

/// `count` random letters and digits.
pub fn alphanumeric(count: usize) -> String {
    random(count, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
}

fn random(count: usize, alphabet: &[u8]) -> String {
    // Bytes 6 and 8 of a version 4 UUID hold its version and variant: they are not random.
    let bytes = std::iter::repeat_with(|| *Uuid::new_v4().as_bytes())
        .flat_map(|bytes| bytes.into_iter().enumerate())
        .filter(|(at, _)| !matches!(at, 6 | 8))
        .map(|(_, byte)| usize::from(byte));
    let fair = 256 - 256 % alphabet.len();
    bytes
        .filter(|byte| *byte < fair)
        .map(|byte| char::from(alphabet[byte % alphabet.len()]))
        .take(count)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn have_their_length_and_alphabet() {
        assert_eq!(base32(16).len(), 16);
        assert!(base32(200).chars().all(|c| matches!(c, 'A'..='Z' | '2'..='7')));
        assert!(alphanumeric(200).chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(alphanumeric(40), alphanumeric(40));
        assert_eq!(hex32().len(), 32);
    }
}
