//! Reads one state.

use serde_json::Value;
use types::Timestamp;

use super::choice::choice;
use super::fan_out::parallel;
use super::fields::Fields;
use super::map::{is_distributed, map};
use super::retry::{catchers, retriers};
use super::{Names, Reader};
use crate::data_flow::{DataFlow, Flow, QueryFlow};
use crate::definition::{Body, State, StateId, StateKind, Transition};
use crate::diagnostic::Diagnostic;
use crate::integrations::Resource;
use crate::limits::{NAME_CHARACTERS, SECONDS_MAX};
use crate::payload::Payload;
use crate::states::fail::{FailState, FailText};
use crate::states::map::Selector;
use crate::states::pass::PassState;
use crate::states::task::{Seconds, TaskState};
use crate::states::wait::WaitState;
use crate::template::Template;

/// Fields of every state.
const COMMON: &[&str] = &["Type", "Comment", "QueryLanguage"];
const TRANSITION: &[&str] = &["Next", "End"];
const PATHS: &[&str] = &["InputPath", "OutputPath"];
const ASSIGN: &[&str] = &["Assign"];
const RESULT: &[&str] = &["Parameters", "ResultPath"];
const SELECTOR: &[&str] = &["ResultSelector"];
const ERRORS: &[&str] = &["Retry", "Catch"];
const TASK: &[&str] = &[
    "Resource",
    "Credentials",
    "TimeoutSeconds",
    "TimeoutSecondsPath",
    "HeartbeatSeconds",
    "HeartbeatSecondsPath",
];
const WAIT: &[&str] = &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
const FAIL: &[&str] = &["Error", "ErrorPath", "Cause", "CausePath"];
const MAP: &[&str] = &[
    "ItemProcessor",
    "Iterator",
    "ItemsPath",
    "ItemSelector",
    "MaxConcurrency",
    "MaxConcurrencyPath",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
    "Label",
];

/// Fields of a distributed Map state.
const DISTRIBUTED_MAP: &[&str] = &["ItemReader", "ItemBatcher", "ResultWriter"];

/// The fields that a state of a type may have.
fn allowed(kind: StateKind) -> &'static [&'static [&'static str]] {
    match kind {
        StateKind::Task => &[COMMON, TRANSITION, PATHS, ASSIGN, RESULT, SELECTOR, ERRORS, TASK],
        StateKind::Parallel => &[COMMON, TRANSITION, PATHS, ASSIGN, RESULT, SELECTOR, ERRORS, &["Branches"]],
        StateKind::Map => &[COMMON, TRANSITION, PATHS, ASSIGN, RESULT, SELECTOR, ERRORS, MAP],
        StateKind::Pass => &[COMMON, TRANSITION, PATHS, ASSIGN, RESULT, &["Result"]],
        StateKind::Wait => &[COMMON, TRANSITION, PATHS, ASSIGN, WAIT],
        StateKind::Choice => &[COMMON, PATHS, ASSIGN, &["Choices", "Default"]],
        StateKind::Succeed => &[COMMON, PATHS],
        StateKind::Fail => &[COMMON, FAIL],
    }
}

const OUTPUT: &[&str] = &["Output"];
const ARGUMENTS: &[&str] = &["Arguments"];
const QUERY_TASK: &[&str] = &["Resource", "Credentials", "TimeoutSeconds", "HeartbeatSeconds"];
const QUERY_MAP: &[&str] = &[
    "ItemProcessor",
    "Items",
    "ItemSelector",
    "MaxConcurrency",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
    "Label",
];

/// The fields that a state of a type may have in JSONata.
fn allowed_in_jsonata(kind: StateKind) -> &'static [&'static [&'static str]] {
    match kind {
        StateKind::Task => &[COMMON, TRANSITION, ASSIGN, ARGUMENTS, OUTPUT, ERRORS, QUERY_TASK],
        StateKind::Parallel => &[COMMON, TRANSITION, ASSIGN, ARGUMENTS, OUTPUT, ERRORS, &["Branches"]],
        StateKind::Map => &[COMMON, TRANSITION, ASSIGN, OUTPUT, ERRORS, QUERY_MAP],
        StateKind::Pass => &[COMMON, TRANSITION, ASSIGN, OUTPUT],
        StateKind::Wait => &[COMMON, TRANSITION, ASSIGN, OUTPUT, &["Seconds", "Timestamp"]],
        StateKind::Choice => &[COMMON, ASSIGN, OUTPUT, &["Choices", "Default"]],
        StateKind::Succeed => &[COMMON, OUTPUT],
        StateKind::Fail => &[COMMON, &["Error", "Cause"]],
    }
}

