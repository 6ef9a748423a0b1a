//! `CreateChangeSet`, `DescribeChangeSet`, `ListChangeSets`, `ExecuteChangeSet`, `DeleteChangeSet`.

use api::Context;
use store::{Batch, Versioned};

use super::page;
use super::prepare::{Prepared, Submission, on_failure, prepare, refuse, watches};
use super::stacks::{check_types, check_updatable, new_stack};
use crate::change_set::{ChangeSet, ExecutionStatus};
use crate::changes::{changes, with_values, without_values};
use crate::engine::{self, Asked};
use crate::event::Event;
use crate::generated::types as model;
use crate::names::check_stack_name;
use crate::operations::describe::{shown_parameters, shown_tags};
use crate::stack::{OnFailure, OperationKind, Stack, State, Status};
use crate::stacks::Loaded;
use crate::{Error, Inner};

/// Why a change set without changes has failed. Tools look for this sentence.
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

/// The stack that a change set is for.
enum Subject {
    /// It is made with its first change set.
    New(Box<Stack>),
    /// It is there.
    Existing(Box<Loaded>),
}

/// `CreateChangeSet`.
pub(super) async fn create(
    inner: &Inner,
    cx: &Context,
    input: model::CreateChangeSetInput,
) -> Result<model::CreateChangeSetOutput, Error> {
    refuse(&[
        ("ResourceTypes", input.resource_types.is_some()),
        ("NotificationARNs", input.notification_ar_ns.as_ref().is_some_and(|topics| !topics.is_empty())),
        ("RollbackConfiguration", watches(input.rollback_configuration.as_ref())),
        ("ResourcesToImport", input.resources_to_import.is_some()),
        ("ImportExistingResources", input.import_existing_resources == Some(true)),
        ("DeploymentMode", input.deployment_mode.is_some()),
        ("DeploymentConfig", input.deployment_config.is_some()),
        ("ChangeSetType IMPORT", input.change_set_type.as_deref() == Some("IMPORT")),
    ])?;
    let creates = input.change_set_type.as_deref() == Some("CREATE");
    let subject = subject(inner, cx, &input, creates).await?;
    let none = indexmap::IndexMap::new();
    let state = match &subject {
        Subject::New(stack) => State { stack: Stack::clone(stack), resources: none },
        Subject::Existing(loaded) => loaded.state.clone(),
    };
    for record in inner.stacks.change_sets_of(&state.stack).await? {
        if record.value.name == input.change_set_name {
            return Err(Error::ChangeSetExists(input.change_set_name));
        }
    }
    let previous = (!creates).then(|| state.stack.definition.clone());
    let submission = Submission {
        template_body: input.template_body,
        template_url: input.template_url,
        use_previous_template: input.use_previous_template.unwrap_or(false),
        parameters: input.parameters.unwrap_or_default(),
        tags: input.tags,
        capabilities: input.capabilities.unwrap_or_default(),
        role_arn: input.role_arn.clone(),
    };
    let prepared = prepare(inner, cx, &state.stack, previous.as_ref(), submission).await?;
    check_types(&state, &prepared)?;
    let exports = inner.stacks.exports(&cx.account, &cx.region).await?;
    let evaluation = prepared.blueprint.evaluation()?;
    let changes = changes(&state, &prepared.blueprint, &evaluation, &prepared.definition, &exports)?;
    let (failure, execution_status) = match changes.any {
        true => (None, ExecutionStatus::Available),
        false => (Some(NO_CHANGES.to_owned()), ExecutionStatus::Unavailable),
    };
    let change_set = ChangeSet {
        account: cx.account.clone(),
        region: cx.region.clone(),
        name: input.change_set_name,
        uuid: api::ids::uuid(),
        stack_uuid: state.stack.uuid.clone(),
        description: input.description,
        creates,
        failure,
        execution_status,
        created: cx.now,
        definition: prepared.definition.clone(),
        template_description: prepared.blueprint.template.description.clone(),
        role_arn: input.role_arn,
        on_failure: input.on_stack_failure.as_deref().map(|name| on_failure(Some(name), None)).transpose()?,
        include_nested_stacks: input.include_nested_stacks.unwrap_or(false),
        changes: changes.resources,
    };
    record(inner, subject, &change_set, &prepared).await?;
    Ok(model::CreateChangeSetOutput { id: Some(change_set.arn()), stack_id: Some(state.stack.arn()) })
}

