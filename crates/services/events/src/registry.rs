//! The enabled rules of all buses, compiled, in memory: what events are matched against. The buses' policies too.
//!
//! The store is the truth; a rule is put here after its record is durable, and all of them are at start.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use event_pattern::{
    EventError, EventPattern, InputPath, InputTransformer, Matcher, RuleVariables, check_json,
};
use serde_json::Value;
use store::Range;

use crate::archive;
use crate::bus_policy::{BusPolicy, Sender};
use crate::generated::types as model;
use crate::names::{BusName, DEFAULT_BUS};
use crate::rule::Rule;
use crate::{Error, Inner};

/// The rules of all buses.
#[derive(Default)]
pub struct Registry {
    buses: RwLock<HashMap<BusName, BusRules>>,
    watches_all: AtomicBool,
    policies: RwLock<HashMap<BusName, Arc<BusPolicy>>>,
}

/// The rules of one bus.
#[derive(Default)]
struct BusRules {
    matcher: Matcher<String>,
    rules: HashMap<String, Arc<CompiledRule>>,
}

/// A rule with its targets' inputs compiled.
pub struct CompiledRule {
    /// The rule's name.
    pub name: String,
    /// The rule's ARN.
    pub arn: String,
    /// Its targets.
    pub targets: Vec<CompiledTarget>,
    /// Whether the outcomes of all its deliveries are kept.
    pub watched: bool,
    /// The id of the archive whose rule it is.
    pub archive: Option<String>,
}

/// A target and what it is to be given.
pub struct CompiledTarget {
    /// The target as `PutTargets` gave it.
    pub target: model::Target,
    /// What makes its input out of an event.
    pub input: TargetInput,
}

/// What a target is given for an event.
pub enum TargetInput {
    /// The event itself.
    Event,
    /// Always the same.
    Constant(String),
    /// A part of the event.
    Path(InputPath),
    /// A template filled with parts of the event.
    Transformed(InputTransformer),
}

impl TargetInput {
    /// What `target` says about its input.
    ///
    /// # Errors
    /// [`Error::Invalid`] with AWS's text for an input, a path or a template that is none.
    pub fn compile(target: &model::Target) -> Result<Self, Error> {
        let id = &target.id;
        if let Some(input) = &target.input {
            if serde_json::from_str::<serde::de::IgnoredAny>(input).is_err() {
                let place =
                    check_json(input).err().and_then(|error| Some(format!(": {}", error.location()?)));
                let place = place.unwrap_or_else(|| ".".to_owned());
                return Err(Error::Invalid(format!("JSON syntax error in input for target {id}{place}")));
            }
            return Ok(Self::Constant(input.clone()));
        }
        if let Some(path) = &target.input_path {
            let path = InputPath::parse(path).map_err(|error| {
                Error::Invalid(format!("Parameter InputPath for target {id} is not valid. Reason: {error}"))
            })?;
            return Ok(Self::Path(path));
        }
        let Some(transformer) = &target.input_transformer else { return Ok(Self::Event) };
        let paths: Vec<_> = transformer.input_paths_map.clone().unwrap_or_default().into_iter().collect();
        let compiled = InputTransformer::compile(&paths, &transformer.input_template);
        Ok(Self::Transformed(compiled.map_err(|error| Error::Invalid(error.for_target(id)))?))
    }

    /// The input for `event`, or `None` where EventBridge would not deliver: a path to nothing, or a template that
    /// does not become JSON.
    pub fn render(&self, event: &str, variables: &RuleVariables<'_>) -> Option<String> {
        let parsed = || serde_json::from_str::<Value>(event).ok();
        match self {
            Self::Event => Some(event.to_owned()),
            Self::Constant(input) => Some(input.clone()),
            Self::Path(path) => path.find(&parsed()?).map(|found| found.to_string()),
            Self::Transformed(transformer) => transformer.render(&parsed()?, variables),
        }
    }
}

impl CompiledRule {
    /// The rule, compiled.
    pub fn of(bus: &BusName, rule: Rule) -> Self {
        let arn = bus.rule_arn(&rule.name).to_string();
        let archive = rule.targets.iter().find_map(archive::id_in).map(str::to_owned);
        let targets = rule.targets.into_iter().filter(|target| archive::id_in(target).is_none());
        let compiled = targets.filter_map(|target| match TargetInput::compile(&target) {
            Ok(input) => Some(CompiledTarget { target, input }),
            Err(error) => {
                // It was checked when it was put. A release that reads it otherwise must not lose the other targets.
                tracing::error!(rule = arn, target = target.id, %error, "a target's input cannot be read");
                None
            }
        });
        Self { targets: compiled.collect(), archive, name: rule.name, arn, watched: false }
    }
}

