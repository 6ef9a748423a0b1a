//! Lists, a page at a time.

use crate::error::Error;
use crate::limits;

/// Which part of a list a request asks for.
#[derive(Clone, Debug)]
pub struct Page {
    after: Option<String>,
    limit: usize,
}

impl Page {
    /// From a request's `NextToken` and `MaxResults`. Who names what it wants gets no pages: `names` is the parameter.
    ///
    /// # Errors
    /// [`Error::InvalidCombination`].
    pub fn parse(
        next_token: Option<String>,
        max_results: Option<i64>,
        names: Option<(&'static str, bool)>,
    ) -> Result<Self, Error> {
        if let (Some(_), Some((name, true))) = (max_results, names) {
            return Err(Error::InvalidCombination { one: name, other: "maxResults" });
        }
        let limit = max_results.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(limits::PAGE);
        Ok(Self { after: next_token, limit: limit.max(1) })
    }

    /// The page of `items`, whose ids `id` gives, and the token of the next one.
    ///
    /// # Errors
    /// [`Error::InvalidNextToken`].
    pub fn cut<T>(&self, items: Vec<T>, id: impl Fn(&T) -> &str) -> Result<(Vec<T>, Option<String>), Error> {
        let start = match &self.after {
            None => 0,
            Some(token) => {
                let place = items.iter().position(|item| id(item) == token);
                place.ok_or_else(|| Error::InvalidNextToken(token.clone()))? + 1
            }
        };
        let more = items.len() > start + self.limit;
        let page: Vec<T> = items.into_iter().skip(start).take(self.limit).collect();
        let token = page.last().filter(|_| more).map(|last| id(last).to_owned());
        Ok((page, token))
    }
}