async fn subject(
    inner: &Inner,
    cx: &Context,
    input: &model::CreateChangeSetInput,
    creates: bool,
) -> Result<Subject, Error> {
    let name = &input.stack_name;
    match (inner.find(cx, name).await?, creates) {
        (None, true) => {
            check_stack_name(name)?;
            let mut stack = new_stack(cx, name);
            stack.status_reason = Some("User Initiated".to_owned());
            Ok(Subject::New(Box::new(stack)))
        }
        (None, false) => Err(Error::StackNotFound(name.clone())),
        (Some(loaded), true) if loaded.state.stack.status == Status::ReviewInProgress => {
            Ok(Subject::Existing(Box::new(loaded)))
        }
        (Some(_), true) => Err(Error::StackExistsForChangeSet {
            stack: name.clone(),
            change_set: input.change_set_name.clone(),
        }),
        (Some(loaded), false) => {
            check_updatable(&loaded.state.stack)?;
            Ok(Subject::Existing(Box::new(loaded)))
        }
    }
}

async fn record(
    inner: &Inner,
    subject: Subject,
    change_set: &ChangeSet,
    prepared: &Prepared,
) -> Result<(), Error> {
    let mut batch = Batch::new();
    inner.stacks.put_template(&mut batch, &prepared.definition.template_id, &prepared.text);
    inner.stacks.change_sets().create(&mut batch, &change_set.key(), change_set);
    let name = match subject {
        Subject::New(mut stack) => {
            stack.description.clone_from(&change_set.template_description);
            let event = Event::of_stack(&stack, change_set.created);
            inner.stacks.create(&mut batch, &mut stack, event);
            let now = change_set.created;
            inner.stacks.forget_deleted(&mut batch, &stack.account, &stack.region, now).await?;
            stack.name
        }
        Subject::Existing(mut loaded) => {
            // The stack must still be as it was compared with.
            inner.stacks.change(&mut batch, &mut loaded, Vec::new(), change_set.created);
            loaded.state.stack.name
        }
    };
    inner.stacks.commit(batch, &name).await
}

/// The change set of that name or ARN, with its stack.
async fn find(
    inner: &Inner,
    cx: &Context,
    name: &str,
    stack_name: Option<&str>,
) -> Result<(Versioned<ChangeSet>, Loaded), Error> {
    let not_found = || Error::ChangeSetNotFound(name.to_owned());
    if name.starts_with("arn:") {
        let uuid = name.rsplit('/').next().unwrap_or_default();
        let key = format!("{}/{}/{uuid}", cx.account, cx.region);
        let record = inner.stacks.change_sets().get(&key).await?;
        let record = record.filter(|record| record.value.arn() == name).ok_or_else(not_found)?;
        let stack_key = format!("{}/{}/{}", cx.account, cx.region, record.value.stack_uuid);
        let loaded = inner.stacks.load(&stack_key).await?.ok_or_else(not_found)?;
        return Ok((record, loaded));
    }
    let Some(stack_name) = stack_name else {
        let text = "StackName must be specified if ChangeSetName is not specified as an ARN.";
        return Err(Error::Validation(text.to_owned()));
    };
    let loaded = inner.stack(cx, stack_name).await?;
    let records = inner.stacks.change_sets_of(&loaded.state.stack).await?;
    let record = records.into_iter().find(|record| record.value.name == name).ok_or_else(not_found)?;
    Ok((record, loaded))
}

/// `DescribeChangeSet`.
pub(super) async fn describe(
    inner: &Inner,
    cx: &Context,
    input: model::DescribeChangeSetInput,
) -> Result<model::DescribeChangeSetOutput, Error> {
    let (record, loaded) = find(inner, cx, &input.change_set_name, input.stack_name.as_deref()).await?;
    let (change_set, stack) = (record.value, &loaded.state.stack);
    let shown = if input.include_property_values == Some(true) { with_values } else { without_values };
    let (changes, next_token) = page::cut(change_set.changes.clone(), input.next_token.as_deref())?;
    Ok(model::DescribeChangeSetOutput {
        change_set_name: Some(change_set.name.clone()),
        change_set_id: Some(change_set.arn()),
        stack_id: Some(stack.arn()),
        stack_name: Some(stack.name.clone()),
        description: change_set.description.clone(),
        parameters: shown_parameters(&change_set.definition),
        creation_time: Some(change_set.created),
        execution_status: Some(change_set.execution_status.name().to_owned()),
        status: Some(change_set.status().to_owned()),
        status_reason: change_set.failure.clone(),
        notification_ar_ns: Some(Vec::new()),
        rollback_configuration: Some(model::RollbackConfiguration::default()),
        capabilities: Some(change_set.definition.capabilities.clone()),
        tags: (!change_set.definition.tags.is_empty()).then(|| shown_tags(&change_set.definition)),
        changes: Some(changes.into_iter().map(shown).collect()),
        next_token,
        include_nested_stacks: Some(change_set.include_nested_stacks),
        on_stack_failure: change_set.on_failure.map(|on_failure| {
            match on_failure {
                OnFailure::Rollback => "ROLLBACK",
                OnFailure::DoNothing => "DO_NOTHING",
                OnFailure::Delete => "DELETE",
            }
            .to_owned()
        }),
        ..Default::default()
    })
}

