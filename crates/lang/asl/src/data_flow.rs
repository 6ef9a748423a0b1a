//! How JSON flows through a state: in JSONPath through `InputPath`, `Parameters`, `ResultSelector`, `ResultPath`,
//! `OutputPath` and `Assign`, in JSONata through `Arguments`, `Output` and `Assign`.
//!
//! A payload that no field touches is passed on as it is, text included.

use std::borrow::Cow;

use jsonpath::ReferencePath;
use serde_json::{Map, Value};

use crate::error_name::{ErrorName, Failure};
use crate::expression::{QueryPath, Scope};
use crate::jsonata::{Produced, QueryTemplate};
use crate::payload::Payload;
use crate::run::Fault;
use crate::template::{Template, check_nesting};
use crate::variables::Assigned;

/// The fields of one state that shape its input and output. Choice rules and catchers have a flow of their own.
#[derive(Debug)]
pub(crate) enum Flow {
    JsonPath(Box<DataFlow>),
    Jsonata(Box<QueryFlow>),
}

/// A flow in JSONPath.
#[derive(Debug, Default)]
pub(crate) struct DataFlow {
    pub(crate) input_path: PathField,
    /// `Parameters`; of a Map state, `ItemSelector` is its own.
    pub(crate) parameters: Option<Template>,
    pub(crate) result_selector: Option<Template>,
    pub(crate) result_path: ResultPath,
    pub(crate) output_path: PathField,
    pub(crate) assign: Option<Template>,
}

/// A flow in JSONata.
#[derive(Debug, Default)]
pub(crate) struct QueryFlow {
    pub(crate) arguments: Option<QueryTemplate>,
    pub(crate) output: Option<QueryTemplate>,
    pub(crate) assign: Option<QueryTemplate>,
    /// Whether there is `$states.result`: in Task, Parallel and Map states.
    pub(crate) has_result: bool,
}

/// `InputPath` or `OutputPath`. Absent is `$`; JSON `null` gives `{}`.
#[derive(Debug, Default)]
pub(crate) enum PathField {
    #[default]
    Root,
    Discard,
    At(QueryPath),
}

/// `ResultPath`. Absent is `$`; JSON `null` discards the result and passes the raw input on.
#[derive(Debug, Default)]
pub(crate) enum ResultPath {
    #[default]
    Root,
    Discard,
    At(ReferencePath),
}

/// What a state gives: its output, and what it assigns to variables.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) output: Payload,
    pub(crate) assigned: Assigned,
}

impl Flow {
    /// The raw input, through `InputPath`.
    pub(crate) fn input(&self, raw: &Payload, scope: &Scope<'_>) -> Result<Payload, Fault> {
        match self {
            Self::JsonPath(flow) => Ok(flow.input_path.select(raw, scope)?),
            Self::Jsonata(_) => Ok(raw.clone()),
        }
    }

    /// What [`Self::input`] gave, through `Parameters` or `Arguments`.
    pub(crate) fn parameters(&self, input: &Payload, scope: &Scope<'_>) -> Result<Payload, Fault> {
        match self {
            Self::JsonPath(flow) => match &flow.parameters {
                None => Ok(input.clone()),
                Some(template) => Ok(evaluated(template, &scope.with_input(input.value()))?),
            },
            Self::Jsonata(flow) => match &flow.arguments {
                None => Ok(input.clone()),
                Some(template) => queried(template, Produced::Nothing, scope),
            },
        }
    }

    /// The raw input, through both.
    pub(crate) fn effective_input(&self, raw: &Payload, scope: &Scope<'_>) -> Result<Payload, Fault> {
        let input = self.input(raw, scope)?;
        self.parameters(&input, scope)
    }

    /// The result becomes the output. Everything reads the variables as they were before `Assign`.
    pub(crate) fn give(&self, raw: &Payload, result: Payload, scope: &Scope<'_>) -> Result<Given, Fault> {
        match self {
            Self::JsonPath(flow) => Ok(flow.give(raw, result, scope)?),
            Self::Jsonata(flow) => {
                let produced =
                    if flow.has_result { Produced::Result(result.value()) } else { Produced::Nothing };
                flow.give(&result, produced, scope)
            }
        }
    }

