//! Tags of schedule groups.

use std::collections::BTreeMap;

use ::schedule::Overlap;
use api::Context;
use store::Batch;

use crate::generated::types as model;
use crate::limits::TAGS_MAX;
use crate::names::GroupName;
use crate::schedule_group::ScheduleGroup;
use crate::{Error, Inner};

type Tags = BTreeMap<String, String>;

/// The tags there were with `added` on top.
///
/// # Errors
/// Too many of them, or a key that is AWS's own.
pub fn checked(mut tags: Tags, added: Vec<model::Tag>) -> Result<Tags, Error> {
    for tag in added {
        if tag.key.to_ascii_lowercase().starts_with("aws:") && !tag.key.starts_with("aws:cloudformation:") {
            let text = "aws: prefixed tag key names are not allowed for external use.";
            return Err(Error::Invalid(text.to_owned()));
        }
        tags.insert(tag.key, tag.value);
    }
    if tags.len() > TAGS_MAX {
        return Err(Error::Invalid(format!("A schedule group can have at most {TAGS_MAX} tags.")));
    }
    Ok(tags)
}

impl Inner {
    pub(crate) async fn tags_of(&self, cx: &Context, arn: &str) -> Result<Vec<model::Tag>, Error> {
        let tags = self.group(&group(cx, arn)?).await?.value.tags;
        Ok(tags.into_iter().map(|(key, value)| model::Tag { key, value }).collect())
    }

    pub(crate) async fn add_tags(
        &self,
        cx: &Context,
        arn: &str,
        added: Vec<model::Tag>,
    ) -> Result<(), Error> {
        self.change_tags(cx, arn, |tags| checked(tags, added.clone())).await
    }

    pub(crate) async fn remove_tags(&self, cx: &Context, arn: &str, keys: &[String]) -> Result<(), Error> {
        let without = |mut tags: Tags| {
            tags.retain(|key, _| !keys.contains(key));
            Ok(tags)
        };
        self.change_tags(cx, arn, without).await
    }

    async fn change_tags(
        &self,
        cx: &Context,
        arn: &str,
        change: impl Fn(Tags) -> Result<Tags, Error> + Send + Sync,
    ) -> Result<(), Error> {
        let name = group(cx, arn)?;
        let (name, change) = (&name, &change);
        self.retried(|| async move {
            let seen = self.group(name).await?;
            let tags = change(seen.value.tags.clone())?;
            let overlap = Overlap::of(&tags)?;
            let mut batch = Batch::new();
            let changed = ScheduleGroup { tags, modified: cx.now, ..seen.value.clone() };
            self.groups.replace(&mut batch, &seen, &changed);
            self.store.submit(batch).durable().await?;
            self.overlaps.set(&seen.key, overlap);
            Ok(())
        })
        .await
    }
}

/// The group that `arn` names. What lies in another account or region is not found.
fn group(cx: &Context, arn: &str) -> Result<GroupName, Error> {
    let name = GroupName::of_arn(arn).ok_or(Error::InvalidTargetArn)?;
    if name.is_of(cx) { Ok(name) } else { Err(Error::GroupNotFound(name.group)) }
}