/// `ListChangeSets`.
pub(super) async fn list(
    inner: &Inner,
    cx: &Context,
    input: model::ListChangeSetsInput,
) -> Result<model::ListChangeSetsOutput, Error> {
    let loaded = inner.stack(cx, &input.stack_name).await?;
    let stack = &loaded.state.stack;
    let summaries = inner.stacks.change_sets_of(stack).await?.into_iter().map(|record| {
        let change_set = record.value;
        model::ChangeSetSummary {
            stack_id: Some(stack.arn()),
            stack_name: Some(stack.name.clone()),
            change_set_id: Some(change_set.arn()),
            execution_status: Some(change_set.execution_status.name().to_owned()),
            status: Some(change_set.status().to_owned()),
            status_reason: change_set.failure,
            creation_time: Some(change_set.created),
            description: change_set.description,
            include_nested_stacks: Some(change_set.include_nested_stacks),
            change_set_name: Some(change_set.name),
            ..Default::default()
        }
    });
    let (summaries, next_token) = page::cut(summaries.collect(), input.next_token.as_deref())?;
    Ok(model::ListChangeSetsOutput { summaries: Some(summaries), next_token })
}

/// `ExecuteChangeSet`.
pub(super) async fn execute(
    inner: &Inner,
    cx: &Context,
    input: model::ExecuteChangeSetInput,
) -> Result<model::ExecuteChangeSetOutput, Error> {
    let (mut record, mut loaded) =
        find(inner, cx, &input.change_set_name, input.stack_name.as_deref()).await?;
    let change_set = record.value.clone();
    let stack = &mut loaded.state.stack;
    if change_set.execution_status != ExecutionStatus::Available {
        let status = match change_set.failure {
            Some(_) => change_set.status(),
            None => change_set.execution_status.name(),
        };
        return Err(Error::ChangeSetStatus {
            id: change_set.arn(),
            status: status.to_owned(),
            verb: "executed",
        });
    }
    if !change_set.creates {
        check_updatable(stack)?;
    } else if stack.status != Status::ReviewInProgress {
        let status = stack.status.name().to_owned();
        return Err(Error::StackState { id: stack.arn(), status, verb: "updated" });
    }
    stack.description.clone_from(&change_set.template_description);
    stack.role_arn = change_set.role_arn.clone().or(stack.role_arn.take());
    stack.updated = Some(cx.now);
    stack.change_set_id = Some(change_set.arn());
    stack.disable_rollback = input.disable_rollback.unwrap_or(false);
    if change_set.creates {
        stack.definition = change_set.definition.clone();
    }
    let on_failure = match (input.disable_rollback, change_set.on_failure) {
        (Some(disable), _) => on_failure(None, Some(disable))?,
        (None, Some(on_failure)) => on_failure,
        (None, None) => OnFailure::Rollback,
    };
    let asked = Asked {
        kind: if change_set.creates { OperationKind::Create } else { OperationKind::Update },
        target: change_set.definition,
        principal: cx.principal.clone(),
        token: input.client_request_token,
        on_failure,
        retain_except_on_create: input.retain_except_on_create.unwrap_or(false),
        retain: Vec::new(),
    };
    let event = engine::begin(stack, asked, cx.now);
    let mut batch = Batch::new();
    // The others were compared with a stack that is no more.
    for other in inner.stacks.change_sets_of(stack).await? {
        if other.key != record.key {
            inner.stacks.change_sets().delete(&mut batch, &other.key);
        }
    }
    record.value.execution_status = ExecutionStatus::ExecuteInProgress;
    let executed = record.value.clone();
    inner.stacks.change_sets().replace(&mut batch, &record, &executed);
    inner.stacks.change(&mut batch, &mut loaded, vec![event], cx.now);
    inner.stacks.commit(batch, &loaded.state.stack.name).await?;
    Ok(model::ExecuteChangeSetOutput {})
}

/// `DeleteChangeSet`. One that is not there is deleted already.
pub(super) async fn delete(
    inner: &Inner,
    cx: &Context,
    input: model::DeleteChangeSetInput,
) -> Result<model::DeleteChangeSetOutput, Error> {
    let (record, loaded) = match find(inner, cx, &input.change_set_name, input.stack_name.as_deref()).await {
        Err(Error::ChangeSetNotFound(_)) => return Ok(model::DeleteChangeSetOutput {}),
        other => other?,
    };
    if record.value.execution_status == ExecutionStatus::ExecuteInProgress {
        return Err(Error::ChangeSetStatus {
            id: record.value.arn(),
            status: record.value.execution_status.name().to_owned(),
            verb: "deleted",
        });
    }
    let mut batch = Batch::new();
    inner.stacks.change_sets().delete(&mut batch, &record.key);
    inner.stacks.commit(batch, &loaded.state.stack.name).await?;
    Ok(model::DeleteChangeSetOutput {})
}
