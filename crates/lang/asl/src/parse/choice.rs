//! Reads Choice states and their rules.

use serde_json::Value;

use super::Names;
use super::fields::Fields;
use super::state::{assign, query_flow, target, timestamp};
use crate::data_flow::{DataFlow, Flow};
use crate::expression::QueryPath;
use crate::states::choice::{ChoiceState, Compared, Condition, Is, Operand, Pattern, Relation, Rule, Test};

const RULE: &[&str] = &["Next", "Comment", "Assign"];
const CONNECTIVES: [&str; 3] = ["And", "Or", "Not"];

const COMPARED: [(&str, Compared); 4] = [
    ("String", Compared::String),
    ("Numeric", Compared::Numeric),
    ("Timestamp", Compared::Timestamp),
    ("Boolean", Compared::Boolean),
];
const RELATIONS: [(&str, Relation); 5] = [
    ("Equals", Relation::Equals),
    ("LessThan", Relation::LessThan),
    ("GreaterThan", Relation::GreaterThan),
    ("LessThanEquals", Relation::LessThanEquals),
    ("GreaterThanEquals", Relation::GreaterThanEquals),
];
const TESTS: [(&str, Is); 6] = [
    ("IsNull", Is::Null),
    ("IsPresent", Is::Present),
    ("IsNumeric", Is::Numeric),
    ("IsString", Is::String),
    ("IsBoolean", Is::Boolean),
    ("IsTimestamp", Is::Timestamp),
];

pub(super) fn choice(fields: &Fields<'_>, names: &Names) -> Option<ChoiceState> {
    if !fields.require(&["Choices"]) {
        return None;
    }
    let count = fields.elements("Choices")?.len();
    let rules: Vec<Rule> =
        fields.objects("Choices").iter().filter_map(|rule| read_rule(rule, fields, names)).collect();
    let default = target("Default", fields, names);
    (rules.len() == count && default.is_some() == fields.has("Default"))
        .then_some(ChoiceState { rules, default })
}

/// Reads a rule. In JSONPath, the state's `InputPath` and `OutputPath` hold for it too.
fn read_rule(rule: &Fields<'_>, state: &Fields<'_>, names: &Names) -> Option<Rule> {
    if !rule.require(&["Next"]) {
        return None;
    }
    let next = target("Next", rule, names);
    if rule.is_jsonata() {
        rule.allow(&[RULE, &["Condition", "Output"]]);
        let (condition, flow) = (query_condition(rule), Flow::Jsonata(Box::new(query_flow(rule))));
        return Some(Rule { condition: condition?, flow, next: next? });
    }
    let condition = condition(rule, RULE);
    let output_path = state.path_field("OutputPath");
    let flow =
        Flow::JsonPath(Box::new(DataFlow { output_path, assign: assign(rule), ..DataFlow::default() }));
    Some(Rule { condition: condition?, flow, next: next? })
}

fn query_condition(fields: &Fields<'_>) -> Option<Condition> {
    if !fields.require(&["Condition"]) {
        return None;
    }
    if fields.has_script("Condition") {
        return fields.script("Condition").map(Condition::Query);
    }
    fields.boolean("Condition").map(Condition::Literal)
}

/// A condition in an object that may also have the fields `others`.
fn condition(fields: &Fields<'_>, others: &[&str]) -> Option<Condition> {
    if let Some(connective) = CONNECTIVES.into_iter().find(|name| fields.has(name)) {
        fields.allow(&[others, &[connective]]);
        return connected(connective, fields);
    }
    if !fields.require(&["Variable"]) {
        return None;
    }
    let variable = fields.path("Variable");
    let operators: Vec<(&str, &Value)> =
        fields.iter().filter(|(name, _)| *name != "Variable" && !others.contains(name)).collect();
    let [(operator, operand)] = operators[..] else {
        fields.refuse_all("A choice rule must have exactly one comparison operator");
        return None;
    };
    Some(Condition::Test { variable: variable?, test: test(operator, operand, fields)? })
}

fn connected(connective: &str, fields: &Fields<'_>) -> Option<Condition> {
    const NESTED: &[&str] = &["Comment"];
    if connective == "Not" {
        let negated = Fields::new(fields.findings(), fields.value("Not")?, fields.pointer("Not"))?;
        return condition(&negated, NESTED).map(|condition| Condition::Not(Box::new(condition)));
    }
    let count = fields.elements(connective)?.len();
    let conditions: Vec<Condition> =
        fields.objects(connective).iter().filter_map(|fields| condition(fields, NESTED)).collect();
    if conditions.len() != count {
        return None;
    }
    Some(if connective == "And" { Condition::And(conditions) } else { Condition::Or(conditions) })
}

fn test(operator: &str, operand: &Value, fields: &Fields<'_>) -> Option<Test> {
    if operator == "StringMatches" {
        let pattern = operand.as_str().and_then(Pattern::parse);
        return or_refuse(pattern.map(Test::Matches), operator, "Value is not a valid pattern", fields);
    }
    if let Some((_, is)) = TESTS.into_iter().find(|(name, _)| *name == operator) {
        let test = operand.as_bool().map(|expected| Test::Is { is, expected });
        return or_refuse(test, operator, "Expected value of type Boolean", fields);
    }
    let Some((compared, relation, by_path)) = comparison(operator) else {
        fields.refuse_all(&format!("Field '{operator}' is not supported"));
        return None;
    };
    let operand = if by_path {
        let path = operand.as_str().and_then(QueryPath::parse);
        or_refuse(path.map(Operand::Path), operator, "Value is not a valid JSONPath", fields)?
    } else {
        literal(compared, operator, operand, fields)?
    };
    Some(Test::Compare { compared, relation, operand })
}

/// What `NumericLessThanPath` says: numbers, less than, by path. Booleans can only be equal.
fn comparison(operator: &str) -> Option<(Compared, Relation, bool)> {
    let (name, compared) = COMPARED.into_iter().find(|(name, _)| operator.starts_with(name))?;
    let rest = operator.strip_prefix(name)?;
    let (rest, by_path) = rest.strip_suffix("Path").map_or((rest, false), |rest| (rest, true));
    let (_, relation) = RELATIONS.into_iter().find(|(name, _)| *name == rest)?;
    (compared != Compared::Boolean || relation == Relation::Equals).then_some((compared, relation, by_path))
}

fn literal(compared: Compared, operator: &str, value: &Value, fields: &Fields<'_>) -> Option<Operand> {
    let (fits, kind) = match compared {
        Compared::String => (value.is_string(), "String"),
        Compared::Numeric => (value.is_number(), "Number"),
        Compared::Boolean => (value.is_boolean(), "Boolean"),
        Compared::Timestamp => {
            timestamp(value, fields.pointer(operator), fields)?;
            (true, "String")
        }
    };
    let operand = fits.then(|| Operand::Literal(value.clone()));
    or_refuse(operand, operator, &format!("Expected value of type {kind}"), fields)
}

fn or_refuse<T>(read: Option<T>, operator: &str, message: &str, fields: &Fields<'_>) -> Option<T> {
    if read.is_none() {
        fields.refuse(operator, message);
    }
    read
}
