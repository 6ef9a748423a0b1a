//! Lists, a page at a time.

use types::Blob;

use crate::Error;

/// Which part of a list a request asks for.
pub struct Page {
    /// Only what comes after this key.
    after: Option<String>,
    /// At most so many.
    limit: usize,
}

impl Page {
    /// From a request's `NextToken` and `MaxResults`.
    ///
    /// # Errors
    /// [`Error::InvalidNextToken`].
    pub fn of(next_token: Option<&str>, limit: Option<i64>, default: usize) -> Result<Self, Error> {
        let read = |token: &str| {
            let Blob(bytes) = serde_json::from_value(token.into()).ok()?;
            String::from_utf8(bytes).ok()
        };
        let after = next_token.map(|token| read(token).ok_or(Error::InvalidNextToken)).transpose()?;
        Ok(Self { after, limit: limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(default) })
    }

    /// The page of `found`, which is in the order of its keys, and the token of the next one.
    pub fn cut<T>(&self, found: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let after = self.after.as_deref();
        let mut left: Vec<T> =
            found.into_iter().filter(|one| after.is_none_or(|after| key(one).as_str() > after)).collect();
        let more = left.len() > self.limit;
        left.truncate(self.limit);
        let last = left.last().filter(|_| more).map(key);
        (left, last.and_then(token))
    }
}

fn token(key: String) -> Option<String> {
    let token = serde_json::to_value(Blob(key.into_bytes())).ok()?;
    token.as_str().map(str::to_owned)
}
