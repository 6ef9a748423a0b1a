//! Archives: what comes over a bus, kept for replays.
//!
//! An archive is a rule of its own, as on AWS: managed, named `Events-Archive-NAME`, with the archive's pattern for all
//! events that are not replayed ones. Where the events are is `kept`'s, when they go is `background`'s.

pub(crate) mod background;
pub(crate) mod kept;

use std::collections::BTreeMap;
use std::time::Duration;

use api::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{Batch, Range, Versioned};
use types::{Arn, Timestamp};

use crate::bus::refuse_unserved;
use crate::generated::types as model;
use crate::limits::ARCHIVES_MAX;
use crate::names::{BusName, Resource};
use crate::page::Page;
use crate::rule::{Rule, State, check_pattern};
use crate::{Error, Inner};

/// Who owns the rules of archives.
const MANAGED_BY: &str = "prod.vhs.events.aws.internal";

/// An archive as it is kept. Its region and account are its bus's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Archive {
    /// The name, unique in the region.
    pub name: String,
    /// Another one than that of an earlier archive of the same name: a UUID.
    pub id: String,
    /// The name of the bus.
    pub bus: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it keeps, as it was given; nothing: all.
    pub event_pattern: Option<String>,
    /// For how many days; 0: for ever.
    pub retention_days: i64,
    /// When it was created.
    pub created: Timestamp,
}

impl Archive {
    /// The place of the oldest event that has not been kept for long enough.
    pub fn oldest(&self, now: Timestamp) -> u64 {
        match u64::try_from(self.retention_days) {
            Ok(days @ 1..) => kept::place_at(now - Duration::from_secs(days.saturating_mul(24 * 60 * 60))),
            _ => 0,
        }
    }

    fn rule_name(&self) -> String {
        format!("Events-Archive-{}", self.name)
    }

    /// The rule that brings events into the archive.
    fn rule(&self, bus: &BusName, now: Timestamp) -> Rule {
        Rule {
            name: self.rule_name(),
            event_pattern: Some(without_replayed(self.event_pattern.as_deref())),
            schedule_expression: None,
            state: State::Enabled,
            description: None,
            role_arn: None,
            managed_by: Some(MANAGED_BY.to_owned()),
            tags: BTreeMap::new(),
            targets: vec![self.target(bus)],
            scheduled_from: now,
        }
    }

    fn target(&self, bus: &BusName) -> model::Target {
        let arn = format!("{}:{}", arn(bus, &self.name), self.id);
        model::Target {
            id: self.rule_name(),
            arn: format!("arn:{}:events:{}:::", bus.region.partition(), bus.region),
            input_transformer: Some(model::InputTransformer {
                input_paths_map: Some(BTreeMap::new().into_iter().collect()),
                input_template: format!(
                    "{{\"archive-arn\": \"{arn}\", \"event\": <aws.events.event.json>, \
                     \"ingestion-time\": <aws.events.event.ingestion-time>}}"
                ),
            }),
            ..Default::default()
        }
    }

    fn describe(self, bus: &BusName, state: &'static str, tally: kept::Tally) -> model::Archive {
        model::Archive {
            archive_name: Some(self.name),
            event_source_arn: Some(bus.arn().to_string()),
            state: Some(state.to_owned()),
            state_reason: None,
            retention_days: Some(self.retention_days),
            size_bytes: i64::try_from(tally.bytes).ok(),
            event_count: i64::try_from(tally.events).ok(),
            creation_time: Some(self.created),
        }
    }
}

/// The id of the archive that a target of a managed rule is.
pub fn id_in(target: &model::Target) -> Option<&str> {
    let arn: Arn = target.arn.parse().ok()?;
    if arn.service != "events" || arn.resource != ":" {
        return None;
    }
    let template = &target.input_transformer.as_ref()?.input_template;
    let (_, archive) = template.split_once("\"archive-arn\": \"")?;
    archive.split_once('"')?.0.rsplit_once(':').map(|(_, id)| id)
}

/// An archive's pattern, for all events but replayed ones.
fn without_replayed(pattern: Option<&str>) -> String {
    let mut pattern: Map<String, Value> =
        pattern.and_then(|pattern| serde_json::from_str(pattern).ok()).unwrap_or_default();
    pattern.insert("replay-name".to_owned(), json!([{"exists": false}]));
    Value::Object(pattern).to_string()
}

fn arn(bus: &BusName, name: &str) -> Arn {
    Arn::new("events", &bus.region, &bus.account, format!("archive/{name}"))
}

/// The key of the archive `name` in the store.
pub fn key(cx: &Context, name: &str) -> String {
    format!("{}/{}/{name}", cx.account, cx.region)
}

