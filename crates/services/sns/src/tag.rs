//! Tags of topics.

use std::collections::BTreeMap;

use api::Context;

use crate::generated::types as model;
use crate::limits::TAGS_MAX;
use crate::names::TopicName;
use crate::{Error, Inner};

type Tags = BTreeMap<String, String>;

/// The tags there were with `added` on top.
///
/// # Errors
/// [`Error::Parameter`] for a key that is there twice, [`Error::TooManyTags`].
pub fn added(mut tags: Tags, added: Vec<model::Tag>) -> Result<Tags, Error> {
    let mut new = Tags::new();
    for model::Tag { key, value } in added {
        if new.insert(key, value).is_some() {
            return Err(Error::Parameter("Duplicated keys are not allowed.".to_owned()));
        }
    }
    tags.append(&mut new);
    if tags.len() > TAGS_MAX { Err(Error::TooManyTags) } else { Ok(tags) }
}

impl Inner {
    pub(crate) async fn tags_of(&self, cx: &Context, arn: &str) -> Result<Vec<model::Tag>, Error> {
        let name = TopicName::parse(cx, arn)?;
        let topic = self.topic(&name).await.map_err(unknown)?.value;
        Ok(topic.tags.into_iter().map(|(key, value)| model::Tag { key, value }).collect())
    }

    pub(crate) async fn add_tags(&self, cx: &Context, input: model::TagResourceInput) -> Result<(), Error> {
        let name = TopicName::parse(cx, &input.resource_arn)?;
        let change = |topic: &mut crate::topic::Topic| {
            topic.tags = added(std::mem::take(&mut topic.tags), input.tags)?;
            Ok(())
        };
        self.change_topic(&name, change).await.map_err(unknown)
    }

    pub(crate) async fn remove_tags(
        &self,
        cx: &Context,
        input: model::UntagResourceInput,
    ) -> Result<(), Error> {
        let name = TopicName::parse(cx, &input.resource_arn)?;
        let change = |topic: &mut crate::topic::Topic| {
            topic.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        };
        self.change_topic(&name, change).await.map_err(unknown)
    }
}

fn unknown(error: Error) -> Error {
    match error {
        Error::TopicNotFound => Error::ResourceNotFound,
        other => other,
    }
}