/// Reads a state; `None` where a finding says why it cannot be.
pub(super) fn read(reader: &mut Reader<'_>, name: &str, fields: Fields<'_>, names: &Names) -> Option<State> {
    let kind = kind(&fields)?;
    let language = reader.query_language(&fields)?;
    let fields = &fields.speaking(language);
    let mut lists = if fields.is_jsonata() { allowed_in_jsonata(kind) } else { allowed(kind) }.to_vec();
    if kind == StateKind::Map && is_distributed(fields) {
        lists.push(DISTRIBUTED_MAP);
    }
    let other = if fields.is_jsonata() { allowed(kind) } else { allowed_in_jsonata(kind) };
    fields.allow_in_language(&lists, other);
    let body = match kind {
        StateKind::Pass => {
            Body::Pass(PassState { result: fields.value("Result").cloned().map(Payload::new) })
        }
        StateKind::Task => Body::Task(Box::new(task(fields)?)),
        StateKind::Choice => Body::Choice(choice(fields, names)?),
        StateKind::Wait => Body::Wait(wait(fields)?),
        StateKind::Succeed => Body::Succeed,
        StateKind::Fail => Body::Fail(fail(fields)),
        StateKind::Parallel => Body::Parallel(parallel(reader, fields)?),
        StateKind::Map => Body::Map(Box::new(map(reader, fields)?)),
    };
    Some(State {
        name: name.into(),
        location: fields.location().to_owned(),
        flow: flow(kind, fields),
        transition: transition(kind, fields, names)?,
        retry: retriers(fields),
        catch: catchers(fields, names),
        body,
    })
}

fn kind(fields: &Fields<'_>) -> Option<StateKind> {
    if !fields.require(&["Type"]) {
        return None;
    }
    let text = fields.text("Type")?;
    let kind = StateKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    if kind.is_none() {
        let kinds = StateKind::ALL.map(StateKind::as_str).join(", ");
        fields.refuse("Type", &format!("The field 'Type' should have one of these values: [{kinds}]"));
    }
    kind
}

/// The fields of data flow. A Map state's `Parameters` are its item selector's.
fn flow(kind: StateKind, fields: &Fields<'_>) -> Flow {
    if fields.is_jsonata() {
        let has_result = kind.is_retryable();
        return Flow::Jsonata(Box::new(QueryFlow { has_result, ..query_flow(fields) }));
    }
    Flow::JsonPath(Box::new(DataFlow {
        input_path: fields.path_field("InputPath"),
        parameters: if kind == StateKind::Map { None } else { fields.template("Parameters") },
        result_selector: fields.template("ResultSelector"),
        result_path: fields.result_path(),
        output_path: fields.path_field("OutputPath"),
        assign: assign(fields),
    }))
}

/// The fields of data flow in JSONata, of a state, a choice rule or a catcher.
pub(super) fn query_flow(fields: &Fields<'_>) -> QueryFlow {
    refuse_wrong_variables(fields);
    QueryFlow {
        arguments: fields.query("Arguments"),
        output: fields.query("Output"),
        assign: fields.query("Assign"),
        has_result: false,
    }
}

/// `Assign` of a state, a choice rule or a catcher, in JSONPath.
pub(super) fn assign(fields: &Fields<'_>) -> Option<Template> {
    refuse_wrong_variables(fields);
    fields.template("Assign")
}

fn refuse_wrong_variables(fields: &Fields<'_>) {
    let Some(Value::Object(members)) = fields.value("Assign") else {
        fields.object("Assign");
        return;
    };
    for name in members.keys() {
        let plain = if fields.is_jsonata() { name } else { name.strip_suffix(".$").unwrap_or(name) };
        if !is_variable(plain) {
            fields.refuse("Assign", &format!("The variable name '{plain}' is not valid"));
        }
    }
}

/// A name of letters, digits and `_` that begins with no digit; `states` is reserved.
fn is_variable(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|c| c.is_alphanumeric() || c == '_')
        && name.chars().count() <= NAME_CHARACTERS
        && name != "states"
}

/// `Next` or `End`, of states that have them.
fn transition(kind: StateKind, fields: &Fields<'_>, names: &Names) -> Option<Transition> {
    if matches!(kind, StateKind::Choice | StateKind::Succeed | StateKind::Fail) {
        return Some(Transition::End);
    }
    match (fields.has("Next"), fields.has("End")) {
        (true, false) => target("Next", fields, names).map(Transition::Next),
        (false, true) if fields.boolean("End")? => Some(Transition::End),
        (false, true) => {
            fields.refuse("End", "The field 'End' must be true");
            None
        }
        (true, true) => {
            fields.refuse_all("The fields 'Next' and 'End' can not both be specified");
            None
        }
        (false, false) => {
            fields.refuse_all("One of these fields is required: [Next, End]");
            None
        }
    }
}

