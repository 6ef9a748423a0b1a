//! Rules: what they match or when they fire. Their targets are `rule_target`'s.

use std::collections::BTreeMap;

use api::Context;
use event_pattern::EventPattern;
use schedule::Schedule;
use serde::{Deserialize, Serialize};
use store::{Batch, Range, Versioned};
use types::Timestamp;

use crate::generated::types as model;
use crate::limits::{PATTERN_CHARACTERS_MAX, RULES_PER_BUS_MAX};
use crate::names::BusName;
use crate::page::Page;
use crate::{Error, Inner, firing, overlap};

/// A rule as it is kept, its targets included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The name, unique on the bus.
    pub name: String,
    /// What it matches, as it was given.
    pub event_pattern: Option<String>,
    /// When it fires, as it was given.
    pub schedule_expression: Option<String>,
    /// Whether it matches and fires.
    pub state: State,
    /// What it is for.
    pub description: Option<String>,
    /// Kept and shown; deliveries use the target's role.
    pub role_arn: Option<String>,
    /// The service that owns the rule.
    pub managed_by: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its targets, in the order in which they were put.
    pub targets: Vec<model::Target>,
    /// From when `rate(...)` counts: the time at which the schedule was given or enabled.
    pub scheduled_from: Timestamp,
}

/// Whether a rule matches and fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// It does.
    Enabled,
    /// It does not.
    Disabled,
    /// It does, and matches management events that CloudTrail records: there are none here.
    EnabledWithAllCloudtrailManagementEvents,
}

impl State {
    fn parse(text: Option<&str>) -> Self {
        match text {
            Some("DISABLED") => Self::Disabled,
            Some("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS") => {
                Self::EnabledWithAllCloudtrailManagementEvents
            }
            // The model admits no other texts.
            _ => Self::Enabled,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::EnabledWithAllCloudtrailManagementEvents => "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        }
        .to_owned()
    }
}

impl Rule {
    /// Whether it matches and fires.
    pub fn is_enabled(&self) -> bool {
        self.state != State::Disabled
    }

    /// When the rule is next due after `after`; `None` where it has no schedule, is disabled, or never is again.
    pub fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        let expression = self.schedule_expression.as_deref().filter(|_| self.is_enabled())?;
        Schedule::parse_rule(expression).ok()?.next_due(after, self.scheduled_from, &jiff::tz::TimeZone::UTC)
    }

    /// Whether the timer of the one is the timer of the other.
    fn fires_like(&self, other: &Self) -> bool {
        self.schedule_expression == other.schedule_expression
            && self.is_enabled() == other.is_enabled()
            && self.scheduled_from == other.scheduled_from
    }

    fn describe(self, bus: &BusName) -> model::Rule {
        model::Rule {
            arn: Some(bus.rule_arn(&self.name).to_string()),
            name: Some(self.name),
            event_pattern: self.event_pattern,
            state: Some(self.state.text()),
            description: self.description,
            schedule_expression: self.schedule_expression,
            role_arn: self.role_arn,
            managed_by: self.managed_by,
            event_bus_name: Some(bus.name.clone()),
        }
    }
}

impl Inner {
    /// The rule, which exists.
    pub(crate) async fn rule_of(&self, bus: &BusName, rule: &str) -> Result<Versioned<Rule>, Error> {
        let found = self.rules.get(&bus.rule_key(rule)).await?;
        found.ok_or_else(|| Error::RuleNotFound { rule: rule.to_owned(), bus: bus.name.clone() })
    }

    /// The rule, which exists and is the user's own.
    pub(crate) async fn users_rule(&self, bus: &BusName, rule: &str) -> Result<Versioned<Rule>, Error> {
        self.bus(bus).await?;
        let found = self.rule_of(bus, rule).await?;
        refuse_managed(&found.value)?;
        Ok(found)
    }

    /// Writes a rule, sets its timer where its schedule is another, and lets it match from then on. Whoever calls this
    /// is the bus's one writer.
    pub(crate) async fn save_rule(
        &self,
        bus: &BusName,
        seen: Option<&Versioned<Rule>>,
        rule: Rule,
    ) -> Result<(), Error> {
        let mut batch = Batch::new();
        match seen {
            Some(seen) => self.rules.replace(&mut batch, seen, &rule),
            None => self.rules.create(&mut batch, &bus.rule_key(&rule.name), &rule),
        }
        // A timer that stands is left alone: an occurrence that is due at this moment must not be lost.
        if !seen.is_some_and(|seen| seen.value.fires_like(&rule)) {
            firing::set_timer(&mut batch, bus, &rule, self.dispatcher.clock().now());
        }
        self.store.submit(batch).durable().await?;
        self.registry.put(bus, rule);
        Ok(())
    }

