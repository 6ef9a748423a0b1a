//! How JSON flows through a state: `InputPath`, `Parameters`, `ResultSelector`, `ResultPath`, `OutputPath`, `Assign`.
//!
//! A payload that no field touches is passed on as it is, text included.

use std::borrow::Cow;

use jsonpath::ReferencePath;
use serde_json::{Map, Value};

use crate::error_name::{ErrorName, Failure};
use crate::expression::{QueryPath, Scope};
use crate::payload::Payload;
use crate::template::{Template, check_nesting};
use crate::variables::Assigned;

/// The fields of one state that shape its input and output.
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

impl DataFlow {
    /// The raw input, through `InputPath` and `Parameters`.
    pub(crate) fn effective_input(&self, raw: &Payload, scope: &Scope<'_>) -> Result<Payload, Failure> {
        let input = self.input_path.select(raw, scope)?;
        match &self.parameters {
            None => Ok(input),
            Some(template) => evaluated(template, &scope.with_input(input.value())),
        }
    }

    /// The result, through `ResultSelector`, `ResultPath` and `OutputPath`. Everything reads the variables as they were
    /// before `Assign`.
    ///
    /// `assign` is the state's own, or that of the choice that was made.
    pub(crate) fn give(
        &self,
        raw: &Payload,
        result: Payload,
        assign: Option<&Template>,
        scope: &Scope<'_>,
    ) -> Result<Given, Failure> {
        let result = match &self.result_selector {
            None => result,
            Some(template) => evaluated(template, &scope.with_input(result.value()))?,
        };
        let assigned = assigned(assign, &scope.with_input(result.value()))?;
        let placed = self.result_path.place(raw, result)?;
        let output = self.output_path.select(&placed, scope)?;
        Ok(Given { output, assigned })
    }
}

/// What `Assign` assigns; its `$` is the scope's input.
pub(crate) fn assigned(assign: Option<&Template>, scope: &Scope<'_>) -> Result<Assigned, Failure> {
    assign.map_or(Ok(Vec::new()), |template| template.evaluate_members(scope))
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
