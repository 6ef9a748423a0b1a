//! Operations that only Runwright's own services and commands may call.

use api::Context;
use event_pattern::{Event, EventPattern};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::{Batch, Range};

use crate::generated::types as model;
use crate::names::BusName;
use crate::put_events::envelope;
use crate::{Error, Inner, delivery};

/// A rule that a service owns, with its targets.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutManagedRule {
    name: String,
    description: Option<String>,
    event_pattern: String,
    managed_by: String,
    targets: Vec<model::Target>,
}

/// A rule to fire now.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FireRule {
    name: String,
    event_bus_name: Option<String>,
    /// The event, for a rule that matches some: an entry of `PutEvents`, whose `Detail` may be an object.
    entry: Option<Value>,
}

/// The event whose deliveries are asked for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListDeliveries {
    event_id: String,
}

impl Inner {
    pub(crate) async fn serve_internal(
        &self,
        cx: &Context,
        operation: &str,
        input: Value,
    ) -> Result<Value, Error> {
        match operation {
            "PutManagedRule" => self.put_managed_rule(cx, read(input)?).await,
            "FireRule" => self.fire_rule(cx, read(input)?).await,
            "ListDeliveries" => self.list_deliveries(read(input)?).await,
            other => Err(Error::UnknownInternal(other.to_owned())),
        }
    }

    async fn put_managed_rule(&self, cx: &Context, input: PutManagedRule) -> Result<Value, Error> {
        let rule = model::PutRuleInput {
            name: input.name.clone(),
            description: input.description,
            event_pattern: Some(input.event_pattern),
            ..Default::default()
        };
        let put = self.put_rule(cx, rule, Some(input.managed_by)).await?;
        let bus = BusName::of(cx, None);
        let seen = self.rule_of(&bus, &input.name).await?;
        if seen.value.targets != input.targets {
            let mut rule = seen.value.clone();
            rule.targets = input.targets;
            self.save_rule(&bus, Some(&seen), rule, Batch::new()).await?;
        }
        Ok(json!({"RuleArn": put.rule_arn}))
    }

    async fn fire_rule(&self, cx: &Context, input: FireRule) -> Result<Value, Error> {
        let bus = BusName::of(cx, input.event_bus_name.as_deref());
        let rule = self.rule_of(&bus, &input.name).await?.value;
        let mut batch = Batch::new();
        let event_id = match (input.entry, &rule.event_pattern) {
            (None, _) if rule.schedule_expression.is_some() => {
                self.plan_occurrence(&mut batch, &bus, &input.name, cx.now, cx.now)
            }
            (Some(entry), Some(pattern)) => {
                self.plan_entry(cx, &mut batch, &bus, &input.name, pattern, entry)?
            }
            (None, _) => {
                return Err(Error::Invalid(format!("The rule {} matches events: give it one.", input.name)));
            }
            (Some(_), None) => {
                return Err(Error::Invalid(format!(
                    "The rule {} has no event pattern: it takes no event.",
                    input.name
                )));
            }
        };
        self.store.submit(batch).durable().await?;
        Ok(json!({"EventId": event_id}))
    }

    fn plan_entry(
        &self,
        cx: &Context,
        batch: &mut Batch,
        bus: &BusName,
        rule: &str,
        pattern: &str,
        mut entry: Value,
    ) -> Result<String, Error> {
        if entry["Detail"].is_object() {
            entry["Detail"] = Value::String(entry["Detail"].to_string());
        }
        let entry: model::PutEventsRequestEntry = read(entry)?;
        let id = api::ids::uuid();
        let event = envelope(cx, bus, &id, &entry).map_err(|(_, message)| Error::Invalid(message))?;
        let pattern =
            EventPattern::parse(pattern).map_err(|error| Error::InvalidPattern(error.to_string()))?;
        if !Event::parse(&event).is_ok_and(|event| pattern.matches(&event)) {
            return Err(Error::Invalid(format!("The event does not match the pattern of the rule {rule}.")));
        }
        if let Some(rule) = self.registry.rule(bus, rule) {
            delivery::plan(batch, bus, &rule, &id, &event, cx.now);
        }
        Ok(id)
    }

    async fn list_deliveries(&self, input: ListDeliveries) -> Result<Value, Error> {
        let prefix = format!("{}/", input.event_id);
        let outcomes = self.outcomes.list(Range::prefix(&prefix)).await?;
        let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.value).collect();
        Ok(json!({"Deliveries": outcomes}))
    }
}

fn read<T: DeserializeOwned>(input: Value) -> Result<T, Error> {
    serde_json::from_value(input).map_err(|error| Error::Invalid(error.to_string()))
}
