//! The role of a task, as it is kept with the task.

use std::fmt;

use api::ids;
use serde::{Deserialize, Serialize};

/// The role that a task's containers act as, and the secrets by which they ask for its credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRole {
    /// `arn:aws:iam::A:role/path/NAME`.
    pub arn: String,
    /// What comes after `/v2/credentials/`. It cannot be guessed.
    credentials_id: String,
    /// What containers in this machine's network have to say besides.
    authorization_token: String,
}

impl TaskRole {
    /// The role that a task definition, or what overrides it, names by its ARN or by its name in `account`.
    pub fn new(role: &str, account: &str) -> Self {
        let arn = if role.starts_with("arn:") {
            role.to_owned()
        } else {
            format!("arn:aws:iam::{account}:role/{role}")
        };
        Self { arn, credentials_id: ids::uuid(), authorization_token: ids::alphanumeric(64) }
    }

    /// The id for the environment of the task's containers.
    pub fn credentials_id(&self) -> &str {
        &self.credentials_id
    }

    /// The token for the environment of the task's containers.
    pub fn authorization_token(&self) -> &str {
        &self.authorization_token
    }

    /// Whether the id is the one.
    pub fn has_id(&self, id: &str) -> bool {
        is_same(&self.credentials_id, id)
    }

    /// Whether the token is the one.
    pub fn has_token(&self, token: &str) -> bool {
        is_same(&self.authorization_token, token)
    }
}

impl fmt::Debug for TaskRole {
    /// Shows no secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskRole").field(&self.arn).finish()
    }
}

/// Compares without telling by its duration how much is right.
fn is_same(secret: &str, given: &str) -> bool {
    let (secret, given) = (secret.as_bytes(), given.as_bytes());
    let differences = secret.iter().zip(given).fold(0, |sum, (one, other)| sum | (one ^ other));
    secret.len() == given.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_is_accepted() {
        let role = TaskRole::new("job", "000000000000");
        assert_eq!(role.arn, "arn:aws:iam::000000000000:role/job");
        let id = role.credentials_id().to_owned();
        assert!(role.has_id(&id));
        assert!(!role.has_id(""));
        assert!(!role.has_id(&id[1..]));
        assert!(!role.has_id(&format!("{id}0")));
        assert!(!role.has_token(&id));
        assert!(!format!("{role:?}").contains(&id));
    }
}