impl Inner {
    /// The archive, which exists.
    pub(crate) async fn archive(&self, cx: &Context, name: &str) -> Result<Versioned<Archive>, Error> {
        let found = self.archives.get(&key(cx, name)).await?;
        found.ok_or_else(|| Error::ArchiveNotFound(name.to_owned()))
    }

    /// The bus that `arn` names, which exists.
    pub(crate) async fn bus_in(&self, cx: &Context, parameter: &str, arn: &str) -> Result<BusName, Error> {
        let Some(Resource::Bus(bus)) = Resource::parse(arn) else {
            let text = format!("Parameter {parameter} is not valid. Reason: Must contain an event bus ARN.");
            return Err(Error::Invalid(text));
        };
        if !bus.is_of(cx) {
            return Err(Error::BusNotFound(bus.name));
        }
        self.bus(&bus).await?;
        Ok(bus)
    }

    pub(crate) async fn create_archive(
        &self,
        cx: &Context,
        input: model::CreateArchiveInput,
    ) -> Result<model::CreateArchiveOutput, Error> {
        refuse_unserved(&[("KmsKeyIdentifier", input.kms_key_identifier.is_some())])?;
        if let Some(pattern) = &input.event_pattern {
            check_pattern(pattern)?;
        }
        let bus = self.bus_in(cx, "EventSourceArn", &input.event_source_arn).await?;
        let _writing = self.writers.of(&bus).await;
        let key = key(cx, &input.archive_name);
        if self.archives.get(&key).await?.is_some() {
            return Err(Error::ArchiveExists(input.archive_name));
        }
        self.refuse_more_archives(cx).await?;
        self.refuse_more_rules(&bus).await?;
        let archive = Archive {
            name: input.archive_name,
            id: api::ids::uuid(),
            bus: bus.name.clone(),
            description: input.description,
            event_pattern: input.event_pattern,
            retention_days: input.retention_days.unwrap_or(0),
            created: cx.now,
        };
        let rule = archive.rule(&bus, cx.now);
        let mut batch = Batch::new();
        self.archives.create(&mut batch, &key, &archive);
        self.rules.create(&mut batch, &bus.rule_key(&rule.name), &rule);
        background::look(&mut batch, &key, &archive, cx.now);
        self.store.submit(batch).durable().await?;
        self.registry.put(&bus, rule);
        Ok(model::CreateArchiveOutput {
            archive_arn: Some(arn(&bus, &archive.name).to_string()),
            state: Some("ENABLED".to_owned()),
            state_reason: None,
            creation_time: Some(archive.created),
        })
    }

    async fn refuse_more_archives(&self, cx: &Context) -> Result<(), Error> {
        if self.archives.list(Range::prefix(&key(cx, ""))).await?.len() >= ARCHIVES_MAX {
            return Err(Error::LimitExceeded);
        }
        Ok(())
    }

    pub(crate) async fn update_archive(
        &self,
        cx: &Context,
        input: model::UpdateArchiveInput,
    ) -> Result<model::UpdateArchiveOutput, Error> {
        refuse_unserved(&[("KmsKeyIdentifier", input.kms_key_identifier.is_some())])?;
        if input.description.is_none() && input.event_pattern.is_none() && input.retention_days.is_none() {
            return Err(Error::NothingToUpdate);
        }
        if let Some(pattern) = &input.event_pattern {
            check_pattern(pattern)?;
        }
        let bus = BusName::here(cx, &self.archive(cx, &input.archive_name).await?.value.bus);
        let _writing = self.writers.of(&bus).await;
        let seen = self.archive(cx, &input.archive_name).await?;
        let mut archive = seen.value.clone();
        archive.description = input.description.or(archive.description);
        archive.event_pattern = input.event_pattern.or(archive.event_pattern);
        archive.retention_days = input.retention_days.unwrap_or(archive.retention_days);
        let rule = archive.rule(&bus, cx.now);
        let mut batch = Batch::new();
        self.archives.replace(&mut batch, &seen, &archive);
        // Whoever has deleted the rule has it again.
        self.rules.put(&mut batch, &bus.rule_key(&rule.name), &rule);
        background::look(&mut batch, &seen.key, &archive, cx.now);
        self.store.submit(batch).durable().await?;
        self.registry.put(&bus, rule);
        Ok(model::UpdateArchiveOutput {
            archive_arn: Some(arn(&bus, &archive.name).to_string()),
            state: Some("ENABLED".to_owned()),
            state_reason: None,
            creation_time: Some(archive.created),
        })
    }

