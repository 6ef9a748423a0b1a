//! GetRandomPassword.

use crate::Error;
use crate::generated::types as model;
use crate::limits::PASSWORD_CHARACTERS_DEFAULT;

const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// A password as the request wants it.
///
/// # Errors
/// [`Error::InvalidParameter`] where no character is left, or the length does not hold one of each kind.
pub fn random(input: &model::GetRandomPasswordInput) -> Result<String, Error> {
    let invalid = |text: &str| Error::InvalidParameter(text.to_owned());
    let kinds = kinds(input);
    let every: Vec<char> = kinds.concat();
    if every.is_empty() {
        return Err(invalid("The specified exclusions leave no characters for the password."));
    }
    let length = input.password_length.unwrap_or(PASSWORD_CHARACTERS_DEFAULT);
    let length = usize::try_from(length).unwrap_or_default();
    let required: &[Vec<char>] = if input.require_each_included_type == Some(false) { &[] } else { &kinds };
    if length < required.len() {
        return Err(invalid("Password length too short based on the required types."));
    }
    let mut password: Vec<char> = required.iter().filter_map(|kind| pick(kind)).collect();
    password.extend((password.len()..length).filter_map(|_| pick(&every)));
    // The required characters came first: they are moved anywhere.
    for at in (1..password.len()).rev() {
        password.swap(at, below(at + 1));
    }
    Ok(password.into_iter().collect())
}

/// The characters of each kind that is not excluded.
fn kinds(input: &model::GetRandomPasswordInput) -> Vec<Vec<char>> {
    let excluded = input.exclude_characters.as_deref().unwrap_or_default();
    let kinds = [
        (input.exclude_lowercase, "abcdefghijklmnopqrstuvwxyz"),
        (input.exclude_uppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        (input.exclude_numbers, "0123456789"),
        (input.exclude_punctuation, PUNCTUATION),
        (Some(input.include_space != Some(true)), " "),
    ];
    let left = kinds.into_iter().filter(|(without, _)| *without != Some(true));
    let left = left.map(|(_, kind)| kind.chars().filter(|one| !excluded.contains(*one)).collect::<Vec<_>>());
    left.filter(|kind| !kind.is_empty()).collect()
}

fn pick(kind: &[char]) -> Option<char> {
    kind.get(below(kind.len())).copied()
}

/// A random number below `end`: of so many bits that all are as likely.
fn below(end: usize) -> usize {
    const RANDOM_BITS: u64 = (1 << 60) - 1;
    let end = u64::try_from(end.max(1)).unwrap_or(1);
    usize::try_from((api::ids::seed() & RANDOM_BITS) % end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_as_they_are_wanted() {
        let plain = random(&model::GetRandomPasswordInput::default()).unwrap();
        assert_eq!(plain.len(), 32);
        assert!(plain.chars().any(|c| c.is_ascii_digit()) && plain.chars().any(|c| PUNCTUATION.contains(c)));
        let digits = model::GetRandomPasswordInput {
            password_length: Some(9),
            exclude_lowercase: Some(true),
            exclude_uppercase: Some(true),
            exclude_punctuation: Some(true),
            exclude_characters: Some("0".to_owned()),
            ..Default::default()
        };
        assert!(random(&digits).unwrap().chars().all(|c| ('1'..='9').contains(&c)));
        let short = model::GetRandomPasswordInput { password_length: Some(3), ..Default::default() };
        assert!(random(&short).is_err());
        let none = model::GetRandomPasswordInput { exclude_numbers: Some(true), ..digits };
        assert!(random(&none).is_err());
    }
}
