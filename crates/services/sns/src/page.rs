//! Lists, a page at a time.

use types::Blob;

use crate::Error;
use crate::limits::PAGE;

/// The page of `found` behind `token`, and the token of the next one. `found` is in the order of its keys.
///
/// # Errors
/// [`Error::Parameter`] for a token that no page gave.
pub fn cut<T>(
    found: Vec<T>,
    token: Option<&str>,
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), Error> {
    let after = token.filter(|token| !token.is_empty()).map(read).transpose()?;
    let is_later = |one: &T| after.as_ref().is_none_or(|after| key(one) > *after);
    let mut page: Vec<T> = found.into_iter().filter(is_later).take(PAGE + 1).collect();
    let is_last = page.len() <= PAGE;
    page.truncate(PAGE);
    let next = page.last().filter(|_| !is_last).map(|last| Blob(key(last).into_bytes()));
    Ok((page, next.and_then(|next| written(&next))))
}

fn read(token: &str) -> Result<String, Error> {
    let bytes = serde_json::from_value::<Blob>(token.into()).ok();
    let text = bytes.and_then(|Blob(bytes)| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Error::Parameter("NextToken".to_owned()))
}

fn written(token: &Blob) -> Option<String> {
    serde_json::to_value(token).ok()?.as_str().map(str::to_owned)
}
