//! Pages of results and the opaque tokens that lead from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::limits::PAGE_DEFAULT;

/// What a token says: which listing it belongs to, and after what it goes on.
#[derive(Serialize, Deserialize)]
struct Token {
    scope: String,
    after: String,
}

/// Number of results on a page: what the caller asked for, 100 where that is nothing or 0.
pub(crate) fn size(max_results: Option<i64>) -> usize {
    match max_results.map(usize::try_from) {
        None | Some(Ok(0) | Err(_)) => PAGE_DEFAULT,
        Some(Ok(count)) => count,
    }
}

/// The token by which the listing `scope` goes on after `after`.
pub(crate) fn token(scope: &str, after: &str) -> String {
    let token = Token { scope: scope.to_owned(), after: after.to_owned() };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

/// After what the listing `scope` goes on.
///
/// # Errors
/// [`Error::InvalidToken`] where the token is not one of this listing.
pub(crate) fn after(scope: &str, token: Option<&str>) -> Result<Option<String>, Error> {
    let Some(token) = token else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Error::InvalidToken)?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|_| Error::InvalidToken)?;
    if token.scope == scope { Ok(Some(token.after)) } else { Err(Error::InvalidToken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_its_listing() {
        let text = token("ListExecutions m", "7");
        assert_eq!(after("ListExecutions m", Some(&text)).unwrap().as_deref(), Some("7"));
        assert!(after("ListExecutions n", Some(&text)).is_err());
        assert!(after("ListExecutions m", Some("x")).is_err());
        assert_eq!(after("ListExecutions m", None).unwrap(), None);
    }

    #[test]
    fn sizes_default_to_a_hundred() {
        assert_eq!([size(None), size(Some(0)), size(Some(7))], [100, 100, 7]);
    }
}
