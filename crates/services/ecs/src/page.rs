//! Pages of lists: `maxResults` and `nextToken`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Error;
use crate::limits;

/// Which page of a list is asked for.
#[derive(Clone, Debug)]
pub struct Page {
    /// At most so many results.
    pub limit: usize,
    /// Only keys after this one, in the list's order.
    pub after: Option<String>,
}

impl Page {
    /// Reads `maxResults` (1 to 100, 100 when absent) and `nextToken`.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn parse(max_results: Option<i64>, next_token: Option<&str>) -> Result<Self, Error> {
        let limit = match max_results {
            None => limits::PAGE,
            Some(count) => usize::try_from(count)
                .ok()
                .filter(|count| (1..=limits::PAGE).contains(count))
                .ok_or_else(|| Error::invalid("Invalid maxResults: must be between 1 and 100"))?,
        };
        Ok(Self { limit, after: next_token.filter(|token| !token.is_empty()).map(decode).transpose()? })
    }
}

/// One page's results under construction: takes items until the page is full.
#[derive(Debug)]
pub struct Results<T> {
    items: Vec<T>,
    limit: usize,
    last_key: Option<String>,
    more: bool,
}

impl<T> Results<T> {
    /// An empty page.
    pub fn new(page: &Page) -> Self {
        Self { items: Vec::new(), limit: page.limit, last_key: None, more: false }
    }

    /// Adds an item under its key; `false` once the page is full and the item stays for the next page.
    pub fn push(&mut self, key: &str, item: T) -> bool {
        if self.items.len() == self.limit {
            self.more = true;
            return false;
        }
        self.items.push(item);
        self.last_key = Some(key.to_owned());
        true
    }

    /// The items, and the token of the next page if there is one.
    pub fn finish(self) -> (Vec<T>, Option<String>) {
        let token = self.last_key.filter(|_| self.more).map(|key| URL_SAFE_NO_PAD.encode(key));
        (self.items, token)
    }
}

fn decode(token: &str) -> Result<String, Error> {
    let invalid = || Error::invalid("Invalid token");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}
