//! Reads the fields of one JSON object of a definition, and notes what is wrong with them.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use jsonpath::ReferencePath;
use serde_json::{Map, Value};

use crate::data_flow::{PathField, ResultPath};
use crate::definition::QueryLanguage;
use crate::diagnostic::Diagnostic;
use crate::expression::{Expression, QueryPath};
use crate::jsonata::{Offered, QueryTemplate, Refused, Script, is_expression};
use crate::template::{Content, Member, Template};

/// The findings so far.
#[derive(Default)]
pub(super) struct Findings(RefCell<Vec<Diagnostic>>);

impl Findings {
    pub(super) fn add(&self, diagnostic: Diagnostic) {
        self.0.borrow_mut().push(diagnostic);
    }

    /// Whether every state can be read, whatever it leads to.
    pub(super) fn are_of_transitions(&self) -> bool {
        self.0.borrow().iter().all(|finding| finding.code == "MISSING_TRANSITION_TARGET")
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.0.into_inner()
    }
}

/// One object, and where it stands.
pub(super) struct Fields<'a> {
    findings: &'a Findings,
    object: &'a Map<String, Value>,
    location: String,
    language: QueryLanguage,
    /// Of the names of fields in expressions' error texts: empty in a state, `Catch[0]/` in a catcher.
    prefix: String,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which must be an object.
    pub(super) fn new(findings: &'a Findings, value: &'a Value, location: String) -> Option<Self> {
        match value {
            Value::Object(object) => {
                let (language, prefix) = (QueryLanguage::JsonPath, String::new());
                Some(Self { findings, object, location, language, prefix })
            }
            _ => {
                let location = if location.is_empty() { "/".to_owned() } else { location };
                findings.add(Diagnostic::schema("Expected value of type Object", location));
                None
            }
        }
    }

    /// The same fields, in another language.
    pub(super) fn speaking(self, language: QueryLanguage) -> Self {
        Self { language, ..self }
    }

    /// Whether the fields are in JSONata.
    pub(super) fn is_jsonata(&self) -> bool {
        self.language == QueryLanguage::Jsonata
    }

    pub(super) fn findings(&self) -> &'a Findings {
        self.findings
    }

    /// JSON pointer to a field.
    pub(super) fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.location)
    }

    /// JSON pointer to the object.
    pub(super) fn location(&self) -> &str {
        if self.location.is_empty() { "/" } else { &self.location }
    }

    /// Notes that a field is wrong.
    pub(super) fn refuse(&self, name: &str, message: &str) {
        self.findings.add(Diagnostic::schema(message, self.pointer(name)));
    }

    /// Notes that the object is wrong.
    pub(super) fn refuse_all(&self, message: &str) {
        self.findings.add(Diagnostic::schema(message, self.location()));
    }

    /// Notes that a field leads nowhere.
    pub(super) fn refuse_transition(&self, name: &str, message: &str) {
        self.findings.add(Diagnostic::transition(message, self.pointer(name)));
    }

    /// Notes the fields that are not in one of the lists.
    pub(super) fn allow(&self, lists: &[&[&str]]) {
        for name in self.object.keys() {
            if !lists.iter().any(|list| list.contains(&name.as_str())) {
                self.refuse_all(&format!("Field '{name}' is not supported"));
            }
        }
    }

    /// As [`Self::allow`]; a field in one of the lists of the other language is told to be that.
    pub(super) fn allow_in_language(&self, lists: &[&[&str]], other: &[&[&str]]) {
        let (this, that) = if self.is_jsonata() { ("JSONata", "JSONPath") } else { ("JSONPath", "JSONata") };
        for name in self.object.keys().map(String::as_str) {
            let is_in = |lists: &[&[&str]]| lists.iter().any(|list| list.contains(&name));
            if is_in(other) && !is_in(lists) {
                self.refuse_all(&format!(
                    "The QueryLanguage is set to '{this}', but field '{name}' is only supported for the '{that}' \
                     QueryLanguage"
                ));
            } else if !is_in(lists) {
                self.refuse_all(&format!("Field '{name}' is not supported"));
            }
        }
    }

    /// Whether all of the fields are there; notes which are not.
    pub(super) fn require(&self, names: &[&str]) -> bool {
        let missing: Vec<&str> = names.iter().filter(|name| !self.has(name)).copied().collect();
        if !missing.is_empty() {
            self.refuse_all(&format!("These fields are required: [{}]", missing.join(", ")));
        }
        missing.is_empty()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name)
    }

    /// Every field with its value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.object.iter().map(|(name, value)| (name.as_str(), value))
    }

    fn typed<T>(&self, name: &str, kind: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
        let read = read(self.object.get(name)?);
        if read.is_none() {
            self.refuse(name, &format!("Expected value of type {kind}"));
        }
        read
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.typed(name, "String", Value::as_str)
    }

    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        self.typed(name, "Boolean", Value::as_bool)
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.typed(name, "Number", Value::as_f64)
    }

    pub(super) fn object(&self, name: &str) -> Option<&'a Map<String, Value>> {
        self.typed(name, "Object", Value::as_object)
    }

    pub(super) fn array(&self, name: &str) -> Option<&'a Vec<Value>> {
        self.typed(name, "Array", Value::as_array)
    }

    /// An array that has elements.
    pub(super) fn elements(&self, name: &str) -> Option<&'a Vec<Value>> {
        let elements = self.array(name)?;
        if elements.is_empty() {
            self.refuse(name, "Value cannot be empty");
            return None;
        }
        Some(elements)
    }

    /// The fields of the objects in an array.
    pub(super) fn objects(&self, name: &str) -> Vec<Fields<'a>> {
        let elements = self.array(name).into_iter().flatten().enumerate();
        elements
            .filter_map(|(at, value)| {
                let name = format!("{name}[{at}]");
                let fields = Fields::new(self.findings, value, self.pointer(&name))?;
                Some(Fields { language: self.language, prefix: format!("{}{name}/", self.prefix), ..fields })
            })
            .collect()
    }

    /// The fields of an object in a field, in the same language.
    pub(super) fn inner(&self, name: &str) -> Option<Fields<'a>> {
        let fields = Fields::new(self.findings, self.object.get(name)?, self.pointer(name))?;
        Some(Fields { language: self.language, prefix: format!("{}{name}/", self.prefix), ..fields })
    }

    /// One of a field's possible values.
    pub(super) fn choice<T: Copy>(&self, name: &str, values: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let value = values.iter().find(|(value, _)| *value == text).map(|(_, meaning)| *meaning);
        if value.is_none() {
            let names: Vec<&str> = values.iter().map(|(value, _)| *value).collect();
            let names = names.join(", ");
            self.refuse(name, &format!("The field '{name}' should have one of these values: [{names}]"));
        }
        value
    }

    /// Notes that two fields that exclude each other are both there.
    pub(super) fn refuse_both(&self, one: &str, other: &str) {
        if self.has(one) && self.has(other) {
            self.refuse_all(&format!("The fields '{one}' and '{other}' can not both be specified"));
        }
    }

    /// A number within a range.
    pub(super) fn number_within(&self, name: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let number = self.number(name)?;
        let within = range.contains(&number);
        if !within {
            let (least, most) = (range.start(), range.end());
            self.refuse(name, &format!("Value must be between {least} and {most}"));
        }
        within.then_some(number)
    }

    /// A whole number within a range.
    pub(super) fn integer(&self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let number = self.typed(name, "Integer", |value| {
            value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
        })?;
        let within = u64::try_from(number).ok().filter(|number| range.contains(number));
        if within.is_none() {
            let (least, most) = (range.start(), range.end());
            self.refuse(name, &format!("Value must be between {least} and {most}"));
        }
        within
    }

    /// A path alone, as in `SecondsPath`.
    pub(super) fn path(&self, name: &str) -> Option<QueryPath> {
        let path = QueryPath::parse(self.text(name)?);
        if path.is_none() {
            self.refuse(name, "Value is not a valid JSONPath");
        }
        path
    }

    /// A path or an intrinsic function, as in `ErrorPath`.
    pub(super) fn expression(&self, name: &str) -> Option<Expression> {
        let expression = Expression::parse(self.text(name)?);
        if expression.is_none() {
            self.refuse(name, &not_an_expression(name));
        }
        expression
    }

    /// `InputPath` or `OutputPath`.
    pub(super) fn path_field(&self, name: &str) -> PathField {
        match self.object.get(name) {
            Some(Value::Null) => PathField::Discard,
            Some(_) => self.path(name).map_or(PathField::Root, PathField::At),
            None => PathField::Root,
        }
    }

    /// `ResultPath`.
    pub(super) fn result_path(&self) -> ResultPath {
        const NAME: &str = "ResultPath";
        if self.object.get(NAME) == Some(&Value::Null) {
            return ResultPath::Discard;
        }
        let Some(text) = self.text(NAME) else { return ResultPath::Root };
        match ReferencePath::parse(text) {
            Ok(path) => ResultPath::At(path),
            Err(_) => {
                self.refuse(NAME, "Value is not a Reference Path");
                ResultPath::Root
            }
        }
    }

    /// An expression in JSONata; `None` where the field is absent, or has a plain value.
    pub(super) fn script(&self, name: &str) -> Option<Script> {
        let text = self.object.get(name)?.as_str().filter(|text| self.is_jsonata() && is_expression(text))?;
        let script = Script::parse(text, &format!("{}{name}", self.prefix), self.offered(name));
        script.map_err(|refused| self.refuse_script(&refused)).ok()
    }

    /// What `$states` has in a field: a result where a state has one to give, an error in a catcher.
    fn offered(&self, name: &str) -> Offered {
        let runs =
            matches!(self.object.get("Type").and_then(Value::as_str), Some("Task" | "Parallel" | "Map"));
        match name {
            "Output" | "Assign" if self.prefix.starts_with("Catch[") => Offered::Error,
            "Output" | "Assign" if self.prefix.is_empty() && runs => Offered::Result,
            _ => Offered::Nothing,
        }
    }

    fn refuse_script(&self, refused: &Refused) {
        let field = refused.field.strip_prefix(&self.prefix).unwrap_or(&refused.field);
        let code =
            if refused.unsupported { "UNSUPPORTED_JSONATA_EXPRESSION" } else { "INVALID_JSONATA_EXPRESSION" };
        for message in &refused.messages {
            self.findings.add(Diagnostic::error(code, message, self.pointer(field)));
        }
    }

    /// Whether the field has an expression in JSONata, right or wrong.
    pub(super) fn has_script(&self, name: &str) -> bool {
        self.is_jsonata() && self.object.get(name).and_then(Value::as_str).is_some_and(is_expression)
    }

    /// A value in which texts may be expressions in JSONata.
    pub(super) fn query(&self, name: &str) -> Option<QueryTemplate> {
        let field = format!("{}{name}", self.prefix);
        let template = QueryTemplate::parse(self.object.get(name)?, &field, self.offered(name));
        template.map_err(|refused| refused.iter().for_each(|refused| self.refuse_script(refused))).ok()
    }

    /// A payload template that is an object.
    pub(super) fn template(&self, name: &str) -> Option<Template> {
        self.object(name)?;
        self.value(name).map(|value| compile(value, self.pointer(name), self.findings))
    }
}

