//! `States.Hash`.

use std::borrow::Cow;
use std::fmt::Write as _;

use md5::Md5;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::string::{limited, text};
use crate::expression::Scope;

/// `States.Hash(data, algorithm)`.
pub(super) fn hash(arguments: &[Cow<'_, Value>], _: &Scope<'_>) -> Result<Value, String> {
    digest(arguments.first().map_or(&Value::Null, Cow::as_ref), text(arguments, 1)?).map(Value::from)
}

/// The digest in lower-case hexadecimal. Data that is no text is hashed as its JSON.
pub(crate) fn digest(data: &Value, algorithm: &str) -> Result<String, String> {
    let data = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
    let data = limited(&data)?.as_bytes();
    let digest = match algorithm {
        "MD5" => Md5::digest(data).to_vec(),
        "SHA-1" => Sha1::digest(data).to_vec(),
        "SHA-256" => Sha256::digest(data).to_vec(),
        "SHA-384" => Sha384::digest(data).to_vec(),
        "SHA-512" => Sha512::digest(data).to_vec(),
        other => {
            return Err(format!(
                "The algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512, not {other}"
            ));
        }
    };
    let mut hexadecimal = String::with_capacity(2 * digest.len());
    for byte in digest {
        let _infallible = write!(hexadecimal, "{byte:02x}");
    }
    Ok(hexadecimal)
}
