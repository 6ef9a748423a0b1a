//! Tags of queues.

use std::collections::BTreeMap;

use api::Context;

use crate::generated::types as model;
use crate::limits::TAGS_MAX;
use crate::queue::Queue;
use crate::{Error, Inner};

impl Inner {
    pub(crate) async fn tag(&self, cx: &Context, input: model::TagQueueInput) -> Result<(), Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let _changing = self.queues.changes.lock().await;
        let mut record = Queue::clone(&*self.record(&key).await?);
        record.tags = added(record.tags, input.tags)?;
        self.replace(record, cx).await
    }

    pub(crate) async fn untag(&self, cx: &Context, input: model::UntagQueueInput) -> Result<(), Error> {
        let key = self.queues.find(cx, &input.queue_url)?;
        let _changing = self.queues.changes.lock().await;
        let mut record = Queue::clone(&*self.record(&key).await?);
        for name in &input.tag_keys {
            record.tags.remove(name);
        }
        self.replace(record, cx).await
    }

    pub(crate) async fn tags(&self, cx: &Context, url: &str) -> Result<BTreeMap<String, String>, Error> {
        let key = self.queues.find(cx, url)?;
        Ok(self.record(&key).await?.tags.clone())
    }
}

/// The tags with more of them.
///
/// # Errors
/// [`Error::InvalidParameterValue`] for too many.
pub(crate) fn added(
    mut tags: BTreeMap<String, String>,
    more: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    if let Some(name) = more.keys().find(|name| name.is_empty() || name.chars().count() > 128) {
        let reason = "Tag keys must be between 1 and 128 characters in length.";
        return Err(Error::invalid_value(name, "Tags", reason));
    }
    if let Some((_, value)) = more.iter().find(|(_, value)| value.chars().count() > 256) {
        let reason = "Tag values must be between 0 and 256 characters in length.";
        return Err(Error::invalid_value(value, "Tags", reason));
    }
    tags.extend(more);
    if tags.len() > TAGS_MAX {
        let text = format!("Too many tags added for queue. Maximum number of tags is {TAGS_MAX}.");
        return Err(Error::InvalidParameterValue(text));
    }
    Ok(tags)
}
