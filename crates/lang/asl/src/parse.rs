//! From JSON text to a [`StateMachine`]. Only `variable_references` walks a definition's JSON besides.
//!
//! Reading goes on after a finding, so that all of them are told at once.

mod choice;
mod fan_out;
mod fields;
mod map;
mod retry;
mod state;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::definition::{MachineKind, QueryLanguage, State, StateId, StateMachine, Transition};
use crate::diagnostic::Diagnostic;
use crate::integrations::{Catalogue, Resource};
use crate::limits::{NAME_CHARACTERS, SECONDS_MAX};
use crate::parse::fields::{Fields, Findings};
use crate::validate;

/// Compiles a definition.
///
/// # Errors
/// Every finding that refuses it; `invalid_definition_message` makes AWS's sentence of them.
pub fn parse(definition: &str) -> Result<StateMachine, Vec<Diagnostic>> {
    parse_for_type(definition, MachineKind::Standard)
}

/// Compiles a definition of a machine of a type, as `CreateStateMachine` does.
///
/// # Errors
/// As [`parse()`]; what the type does not allow comes before what no machine may have.
pub fn parse_for_type(definition: &str, kind: MachineKind) -> Result<StateMachine, Vec<Diagnostic>> {
    parse_calling(definition, kind, Resource::is_supported)
}

/// Compiles a definition whose Task states may call what `is_served` says, rather than what is served.
///
/// # Errors
/// As [`parse_for_type`].
pub fn parse_calling(
    definition: &str,
    kind: MachineKind,
    is_served: impl Fn(&Resource) -> bool,
) -> Result<StateMachine, Vec<Diagnostic>> {
    let machine = read(&json(definition)?)?;
    let children = validate::express_children(&machine);
    for findings in [machine.validate_for_type(kind), children, validate::resources(&machine, is_served)] {
        if !findings.is_empty() {
            return Err(findings);
        }
    }
    Ok(machine)
}

/// Compiles a definition whose Task states may call what `catalogue` says, with the parameters that it says.
///
/// # Errors
/// As [`parse_for_type`].
pub fn parse_with(
    definition: &str,
    kind: MachineKind,
    catalogue: &dyn Catalogue,
) -> Result<StateMachine, Vec<Diagnostic>> {
    let mut machine = read(&json(definition)?)?;
    for task in machine.tasks_mut() {
        task.form = catalogue.form(&task.resource);
    }
    let is_served = |resource: &Resource| catalogue.is_served(resource);
    let children = validate::express_children(&machine);
    for findings in [machine.validate_for_type(kind), children, validate::resources(&machine, is_served)] {
        if !findings.is_empty() {
            return Err(findings);
        }
    }
    Ok(machine)
}

/// Compiles a definition of which one state is tested: its tasks may call anything.
///
/// # Errors
/// As [`parse()`].
pub(crate) fn parse_for_test(definition: &Value) -> Result<StateMachine, Vec<Diagnostic>> {
    let machine = read(definition)?;
    let findings = validate::resources(&machine, |_| true);
    if findings.is_empty() { Ok(machine) } else { Err(findings) }
}

/// Reads JSON text.
pub(crate) fn json(definition: &str) -> Result<Value, Vec<Diagnostic>> {
    serde_json::from_str(definition).map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> Vec<Diagnostic> {
    vec![Diagnostic::error("INVALID_JSON_DESCRIPTION", error.to_string(), "")]
}

/// The fields of a machine. `ProcessorConfig` is an item processor's.
const MACHINE_FIELDS: [&str; 6] =
    ["Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"];
const SUB_MACHINE_FIELDS: [&str; 4] = ["Comment", "ProcessorConfig", "StartAt", "States"];

fn read(definition: &Value) -> Result<StateMachine, Vec<Diagnostic>> {
    let findings = Findings::default();
    let mut reader = Reader {
        findings: &findings,
        states: Vec::new(),
        places: HashMap::new(),
        labels: HashSet::new(),
        language: QueryLanguage::JsonPath,
    };
    let machine = reader.machine(definition);
    let states: Option<Vec<State>> = reader.states.into_iter().collect();
    let diagnostics = findings.into_diagnostics();
    match (machine, states) {
        (Some(machine), Some(states)) if diagnostics.is_empty() => Ok(StateMachine { states, ..machine }),
        _ if diagnostics.is_empty() => Err(vec![Diagnostic::schema("The definition cannot be read", "/")]),
        _ => Err(diagnostics),
    }
}

/// Gathers states from the whole definition.
struct Reader<'a> {
    findings: &'a Findings,
    /// By number; `None` while, or because, the state cannot be read.
    states: Vec<Option<State>>,
    /// Where each state's name stands: it must be the only one in the whole machine.
    places: HashMap<String, String>,
    /// Every `Label`: it must be the only one in the whole machine.
    labels: HashSet<String>,
    /// Of states that do not say otherwise.
    language: QueryLanguage,
}

/// The states of one `States`, by name.
type Names = HashMap<String, StateId>;

