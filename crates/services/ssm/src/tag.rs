//! Tags of parameters.

use std::collections::BTreeMap;

use api::Context;

use crate::generated::types as model;
use crate::limits::TAGS_MAX;
use crate::names::Reference;
use crate::{Error, Inner};

type Tags = BTreeMap<String, String>;

/// The tags there were with `added` on top.
///
/// # Errors
/// [`Error::TooManyTags`].
pub fn added(mut tags: Tags, added: Vec<model::Tag>) -> Result<Tags, Error> {
    tags.extend(added.into_iter().map(|tag| (tag.key, tag.value)));
    if tags.len() > TAGS_MAX { Err(Error::TooManyTags) } else { Ok(tags) }
}

impl Inner {
    pub(crate) async fn tags_of(
        &self,
        cx: &Context,
        kind: &str,
        name: &str,
    ) -> Result<Vec<model::Tag>, Error> {
        check_kind(kind)?;
        let name = Reference::parse(cx, name)?.name;
        let parameter = self.parameter(cx, &name).await.map_err(unknown)?;
        Ok(parameter.tags.into_iter().map(|(key, value)| model::Tag { key, value }).collect())
    }

    pub(crate) async fn add_tags(
        &self,
        cx: &Context,
        input: model::AddTagsToResourceInput,
    ) -> Result<(), Error> {
        check_kind(&input.resource_type)?;
        let change = |parameter: &mut crate::parameter::Parameter| {
            parameter.tags = added(std::mem::take(&mut parameter.tags), input.tags.clone())?;
            Ok(())
        };
        self.change(cx, &input.resource_id, change).await.map_err(unknown)
    }

    pub(crate) async fn remove_tags(
        &self,
        cx: &Context,
        input: model::RemoveTagsFromResourceInput,
    ) -> Result<(), Error> {
        check_kind(&input.resource_type)?;
        let change = |parameter: &mut crate::parameter::Parameter| {
            parameter.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        };
        self.change(cx, &input.resource_id, change).await.map_err(unknown)
    }
}

fn check_kind(kind: &str) -> Result<(), Error> {
    if kind == "Parameter" { Ok(()) } else { Err(Error::InvalidResourceType(kind.to_owned())) }
}

fn unknown(error: Error) -> Error {
    match error {
        Error::ParameterNotFound => Error::InvalidResourceId,
        other => other,
    }
}
