//! Replays: events of an archive that go over their bus again.
//!
//! What a replay is and how far it has come is a record; `runner` moves it forward. Replays are forgotten 90 days after
//! their end, as on AWS.

pub(crate) mod runner;

use api::Context;
use serde::{Deserialize, Serialize};
use store::{Batch, Range, Versioned};
use types::{Arn, Timestamp};

use crate::archive::kept::{Place, Window};
use crate::archive::{key, refuse_two_filters};
use crate::generated::types as model;
use crate::limits::REPLAYS_ACTIVE_MAX;
use crate::names::{BusName, Resource};
use crate::page::Page;
use crate::{Error, Inner};

/// A replay as it is kept. Its archive and its bus lie in its own region and account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The name, unique in the region.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The archive's name.
    pub archive: String,
    /// The archive's id.
    pub archive_id: String,
    /// The name of the bus.
    pub bus: String,
    /// The only rules that its events go to; none: all.
    pub filter_arns: Vec<String>,
    /// The window as it was asked for.
    pub event_start: Timestamp,
    /// The end of the window as it was asked for.
    pub event_end: Timestamp,
    /// The events that arrived before this place are replayed.
    pub before: u64,
    /// How it stands.
    pub state: State,
    /// Why it failed.
    pub state_reason: Option<String>,
    /// The last event that was replayed.
    pub last: Option<Place>,
    /// When it was asked for.
    pub started: Timestamp,
    /// When it came to its end.
    pub ended: Option<Timestamp>,
}

/// How a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Nobody has begun with it.
    Starting,
    /// Some of its events may have been replayed.
    Running,
    /// It is to end early.
    Cancelling,
    /// All of its events were replayed.
    Completed,
    /// It has ended early.
    Cancelled,
    /// It cannot go on.
    Failed,
}

impl State {
    fn text(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Cancelling => "CANCELLING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether events are still to be replayed.
    fn is_active(self) -> bool {
        match self {
            Self::Starting | Self::Running => true,
            Self::Cancelling | Self::Completed | Self::Cancelled | Self::Failed => false,
        }
    }
}

impl Replay {
    /// The events that it replays: those of whole seconds, as events' times are.
    fn window(&self) -> Window {
        let second = |time: Timestamp| Timestamp::from_seconds(time.as_seconds());
        Window { from: second(self.event_start), to: second(self.event_end), before: self.before }
    }

    fn describe(self, cx: &Context) -> model::Replay {
        model::Replay {
            replay_name: Some(self.name),
            event_source_arn: Some(archive_arn(cx, &self.archive).to_string()),
            state: Some(self.state.text().to_owned()),
            state_reason: self.state_reason,
            event_start_time: Some(self.event_start),
            event_end_time: Some(self.event_end),
            event_last_replayed_time: self.last.map(|last| last.time),
            replay_start_time: Some(self.started),
            replay_end_time: self.ended,
        }
    }
}

fn archive_arn(cx: &Context, name: &str) -> Arn {
    cx.arn("events", format!("archive/{name}"))
}

fn replay_arn(cx: &Context, name: &str) -> Arn {
    cx.arn("events", format!("replay/{name}"))
}

impl Inner {
    async fn replay(&self, cx: &Context, name: &str) -> Result<Versioned<Replay>, Error> {
        let found = self.replays.get(&key(cx, name)).await?;
        found.ok_or_else(|| Error::ReplayNotFound(name.to_owned()))
    }

    pub(crate) async fn start_replay(
        &self,
        cx: &Context,
        input: model::StartReplayInput,
    ) -> Result<model::StartReplayOutput, Error> {
        let replay = self.new_replay(cx, input).await?;
        let key = key(cx, &replay.name);
        if self.replays.get(&key).await?.is_some() {
            return Err(Error::ReplayExists(replay.name));
        }
        let all = self.replays.list(Range::prefix(&crate::archive::key(cx, ""))).await?;
        if all.iter().filter(|other| other.value.state.is_active()).count() >= REPLAYS_ACTIVE_MAX {
            return Err(Error::LimitExceeded);
        }
        let mut batch = Batch::new();
        self.replays.create(&mut batch, &key, &replay);
        runner::set_timer(&mut batch, &key, cx.now);
        self.store.submit(batch).durable().await?;
        Ok(model::StartReplayOutput {
            replay_arn: Some(replay_arn(cx, &replay.name).to_string()),
            state: Some(replay.state.text().to_owned()),
            state_reason: None,
            replay_start_time: Some(replay.started),
        })
    }

    async fn new_replay(&self, cx: &Context, input: model::StartReplayInput) -> Result<Replay, Error> {
        let bus = self.bus_in(cx, "Destination.Arn", &input.destination.arn).await?;
        let name = archive_name(cx, &input.event_source_arn)?;
        let invalid = |parameter: &str, reason: &str| {
            Error::Invalid(format!("Parameter {parameter} is not valid. Reason: {reason}"))
        };
        let archive = self
            .archives
            .get(&key(cx, name))
            .await?
            .ok_or_else(|| invalid("EventSourceArn", &format!("Archive {name} does not exist.")))?;
        if archive.value.bus != bus.name {
            return Err(invalid("Destination.Arn", "Cross event bus replay is not permitted."));
        }
        if input.event_start_time >= input.event_end_time {
            return Err(invalid("EventEndTime", "EventStartTime must be before EventEndTime."));
        }
        let filter_arns = input.destination.filter_arns.unwrap_or_default();
        self.check_filters(&bus, &filter_arns).await?;
        Ok(Replay {
            name: input.replay_name,
            description: input.description,
            archive: archive.value.name,
            archive_id: archive.value.id,
            bus: bus.name,
            filter_arns,
            event_start: input.event_start_time,
            event_end: input.event_end_time,
            before: self.places.end(cx.now),
            state: State::Starting,
            state_reason: None,
            last: None,
            started: cx.now,
            ended: None,
        })
    }

