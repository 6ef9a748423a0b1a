//! Roles as they are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{AccountId, Arn, Timestamp};

use crate::error::Error;
use crate::generated::iam::types as shapes;
use crate::limits;

/// A role with its trust policy, inline policies and tags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) account: AccountId,
    /// As it was created; unique in its account whatever the case.
    pub(crate) name: String,
    /// `/`, or a text that begins and ends so.
    pub(crate) path: String,
    /// `AROA` and 17 characters.
    pub(crate) id: String,
    pub(crate) create_date: Timestamp,
    pub(crate) trust_policy: String,
    pub(crate) description: Option<String>,
    /// In seconds.
    pub(crate) max_session_duration: i64,
    /// Inline policies by name.
    pub(crate) policies: BTreeMap<String, String>,
    /// In the order in which they were set.
    pub(crate) tags: Vec<shapes::Tag>,
}

impl Role {
    /// `arn:aws:iam::A:role/path/NAME`.
    pub(crate) fn arn(&self) -> String {
        let (account, path, name) = (&self.account, &self.path, &self.name);
        format!("arn:aws:iam::{account}:role{path}{name}")
    }

    /// The key under which the role is kept: names are unique whatever their case.
    pub(crate) fn key(account: &AccountId, name: &str) -> String {
        format!("{account}/{}", name.to_lowercase())
    }

    /// The account and the name that a role's ARN speaks of.
    pub(crate) fn parse_arn(arn: &str) -> Option<(AccountId, String)> {
        let arn: Arn = arn.parse().ok()?;
        let name = arn.resource.strip_prefix("role/")?.rsplit('/').next()?;
        let is_role = arn.service == "iam" && arn.region.is_empty() && !name.is_empty();
        is_role.then(|| (AccountId::new(arn.account.as_str()), name.to_owned()))
    }

    /// As `CreateRole` and `ListRoles` answer; documents are URL-encoded.
    pub(crate) fn answer(&self) -> shapes::Role {
        shapes::Role {
            path: self.path.clone(),
            role_name: self.name.clone(),
            role_id: self.id.clone(),
            arn: self.arn(),
            create_date: self.create_date,
            assume_role_policy_document: Some(url_encode(&self.trust_policy)),
            description: self.description.clone(),
            max_session_duration: Some(self.max_session_duration),
            ..shapes::Role::default()
        }
    }

    /// As `GetRole` answers: with its tags too.
    pub(crate) fn full_answer(&self) -> shapes::Role {
        let tags = (!self.tags.is_empty()).then(|| self.tags.clone());
        shapes::Role { tags, role_last_used: Some(shapes::RoleLastUsed::default()), ..self.answer() }
    }

    /// Sets tags. A key that differs only in case is the same: its value is replaced.
    ///
    /// # Errors
    /// [`Error::DuplicateTagKeys`], [`Error::ReservedTagKey`], [`Error::TooManyTags`].
    pub(crate) fn tag(&mut self, tags: Vec<shapes::Tag>) -> Result<(), Error> {
        check_tags(&tags)?;
        for tag in tags {
            match self.tags.iter_mut().find(|kept| same_key(&kept.key, &tag.key)) {
                Some(kept) => kept.value = tag.value,
                None => self.tags.push(tag),
            }
        }
        if self.tags.len() > limits::TAGS_PER_ROLE { Err(Error::TooManyTags) } else { Ok(()) }
    }

    /// Removes the tags that there are of these keys.
    pub(crate) fn untag(&mut self, keys: &[String]) {
        self.tags.retain(|tag| !keys.iter().any(|key| same_key(key, &tag.key)));
    }

    /// Sets an inline policy.
    ///
    /// # Errors
    /// [`Error::PoliciesTooLong`] where all of them together are.
    pub(crate) fn put_policy(&mut self, name: String, document: String) -> Result<(), Error> {
        self.policies.insert(name, document);
        let size: usize = self.policies.values().map(|document| size(document)).sum();
        if size > limits::INLINE_POLICY_SIZE_PER_ROLE {
            return Err(Error::PoliciesTooLong { role: self.name.clone() });
        }
        Ok(())
    }
}

/// Refuses keys that occur twice or are AWS's own.
pub(crate) fn check_tags(tags: &[shapes::Tag]) -> Result<(), Error> {
    for (at, tag) in tags.iter().enumerate() {
        if tags.iter().skip(at + 1).any(|other| same_key(&other.key, &tag.key)) {
            return Err(Error::DuplicateTagKeys);
        }
        if tag.key.to_lowercase().starts_with("aws:") {
            return Err(Error::ReservedTagKey(tag.key.clone()));
        }
    }
    Ok(())
}

fn same_key(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Characters of a policy as IAM counts them: without white space.
pub(crate) fn size(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

/// Percent-encodes everything but RFC 3986's unreserved characters, as IAM does with the documents it answers.
pub(crate) fn url_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