/// The state that a field names.
pub(super) fn target(field: &str, fields: &Fields<'_>, names: &Names) -> Option<StateId> {
    let name = fields.text(field)?;
    let target = names.get(name).copied();
    if target.is_none() {
        // AWS says "Next" of every field.
        fields.refuse_transition(field, &format!("Missing 'Next' target: {name}"));
    }
    target
}

fn task(fields: &Fields<'_>) -> Option<TaskState> {
    if !fields.require(&["Resource"]) {
        return None;
    }
    let timeout = seconds("TimeoutSeconds", "TimeoutSecondsPath", fields);
    let heartbeat = seconds("HeartbeatSeconds", "HeartbeatSecondsPath", fields);
    if let (Seconds::Literal(timeout), Seconds::Literal(heartbeat)) = (&timeout, &heartbeat)
        && heartbeat >= timeout
    {
        fields.refuse("HeartbeatSeconds", "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'");
    }
    let resource = Resource::parse(fields.text("Resource")?);
    Some(TaskState { resource, form: None, timeout, heartbeat, credentials: credentials(fields) })
}

fn credentials(fields: &Fields<'_>) -> Option<Selector> {
    let object = fields.object("Credentials")?;
    if !object.contains_key("RoleArn") && !object.contains_key("RoleArn.$") {
        fields.refuse("Credentials", "The field 'RoleArn' is required but was missing");
    }
    if fields.is_jsonata() {
        return fields.query("Credentials").map(Selector::Query);
    }
    fields.template("Credentials").map(Selector::Template)
}

fn seconds(literal: &str, path: &str, fields: &Fields<'_>) -> Seconds {
    if fields.has_script(literal) {
        return fields.script(literal).map(Seconds::Query).unwrap_or_default();
    }
    if fields.has(literal) && fields.has(path) {
        fields.refuse_all(&format!("The fields '{literal}' and '{path}' can not both be specified"));
    }
    let path = fields.path(path).map(Seconds::Path);
    let literal = fields.integer(literal, 1..=SECONDS_MAX).map(Seconds::Literal);
    literal.or(path).unwrap_or_default()
}

fn wait(fields: &Fields<'_>) -> Option<WaitState> {
    let given: Vec<&str> = WAIT.iter().filter(|name| fields.has(name)).copied().collect();
    let [name] = given[..] else {
        fields.refuse_all(&format!("Exactly one of these fields is required: [{}]", WAIT.join(", ")));
        return None;
    };
    match name {
        "Seconds" if fields.has_script(name) => fields.script(name).map(WaitState::SecondsQuery),
        "Timestamp" if fields.has_script(name) => fields.script(name).map(WaitState::TimestampQuery),
        "Seconds" => fields.integer(name, 0..=SECONDS_MAX).map(WaitState::Seconds),
        "SecondsPath" => fields.path(name).map(WaitState::SecondsPath),
        "TimestampPath" => fields.path(name).map(WaitState::TimestampPath),
        _ => timestamp(fields.value(name)?, fields.pointer(name), fields).map(WaitState::Timestamp),
    }
}

/// A literal timestamp.
pub(super) fn timestamp(value: &Value, location: String, fields: &Fields<'_>) -> Option<Timestamp> {
    let timestamp = value.as_str().and_then(|text| Timestamp::parse_rfc3339(text).ok());
    if timestamp.is_none() {
        fields.findings().add(Diagnostic::schema("String does not match RFC3339 timestamp", location));
    }
    timestamp
}

fn fail(fields: &Fields<'_>) -> FailState {
    FailState {
        error: fail_text("Error", "ErrorPath", fields),
        cause: fail_text("Cause", "CausePath", fields),
    }
}

fn fail_text(literal: &str, path: &str, fields: &Fields<'_>) -> FailText {
    if fields.has_script(literal) {
        return fields.script(literal).map(FailText::Query).unwrap_or_default();
    }
    if fields.has(literal) && fields.has(path) {
        fields.refuse_all(&format!("The fields '{literal}' and '{path}' can not both be specified"));
    }
    let computed = fields.expression(path).map(FailText::Computed);
    let literal = fields.text(literal).map(|text| FailText::Literal(text.to_owned()));
    literal.or(computed).unwrap_or_default()
}
