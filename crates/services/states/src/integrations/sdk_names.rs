//! How the AWS SDK for Java spells the names of services, members and errors: what Task states show and take.
//!
//! Source: AWS SDK for Java 2.x, naming of generated code; recorded executions.

use api::model::{Operation, ServiceModel};

/// The name of a service in a resource: `CloudWatch Logs` is `cloudwatchlogs`.
pub(crate) fn package(model: &ServiceModel) -> String {
    model.service_id.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>().to_ascii_lowercase()
}

/// The name of a service before the dot of its errors: `SFN` is `Sfn`, `CloudWatch Logs` is `CloudWatchLogs`.
pub(crate) fn prefix(model: &ServiceModel) -> String {
    model.service_id.split(' ').flat_map(words).map(|word| capitalised(&word)).collect()
}

/// The name of an operation in a resource: `RunTask` is `runTask`.
pub(crate) fn action(operation: &Operation) -> String {
    uncapitalised(operation.name)
}

/// The name of a member: `taskArn` is `TaskArn`, `SSEKMSKeyId` is `SsekmsKeyId`.
pub(crate) fn member(name: &str) -> String {
    first_upper(&uncapitalised(name))
}

/// The class of an error, from the name of its shape: `InvalidToken` is `InvalidTokenException`.
pub(crate) fn exception(shape: &str) -> String {
    let stem = ["Exception", "Fault"].iter().find_map(|suffix| shape.strip_suffix(suffix)).unwrap_or(shape);
    let stem: String = words(stem).iter().map(|word| capitalised(word)).collect();
    format!("{stem}Exception")
}

/// `taskArn` as `TaskArn`.
pub(crate) fn first_upper(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// The first letter in lower case, and with it those of an acronym that the name begins with.
fn uncapitalised(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let is_upper = |at: usize| letters.get(at).is_some_and(char::is_ascii_uppercase);
    let is_lower = |at: usize| letters.get(at).is_some_and(char::is_ascii_lowercase);
    let mut count = 1;
    while is_upper(count) && !is_lower(count + 1) {
        count += 1;
    }
    let lowered = letters.iter().take(count).map(char::to_ascii_lowercase);
    lowered.chain(letters.iter().skip(count).copied()).collect()
}

/// `KMSInvalidState` as `KMS`, `Invalid`, `State`.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after_lower = before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit());
        let ends_acronym = before.is_some_and(char::is_ascii_uppercase)
            && letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        let begins = letter.is_ascii_uppercase() && (after_lower || ends_acronym);
        match words.last_mut() {
            Some(word) if !begins => word.push(*letter),
            _ => words.push(letter.to_string()),
        }
    }
    words
}

fn capitalised(word: &str) -> String {
    first_upper(&word.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_acronyms_but_the_first() {
        for (name, expected) in [
            ("taskArn", "TaskArn"),
            ("ETag", "ETag"),
            ("ACL", "Acl"),
            ("SSEKMSKeyId", "SsekmsKeyId"),
            ("ChecksumCRC32", "ChecksumCRC32"),
            ("DBInstanceIdentifier", "DbInstanceIdentifier"),
            ("enableECSManagedTags", "EnableECSManagedTags"),
        ] {
            assert_eq!(member(name), expected);
        }
    }

    #[test]
    fn errors_are_exceptions() {
        for (shape, expected) in [
            ("InvalidToken", "InvalidTokenException"),
            ("NoSuchBucket", "NoSuchBucketException"),
            ("ResourceNotFoundException", "ResourceNotFoundException"),
            ("KmsThrottlingException", "KmsThrottlingException"),
            ("KMSInvalidStateException", "KmsInvalidStateException"),
            ("InternalFault", "InternalException"),
        ] {
            assert_eq!(exception(shape), expected);
        }
    }

    #[test]
    fn services_have_a_name_for_resources_and_one_for_errors() {
        let prefix =
            |id: &str| id.split(' ').flat_map(words).map(|word| capitalised(&word)).collect::<String>();
        for (id, expected) in [
            ("SFN", "Sfn"),
            ("EventBridge", "EventBridge"),
            ("CloudWatch Logs", "CloudWatchLogs"),
            ("DynamoDB", "DynamoDb"),
            ("ECS", "Ecs"),
            ("S3", "S3"),
        ] {
            assert_eq!(prefix(id), expected);
        }
    }
}
