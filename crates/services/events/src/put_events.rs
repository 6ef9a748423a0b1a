//! `PutEvents` and `TestEventPattern`.

use api::{Context, Principal};
use event_pattern::{Event, EventPattern};
use serde_json::value::RawValue;
use store::Batch;
use types::Timestamp;

use crate::archive::kept;
use crate::bus_policy::Sender;
use crate::delivery::{self, Arrival};
use crate::event::Envelope;
use crate::generated::types as model;
use crate::limits::{CALL_KEPT, ENTRIES_BYTES_MAX};
use crate::memory::Memory;
use crate::names::{BusName, DEFAULT_BUS};
use crate::registry::CompiledRule;
use crate::{Error, Inner};

/// The ids of the events that a call of another service has put, by its idempotency key.
pub(crate) static CALLS: Memory =
    Memory { table: "events/call", queue: "events/call-upkeep", kept: CALL_KEPT };

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
        let call = cx.idempotency_key.as_ref().map(|key| format!("{}/{}/{key}", cx.account, cx.region));
        if let Some(results) = self.results_before(call.as_deref(), input.entries.len()).await? {
            return Ok(model::PutEventsOutput { failed_entry_count: Some(0), entries: Some(results) });
        }
        let mut batch = Batch::new();
        let results: Vec<_> =
            input.entries.into_iter().map(|entry| self.accept(cx, entry, &mut batch)).collect();
        if !batch.is_empty() {
            remember(&mut batch, call.as_deref(), &results, cx.now);
            self.store.submit(batch).durable().await?;
        }
        let failed = results.iter().filter(|result| result.error_code.is_some()).count();
        Ok(model::PutEventsOutput { failed_entry_count: i64::try_from(failed).ok(), entries: Some(results) })
    }

    /// What was answered when the call was made before; whoever makes it again waits for one answer before the next.
    async fn results_before(
        &self,
        call: Option<&str>,
        count: usize,
    ) -> Result<Option<Vec<model::PutEventsResultEntry>>, Error> {
        let Some(call) = call else { return Ok(None) };
        let Some(row) = self.store.get(CALLS.table, call).await? else { return Ok(None) };
        let ids: Vec<String> = serde_json::from_slice(&row.value).unwrap_or_default();
        let result = |id| model::PutEventsResultEntry { event_id: Some(id), ..Default::default() };
        Ok((ids.len() == count).then(|| ids.into_iter().map(result).collect()))
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
        let text = envelope(cx, id, entry)?;
        let bus = self.bus_for(cx, entry)?;
        // A bus that does not exist has no rules: the event is accepted and lost, as on AWS.
        let arrival = Arrival { id, event: &text, forwarded: false, watched: false };
        self.arrive(batch, &bus, &arrival, cx.now).map_err(|_| malformed_detail())
    }

    /// The bus that an entry is for, which takes it.
    fn bus_for(&self, cx: &Context, entry: &model::PutEventsRequestEntry) -> Result<BusName, EntryError> {
        let name = entry.event_bus_name.as_deref();
        let Some(bus) = BusName::anywhere(cx, name).filter(|bus| bus.region == cx.region) else {
            let name = name.unwrap_or_default();
            let reason = "EventBusName must name an event bus of the region of the request";
            let text = format!("Parameter EventBusName is not valid. Reason: {name}: {reason}.");
            return Err(("InvalidArgument", text));
        };
        let sender = Sender {
            principal: &cx.principal,
            account: &cx.account,
            source: entry.source.as_deref().unwrap_or_default(),
            detail_type: entry.detail_type.as_deref().unwrap_or_default(),
        };
        // Services speak for the account that they work in.
        let is_service = matches!(cx.principal, Principal::Service { .. }) && bus.account == cx.account;
        if is_service || self.registry.admits(&bus, &sender) {
            return Ok(bus);
        }
        let text = format!(
            "User: {} is not authorized to perform: events:PutEvents on resource: {}",
            cx.principal,
            bus.arn()
        );
        Err(("AccessDeniedException", text))
    }

    /// Adds to a batch what follows from an event that has come to a bus: deliveries, and places in archives.
    ///
    /// # Errors
    /// Text that is no event.
    pub(crate) fn arrive(
        &self,
        batch: &mut Batch,
        bus: &BusName,
        arrival: &Arrival<'_>,
        now: Timestamp,
    ) -> Result<(), event_pattern::EventError> {
        for matched in self.registry.matches(bus, arrival.event)? {
            self.take(batch, bus, &matched, arrival, now);
        }
        Ok(())
    }

    /// Adds to a batch what follows from a rule's match.
    pub(crate) fn take(
        &self,
        batch: &mut Batch,
        bus: &BusName,
        rule: &CompiledRule,
        arrival: &Arrival<'_>,
        now: Timestamp,
    ) {
        if let Some(archive) = &rule.archive {
            kept::keep(batch, &self.places, archive, arrival.event, now);
        }
        delivery::plan(batch, bus, rule, arrival, now);
    }
}

/// Adds to a batch: the call may be made again, and puts nothing then. Not where an entry has failed: that is what the call
/// is made again for.
fn remember(batch: &mut Batch, call: Option<&str>, results: &[model::PutEventsResultEntry], now: Timestamp) {
    let ids: Option<Vec<&str>> = results.iter().map(|result| result.event_id.as_deref()).collect();
    if let (Some(call), Some(ids)) = (call, ids) {
        // Plain data: it cannot fail to be written.
        CALLS.keep(batch, call, serde_json::to_vec(&ids).unwrap_or_default(), now);
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
pub fn envelope(cx: &Context, id: &str, entry: &model::PutEventsRequestEntry) -> Result<String, EntryError> {
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
    // An event says where it was put, also on the bus of another account.
    let origin = BusName::here(cx, DEFAULT_BUS);
    Ok(Envelope::new(&origin, id, source, detail_type, time, resources, detail).to_json())
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
