//! Names of secrets, their ARNs, and their keys in the store.

use api::{Context, Principal};
use types::Arn;

use crate::Error;

/// Random characters at the end of an ARN, with the hyphen before them.
const SUFFIX_CHARACTERS: usize = 7;

/// Checks the name of a secret that is to be made.
///
/// # Errors
/// [`Error::InvalidName`].
pub fn check(name: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_+=.@!".contains(&byte);
    if !name.is_empty() && name.bytes().all(allowed) { Ok(()) } else { Err(Error::InvalidName) }
}

/// The service that makes the call, as the names of its secrets begin: `events`.
pub fn service(cx: &Context) -> Option<&str> {
    match &cx.principal {
        Principal::Service { name } => name.strip_suffix(".amazonaws.com"),
        Principal::Root { .. } | Principal::Role { .. } | Principal::Anonymous => None,
    }
}

/// The owner of a new secret: a service, where it calls the secret `SERVICE!NAME`.
///
/// Source: Secrets Manager User Guide, "AWS Secrets Manager secrets managed by other AWS services".
pub fn owning_service(cx: &Context, name: &str) -> Option<String> {
    let service = service(cx)?;
    name.strip_prefix(service)?.starts_with('!').then(|| service.to_owned())
}

/// The ARN of a new secret: six random characters keep it apart from earlier ones of the same name.
pub fn new_arn(cx: &Context, name: &str) -> String {
    cx.arn("secretsmanager", format!("secret:{name}-{}", api::ids::alphanumeric(SUFFIX_CHARACTERS - 1)))
        .to_string()
}

/// What a request may mean by a `SecretId`: names, the likelier first, and the ARN that the secret must have, if any.
///
/// An ARN may lack its random characters, but what looks like them may belong to the name.
pub fn candidates(cx: &Context, secret_id: &str) -> Vec<(String, Option<String>)> {
    let Ok(arn) = secret_id.parse::<Arn>() else { return vec![(secret_id.to_owned(), None)] };
    let ours = arn.service == "secretsmanager"
        && arn.account == cx.account.as_str()
        && arn.region == cx.region.as_str();
    let Some(rest) = arn.resource.strip_prefix("secret:").filter(|_| ours) else { return Vec::new() };
    let whole = rest.len().checked_sub(SUFFIX_CHARACTERS).and_then(|at| rest.split_at_checked(at));
    let whole = whole.filter(|(_, suffix)| suffix.starts_with('-'));
    let whole = whole.map(|(name, _)| (name.to_owned(), Some(secret_id.to_owned())));
    whole.into_iter().chain([(rest.to_owned(), None)]).collect()
}

/// What the keys of everything begin with that an account has in a region.
pub fn prefix(cx: &Context) -> String {
    format!("{}/{}:", cx.account, cx.region)
}

/// The key of a secret. No name holds a colon.
pub fn key(cx: &Context, name: &str) -> String {
    format!("{}{name}", prefix(cx))
}

/// The key of a version's value.
pub fn value_key(secret: &str, version: &str) -> String {
    format!("{}{version}", values_prefix(secret))
}

/// What the keys of a secret's values begin with.
pub fn values_prefix(secret: &str) -> String {
    format!("{secret}:")
}
