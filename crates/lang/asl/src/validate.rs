//! What a definition that can be read must not contain all the same.

use crate::data_flow::Flow;
use crate::definition::{Body, MachineKind, State, StateMachine};
use crate::diagnostic::Diagnostic;
use crate::integrations::{Pattern, Resource, ResourceTarget};
use crate::states::map::Distributed;
use crate::states::task::TaskState;

/// Task states whose resource is not served, and parameters that it does not have.
pub(crate) fn resources(machine: &StateMachine, is_served: impl Fn(&Resource) -> bool) -> Vec<Diagnostic> {
    machine
        .tasks()
        .flat_map(|(state, task)| {
            if is_served(&task.resource) { parameters(state, task) } else { vec![unknown(state, task)] }
        })
        .collect()
}

fn unknown(state: &State, task: &TaskState) -> Diagnostic {
    let message = format!(
        "The resource provided {} is not recognized. The value is not a valid resource ARN, or the resource is not \
         available in this region.",
        task.resource.arn()
    );
    Diagnostic::schema(message, format!("{}/Resource", state.location))
}

fn parameters(state: &State, task: &TaskState) -> Vec<Diagnostic> {
    let is_supported = |name: &str| match (task.resource.integration(), &task.form) {
        (Some(integration), _) => integration.parameters.iter().any(|field| field.name == name),
        (None, Some(form)) => form.has(name),
        (None, None) => true,
    };
    let field = if matches!(state.flow, Flow::Jsonata(_)) { "Arguments" } else { "Parameters" };
    state
        .flow
        .parameter_names()
        .into_iter()
        .filter(|name| !is_supported(name))
        .map(|name| {
            let message = format!("The field \"{name}\" is not supported by Step Functions");
            Diagnostic::schema(message, format!("{}/{field}", state.location))
        })
        .collect()
}

/// What Express machines do not have.
pub(crate) fn express(machine: &StateMachine) -> Vec<Diagnostic> {
    let distributed = distributed_maps(machine).map(|(state, _)| not_distributed(state));
    not_in_express_below(machine, "").into_iter().chain(distributed).collect()
}

/// What the Express children of Map Runs do not have: what Express machines do not.
pub(crate) fn express_children(machine: &StateMachine) -> Vec<Diagnostic> {
    distributed_maps(machine)
        .filter(|(_, distributed)| distributed.execution_kind == MachineKind::Express)
        .flat_map(|(map, _)| {
            let inside = format!("{}/", map.location);
            let nested = distributed_maps(machine).filter(|(state, _)| state.location.starts_with(&inside));
            let nested: Vec<Diagnostic> = nested.map(|(state, _)| not_distributed(state)).collect();
            not_in_express_below(machine, &inside).into_iter().chain(nested)
        })
        .collect()
}

fn distributed_maps(machine: &StateMachine) -> impl Iterator<Item = (&State, &Distributed)> {
    machine.states.iter().filter_map(|state| match &state.body {
        Body::Map(map) => Some((state, map.distributed()?)),
        _ => None,
    })
}

fn not_distributed(map: &State) -> Diagnostic {
    let message = "Express state machine does not support Map state in 'DISTRIBUTED' mode";
    Diagnostic::schema(message, &map.location)
}

fn not_in_express_below(machine: &StateMachine, location: &str) -> Vec<Diagnostic> {
    let below = machine.tasks().filter(|(state, _)| state.location.starts_with(location));
    below
        .filter_map(|(state, task)| {
            let message = not_in_express(task)?;
            Some(Diagnostic::schema(message, format!("{}/Resource", state.location)))
        })
        .collect()
}

fn not_in_express(task: &TaskState) -> Option<&'static str> {
    if *task.resource.target() == ResourceTarget::Activity {
        return Some("Express state machine does not support Activity ARN");
    }
    match task.resource.pattern() {
        Pattern::RequestResponse => None,
        Pattern::Sync | Pattern::Sync2 => {
            Some("Express state machine does not support '.sync' service integration")
        }
        // AWS's text has two blanks before "at".
        Pattern::WaitForTaskToken => {
            Some("Express state machine does not support '.waitForTaskToken' service integration ")
        }
    }
}
