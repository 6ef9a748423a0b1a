//! Lists, a page at a time. A token is the number of entries that came before.

use crate::Error;
use crate::limits::PAGE_ENTRIES;

/// The page that a token asks for, and the token of the next one.
pub(super) fn cut<T>(items: Vec<T>, token: Option<&str>) -> Result<(Vec<T>, Option<String>), Error> {
    let before: usize = match token {
        None => 0,
        Some(token) => {
            token.parse().map_err(|_| Error::Validation("The next token is invalid.".to_owned()))?
        }
    };
    let more = items.len() > before.saturating_add(PAGE_ENTRIES);
    let page = items.into_iter().skip(before).take(PAGE_ENTRIES).collect();
    Ok((page, more.then(|| (before + PAGE_ENTRIES).to_string())))
}
