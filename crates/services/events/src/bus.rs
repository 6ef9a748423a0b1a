//! Event buses.

use api::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use store::{Batch, Range};
use types::Timestamp;

use crate::generated::types as model;
use crate::limits::BUSES_MAX;
use crate::names::{BusName, DEFAULT_BUS};
use crate::page::Page;
use crate::rule_target::check_dead_letters;
use crate::{Error, Inner};

/// A bus as it is kept. The default bus has a record only once something about it was said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bus {
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Who else may put events on it: a policy's document.
    #[serde(default)]
    pub policy: Option<Value>,
    /// Where events go that cannot be encrypted. Kept and shown: nothing is encrypted with a key of the bus.
    #[serde(default)]
    pub dead_letter_config: Option<model::DeadLetterConfig>,
    /// What its logs say. Kept and shown: logs go nowhere without a delivery of CloudWatch Logs.
    #[serde(default)]
    pub log_config: Option<model::LogConfig>,
}

impl Bus {
    fn default_bus() -> Self {
        let created = Timestamp::default();
        Self {
            name: DEFAULT_BUS.to_owned(),
            description: None,
            created,
            modified: created,
            tags: BTreeMap::new(),
            policy: None,
            dead_letter_config: None,
            log_config: None,
        }
    }

    /// Notes that it is changed.
    pub fn touch(&mut self, now: Timestamp) {
        self.modified = now;
        if self.created == Timestamp::default() {
            self.created = now;
        }
    }

    fn describe(self, name: &BusName) -> model::EventBus {
        // AWS shows no times for a default bus that nobody has changed.
        let time = |time: Timestamp| (self.created != Timestamp::default()).then_some(time);
        model::EventBus {
            arn: Some(name.arn().to_string()),
            creation_time: time(self.created),
            last_modified_time: time(self.modified),
            name: Some(self.name),
            description: self.description,
            policy: self.policy.map(|policy| policy.to_string()),
            managed_by: None,
        }
    }
}

impl Inner {
    /// The bus, which exists.
    pub(crate) async fn bus(&self, name: &BusName) -> Result<Bus, Error> {
        match self.buses.get(&name.key()).await? {
            Some(bus) => Ok(bus.value),
            None if name.is_default() => Ok(Bus::default_bus()),
            None => Err(Error::BusNotFound(name.name.clone())),
        }
    }

