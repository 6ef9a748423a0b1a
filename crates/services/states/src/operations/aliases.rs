//! `CreateStateMachineAlias`, `UpdateStateMachineAlias`, `DescribeStateMachineAlias`, `ListStateMachineAliases`,
//! `DeleteStateMachineAlias`.
//!
//! Source: Step Functions API reference, "CreateStateMachineAlias"; Developer Guide, "State machine aliases".

use api::Context;
use store::Batch;

use super::Operations;
use crate::Error;
use crate::generated::types as shapes;
use crate::generated::types::RoutingConfigurationListItem;
use crate::limits::ALIASES;
use crate::name::{Qualifier, StateMachineArn};
use crate::page;
use crate::state_machine::{AliasRecord, Edit, Route, StateMachineStatus, WHOLE, version_arn};

/// Creates an alias, or finds that the same one is there already.
pub(super) async fn create(
    operations: &Operations,
    cx: &Context,
    input: shapes::CreateStateMachineAliasInput,
) -> Result<shapes::CreateStateMachineAliasOutput, Error> {
    let change = operations.machines.change().await;
    let (machine, routes) = routes(operations, cx, &input.routing_configuration)?;
    let wanted = AliasRecord {
        machine,
        name: input.name,
        description: input.description,
        routes,
        creation_date: cx.now,
        update_date: cx.now,
    };
    if let Some(present) = operations.machines.alias(&wanted.machine, &wanted.name) {
        let same = present.routes == wanted.routes && present.description == wanted.description;
        return if same { Ok(created(&present)) } else { Err(Error::OtherAlias) };
    }
    if operations.machines.aliases(&wanted.machine).len() >= ALIASES {
        return Err(Error::AliasLimitExceeded);
    }
    let answer = created(&wanted);
    operations.machines.apply(&change, vec![Edit::Alias(wanted)], Batch::new()).await?;
    Ok(answer)
}

fn created(alias: &AliasRecord) -> shapes::CreateStateMachineAliasOutput {
    shapes::CreateStateMachineAliasOutput {
        state_machine_alias_arn: alias.arn(),
        creation_date: alias.creation_date,
    }
}

/// Reads a routing configuration: the machine, and its versions with their weights.
///
/// # Errors
/// [`Error::RouteNoVersion`], [`Error::RouteTwice`], [`Error::RouteMachines`], [`Error::RouteWeights`], in this order;
/// [`Error::ResourceNotFound`] for a version that is not there; [`Error::StateMachineDeleting`].
fn routes(
    operations: &Operations,
    cx: &Context,
    configuration: &[RoutingConfigurationListItem],
) -> Result<(String, Vec<Route>), Error> {
    let received = || configuration.iter().map(|item| item.state_machine_version_arn.clone()).collect();
    let mut machine = None;
    let mut routes: Vec<Route> = Vec::new();
    for item in configuration {
        let arn = StateMachineArn::parse(cx, &item.state_machine_version_arn)?;
        let Some(Qualifier::Version(version)) = arn.qualifier else {
            return Err(Error::RouteNoVersion(received()));
        };
        if machine.get_or_insert_with(|| arn.machine.clone()) != &arn.machine {
            return Err(Error::RouteMachines(received()));
        }
        if routes.iter().any(|route| route.version == version) {
            return Err(Error::RouteTwice(received()));
        }
        routes.push(Route { version, weight: u64::try_from(item.weight).unwrap_or(0) });
    }
    let weights: Vec<u64> = routes.iter().map(|route| route.weight).collect();
    if weights.iter().sum::<u64>() != WHOLE {
        return Err(Error::RouteWeights(weights));
    }
    let machine = machine.unwrap_or_default();
    check_versions(operations, &machine, &routes)?;
    Ok((machine, routes))
}

fn check_versions(operations: &Operations, machine: &str, routes: &[Route]) -> Result<(), Error> {
    if let Some(record) = operations.machines.get(machine)
        && record.status == StateMachineStatus::Deleting
    {
        return Err(Error::StateMachineDeleting(record.arn));
    }
    match routes.iter().find(|route| operations.machines.version(machine, route.version).is_none()) {
        Some(missing) => Err(Error::ResourceNotFound(version_arn(machine, missing.version))),
        None => Ok(()),
    }
}

