//! Tags of rules and buses.

use std::collections::BTreeMap;

use api::Context;
use schedule::Overlap;

use crate::generated::types as model;
use crate::limits::TAGS_MAX;
use crate::names::Resource;
use crate::{Error, Inner};

/// A user's tags for something new.
///
/// # Errors
/// Too many of them, or a key that is AWS's own.
pub fn checked(tags: Vec<model::Tag>) -> Result<BTreeMap<String, String>, Error> {
    check_keys(tags.iter().map(|tag| tag.key.as_str()))?;
    merged(BTreeMap::new(), tags)
}

/// The tags there were with `added` on top. AWS's own do not count.
fn merged(
    mut tags: BTreeMap<String, String>,
    added: Vec<model::Tag>,
) -> Result<BTreeMap<String, String>, Error> {
    tags.extend(added.into_iter().map(|tag| (tag.key, tag.value)));
    if tags.keys().filter(|key| !is_reserved(key)).count() > TAGS_MAX {
        return Err(Error::LimitExceeded);
    }
    Overlap::of(&tags).map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(tags)
}

fn is_reserved(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("aws:")
}

fn check_keys<'k>(mut keys: impl Iterator<Item = &'k str>) -> Result<(), Error> {
    match keys.any(is_reserved) {
        true => {
            let text = "aws: prefixed tag key names are not allowed for external use.";
            Err(Error::Invalid(text.to_owned()))
        }
        false => Ok(()),
    }
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
        if !cx.principal.may_change_reserved_tags() {
            check_keys(added.iter().map(|tag| tag.key.as_str()))?;
        }
        self.change_tags(cx, arn, |tags| merged(tags, added)).await
    }

    pub(crate) async fn remove_tags(&self, cx: &Context, arn: &str, keys: &[String]) -> Result<(), Error> {
        if !cx.principal.may_change_reserved_tags() {
            check_keys(keys.iter().map(String::as_str))?;
        }
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
