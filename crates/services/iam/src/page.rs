//! `Marker` and `MaxItems`: answers in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Error;
use crate::limits::MAX_ITEMS_DEFAULT;

/// What a caller asks of a list.
#[derive(Debug)]
pub(crate) struct PageRequest {
    /// The key after which the page begins.
    pub(crate) after: Option<String>,
    /// At most so many items.
    pub(crate) max_items: usize,
}

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub(crate) marker: Option<String>,
}

impl PageRequest {
    /// Reads `Marker` and `MaxItems`, which the model has kept between 1 and 1000.
    pub(crate) fn new(marker: Option<String>, max_items: Option<i64>) -> Result<Self, Error> {
        let after = marker.map(|marker| key_of(&marker).ok_or(Error::InvalidMarker)).transpose()?;
        let max_items = max_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(MAX_ITEMS_DEFAULT);
        Ok(Self { after, max_items })
    }

    /// Cuts the page out of all items, which are ordered by their keys.
    pub(crate) fn of<T>(&self, items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> &str) -> Page<T> {
        let after = self.after.as_deref();
        let rest = items.into_iter().filter(|item| after.is_none_or(|after| key(item) > after));
        let mut items: Vec<_> = rest.take(self.max_items + 1).collect();
        let more = items.len() > self.max_items;
        items.truncate(self.max_items);
        let marker = if more { items.last().map(|item| URL_SAFE_NO_PAD.encode(key(item))) } else { None };
        Page { items, marker }
    }
}

impl<T> Page<T> {
    pub(crate) fn is_truncated(&self) -> Option<bool> {
        Some(self.marker.is_some())
    }
}

fn key_of(marker: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()
}
