//! Tags of rules and buses.

use std::collections::BTreeMap;

use crate::generated::types as model;
use crate::limits::TAGS_MAX;
use crate::names::Resource;
use crate::{Error, Inner};

/// The tags there were with `added` on top.
///
/// # Errors
/// Too many of them, or a key that is AWS's own.
pub fn checked(
    mut tags: BTreeMap<String, String>,
    added: Vec<model::Tag>,
) -> Result<BTreeMap<String, String>, Error> {
    for tag in added {
        if tag.key.to_ascii_lowercase().starts_with("aws:") && !tag.key.starts_with("aws:cloudformation:") {
            let text = "aws: prefixed tag key names are not allowed for external use.";
            return Err(Error::Invalid(text.to_owned()));
        }
        tags.insert(tag.key, tag.value);
    }
    if tags.len() > TAGS_MAX {
        return Err(Error::LimitExceeded);
    }
    Ok(tags)
}

impl Inner {
    pub(crate) async fn tags_of(&self, arn: &str) -> Result<Vec<model::Tag>, Error> {
        let tags = match resource(arn)? {
            Resource::Bus(bus) => self.bus(&bus).await?.tags,
            Resource::Rule(bus, rule) => self.rule_of(&bus, &rule).await?.value.tags,
        };
        Ok(tags.into_iter().map(|(key, value)| model::Tag { key, value }).collect())
    }

    pub(crate) async fn add_tags(&self, arn: &str, added: Vec<model::Tag>) -> Result<(), Error> {
        self.change_tags(arn, |tags| checked(tags, added)).await
    }

    pub(crate) async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<(), Error> {
        self.change_tags(arn, |mut tags| {
            tags.retain(|key, _| !keys.contains(key));
            Ok(tags)
        })
        .await
    }

    async fn change_tags(
        &self,
        arn: &str,
        change: impl FnOnce(BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error>,
    ) -> Result<(), Error> {
        match resource(arn)? {
            Resource::Bus(name) => {
                let mut bus = self.bus(&name).await?;
                bus.tags = change(bus.tags)?;
                self.save_bus(&name, &bus).await
            }
            Resource::Rule(bus, rule) => {
                let seen = self.rule_of(&bus, &rule).await?;
                let mut rule = seen.value.clone();
                rule.tags = change(rule.tags)?;
                self.save_rule(&bus, Some(&seen), rule, store::Batch::new()).await
            }
        }
    }
}

fn resource(arn: &str) -> Result<Resource, Error> {
    Resource::parse(arn).ok_or_else(|| {
        Error::Invalid(
            "Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.".to_owned(),
        )
    })
}