impl Reader<'_> {
    /// The machine, without its states.
    fn machine(&mut self, definition: &Value) -> Option<StateMachine> {
        let fields = Fields::new(self.findings, definition, String::new())?;
        fields.allow(&[&MACHINE_FIELDS]);
        let query_language = self.query_language(&fields)?;
        self.language = query_language;
        if fields.text("Version").is_some_and(|version| version != "1.0") {
            fields.refuse("Version", "The field 'Version' should have one of these values: [1.0]");
        }
        let timeout_seconds = fields.integer("TimeoutSeconds", 1..=SECONDS_MAX);
        let start = self.sub_machine(&fields)?;
        let comment = fields.text("Comment").map(str::to_owned);
        Some(StateMachine { comment, timeout_seconds, query_language, start, states: Vec::new() })
    }

    /// `QueryLanguage`, or that of the whole machine. In a machine in JSONata, all states are.
    fn query_language(&self, fields: &Fields<'_>) -> Option<QueryLanguage> {
        match (fields.text("QueryLanguage"), self.language) {
            (None, language) => Some(language),
            (Some("JSONata"), _) => Some(QueryLanguage::Jsonata),
            (Some("JSONPath"), QueryLanguage::JsonPath) => Some(QueryLanguage::JsonPath),
            (Some("JSONPath"), QueryLanguage::Jsonata) => {
                fields.refuse_all(
                    "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                );
                None
            }
            (Some(_), _) => {
                fields.refuse(
                    "QueryLanguage",
                    "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]",
                );
                None
            }
        }
    }

    /// `StartAt` and `States` of the machine, a branch or an item processor: gives the first state.
    fn sub_machine(&mut self, fields: &Fields<'_>) -> Option<StateId> {
        if !fields.require(&["StartAt", "States"]) {
            return None;
        }
        let (start, states) = (fields.text("StartAt")?, fields.object("States")?);
        if states.is_empty() {
            fields.refuse("States", "Value cannot be empty");
            return None;
        }
        let names = self.name_states(fields, states);
        for (name, definition) in states {
            self.state(name, definition, &names, format!("{}/{name}", fields.pointer("States")));
        }
        let Some(start_id) = names.get(start) else {
            fields.refuse_transition("StartAt", &format!("Missing 'Next' target: {start}"));
            return None;
        };
        if states.values().any(is_terminal) {
            self.refuse_unreachable(*start_id, states, &names, &fields.pointer("States"));
        } else if self.findings.are_of_transitions() {
            self.findings.add(Diagnostic::error("MISSING_END_STATE", "Workflow has no terminal state", ""));
        }
        Some(*start_id)
    }

    /// Gives every state of a `States` its number.
    fn name_states(&mut self, fields: &Fields<'_>, states: &Map<String, Value>) -> Names {
        let mut names = Names::new();
        for name in states.keys() {
            let place = format!("{}/{name}", fields.pointer("States"));
            if name.is_empty() || name.chars().count() > NAME_CHARACTERS {
                let message = format!("State name must have 1 to {NAME_CHARACTERS} characters");
                self.findings.add(Diagnostic::schema(message, &place));
            }
            if let Some(other) = self.places.insert(name.clone(), place.clone()) {
                let message = format!("Duplicate state name: {name}, also at {other}");
                self.findings.add(Diagnostic::error("DUPLICATE_STATE_NAME", message, &place));
            }
            names.insert(name.clone(), StateId(u32::try_from(self.states.len()).unwrap_or(u32::MAX)));
            self.states.push(None);
        }
        names
    }

    fn state(&mut self, name: &str, definition: &Value, names: &Names, location: String) {
        let Some(fields) = Fields::new(self.findings, definition, location) else { return };
        let state = state::read(self, name, fields, names);
        if let (Some(state), Some(id)) = (state, names.get(name)) {
            self.states[id.0 as usize] = Some(state);
        }
    }

    /// Says which states nothing leads to, once all of them could be read.
    fn refuse_unreachable(&self, start: StateId, states: &Map<String, Value>, names: &Names, location: &str) {
        let mut reached = vec![false; self.states.len()];
        let mut next = vec![start];
        while let Some(id) = next.pop() {
            let at = id.0 as usize;
            if std::mem::replace(&mut reached[at], true) {
                continue;
            }
            let Some(state) = &self.states[at] else { return };
            next.extend(successors(state));
        }
        for name in states.keys() {
            if names.get(name).is_some_and(|id| !reached[id.0 as usize]) {
                let message = format!("State \"{name}\" is not reachable.");
                self.findings.add(Diagnostic::transition(message, format!("{location}/{name}")));
            }
        }
    }
}

/// Whether a state ends what it is in, as far as its text tells.
fn is_terminal(state: &Value) -> bool {
    let kind = state.get("Type").and_then(Value::as_str);
    matches!(kind, Some("Succeed" | "Fail")) || state.get("End").is_some()
}

fn successors(state: &State) -> Vec<StateId> {
    let mut successors: Vec<StateId> = state.catch.iter().map(|catcher| catcher.next).collect();
    match &state.body {
        crate::definition::Body::Choice(choice) => {
            successors.extend(choice.rules.iter().map(|rule| rule.next));
            successors.extend(choice.default);
        }
        _ => successors.extend(match state.transition {
            Transition::Next(next) => Some(next),
            Transition::End => None,
        }),
    }
    successors
}
