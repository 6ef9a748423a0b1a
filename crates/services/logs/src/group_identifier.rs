//! The ways in which a request names a group: by name, or by ARN.

use api::Context;
use types::Arn;

use crate::error::Error;

/// The name of the group that a request speaks of by `logGroupName` or by `logGroupIdentifier`.
pub(crate) fn group_name(
    cx: &Context,
    name: Option<String>,
    identifier: Option<String>,
) -> Result<String, Error> {
    match (name, identifier) {
        (Some(_), Some(_)) => Err(Error::NameAndIdentifier),
        (None, None) => Err(Error::NeitherNameNorIdentifier),
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) => from_identifier(cx, &identifier),
    }
}

/// The name in a name or an ARN. A group of another region or account does not exist here.
pub(crate) fn from_identifier(cx: &Context, identifier: &str) -> Result<String, Error> {
    if !identifier.starts_with("arn:") {
        return Ok(identifier.to_owned());
    }
    from_arn(cx, identifier).ok_or(Error::GroupNotFound)
}

/// The name in a group's ARN, with `:*` behind it or without.
pub(crate) fn from_arn(cx: &Context, arn: &str) -> Option<String> {
    let arn: Arn = arn.parse().ok()?;
    let is_here =
        arn.service == "logs" && arn.region == cx.region.as_str() && arn.account == cx.account.as_str();
    let name = arn.resource.strip_prefix("log-group:")?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    (is_here && !name.contains(':')).then(|| name.to_owned())
}