/// Gives an alias another description, other versions, or both.
pub(super) async fn update(
    operations: &Operations,
    cx: &Context,
    input: shapes::UpdateStateMachineAliasInput,
) -> Result<shapes::UpdateStateMachineAliasOutput, Error> {
    if input.description.is_none() && input.routing_configuration.is_none() {
        return Err(Error::NothingToUpdateOfAlias);
    }
    let change = operations.machines.change().await;
    let present = find(operations, cx, &input.state_machine_alias_arn)?;
    let mut wanted = AliasRecord { update_date: cx.now, ..present.clone() };
    wanted.description = input.description.or(wanted.description);
    if let Some(configuration) = input.routing_configuration {
        let received = || configuration.iter().map(|item| item.state_machine_version_arn.clone()).collect();
        let (machine, routes) = routes(operations, cx, &configuration)?;
        if machine != wanted.machine {
            return Err(Error::RouteMachines(received()));
        }
        wanted.routes = routes;
    }
    operations.machines.apply(&change, vec![Edit::Alias(wanted)], Batch::new()).await?;
    Ok(shapes::UpdateStateMachineAliasOutput { update_date: cx.now })
}

pub(super) async fn describe(
    operations: &Operations,
    cx: &Context,
    input: shapes::DescribeStateMachineAliasInput,
) -> Result<shapes::DescribeStateMachineAliasOutput, Error> {
    let alias = find(operations, cx, &input.state_machine_alias_arn)?;
    let item = |route: &Route| RoutingConfigurationListItem {
        state_machine_version_arn: version_arn(&alias.machine, route.version),
        weight: i64::try_from(route.weight).unwrap_or(0),
    };
    Ok(shapes::DescribeStateMachineAliasOutput {
        state_machine_alias_arn: Some(alias.arn()),
        routing_configuration: Some(alias.routes.iter().map(item).collect()),
        name: Some(alias.name),
        description: alias.description,
        creation_date: Some(alias.creation_date),
        update_date: Some(alias.update_date),
    })
}

/// The aliases of a machine, or those that lead to one of its versions, the oldest first.
pub(super) async fn list(
    operations: &Operations,
    cx: &Context,
    input: shapes::ListStateMachineAliasesInput,
) -> Result<shapes::ListStateMachineAliasesOutput, Error> {
    let arn = StateMachineArn::parse(cx, &input.state_machine_arn)?;
    let mut aliases = candidates(operations, cx, &arn)?;
    let scope = format!("ListStateMachineAliases {arn}");
    let after = page::after(&scope, input.next_token.as_deref())?;
    let size = page::size(input.max_results);
    // Recorded: as they were created, though the documentation says otherwise.
    aliases.sort_by_key(place);
    aliases.retain(|alias| after.as_ref().is_none_or(|after| place(alias) > *after));
    let has_more = aliases.len() > size;
    aliases.truncate(size);
    let next_token = aliases.last().filter(|_| has_more).map(|alias| page::token(&scope, &place(alias)));
    let item = |alias: AliasRecord| shapes::StateMachineAliasListItem {
        state_machine_alias_arn: alias.arn(),
        creation_date: alias.creation_date,
    };
    let state_machine_aliases = aliases.into_iter().map(item).collect();
    Ok(shapes::ListStateMachineAliasesOutput { state_machine_aliases, next_token })
}

/// What sorts aliases by their age.
fn place(alias: &AliasRecord) -> String {
    format!("{:020}#{}", alias.creation_date.as_millis(), alias.name)
}

fn candidates(
    operations: &Operations,
    cx: &Context,
    arn: &StateMachineArn,
) -> Result<Vec<AliasRecord>, Error> {
    let record = operations.machine(cx, &arn.machine)?;
    if record.status == StateMachineStatus::Deleting {
        return Err(Error::StateMachineDeleting(record.arn));
    }
    let mut aliases = operations.machines.aliases(&record.arn);
    match &arn.qualifier {
        None => Ok(aliases),
        Some(Qualifier::Version(number)) if operations.machines.version(&record.arn, *number).is_some() => {
            aliases.retain(|alias| alias.leads_to(*number));
            Ok(aliases)
        }
        Some(_) => Err(Error::ResourceNotFound(arn.to_string())),
    }
}

pub(super) async fn delete(
    operations: &Operations,
    cx: &Context,
    input: shapes::DeleteStateMachineAliasInput,
) -> Result<shapes::DeleteStateMachineAliasOutput, Error> {
    let change = operations.machines.change().await;
    let alias = find(operations, cx, &input.state_machine_alias_arn)?;
    operations.machines.apply(&change, vec![Edit::DeleteAlias(alias)], Batch::new()).await?;
    Ok(shapes::DeleteStateMachineAliasOutput {})
}

/// The alias with that ARN.
fn find(operations: &Operations, cx: &Context, text: &str) -> Result<AliasRecord, Error> {
    let missing = || Error::ResourceNotFound(text.to_owned());
    let arn = match StateMachineArn::parse(cx, text) {
        Err(Error::StateMachineDoesNotExist(_)) => return Err(missing()),
        arn => arn?,
    };
    match &arn.qualifier {
        Some(Qualifier::Alias(name)) => operations.machines.alias(&arn.machine, name).ok_or_else(missing),
        Some(Qualifier::Version(_)) | None => Err(missing()),
    }
}