    /// Writes what is new about a bus.
    pub(crate) async fn save_bus(&self, name: &BusName, bus: &Bus) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.buses.put(&mut batch, &name.key(), bus);
        self.store.submit(batch).durable().await?;
        self.registry.put_policy(name, bus.policy.as_ref());
        Ok(())
    }

    pub(crate) async fn create_bus(
        &self,
        cx: &Context,
        input: model::CreateEventBusInput,
    ) -> Result<model::CreateEventBusOutput, Error> {
        refuse_unserved(&[("KmsKeyIdentifier", input.kms_key_identifier.is_some())])?;
        if let Some(source) = input.event_source_name {
            return Err(Error::EventSourceNotFound(source));
        }
        let name = BusName::here(cx, &input.name);
        check_dead_letters(input.dead_letter_config.as_ref(), &format!("event bus {}", name.name))?;
        if name.name.contains('/') {
            let text = format!(
                "Parameter Name is not valid. Reason: {} is not a name of a custom event bus.",
                name.name
            );
            return Err(Error::Invalid(text));
        }
        let _writing = self.writers.of(&name).await;
        if name.is_default() || self.buses.get(&name.key()).await?.is_some() {
            return Err(Error::BusExists(name.name));
        }
        let region = format!("{}/{}/", cx.account, cx.region);
        if self.buses.list(Range::prefix(&region)).await?.len() >= BUSES_MAX {
            return Err(Error::LimitExceeded);
        }
        let tags = crate::tag::checked(input.tags.unwrap_or_default())?;
        let bus = Bus {
            name: name.name.clone(),
            description: input.description,
            created: cx.now,
            modified: cx.now,
            tags,
            policy: None,
            dead_letter_config: input.dead_letter_config,
            log_config: input.log_config,
        };
        let mut batch = Batch::new();
        self.buses.create(&mut batch, &name.key(), &bus);
        self.store.submit(batch).durable().await?;
        Ok(model::CreateEventBusOutput {
            event_bus_arn: Some(name.arn().to_string()),
            description: bus.description,
            dead_letter_config: bus.dead_letter_config,
            log_config: bus.log_config,
            kms_key_identifier: None,
        })
    }

    pub(crate) async fn describe_bus(
        &self,
        cx: &Context,
        input: model::DescribeEventBusInput,
    ) -> Result<model::DescribeEventBusOutput, Error> {
        let name = BusName::of(cx, input.name.as_deref())?;
        let bus = self.bus(&name).await?;
        let (dead_letter_config, log_config) = (bus.dead_letter_config.clone(), bus.log_config.clone());
        let bus = bus.describe(&name);
        Ok(model::DescribeEventBusOutput {
            dead_letter_config,
            log_config,
            policy: bus.policy,
            name: bus.name,
            arn: bus.arn,
            description: bus.description,
            creation_time: bus.creation_time,
            last_modified_time: bus.last_modified_time,
            ..Default::default()
        })
    }

    pub(crate) async fn list_buses(
        &self,
        cx: &Context,
        input: model::ListEventBusesInput,
    ) -> Result<model::ListEventBusesOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.limit)?;
        let region = format!("{}/{}/", cx.account, cx.region);
        let mut buses: Vec<Bus> =
            self.buses.list(Range::prefix(&region)).await?.into_iter().map(|bus| bus.value).collect();
        if !buses.iter().any(|bus| bus.name == DEFAULT_BUS) {
            buses.push(Bus::default_bus());
            buses.sort_by(|a, b| a.name.cmp(&b.name));
        }
        if let Some(prefix) = &input.name_prefix {
            buses.retain(|bus| bus.name.starts_with(prefix));
        }
        let (buses, next_token) = page.cut(buses, |bus| &bus.name);
        let describe = |bus: Bus| {
            let name = BusName::here(cx, &bus.name);
            bus.describe(&name)
        };
        Ok(model::ListEventBusesOutput {
            event_buses: Some(buses.into_iter().map(describe).collect()),
            next_token,
        })
    }

    pub(crate) async fn update_bus(
        &self,
        cx: &Context,
        input: model::UpdateEventBusInput,
    ) -> Result<model::UpdateEventBusOutput, Error> {
        refuse_unserved(&[("KmsKeyIdentifier", input.kms_key_identifier.is_some())])?;
        let name = BusName::of(cx, input.name.as_deref())?;
        let _writing = self.writers.of(&name).await;
        let mut bus = self.bus(&name).await?;
        check_dead_letters(input.dead_letter_config.as_ref(), &format!("event bus {}", name.name))?;
        bus.description = input.description;
        bus.dead_letter_config = input.dead_letter_config;
        bus.log_config = input.log_config;
        bus.touch(cx.now);
        self.save_bus(&name, &bus).await?;
        Ok(model::UpdateEventBusOutput {
            arn: Some(name.arn().to_string()),
            name: Some(name.name),
            description: bus.description,
            dead_letter_config: bus.dead_letter_config,
            log_config: bus.log_config,
            kms_key_identifier: None,
        })
    }

    pub(crate) async fn delete_bus(&self, cx: &Context, name: &str) -> Result<(), Error> {
        let name = BusName::of(cx, Some(name))?;
        if name.is_default() {
            return Err(Error::DefaultBus);
        }
        let _writing = self.writers.of(&name).await;
        if !self.rules.list(Range { limit: 1, ..Range::prefix(&name.rules_prefix()) }).await?.is_empty() {
            return Err(Error::BusHasRules);
        }
        let mut batch = Batch::new();
        self.buses.delete(&mut batch, &name.key());
        self.store.submit(batch).durable().await?;
        self.registry.put_policy(&name, None);
        Ok(())
    }
}

/// Refuses the first of the parameters that were given, of those that are not served.
pub fn refuse_unserved(unserved: &[(&str, bool)]) -> Result<(), Error> {
    match unserved.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Error::Invalid(format!("Parameter {name} is not served by Runwright."))),
        None => Ok(()),
    }
}
