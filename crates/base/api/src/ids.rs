//! Names that nobody has used before.

use std::cell::{Cell, RefCell};

use uuid::{Builder, Uuid};

/// How many names' randomness is asked for at a time: asking costs more than the bytes.
const DRAWS: usize = 16;

thread_local! {
    /// What the operating system has given and no name has yet.
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [[0; 16]; DRAWS], left: 0 }) };
    /// Where a simulation's thread is in its sequence; nothing anywhere else.
    static SEQUENCE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Makes all names of this thread follow from `seed`, as a simulation needs it; `None` makes them random again.
pub fn make_reproducible(seed: Option<u64>) {
    SEQUENCE.set(seed);
}

/// A random UUID in lower case with hyphens.
pub fn uuid() -> String {
    new().to_string()
}

/// 32 random hexadecimal digits in lower case, as ECS names tasks.
pub fn hex32() -> String {
    new().simple().to_string()
}

/// A random number, for seeds.
pub fn seed() -> u64 {
    new().as_u64_pair().1
}

/// `count` random characters of `A-Z2-7`, as IAM's unique ids and access keys are made of.
pub fn base32(count: usize) -> String {
    random(count, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

/// `count` random letters and digits.
pub fn alphanumeric(count: usize) -> String {
    random(count, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
}

/// Random bytes of the operating system's, each of them used once.
struct Pool {
    bytes: [[u8; 16]; DRAWS],
    left: usize,
}

impl Pool {
    /// The next bytes; `None` where the system has none to give. Nothing of them stays behind: they may become a secret.
    fn draw(&mut self) -> Option<[u8; 16]> {
        if self.left == 0 {
            getrandom::fill(self.bytes.as_flattened_mut()).ok()?;
            self.left = DRAWS;
        }
        self.left -= 1;
        self.bytes.get_mut(self.left).map(std::mem::take)
    }
}

fn new() -> Uuid {
    let Some(state) = SEQUENCE.get() else {
        let drawn = POOL.with_borrow_mut(Pool::draw);
        // Where there is no randomness, `uuid` says so by a panic.
        return drawn.map_or_else(Uuid::new_v4, |bytes| Builder::from_random_bytes(bytes).into_uuid());
    };
    SEQUENCE.set(Some(state.wrapping_add(1)));
    let halves = u128::from(mixed(state.wrapping_mul(2))) << 64
        | u128::from(mixed(state.wrapping_mul(2).wrapping_add(1)));
    Builder::from_random_bytes(halves.to_be_bytes()).into_uuid()
}

/// SplitMix64: near numbers become ones that have nothing in common.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn random(count: usize, alphabet: &[u8]) -> String {
    // Bytes 6 and 8 of a version 4 UUID hold its version and variant: they are not random.
    let bytes = std::iter::repeat_with(|| *new().as_bytes())
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
    fn follow_from_a_seed_where_there_is_one() {
        let names = |seed| {
            make_reproducible(Some(seed));
            let names = (uuid(), uuid(), alphanumeric(40));
            make_reproducible(None);
            names
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
        assert_ne!(names(1).0, names(1).1);
        assert_ne!(uuid(), uuid());
    }

    #[test]
    fn have_their_length_and_alphabet() {
        assert_eq!(base32(16).len(), 16);
        assert!(base32(200).chars().all(|c| matches!(c, 'A'..='Z' | '2'..='7')));
        assert!(alphanumeric(200).chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(alphanumeric(40), alphanumeric(40));
        assert_eq!(hex32().len(), 32);
    }
}
