//! Names of parameters, and how requests point at one of their versions.

use api::Context;
use types::Arn;

use crate::Error;
use crate::limits::{LEVELS_MAX, NAME_CHARACTERS_MAX};

/// Which version of a parameter a request means: `NAME`, `NAME:VERSION`, `NAME:LABEL`, or an ARN with the same at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The parameter's name.
    pub name: String,
    /// `:VERSION` or `:LABEL`, as answers repeat it.
    pub selector: Option<String>,
}

impl Reference {
    /// Reads what a request says.
    ///
    /// # Errors
    /// [`Error::ParameterNotFound`] for ARNs of other accounts and regions.
    pub fn parse(cx: &Context, text: &str) -> Result<Self, Error> {
        let (whole, name) = match text.parse::<Arn>() {
            Ok(arn) => (true, name_of_arn(cx, &arn)?),
            Err(_) => (false, text.to_owned()),
        };
        let (name, selector) = match name.split_once(':') {
            Some((name, selector)) => (name.to_owned(), Some(format!(":{selector}"))),
            None => (name, None),
        };
        if name.starts_with("/aws/service/") {
            return Err(Error::PublicParameter(name));
        }
        let name_is_well_formed = name.bytes().all(is_name_byte) && !name.is_empty();
        if !name_is_well_formed && !whole {
            return Err(invalid_reference());
        }
        Ok(Self { name, selector })
    }
}

fn invalid_reference() -> Error {
    let text = "Invalid parameter name. Please use correct syntax for referencing a version/label <name>:<version/label>";
    Error::Invalid(text.to_owned())
}

/// `parameter/NAME`, where the name's own first slash is dropped.
fn name_of_arn(cx: &Context, arn: &Arn) -> Result<String, Error> {
    let ours = arn.service == "ssm"
        && (arn.account.is_empty() || arn.account == cx.account.as_str())
        && arn.region == cx.region.as_str();
    let name = arn.resource.strip_prefix("parameter/").filter(|_| ours).ok_or(Error::ParameterNotFound)?;
    Ok(if name.contains('/') { format!("/{name}") } else { name.to_owned() })
}

/// The parameter's ARN.
pub fn arn(cx: &Context, name: &str) -> String {
    cx.arn("ssm", format!("parameter/{}", name.trim_start_matches('/'))).to_string()
}

/// What the keys of everything begin with that an account has in a region.
pub fn prefix(cx: &Context) -> String {
    format!("{}/{}:", cx.account, cx.region)
}

/// The key of a parameter.
pub fn key(cx: &Context, name: &str) -> String {
    format!("{}{name}", prefix(cx))
}

/// The key of a version: ten digits, so that keys sort as versions do. No name holds `!`.
pub fn version_key(parameter: &str, version: u64) -> String {
    format!("{}{version:010}", versions_prefix(parameter))
}

/// What the keys of a parameter's versions begin with.
pub fn versions_prefix(parameter: &str) -> String {
    format!("{parameter}!")
}

/// Checks the name of a parameter that is to be made.
///
/// # Errors
/// The first rule that it breaks.
///
/// Source: Systems Manager User Guide, "Requirements and constraints for parameter names".
pub fn check(cx: &Context, name: &str) -> Result<(), Error> {
    let invalid = |text: &str| Err(Error::Invalid(text.to_owned()));
    let lower = name.to_ascii_lowercase();
    let is_path = name.matches('/').count() > 1;
    let bare = lower.trim_start_matches('/');
    if lower.starts_with("/aws/") || (is_path && lower.starts_with("/aws")) {
        return Err(Error::Reserved(name.to_owned()));
    }
    if bare.starts_with("ssm") || bare.starts_with("aws") {
        return invalid(match is_path {
            true => {
                "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_"
            }
            false => "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).",
        });
    }
    if !name.bytes().all(is_name_byte) {
        return invalid(
            "Parameter name: only a mix of letters, numbers and the following 3 symbols .-_ is allowed; a path consists of sub-paths divided by slash symbol.",
        );
    }
    if name.contains('/') && !name.starts_with('/') {
        return invalid("Parameter name must be a fully qualified name.");
    }
    if name.ends_with('/') {
        return invalid("Parameter name must not end with slash.");
    }
    if name.contains("//") {
        return invalid("Parameter name must not contain empty sub-paths.");
    }
    if arn(cx, name).len() > NAME_CHARACTERS_MAX {
        return invalid(
            "Parameter name is too long: with the beginning of its ARN it must not exceed 1011 characters.",
        );
    }
    if name.matches('/').count() > LEVELS_MAX {
        return Err(Error::TooManyLevels);
    }
    Ok(())
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte)
}
