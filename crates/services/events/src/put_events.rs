//! `PutEvents` and `TestEventPattern`.

use api::{Context, Principal};
use event_pattern::{Event, EventPattern};
use serde_json::value::RawValue;
use store::Batch;

use crate::delivery::{self, Arrival};
use crate::event::Envelope;
use crate::generated::types as model;
use crate::limits::ENTRIES_BYTES_MAX;
use crate::names::BusName;
use crate::{Error, Inner};

impl Inner {
    /// Accepts events: when this answers, every delivery that they cause is durable.
    pub(crate) async fn put_events(
        &self,
        cx: &Context,
        input: model::PutEventsInput,
    ) -> Result<model::PutEventsOutput, Error> {
        if input.endpoint_id.is_some() {
            return Err(Error::Invalid("Parameter EndpointId is not served by Runwright.".to_owned()));
        }
        if input.entries.iter().map(size).sum::<usize>() > ENTRIES_BYTES_MAX {
            return Err(Error::EntriesTooLarge);
        }
        let mut batch = Batch::new();
        let results: Vec<_> =
            input.entries.into_iter().map(|entry| self.accept(cx, entry, &mut batch)).collect();
        if !batch.is_empty() {
            self.store.submit(batch).durable().await?;
        }
        let failed = results.iter().filter(|result| result.error_code.is_some()).count();
        Ok(model::PutEventsOutput { failed_entry_count: i64::try_from(failed).ok(), entries: Some(results) })
    }

    fn accept(
        &self,
        cx: &Context,
        entry: model::PutEventsRequestEntry,
        batch: &mut Batch,
    ) -> model::PutEventsResultEntry {
        let id = api::ids::uuid();
        match self.plan_entry(cx, &entry, &id, batch) {
            Ok(()) => model::PutEventsResultEntry { event_id: Some(id), ..Default::default() },
            Err((code, message)) => model::PutEventsResultEntry {
                error_code: Some(code.to_owned()),
                error_message: Some(message),
                ..Default::default()
            },
        }
    }

    fn plan_entry(
        &self,
        cx: &Context,
        entry: &model::PutEventsRequestEntry,
        id: &str,
        batch: &mut Batch,
    ) -> Result<(), EntryError> {
        let bus = match BusName::of(cx, entry.event_bus_name.as_deref()) {
            Ok(bus) => bus,
            Err(error) => {
                // What AWS says to it is not on record; to accept the event for another bus would lose it.
                envelope(cx, &BusName::here(cx, ""), id, entry)?;
                return Err(("AccessDeniedException", error.to_string()));
            }
        };
        let text = envelope(cx, &bus, id, entry)?;
        let event = Event::parse(&text).map_err(|_| malformed_detail())?;
        // A bus that does not exist has no rules: the event is accepted and lost, as on AWS.
        let arrival = Arrival { id, event: &text, forwarded: false };
        for matched in self.registry.matches(&bus, &event) {
            delivery::plan(batch, &bus, &matched, &arrival, cx.now);
        }
        Ok(())
    }
}

/// The code and the text of an entry's error.
pub type EntryError = (&'static str, String);

fn malformed_detail() -> EntryError {
    ("MalformedDetail", "Detail is malformed.".to_owned())
}

/// The event that an entry makes.
///
/// # Errors
/// An entry that lacks something, whose detail is no object, or whose source is not the caller's.
pub fn envelope(
    cx: &Context,
    bus: &BusName,
    id: &str,
    entry: &model::PutEventsRequestEntry,
) -> Result<String, EntryError> {
    let source = required("Source", entry.source.as_deref())?;
    let detail_type = required("DetailType", entry.detail_type.as_deref())?;
    let detail = required("Detail", entry.detail.as_deref())?;
    if source.starts_with("aws.") && !matches!(cx.principal, Principal::Service { .. }) {
        return Err(("NotAuthorizedForSource", "Not authorized for the source.".to_owned()));
    }
    let detail: &RawValue = serde_json::from_str(detail).map_err(|_| malformed_detail())?;
    if !detail.get().starts_with('{') {
        return Err(malformed_detail());
    }
    let resources = entry.resources.as_deref().unwrap_or_default();
    let time = entry.time.unwrap_or(cx.now);
    Ok(Envelope::new(bus, id, source, detail_type, time, resources, detail).to_json())
}

fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, EntryError> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| {
        ("InvalidArgument", format!("Parameter {name} is not valid. Reason: {name} is a required argument."))
    })
}

/// An entry's size as EventBridge counts it: 14 bytes for a time, and the bytes of its texts.
fn size(entry: &model::PutEventsRequestEntry) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let resources: usize = entry.resources.iter().flatten().map(String::len).sum();
    let time = if entry.time.is_some() { 14 } else { 0 };
    time + text(&entry.source) + text(&entry.detail_type) + text(&entry.detail) + resources
}

/// Whether an event matches a pattern.
///
/// # Errors
/// [`Error::InvalidPattern`], [`Error::InvalidEvent`].
pub fn test_pattern(input: &model::TestEventPatternInput) -> Result<model::TestEventPatternOutput, Error> {
    let pattern = EventPattern::parse(&input.event_pattern)
        .map_err(|error| Error::InvalidPattern(error.to_string()))?;
    if !has_envelope(&input.event) {
        return Err(Error::InvalidEvent);
    }
    let event = Event::parse(&input.event).map_err(|_| Error::InvalidEvent)?;
    Ok(model::TestEventPatternOutput { result: Some(pattern.matches(&event)) })
}

/// `TestEventPattern` wants an event's envelope, not just any JSON; AWS is seen accepting events without `resources`.
fn has_envelope(event: &str) -> bool {
    const MEMBERS: [&str; 6] = ["id", "account", "source", "time", "region", "detail-type"];
    let Ok(serde_json::Value::Object(event)) = serde_json::from_str(event) else { return false };
    MEMBERS.iter().all(|member| event.contains_key(*member))
}
