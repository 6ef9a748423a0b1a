//! Operations that only Runwright's own services and commands may call.

use api::Context;
use event_pattern::{Event, EventPattern};
use schedule::Schedule;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::{Batch, Range};
use types::Timestamp;

use crate::delivery::Arrival;
use crate::event::scheduled;
use crate::generated::types as model;
use crate::names::BusName;
use crate::put_events::envelope;
use crate::registry::CompiledRule;
use crate::{Error, Inner};

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

/// A rule whose next times are asked for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NextOccurrences {
    name: String,
    count: usize,
    /// Strictly after this time; without it after the clock's.
    after: Option<Timestamp>,
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
            "PutManagedRule" => self.put_managed(cx, read(input)?).await,
            "FireRule" => self.fire_rule(cx, read(input)?).await,
            "RetrieveConnectionCredentials" => self.retrieve_credentials(cx, read(input)?).await,
            "NoteConnectionAuthorization" => self.note_authorization(cx, read(input)?).await,
            "NextOccurrences" => self.next_occurrences(cx, read(input)?).await,
            "ListDeliveries" => self.list_deliveries(read(input)?).await,
            other => Err(Error::UnknownInternal(other.to_owned())),
        }
    }

    /// When a rule of the default bus is next due, enabled or not.
    async fn next_occurrences(&self, cx: &Context, input: NextOccurrences) -> Result<Value, Error> {
        let rule = self.rule_of(&BusName::of(cx, None)?, &input.name).await?.value;
        let expression = rule.schedule_expression.as_deref().unwrap_or_default();
        let schedule = Schedule::parse_rule(expression).map_err(|_| Error::InvalidSchedule)?;
        let next = |after: Timestamp| schedule.next_due(after, rule.scheduled_from, &jiff::tz::TimeZone::UTC);
        let times = std::iter::successors(next(input.after.unwrap_or(cx.now)), |last| next(*last));
        let times: Vec<Timestamp> = times.take(input.count).collect();
        Ok(json!({"Times": times, "Timezone": "UTC", "Expression": expression, "Enabled": rule.is_enabled()}))
    }

    async fn put_managed(&self, cx: &Context, input: PutManagedRule) -> Result<Value, Error> {
        let rule = model::PutRuleInput {
            name: input.name,
            description: input.description,
            event_pattern: Some(input.event_pattern),
            ..Default::default()
        };
        let put = self.put_managed_rule(cx, rule, input.managed_by, input.targets).await?;
        Ok(json!({"RuleArn": put.rule_arn}))
    }

    /// Fires a rule for one event, whether it is enabled or not, and leaves its schedule as it is.
    async fn fire_rule(&self, cx: &Context, input: FireRule) -> Result<Value, Error> {
        let bus = BusName::of(cx, input.event_bus_name.as_deref())?;
        let rule = self.rule_of(&bus, &input.name).await?.value;
        let id = api::ids::uuid();
        let event = match (input.entry, &rule.event_pattern, &rule.schedule_expression) {
            (None, _, Some(_)) => scheduled(&bus, &bus.rule_arn(&rule.name).to_string(), &id, cx.now),
            (Some(entry), Some(pattern), _) => event_for(cx, &id, &input.name, pattern, entry)?,
            (None, _, None) => {
                return Err(Error::Invalid(format!("The rule {} matches events: give it one.", input.name)));
            }
            (Some(_), None, _) => {
                let text = format!("The rule {} has no event pattern: it takes no event.", input.name);
                return Err(Error::Invalid(text));
            }
        };
        let mut batch = Batch::new();
        let arrival = Arrival { id: &id, event: &event, forwarded: false, watched: true };
        self.take(&mut batch, &bus, &CompiledRule::of(&bus, rule), &arrival, cx.now);
        self.store.submit(batch).durable().await?;
        Ok(json!({"EventId": id}))
    }

    async fn list_deliveries(&self, input: ListDeliveries) -> Result<Value, Error> {
        let prefix = format!("{}/", input.event_id);
        let outcomes = self.outcomes.list(Range::prefix(&prefix)).await?;
        let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.value).collect();
        Ok(json!({"Deliveries": outcomes}))
    }
}

/// The event that an entry of `PutEvents` makes, whose `Detail` may be an object here; the rule must want it.
fn event_for(cx: &Context, id: &str, rule: &str, pattern: &str, mut entry: Value) -> Result<String, Error> {
    if let Some(detail) = entry.get_mut("Detail").filter(|detail| detail.is_object()) {
        *detail = Value::String(detail.to_string());
    }
    let entry: model::PutEventsRequestEntry = read(entry)?;
    let text = envelope(cx, id, &entry).map_err(|(_, message)| Error::Invalid(message))?;
    let pattern = EventPattern::parse(pattern).map_err(|error| Error::InvalidPattern(error.to_string()))?;
    if !Event::parse(&text).is_ok_and(|event| pattern.matches(&event)) {
        return Err(Error::Invalid(format!("The event does not match the pattern of the rule {rule}.")));
    }
    Ok(text)
}

fn read<T: DeserializeOwned>(input: Value) -> Result<T, Error> {
    serde_json::from_value(input).map_err(|error| Error::Invalid(error.to_string()))
}