    /// A filter that names no rule of the bus would replay nothing in silence.
    async fn check_filters(&self, bus: &BusName, filter_arns: &[String]) -> Result<(), Error> {
        for arn in filter_arns {
            let exists = match Resource::parse(arn) {
                Some(Resource::Rule(of, rule)) if of == *bus => {
                    self.rules.get(&bus.rule_key(&rule)).await?.is_some()
                }
                _ => false,
            };
            if !exists {
                let text = format!(
                    "Parameter Destination.FilterArns is not valid. Reason: {arn} is not a rule on EventBus {}.",
                    bus.name
                );
                return Err(Error::Invalid(text));
            }
        }
        Ok(())
    }

    pub(crate) async fn describe_replay(
        &self,
        cx: &Context,
        name: &str,
    ) -> Result<model::DescribeReplayOutput, Error> {
        let replay = self.replay(cx, name).await?.value;
        let destination = model::ReplayDestination {
            arn: BusName::here(cx, &replay.bus).arn().to_string(),
            filter_arns: Some(replay.filter_arns.clone()).filter(|arns| !arns.is_empty()),
        };
        let (arn, description) = (replay_arn(cx, &replay.name), replay.description.clone());
        let shown = replay.describe(cx);
        Ok(model::DescribeReplayOutput {
            replay_name: shown.replay_name,
            replay_arn: Some(arn.to_string()),
            description,
            state: shown.state,
            state_reason: shown.state_reason,
            event_source_arn: shown.event_source_arn,
            destination: Some(destination),
            event_start_time: shown.event_start_time,
            event_end_time: shown.event_end_time,
            event_last_replayed_time: shown.event_last_replayed_time,
            replay_start_time: shown.replay_start_time,
            replay_end_time: shown.replay_end_time,
        })
    }

    pub(crate) async fn list_replays(
        &self,
        cx: &Context,
        input: model::ListReplaysInput,
    ) -> Result<model::ListReplaysOutput, Error> {
        refuse_two_filters(
            "ListReplays",
            [&input.state, &input.event_source_arn, &input.name_prefix].map(Option::is_some),
        )?;
        let page = Page::of(input.next_token.as_deref(), input.limit)?;
        let prefix = key(cx, input.name_prefix.as_deref().unwrap_or_default());
        let replays = self.replays.list(Range::prefix(&prefix)).await?.into_iter().map(|replay| replay.value);
        let is_wanted = |replay: &Replay| {
            let source = input.event_source_arn.as_deref();
            input.state.as_deref().is_none_or(|state| state == replay.state.text())
                && source.is_none_or(|source| source == archive_arn(cx, &replay.archive).to_string())
        };
        let (replays, next_token) =
            page.cut(replays.filter(is_wanted).collect(), |replay: &Replay| &replay.name);
        let replays = replays.into_iter().map(|replay| replay.describe(cx)).collect();
        Ok(model::ListReplaysOutput { replays: Some(replays), next_token })
    }

    pub(crate) async fn cancel_replay(
        &self,
        cx: &Context,
        name: &str,
    ) -> Result<model::CancelReplayOutput, Error> {
        loop {
            let seen = self.replay(cx, name).await?;
            if !seen.value.state.is_active() {
                return Err(Error::ReplayNotActive(name.to_owned()));
            }
            let mut batch = Batch::new();
            let replay = Replay { state: State::Cancelling, ..seen.value.clone() };
            self.replays.replace(&mut batch, &seen, &replay);
            runner::set_timer(&mut batch, &seen.key, cx.now);
            match self.store.submit(batch).durable().await {
                // It has just moved on: perhaps to its end.
                Err(store::Error::Conflict { .. }) => {}
                other => {
                    other?;
                    break;
                }
            }
        }
        Ok(model::CancelReplayOutput {
            replay_arn: Some(replay_arn(cx, name).to_string()),
            state: Some(State::Cancelling.text().to_owned()),
            state_reason: None,
        })
    }
}

/// The name in an archive's ARN.
fn archive_name<'a>(cx: &Context, arn: &'a str) -> Result<&'a str, Error> {
    let parsed: Option<Arn> = arn.parse().ok().filter(|arn: &Arn| {
        arn.service == "events" && arn.account == cx.account.as_str() && arn.region == cx.region.as_str()
    });
    let name = arn.split_once(":archive/").map(|(_, name)| name);
    parsed.and(name).ok_or_else(|| {
        let text = "Parameter EventSourceArn is not valid. Reason: Must contain an archive ARN.";
        Error::Invalid(text.to_owned())
    })
}
