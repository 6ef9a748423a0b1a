//! Lists, a page at a time.

use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{Collection, Range, Versioned};
use types::Blob;

use crate::Error;
use crate::limits::PAGE_DEFAULT;

/// Which part of a list a request asks for.
pub struct Page {
    /// Only what comes after this one.
    after: Option<String>,
    /// At most so many.
    limit: usize,
}

impl Page {
    /// From a request's `NextToken` and `MaxResults`.
    ///
    /// # Errors
    /// A token that this service did not make.
    pub fn of(next_token: Option<&str>, limit: Option<i64>) -> Result<Self, Error> {
        let invalid = || Error::Invalid("Invalid NextToken.".to_owned());
        let after = match next_token {
            Some(token) => {
                let Ok(Blob(name)) = serde_json::from_value(token.into()) else { return Err(invalid()) };
                Some(String::from_utf8(name).map_err(|_| invalid())?)
            }
            None => None,
        };
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_DEFAULT);
        Ok(Self { after, limit })
    }

    /// The page of the values whose keys begin with `prefix` and that are `wanted`, and the token of the next page.
    /// Keys begin with `place`, which tokens do not repeat.
    pub async fn read<T: Serialize + DeserializeOwned>(
        &self,
        collection: &Collection<T>,
        place: &str,
        prefix: &str,
        wanted: impl Fn(&Versioned<T>) -> bool + Send,
    ) -> Result<(Vec<T>, Option<String>), Error> {
        let chunk = self.limit.saturating_add(1);
        let mut after = self.after.as_ref().map(|after| format!("{place}{after}"));
        let mut found: Vec<Versioned<T>> = Vec::new();
        loop {
            let range = Range { prefix, after: after.as_deref(), limit: chunk, descending: false };
            let values = collection.list(range).await?;
            let is_end = values.len() < chunk;
            after = values.last().map(|value| value.key.clone());
            found.extend(values.into_iter().filter(&wanted));
            if is_end || found.len() > self.limit {
                break;
            }
        }
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let last = found.last().filter(|_| more);
        let token = last.map(|last| token(last.key.strip_prefix(place).unwrap_or(&last.key)));
        Ok((found.into_iter().map(|value| value.value).collect(), token))
    }
}

fn token(name: &str) -> String {
    match serde_json::to_value(Blob(name.as_bytes().to_vec())) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}
