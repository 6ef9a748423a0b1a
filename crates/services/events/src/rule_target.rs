//! A rule's targets: which ones a rule may have, and what they are asked to do.

use std::collections::BTreeSet;

use api::Context;
use store::Range;
use types::Arn;

use crate::generated::types as model;
use crate::limits::TARGETS_PER_RULE_MAX;
use crate::names::{BusName, Resource};
use crate::page::Page;
use crate::registry::TargetInput;
use crate::rule::refuse_unforced;
use crate::targets::TargetKind;
use crate::{Error, Inner};

impl Inner {
    pub(crate) async fn put_targets(
        &self,
        cx: &Context,
        input: model::PutTargetsInput,
    ) -> Result<model::PutTargetsOutput, Error> {
        let bus = BusName::of(cx, input.event_bus_name.as_deref())?;
        let _writing = self.writers.of(&bus).await;
        let seen = self.users_rule(&bus, &input.rule).await?;
        for target in &input.targets {
            check_target(&bus, target)?;
        }
        let mut rule = seen.value.clone();
        rule.targets = with(rule.targets, input.targets)?;
        self.save_rule(&bus, Some(&seen), rule).await?;
        Ok(model::PutTargetsOutput { failed_entry_count: Some(0), failed_entries: Some(Vec::new()) })
    }

    pub(crate) async fn remove_targets(
        &self,
        cx: &Context,
        input: model::RemoveTargetsInput,
    ) -> Result<model::RemoveTargetsOutput, Error> {
        let bus = BusName::of(cx, input.event_bus_name.as_deref())?;
        let _writing = self.writers.of(&bus).await;
        self.bus(&bus).await?;
        let seen = self.rule_of(&bus, &input.rule).await?;
        refuse_unforced(&seen.value, input.force)?;
        let mut rule = seen.value.clone();
        let known: BTreeSet<&str> = seen.value.targets.iter().map(|target| target.id.as_str()).collect();
        let missing = input.ids.iter().filter(|id| !known.contains(id.as_str()));
        let failed: Vec<_> = missing.map(|id| not_found(&input.rule, id)).collect();
        rule.targets.retain(|target| !input.ids.contains(&target.id));
        if rule.targets != seen.value.targets {
            self.save_rule(&bus, Some(&seen), rule).await?;
        }
        Ok(model::RemoveTargetsOutput {
            failed_entry_count: i64::try_from(failed.len()).ok(),
            failed_entries: Some(failed),
        })
    }

    pub(crate) async fn list_targets(
        &self,
        cx: &Context,
        input: model::ListTargetsByRuleInput,
    ) -> Result<model::ListTargetsByRuleOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.limit)?;
        let bus = BusName::of(cx, input.event_bus_name.as_deref())?;
        self.bus(&bus).await?;
        let targets = self.rule_of(&bus, &input.rule).await?.value.targets;
        // AWS lists them as they were put, not by their ids: a page continues after a place.
        let places = targets.into_iter().enumerate().map(|(at, target)| (format!("{at:03}"), target));
        let (targets, next_token) = page.cut(places.collect(), |(place, _)| place);
        let targets = targets.into_iter().map(|(_, target)| target).collect();
        Ok(model::ListTargetsByRuleOutput { targets: Some(targets), next_token })
    }

    pub(crate) async fn list_rule_names(
        &self,
        cx: &Context,
        input: model::ListRuleNamesByTargetInput,
    ) -> Result<model::ListRuleNamesByTargetOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.limit)?;
        let bus = BusName::of(cx, input.event_bus_name.as_deref())?;
        self.bus(&bus).await?;
        let rules =
            self.rules.list(Range::prefix(&bus.rules_prefix())).await?.into_iter().map(|rule| rule.value);
        let has = |rule: &crate::rule::Rule| rule.targets.iter().any(|target| target.arn == input.target_arn);
        let names = rules.filter(has).map(|rule| rule.name).collect();
        let (names, next_token) = page.cut(names, |name: &String| name);
        Ok(model::ListRuleNamesByTargetOutput { rule_names: Some(names), next_token })
    }
}

/// The targets there were, with `added` in place of those with the same ids or behind them.
fn with(mut targets: Vec<model::Target>, added: Vec<model::Target>) -> Result<Vec<model::Target>, Error> {
    for target in added {
        match targets.iter_mut().find(|other| other.id == target.id) {
            Some(other) => *other = target,
            None => targets.push(target),
        }
    }
    if targets.len() > TARGETS_PER_RULE_MAX {
        return Err(Error::LimitExceeded);
    }
    Ok(targets)
}

fn not_found(rule: &str, id: &str) -> model::RemoveTargetsResultEntry {
    model::RemoveTargetsResultEntry {
        target_id: Some(id.to_owned()),
        error_code: Some("ResourceNotFoundException".to_owned()),
        error_message: Some(format!("Rule {rule} does not have a target with the Id {id}.")),
    }
}

/// Checks one target as `PutTargets` does.
///
/// # Errors
/// [`Error::Invalid`] with AWS's text; parameters of targets that are not served are refused by name.
pub fn check_target(bus: &BusName, target: &model::Target) -> Result<(), Error> {
    let id = &target.id;
    let inputs = [target.input.is_some(), target.input_path.is_some(), target.input_transformer.is_some()];
    if inputs.iter().filter(|given| **given).count() > 1 {
        let text =
            format!("Only one of Input, InputPath, or InputTransformer must be provided for target {id}.");
        return Err(Error::Invalid(text));
    }
    let arn: Arn = target.arn.parse().map_err(|_| wrong_arn(&target.arn))?;
    let kind = TargetKind::of(&arn).filter(|kind| *kind != TargetKind::StepFunctions);
    let kind = kind.ok_or_else(|| unserved_kind(&arn))?;
    if kind == TargetKind::EventBus {
        check_bus(bus, target)?;
    }
    check_parameters(target, kind)?;
    if kind == TargetKind::LogGroup {
        check_log_template(target)?;
    }
    if kind.needs_role() && target.role_arn.is_none() {
        return Err(role_required(target));
    }
    TargetInput::compile(target).map(drop)
}