fn not_an_expression(field: &str) -> String {
    format!("The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call")
}

/// Compiles a payload template. What has nothing to compute stays a value.
fn compile(value: &Value, location: String, findings: &Findings) -> Template {
    if !has_computed(value) {
        return Template::Literal(value.clone());
    }
    match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| member(name, value, members, &location, findings);
            Template::Object(members.iter().filter_map(member).collect())
        }
        Value::Array(elements) => {
            let element = |(at, value)| compile(value, format!("{location}[{at}]"), findings);
            Template::Array(elements.iter().enumerate().map(element).collect())
        }
        scalar => Template::Literal(scalar.clone()),
    }
}

fn has_computed(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.iter().any(|(name, value)| name.ends_with(".$") || has_computed(value))
        }
        Value::Array(elements) => elements.iter().any(has_computed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn member(
    name: &str,
    value: &Value,
    siblings: &Map<String, Value>,
    location: &str,
    findings: &Findings,
) -> Option<Member> {
    let Some(plain) = name.strip_suffix(".$") else {
        let content = Content::Template(compile(value, format!("{location}/{name}"), findings));
        return Some(Member { name: name.into(), content });
    };
    if siblings.contains_key(plain) {
        let message = format!("The fields '{plain}' and '{name}' can not both be specified");
        findings.add(Diagnostic::schema(message, location));
    }
    let Some(expression) = value.as_str().and_then(Expression::parse) else {
        findings.add(Diagnostic::schema(not_an_expression(name), location));
        return None;
    };
    Some(Member { name: plain.into(), content: Content::Computed { field: name.to_owned(), expression } })
}