    /// What a catcher gives for an error: it is placed, or read as `$states.errorOutput`.
    pub(crate) fn give_error(
        &self,
        raw: &Payload,
        error: Payload,
        scope: &Scope<'_>,
    ) -> Result<Given, Fault> {
        match self {
            Self::JsonPath(flow) => Ok(flow.give(raw, error, scope)?),
            Self::Jsonata(flow) => flow.give(&error, Produced::Error(error.value()), scope),
        }
    }

    /// The names of the members of `Parameters` or `Arguments`.
    pub(crate) fn parameter_names(&self) -> Vec<String> {
        match self {
            Self::JsonPath(flow) => flow.parameters.as_ref().map(Template::names).unwrap_or_default(),
            Self::Jsonata(flow) => flow.arguments.as_ref().map(QueryTemplate::names).unwrap_or_default(),
        }
    }
}

impl DataFlow {
    /// The result, through `ResultSelector`.
    pub(crate) fn select(&self, result: Payload, scope: &Scope<'_>) -> Result<Payload, Failure> {
        match &self.result_selector {
            None => Ok(result),
            Some(template) => evaluated(template, &scope.with_input(result.value())),
        }
    }

    /// The result, through `ResultSelector`, `ResultPath` and `OutputPath`.
    fn give(&self, raw: &Payload, result: Payload, scope: &Scope<'_>) -> Result<Given, Failure> {
        let result = self.select(result, scope)?;
        let assigned = match &self.assign {
            None => Assigned::new(),
            Some(template) => template.evaluate_members(&scope.with_input(result.value()))?,
        };
        let placed = self.result_path.place(raw, result)?;
        let output = self.output_path.select(&placed, scope)?;
        Ok(Given { output, assigned })
    }
}

impl QueryFlow {
    /// `Output`, or what there is without it, and `Assign`.
    fn give(&self, default: &Payload, produced: Produced<'_>, scope: &Scope<'_>) -> Result<Given, Fault> {
        let output = match &self.output {
            None => default.clone(),
            Some(template) => queried(template, produced, scope)?,
        };
        let assigned = match &self.assign {
            None => Assigned::new(),
            Some(template) => template.evaluate_members(produced, scope)?,
        };
        Ok(Given { output, assigned })
    }
}

/// The value of a template in JSONata, no deeper than others can read.
pub(crate) fn queried(
    template: &QueryTemplate,
    produced: Produced<'_>,
    scope: &Scope<'_>,
) -> Result<Payload, Fault> {
    let value = template.evaluate(produced, scope)?;
    check_nesting(&value)?;
    Ok(Payload::new(value))
}

/// The value of a template, no deeper than others can read.
pub(crate) fn evaluated(template: &Template, scope: &Scope<'_>) -> Result<Payload, Failure> {
    let value = template.evaluate(scope)?;
    check_nesting(&value)?;
    Ok(Payload::new(value))
}

impl PathField {
    /// What the path selects in `payload`, which stands for the scope's input.
    pub(crate) fn select(&self, payload: &Payload, scope: &Scope<'_>) -> Result<Payload, Failure> {
        match self {
            Self::Root => Ok(payload.clone()),
            Self::Discard => Ok(Payload::new(Value::Object(Map::new()))),
            Self::At(path) if path.is_input() => Ok(payload.clone()),
            Self::At(path) => {
                path.resolve(&scope.with_input(payload.value())).map(Cow::into_owned).map(Payload::new)
            }
        }
    }
}

impl ResultPath {
    /// The raw input with the result in its place.
    pub(crate) fn place(&self, raw: &Payload, result: Payload) -> Result<Payload, Failure> {
        match self {
            Self::Root => Ok(result),
            Self::Discard => Ok(raw.clone()),
            Self::At(path) if path.is_root() => Ok(result),
            Self::At(path) => {
                let mut document = raw.value().clone();
                path.insert(&mut document, result.value().clone())
                    .map_err(|error| Failure::new(ErrorName::ResultPathMatchFailure, error.to_string()))?;
                check_nesting(&document)?;
                Ok(Payload::new(document))
            }
        }
    }
}