/// Events go on to another bus, and as they are; beyond the account or the region as a role.
fn check_bus(bus: &BusName, target: &model::Target) -> Result<(), Error> {
    let is_near = |other: &BusName| other.account == bus.account && other.region == bus.region;
    let reason = match Resource::parse(&target.arn) {
        Some(Resource::Bus(other)) if other == *bus => {
            "Runwright does not send events to the bus they are on"
        }
        Some(Resource::Bus(other)) if is_near(&other) || target.role_arn.is_some() => {
            return refuse_inputs(target);
        }
        Some(Resource::Bus(_)) => {
            return Err(role_required(target));
        }
        _ => "Provided Arn is not in correct format",
    };
    Err(Error::Invalid(format!("Parameter {} is not valid. Reason: {reason}.", target.arn)))
}

/// What a template makes for a log group is an object: `{"timestamp": .., "message": ..}`.
fn check_log_template(group: &model::Target) -> Result<(), Error> {
    let template =
        group.input_transformer.as_ref().map(|transformer| transformer.input_template.trim_start());
    if template.is_none_or(|template| template.starts_with('{')) {
        return Ok(());
    }
    Err(Error::Invalid(format!("Input for target {} is not a valid JSON text.", group.id)))
}

fn role_required(target: &model::Target) -> Error {
    Error::Invalid(format!("RoleArn is required for target {}.", target.arn))
}

fn refuse_inputs(bus: &model::Target) -> Result<(), Error> {
    if bus.input.is_none() && bus.input_path.is_none() && bus.input_transformer.is_none() {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "Input, InputPath and InputTransformer are not served by Runwright for target {}: it is an event bus.",
        bus.id
    )))
}

fn check_parameters(target: &model::Target, kind: TargetKind) -> Result<(), Error> {
    let unserved = [
        ("KinesisParameters", target.kinesis_parameters.is_some()),
        ("RunCommandParameters", target.run_command_parameters.is_some()),
        ("BatchParameters", target.batch_parameters.is_some()),
        ("RedshiftDataParameters", target.redshift_data_parameters.is_some()),
        ("SageMakerPipelineParameters", target.sage_maker_pipeline_parameters.is_some()),
        ("AppSyncParameters", target.app_sync_parameters.is_some()),
    ];
    if let Some((name, _)) = unserved.iter().find(|(_, given)| *given) {
        let text = format!("Parameter {name} of target {} is not served by Runwright yet.", target.id);
        return Err(Error::Invalid(text));
    }
    let parameters = [
        ("EcsParameters", target.ecs_parameters.is_some(), TargetKind::Ecs, "an ECS cluster"),
        ("SqsParameters", target.sqs_parameters.is_some(), TargetKind::Queue, "an SQS queue"),
        (
            "HttpParameters",
            target.http_parameters.is_some(),
            TargetKind::ApiDestination,
            "an API destination",
        ),
    ];
    for (name, is_given, of, noun) in parameters {
        if is_given && kind != of {
            let text = format!(
                "Parameter {name} is not valid for target {}. Reason: its Arn is not {noun}.",
                target.id
            );
            return Err(Error::Invalid(text));
        }
    }
    if kind == TargetKind::Ecs && target.ecs_parameters.is_none() {
        return Err(must_be_specified("EcsParameters", target));
    }
    let group = target.sqs_parameters.as_ref().and_then(|given| given.message_group_id.as_deref());
    if kind == TargetKind::Queue && target.arn.ends_with(".fifo") && group.is_none() {
        return Err(must_be_specified("SqsParameters", target));
    }
    check_dead_letters(target.dead_letter_config.as_ref(), &format!("target {}", target.id))
}

fn must_be_specified(name: &str, target: &model::Target) -> Error {
    Error::Invalid(format!("Parameter(s) {name} must be specified for target: {}.", target.id))
}

/// Dead letters of a target or a bus go to a standard queue. Whether it is there is seen when one is sent.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check_dead_letters(config: Option<&model::DeadLetterConfig>, of: &str) -> Result<(), Error> {
    let Some(text) = config.and_then(|config| config.arn.as_ref()) else { return Ok(()) };
    let arn: Arn = text.parse().map_err(|_| wrong_arn(text))?;
    let reason = match TargetKind::of(&arn) {
        Some(TargetKind::Queue) if arn.resource.ends_with(".fifo") => "FIFO queues are not supported",
        Some(TargetKind::Queue) => return Ok(()),
        _ => "Arn must be an SQS queue",
    };
    Err(Error::Invalid(format!("Parameter DeadLetterConfig for {of} is not valid. Reason: {reason}.")))
}

fn wrong_arn(arn: &str) -> Error {
    Error::Invalid(format!("Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."))
}

fn unserved_kind(arn: &Arn) -> Error {
    Error::Invalid(format!(
        "Parameter {arn} is not valid. Reason: Runwright does not serve targets of {} yet.",
        arn.service
    ))
}
