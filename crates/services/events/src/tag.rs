//! Tags of rules and buses.

use std::collections::BTreeMap;

use api::Context;

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
    pub(crate) async fn tags_of(&self, cx: &Context, arn: &str) -> Result<Vec<model::Tag>, Error> {
        let tags = match resource(cx, arn)? {
            Resource::Bus(bus) => self.bus(&bus).await?.tags,
            Resource::Rule(bus, rule) => {
                self.bus(&bus).await?;
                self.rule_of(&bus, &rule).await?.value.tags
            }
        };
        Ok(tags.into_iter().map(|(key, value)| model::Tag { key, value }).collect())
    }

    pub(crate) async fn add_tags(
        &self,
        cx: &Context,
        arn: &str,
        added: Vec<model::Tag>,
    ) -> Result<(), Error> {
        self.change_tags(cx, arn, |tags| checked(tags, added)).await
    }

    pub(crate) async fn remove_tags(&self, cx: &Context, arn: &str, keys: &[String]) -> Result<(), Error> {
        self.change_tags(cx, arn, |mut tags| {
            tags.retain(|key, _| !keys.contains(key));
            Ok(tags)
        })
        .await
    }

    async fn change_tags(
        &self,
        cx: &Context,
        arn: &str,
        change: impl FnOnce(BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error>,
    ) -> Result<(), Error> {
        match resource(cx, arn)? {
            Resource::Bus(name) => {
                let _writing = self.writers.of(&name).await;
                let mut bus = self.bus(&name).await?;
                bus.tags = change(bus.tags)?;
                self.save_bus(&name, &bus).await
            }
            Resource::Rule(bus, rule) => {
                let _writing = self.writers.of(&bus).await;
                self.bus(&bus).await?;
                let seen = self.rule_of(&bus, &rule).await?;
                let mut rule = seen.value.clone();
                rule.tags = change(rule.tags)?;
                self.save_rule(&bus, Some(&seen), rule).await
            }
        }
    }
}

/// The bus or the rule that `arn` names. What lies in another account or region is not found.
fn resource(cx: &Context, arn: &str) -> Result<Resource, Error> {
    match Resource::parse(arn) {
        Some(Resource::Bus(bus)) if !bus.is_of(cx) => Err(Error::BusNotFound(bus.name)),
        Some(Resource::Rule(bus, rule)) if !bus.is_of(cx) => Err(Error::RuleNotFound { rule, bus: bus.name }),
        Some(resource) => Ok(resource),
        None => Err(Error::Invalid(
            "Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.".to_owned(),
        )),
    }
}
