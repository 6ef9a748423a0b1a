//! ListQueues and ListDeadLetterSourceQueues, a page at a time.

use api::Context;
use types::Blob;

use crate::generated::types as model;
use crate::limits::PAGE_MAX;
use crate::queue::QueueKey;
use crate::{Error, Inner};

impl Inner {
    pub(crate) fn list(
        &self,
        cx: &Context,
        input: &model::ListQueuesInput,
    ) -> Result<model::ListQueuesOutput, Error> {
        let prefix = input.queue_name_prefix.as_deref().unwrap_or_default();
        let first = QueueKey::of(cx, "");
        let state = self.queues.lock();
        let names = state
            .open
            .range(first.clone()..)
            .map(|(key, _)| key)
            .take_while(|key| key.account == first.account && key.region == first.region)
            .filter(|key| key.name.starts_with(prefix));
        let (urls, next_token) = page(names, input.next_token.as_deref(), input.max_results)?;
        Ok(model::ListQueuesOutput { queue_urls: (!urls.is_empty()).then_some(urls), next_token })
    }

    pub(crate) fn list_sources(
        &self,
        cx: &Context,
        input: &model::ListDeadLetterSourceQueuesInput,
    ) -> Result<model::ListDeadLetterSourceQueuesOutput, Error> {
        let target = self.queues.find(cx, &input.queue_url)?;
        let state = self.queues.lock();
        let sources = state
            .open
            .iter()
            .filter(|(_, queue)| {
                let redrive = queue.record.attributes.redrive.as_ref();
                redrive.and_then(|redrive| redrive.target()).as_ref() == Some(&target)
            })
            .map(|(key, _)| key);
        let (queue_urls, next_token) = page(sources, input.next_token.as_deref(), input.max_results)?;
        Ok(model::ListDeadLetterSourceQueuesOutput { queue_urls, next_token })
    }
}

/// URLs of queues in the order of their names, and the token of the next page where the caller wants pages.
fn page<'a>(
    keys: impl Iterator<Item = &'a QueueKey>,
    token: Option<&str>,
    max_results: Option<i64>,
) -> Result<(Vec<String>, Option<String>), Error> {
    let limit = match max_results {
        None => PAGE_MAX,
        Some(given) => {
            usize::try_from(given).ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
                Error::invalid_value(
                    given,
                    "MaxResults",
                    &format!("Must be an integer from 1 to {PAGE_MAX}."),
                )
            })?
        }
    };
    let invalid = || Error::InvalidParameterValue("Invalid or expired next token.".to_owned());
    let after = token.map(|token| read(token).ok_or_else(invalid)).transpose()?;
    let mut left = keys.filter(|key| after.as_ref().is_none_or(|after| key.name > *after)).peekable();
    let mut found = Vec::new();
    let mut last = None;
    while found.len() < limit
        && let Some(key) = left.next()
    {
        found.push(key.url());
        last = Some(&key.name);
    }
    let has_more = max_results.is_some() && left.peek().is_some();
    Ok((found, last.filter(|_| has_more).map(|name| written(name))))
}

fn read(token: &str) -> Option<String> {
    let Blob(bytes) = serde_json::from_value(token.into()).ok()?;
    String::from_utf8(bytes).ok()
}

fn written(name: &str) -> String {
    let token = serde_json::to_value(Blob(name.as_bytes().to_vec())).ok();
    token.and_then(|token| token.as_str().map(str::to_owned)).unwrap_or_default()
}