impl Registry {
    /// Lets the outcomes of the deliveries of all rules be kept: of those that are put from now on.
    pub fn watch_all(&self) {
        self.watches_all.store(true, Ordering::Relaxed);
    }

    /// The rule, compiled.
    pub fn compile(&self, bus: &BusName, rule: Rule) -> CompiledRule {
        CompiledRule { watched: self.watches_all.load(Ordering::Relaxed), ..CompiledRule::of(bus, rule) }
    }

    /// Lets a rule match from now on, or no more where it is disabled.
    pub fn put(&self, bus: &BusName, rule: Rule) {
        let pattern = rule.event_pattern.as_deref().filter(|_| rule.is_enabled()).map(EventPattern::parse);
        let compiled = Arc::new(self.compile(bus, rule));
        let name = compiled.name.clone();
        let mut buses = self.buses.write().unwrap_or_else(PoisonError::into_inner);
        let rules = buses.entry(bus.clone()).or_default();
        match pattern {
            Some(Ok(pattern)) => rules.matcher.insert(name.clone(), pattern),
            Some(Err(error)) => {
                // It was checked when it was put: a release that reads it otherwise.
                tracing::error!(rule = compiled.arn, %error, "an event pattern cannot be read");
                rules.matcher.remove(&name);
            }
            None => drop(rules.matcher.remove(&name)),
        }
        rules.rules.insert(name, compiled);
    }

    /// Forgets a rule.
    pub fn remove(&self, bus: &BusName, rule: &str) {
        let mut buses = self.buses.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = buses.get_mut(bus) {
            rules.matcher.remove(&rule.to_owned());
            rules.rules.remove(rule);
        }
    }

    /// Lets a bus have this policy from now on.
    pub fn put_policy(&self, bus: &BusName, policy: Option<&Value>) {
        let mut policies = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        match policy {
            Some(policy) => drop(policies.insert(bus.clone(), Arc::new(BusPolicy::of(policy)))),
            None => drop(policies.remove(bus)),
        }
    }

    /// Whether `bus` takes an event.
    pub fn admits(&self, bus: &BusName, sender: &Sender<'_>) -> bool {
        let policies = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        let policy = policies.get(bus).cloned();
        drop(policies);
        policy.unwrap_or_default().admits(bus, sender)
    }

    /// Whether a rule of `bus` may match events with that source and detail type.
    pub fn may_match(&self, bus: &BusName, source: &str, detail_type: &str) -> bool {
        let buses = self.buses.read().unwrap_or_else(PoisonError::into_inner);
        buses.get(bus).is_some_and(|rules| rules.matcher.may_match(source, detail_type))
    }

    /// The rules of `bus` that match `event`, which is JSON text.
    ///
    /// # Errors
    /// Text that is no event. A bus without rules does not look at it.
    pub fn matches(&self, bus: &BusName, event: &str) -> Result<Vec<Arc<CompiledRule>>, EventError> {
        let buses = self.buses.read().unwrap_or_else(PoisonError::into_inner);
        let Some(rules) = buses.get(bus) else { return Ok(Vec::new()) };
        let names = rules.matcher.matches(event)?;
        Ok(names.into_iter().filter_map(|name| rules.rules.get(name).cloned()).collect())
    }
}

impl Inner {
    /// Reads all rules and the policies of all buses. Keys are `ACCOUNT/REGION/BUS:RULE` and `ACCOUNT/REGION/BUS`.
    pub(crate) async fn load_registry(&self) -> Result<(), Error> {
        for rule in self.rules.list(Range::prefix("")).await? {
            if let Some(bus) = bus_of(&rule.key, &rule.value.name) {
                self.registry.put(&bus, rule.value);
            }
        }
        for bus in self.buses.list(Range::prefix("")).await? {
            if let Some(name) = bus_in(&bus.key) {
                self.registry.put_policy(&name, bus.value.policy.as_ref());
            }
        }
        Ok(())
    }
}

/// The bus in a rule's key.
pub fn bus_of(key: &str, rule: &str) -> Option<BusName> {
    bus_in(key.strip_suffix(rule)?.strip_suffix(':')?)
}

/// The bus whose key this is.
fn bus_in(key: &str) -> Option<BusName> {
    let mut parts = key.splitn(3, '/');
    let (account, region) = (parts.next()?, parts.next()?);
    Some(BusName {
        account: types::AccountId::new(account),
        region: types::Region::new(region),
        name: parts.next().unwrap_or(DEFAULT_BUS).to_owned(),
    })
}
