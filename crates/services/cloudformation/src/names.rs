//! Names: of stacks, and those that CloudFormation makes up for resources without one.

use crate::Error;
use crate::limits::STACK_NAME_CHARACTERS_MAX;

/// Checks a new stack's name: `[a-zA-Z][-a-zA-Z0-9]*`, at most 128 characters.
pub fn check_stack_name(name: &str) -> Result<(), Error> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(Error::Validation(format!(
            "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )));
    }
    if name.len() > STACK_NAME_CHARACTERS_MAX {
        return Err(Error::Validation(format!(
            "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must have \
             length less than or equal to {STACK_NAME_CHARACTERS_MAX}"
        )));
    }
    Ok(())
}

/// `prefixes` and `suffix` joined by hyphens, the prefixes cut evenly so that all of it has at most `length_max`
/// characters.
///
/// Such as `stack-LogicalId-Bp2nSD4zKk81`. Source: names seen on AWS.
pub fn physical_name(prefixes: &[&str], suffix: &str, length_max: usize) -> String {
    let free = length_max.saturating_sub(suffix.len() + prefixes.len());
    let mut name = String::new();
    let mut left = free;
    for (index, prefix) in prefixes.iter().enumerate() {
        // What the later prefixes do not need, this one may have.
        let later: usize = prefixes.iter().skip(index + 1).map(|prefix| prefix.len()).sum();
        let share = left / (prefixes.len() - index).max(1);
        let length = share.max(left.saturating_sub(later)).min(prefix.len());
        name.extend(prefix.chars().take(length));
        name.push('-');
        left = left.saturating_sub(length);
    }
    name.push_str(suffix);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn physical_names_fit() {
        assert_eq!(physical_name(&["stack", "Role"], "Bp2nSD4zKk81", 64), "stack-Role-Bp2nSD4zKk81");
        assert_eq!(physical_name(&["Machine"], "Bp2nSD4zKk81", 80), "Machine-Bp2nSD4zKk81");
        let (long, short) = ("s".repeat(128), "l".repeat(10));
        let name = physical_name(&[&long, &short], "Bp2nSD4zKk81", 64);
        assert_eq!(name.len(), 64);
        assert!(name.ends_with("s-llllllllll-Bp2nSD4zKk81"), "{name}");
        let name = physical_name(&[&long, &long], "Bp2nSD4zKk81", 64);
        assert_eq!(name.len(), 64);
    }

    #[test]
    fn stack_names() {
        assert!(check_stack_name("a-1").is_ok());
        for name in ["", "1a", "a_b", "ä", &"a".repeat(129)] {
            assert!(check_stack_name(name).is_err(), "{name}");
        }
    }
}