    /// What the archive holds is removed soon after.
    pub(crate) async fn delete_archive(&self, cx: &Context, name: &str) -> Result<(), Error> {
        let bus = BusName::here(cx, &self.archive(cx, name).await?.value.bus);
        let _writing = self.writers.of(&bus).await;
        let seen = self.archive(cx, name).await?;
        let rule = seen.value.rule_name();
        let mut batch = Batch::new();
        batch.require_version("events/archive", seen.key.as_str(), seen.version);
        self.archives.delete(&mut batch, &seen.key);
        self.rules.delete(&mut batch, &bus.rule_key(&rule));
        background::look(&mut batch, &seen.key, &seen.value, cx.now);
        self.registry.remove(&bus, &rule);
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    pub(crate) async fn describe_archive(
        &self,
        cx: &Context,
        name: &str,
    ) -> Result<model::DescribeArchiveOutput, Error> {
        let archive = self.archive(cx, name).await?.value;
        let bus = BusName::here(cx, &archive.bus);
        let (state, tally) = (self.state(&bus, &archive).await?, self.tally_of(cx, &archive).await?);
        Ok(model::DescribeArchiveOutput {
            archive_arn: Some(arn(&bus, &archive.name).to_string()),
            archive_name: Some(archive.name),
            event_source_arn: Some(bus.arn().to_string()),
            description: archive.description,
            event_pattern: archive.event_pattern,
            state: Some(state.to_owned()),
            state_reason: None,
            kms_key_identifier: None,
            retention_days: Some(archive.retention_days),
            size_bytes: i64::try_from(tally.bytes).ok(),
            event_count: i64::try_from(tally.events).ok(),
            creation_time: Some(archive.created),
        })
    }

    async fn tally_of(&self, cx: &Context, archive: &Archive) -> Result<kept::Tally, Error> {
        self.tally(&archive.id, archive.oldest(cx.now), cx.now).await
    }

    /// An archive whose rule or its target somebody has removed by force keeps nothing any more.
    async fn state(&self, bus: &BusName, archive: &Archive) -> Result<&'static str, Error> {
        let rule = self.rules.get(&bus.rule_key(&archive.rule_name())).await?;
        let leads_here = |rule: &Rule| rule.targets.iter().any(|target| id_in(target) == Some(&archive.id));
        Ok(if rule.is_some_and(|rule| leads_here(&rule.value)) { "ENABLED" } else { "DISABLED" })
    }

    pub(crate) async fn list_archives(
        &self,
        cx: &Context,
        input: model::ListArchivesInput,
    ) -> Result<model::ListArchivesOutput, Error> {
        refuse_two_filters(
            "ListArchives",
            [&input.state, &input.event_source_arn, &input.name_prefix].map(Option::is_some),
        )?;
        let page = Page::of(input.next_token.as_deref(), input.limit)?;
        let bus = match &input.event_source_arn {
            Some(arn) => Some(self.bus_in(cx, "EventSourceArn", arn).await?.name),
            None => None,
        };
        let prefix = key(cx, input.name_prefix.as_deref().unwrap_or_default());
        let mut found = Vec::new();
        for archive in self.archives.list(Range::prefix(&prefix)).await? {
            let archive = archive.value;
            let state = self.state(&BusName::here(cx, &archive.bus), &archive).await?;
            let is_of_state = input.state.as_deref().is_none_or(|wanted| wanted == state);
            if is_of_state && bus.as_ref().is_none_or(|bus| *bus == archive.bus) {
                found.push((archive, state));
            }
        }
        let (found, next_token) = page.cut(found, |(archive, _)| &archive.name);
        let mut archives = Vec::new();
        for (archive, state) in found {
            let tally = self.tally_of(cx, &archive).await?;
            let bus = BusName::here(cx, &archive.bus);
            archives.push(archive.describe(&bus, state, tally));
        }
        Ok(model::ListArchivesOutput { archives: Some(archives), next_token })
    }
}

/// Lists of archives and replays take one filter.
pub fn refuse_two_filters(operation: &str, given: [bool; 3]) -> Result<(), Error> {
    if given.into_iter().filter(|given| *given).count() < 2 {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "At most one filter is allowed for {operation}. Use either : State, EventSourceArn, or NamePrefix."
    )))
}

#[cfg(test)]
mod tests {
    use types::{AccountId, Region};

    use super::*;

    #[test]
    fn the_target_of_an_archives_rule_leads_back_to_it() {
        let bus = BusName {
            account: AccountId::new("000000000000"),
            region: Region::new("us-east-1"),
            name: "orders".to_owned(),
        };
        let archive = Archive {
            name: "all".to_owned(),
            id: "0-1".to_owned(),
            bus: bus.name.clone(),
            description: None,
            event_pattern: Some(r#"{"source": ["s"], "$or": [{"a": [1]}]}"#.to_owned()),
            retention_days: 0,
            created: Timestamp::default(),
        };
        assert_eq!(id_in(&archive.target(&bus)), Some("0-1"));
        let rule = archive.rule(&bus, archive.created);
        assert_eq!(
            rule.event_pattern.as_deref(),
            Some(r#"{"source":["s"],"$or":[{"a":[1]}],"replay-name":[{"exists":false}]}"#)
        );
    }
}
