//! Tags of pipes.

use std::collections::BTreeMap;

use api::Context;
use store::Batch;
use types::Arn;

use crate::limits::TAGS_MAX;
use crate::{Error, Inner};

type Tags = BTreeMap<String, String>;

/// Checks the tags that a pipe is to have, of which `added` are new.
///
/// # Errors
/// Too many of them, or a key that is AWS's own.
pub(crate) fn check(cx: &Context, tags: &Tags, added: &Tags) -> Result<(), Error> {
    let is_reserved = |key: &String| key.to_ascii_lowercase().starts_with("aws:");
    if !cx.principal.may_change_reserved_tags() && added.keys().any(is_reserved) {
        let text = "aws: prefixed tag key names are not allowed for external use.";
        return Err(Error::Validation(text.to_owned()));
    }
    match tags.len() > TAGS_MAX {
        true => Err(Error::Validation(format!("A pipe can have at most {TAGS_MAX} tags."))),
        false => Ok(()),
    }
}

impl Inner {
    pub(crate) async fn tags_of(&self, cx: &Context, arn: &str) -> Result<Tags, Error> {
        let tags = self.pipe(cx, name_of(cx, arn)?).await?.value.definition.tags;
        Ok(tags.unwrap_or_default())
    }

    pub(crate) async fn add_tags(&self, cx: &Context, arn: &str, added: Tags) -> Result<(), Error> {
        self.change_tags(cx, arn, |tags| {
            tags.extend(added.clone());
            check(cx, tags, &added)
        })
        .await
    }

    pub(crate) async fn remove_tags(&self, cx: &Context, arn: &str, keys: &[String]) -> Result<(), Error> {
        self.change_tags(cx, arn, |tags| {
            tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
        .await
    }

    /// Whoever tends the pipe is not concerned, but may change its record at the same time.
    async fn change_tags(
        &self,
        cx: &Context,
        arn: &str,
        change: impl Fn(&mut Tags) -> Result<(), Error> + Send + Sync,
    ) -> Result<(), Error> {
        let name = name_of(cx, arn)?;
        loop {
            let seen = self.pipe(cx, name).await?;
            let mut pipe = seen.value.clone();
            change(pipe.definition.tags.get_or_insert_default())?;
            let mut batch = Batch::new();
            self.pipes.replace(&mut batch, &seen, &pipe);
            match self.store.submit(batch).durable().await {
                Err(store::Error::Conflict { .. }) => {}
                other => return other.map(drop).map_err(Error::from),
            }
        }
    }
}

/// The name of the pipe that an ARN names. What lies in another account or region is not found.
fn name_of<'a>(cx: &Context, arn: &'a str) -> Result<&'a str, Error> {
    let not_found = || Error::NotFound(arn.to_owned());
    let parsed: Arn = arn.parse().map_err(|_| not_found())?;
    let is_here = parsed.service == "pipes"
        && parsed.account == cx.account.as_str()
        && parsed.region == cx.region.as_str();
    let (_, name) = arn.split_once(":pipe/").filter(|_| is_here).ok_or_else(not_found)?;
    Ok(name)
}