    pub(crate) async fn put_rule(
        &self,
        cx: &Context,
        input: model::PutRuleInput,
    ) -> Result<model::PutRuleOutput, Error> {
        let bus = BusName::of(cx, input.event_bus_name.as_deref())?;
        let input = without_empty_texts(input);
        check_rule(&bus, &input)?;
        let _writing = self.writers.of(&bus).await;
        self.bus(&bus).await?;
        let arn = bus.rule_arn(&input.name).to_string();
        match self.rules.get(&bus.rule_key(&input.name)).await? {
            Some(seen) => {
                refuse_managed(&seen.value)?;
                self.save_rule(&bus, Some(&seen), changed(&seen.value, input, cx.now)).await?;
            }
            None => {
                let rule = new(input, cx.now)?;
                self.refuse_more_rules(&bus).await?;
                self.save_rule(&bus, None, rule).await?;
            }
        }
        Ok(model::PutRuleOutput { rule_arn: Some(arn) })
    }

    /// Puts a rule that `managed_by` owns, with its targets; writes nothing where all that is there already.
    pub(crate) async fn put_managed_rule(
        &self,
        cx: &Context,
        input: model::PutRuleInput,
        managed_by: String,
        targets: Vec<model::Target>,
    ) -> Result<model::PutRuleOutput, Error> {
        let bus = BusName::of(cx, input.event_bus_name.as_deref())?;
        check_rule(&bus, &input)?;
        let _writing = self.writers.of(&bus).await;
        let arn = bus.rule_arn(&input.name).to_string();
        let seen = self.rules.get(&bus.rule_key(&input.name)).await?;
        let mut rule = match &seen {
            Some(seen) => changed(&seen.value, input, cx.now),
            None => new(input, cx.now)?,
        };
        (rule.managed_by, rule.targets) = (Some(managed_by), targets);
        if seen.as_ref().is_none_or(|seen| seen.value != rule) {
            self.save_rule(&bus, seen.as_ref(), rule).await?;
        }
        Ok(model::PutRuleOutput { rule_arn: Some(arn) })
    }

    pub(crate) async fn refuse_more_rules(&self, bus: &BusName) -> Result<(), Error> {
        let rules = self.rules.list(Range::prefix(&bus.rules_prefix())).await?;
        if rules.len() >= RULES_PER_BUS_MAX {
            return Err(Error::LimitExceeded);
        }
        Ok(())
    }

    pub(crate) async fn describe_rule(
        &self,
        cx: &Context,
        input: model::DescribeRuleInput,
    ) -> Result<model::DescribeRuleOutput, Error> {
        let bus = BusName::of(cx, input.event_bus_name.as_deref())?;
        self.bus(&bus).await?;
        let rule = self.rule_of(&bus, &input.name).await?.value.describe(&bus);
        Ok(model::DescribeRuleOutput {
            name: rule.name,
            arn: rule.arn,
            event_pattern: rule.event_pattern,
            schedule_expression: rule.schedule_expression,
            state: rule.state,
            description: rule.description,
            role_arn: rule.role_arn,
            managed_by: rule.managed_by,
            event_bus_name: rule.event_bus_name,
            created_by: Some(cx.account.to_string()),
        })
    }

