//! Lists, a page at a time.

use types::Blob;

use crate::Error;
use crate::limits::PAGE_DEFAULT;

/// Which part of a list a request asks for.
pub struct Page {
    /// Only names after this one.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl Page {
    /// From a request's `NextToken` and `Limit`.
    ///
    /// # Errors
    /// A token that this service did not make.
    pub fn of(next_token: Option<&str>, limit: Option<i64>) -> Result<Self, Error> {
        let invalid = || Error::Validation("The NextToken is not valid.".to_owned());
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

    /// The page of `items`, which are sorted by the name that `name` gives, and the token of the next one.
    pub fn cut<T>(&self, items: Vec<T>, name: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
        let after = self.after.as_deref();
        let mut rest =
            items.into_iter().filter(|item| after.is_none_or(|after| name(item) > after)).peekable();
        let page: Vec<T> = rest.by_ref().take(self.limit).collect();
        let more = rest.peek().is_some();
        let token = page.last().filter(|_| more).map(|last| token(name(last)));
        (page, token)
    }
}

fn token(name: &str) -> String {
    match serde_json::to_value(Blob(name.as_bytes().to_vec())) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let items = || vec!["a", "b", "c", "d", "e"];
        let (mut token, mut seen) = (None, Vec::new());
        loop {
            let (page, next) = Page::of(token.as_deref(), Some(2)).unwrap().cut(items(), |item| item);
            seen.extend(page);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, items());
        assert!(Page::of(Some("not base64!"), None).is_err());
    }
}