    pub(crate) async fn list_rules(
        &self,
        cx: &Context,
        input: model::ListRulesInput,
    ) -> Result<model::ListRulesOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.limit)?;
        let bus = BusName::of(cx, input.event_bus_name.as_deref())?;
        self.bus(&bus).await?;
        let prefix = bus.rule_key(input.name_prefix.as_deref().unwrap_or_default());
        let rules = self.rules.list(Range::prefix(&prefix)).await?;
        let rules = rules.into_iter().map(|rule| rule.value).collect();
        let (rules, next_token) = page.cut(rules, |rule: &Rule| &rule.name);
        let rules = rules.into_iter().map(|rule| rule.describe(&bus)).collect();
        Ok(model::ListRulesOutput { rules: Some(rules), next_token })
    }

    /// Deleting a rule that is not there succeeds.
    pub(crate) async fn delete_rule(&self, cx: &Context, input: model::DeleteRuleInput) -> Result<(), Error> {
        let bus = BusName::of(cx, input.event_bus_name.as_deref())?;
        let _writing = self.writers.of(&bus).await;
        self.bus(&bus).await?;
        let key = bus.rule_key(&input.name);
        let Some(seen) = self.rules.get(&key).await? else { return Ok(()) };
        refuse_unforced(&seen.value, input.force)?;
        if !seen.value.targets.is_empty() {
            return Err(Error::RuleHasTargets);
        }
        let mut batch = Batch::new();
        batch.require_version("events/rule", key.as_str(), seen.version);
        self.rules.delete(&mut batch, &key);
        firing::clear_timer(&mut batch, &bus, &input.name);
        overlap::forget(&mut batch, &key);
        self.store.submit(batch).durable().await?;
        self.registry.remove(&bus, &input.name);
        Ok(())
    }

    pub(crate) async fn set_state(
        &self,
        cx: &Context,
        bus: Option<&str>,
        name: &str,
        state: State,
    ) -> Result<(), Error> {
        let bus = BusName::of(cx, bus)?;
        let _writing = self.writers.of(&bus).await;
        let seen = self.users_rule(&bus, name).await?;
        if seen.value.state == state {
            return Ok(());
        }
        let rule = Rule { state, scheduled_from: cx.now, ..seen.value.clone() };
        self.save_rule(&bus, Some(&seen), rule).await
    }
}

fn refuse_managed(rule: &Rule) -> Result<(), Error> {
    match rule.managed_by {
        Some(_) => Err(Error::ManagedRule(rule.name.clone())),
        None => Ok(()),
    }
}

/// Refuses a managed rule where the request does not insist.
pub fn refuse_unforced(rule: &Rule, force: Option<bool>) -> Result<(), Error> {
    match rule.managed_by {
        Some(_) if force != Some(true) => Err(Error::ManagedRuleUnforced(rule.name.clone())),
        _ => Ok(()),
    }
}

/// A pattern or a schedule without a character is none.
fn without_empty_texts(mut input: model::PutRuleInput) -> model::PutRuleInput {
    let is_none = |text: &mut String| text.is_empty();
    input.event_pattern.take_if(is_none);
    input.schedule_expression.take_if(is_none);
    input
}

fn check_rule(bus: &BusName, input: &model::PutRuleInput) -> Result<(), Error> {
    if input.event_pattern.is_none() && input.schedule_expression.is_none() {
        return Err(Error::NothingToMatch);
    }
    if let Some(expression) = &input.schedule_expression {
        if !bus.is_default() {
            return Err(Error::ScheduleOnCustomBus);
        }
        Schedule::parse_rule(expression).map_err(|_| Error::InvalidSchedule)?;
    }
    if let Some(pattern) = &input.event_pattern {
        check_pattern(pattern)?;
    }
    Ok(())
}

/// Refuses what is no pattern, or too long a one.
pub fn check_pattern(pattern: &str) -> Result<(), Error> {
    if pattern.chars().count() > PATTERN_CHARACTERS_MAX {
        return Err(Error::LimitExceeded);
    }
    EventPattern::parse(pattern).map(drop).map_err(|error| Error::InvalidPattern(error.to_string()))
}

fn new(input: model::PutRuleInput, now: Timestamp) -> Result<Rule, Error> {
    Ok(Rule {
        state: State::parse(input.state.as_deref()),
        name: input.name,
        event_pattern: input.event_pattern,
        schedule_expression: input.schedule_expression,
        description: input.description,
        role_arn: input.role_arn,
        managed_by: None,
        tags: crate::tag::checked(input.tags.unwrap_or_default())?,
        targets: Vec::new(),
        scheduled_from: now,
    })
}

/// The rule after a second `PutRule`: all but owner, tags and targets is replaced.
fn changed(rule: &Rule, input: model::PutRuleInput, now: Timestamp) -> Rule {
    let state = State::parse(input.state.as_deref());
    let same_schedule = rule.schedule_expression == input.schedule_expression && rule.state == state;
    Rule {
        name: rule.name.clone(),
        event_pattern: input.event_pattern,
        schedule_expression: input.schedule_expression,
        state,
        description: input.description,
        role_arn: input.role_arn,
        managed_by: rule.managed_by.clone(),
        tags: rule.tags.clone(),
        targets: rule.targets.clone(),
        scheduled_from: if same_schedule { rule.scheduled_from } else { now },
    }
}
