//! Choice states: the first rule that holds says where to go.

mod pattern;
mod shown;
mod test;

pub(crate) use pattern::Pattern;
pub(crate) use test::{Compared, Is, Operand, Relation, Test};

use crate::data_flow::Flow;
use crate::definition::{State, StateId, Transition};
use crate::error_name::{ErrorName, Failure};
use crate::expression::{QueryPath, Scope};
use crate::ids::FrameId;
use crate::jsonata::{Produced, Script};
use crate::run::{ContextParts, Fault, Outcome, Run};

/// What a Choice state has of its own.
#[derive(Debug)]
pub(crate) struct ChoiceState {
    pub(crate) rules: Vec<Rule>,
    pub(crate) default: Option<StateId>,
}

/// One element of `Choices`.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) condition: Condition,
    /// The state's, with the rule's own `Assign` and `Output`.
    pub(crate) flow: Flow,
    pub(crate) next: StateId,
}

/// What must hold.
#[derive(Debug)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Test {
        variable: QueryPath,
        test: Test,
    },
    /// `Condition` in JSONata.
    Query(Script),
    /// `Condition` that is no expression.
    Literal(bool),
}

pub(crate) fn perform(
    run: &mut Run<'_>,
    frame: FrameId,
    state: &State,
    choice: &ChoiceState,
) -> Result<Outcome, Fault> {
    let raw = run.raw_input(frame);
    let (input, rule) = run.evaluate(frame, &raw, ContextParts::default(), |scope| {
        let input = state.flow.effective_input(&raw, scope)?;
        let rule = choice.first_that_holds(&scope.with_input(input.value()))?;
        Ok((input, rule))
    })?;
    match (rule, choice.default) {
        (Some(rule), _) => run.left_by(frame, &rule.flow, input, Transition::Next(rule.next)),
        (None, Some(default)) => run.left(frame, state, input, Transition::Next(default)),
        // AWS's histories show this error, not the States.NoChoiceMatched of the specification.
        (None, None) => Err(Fault::Evaluation(Failure::new(
            ErrorName::Runtime,
            "Failed to transition out of the state. The state does not point to a next state.",
        ))),
    }
}

impl ChoiceState {
    fn first_that_holds(&self, scope: &Scope<'_>) -> Result<Option<&Rule>, Fault> {
        for rule in &self.rules {
            if rule.condition.holds(scope)? {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }
}

impl Condition {
    fn holds(&self, scope: &Scope<'_>) -> Result<bool, Fault> {
        match self {
            Self::Not(condition) => condition.holds(scope).map(|holds| !holds),
            Self::And(conditions) => all(conditions, true, scope),
            Self::Or(conditions) => all(conditions, false, scope).map(|none| !none),
            Self::Test { variable, test } => Ok(test.holds(variable, scope)?),
            Self::Literal(holds) => Ok(*holds),
            Self::Query(script) => {
                let value = script.evaluate(Produced::Nothing, scope)?;
                value.as_bool().ok_or_else(|| script.unexpected("boolean", &value))
            }
        }
    }
}

/// Whether every condition gives `wanted`; later ones are not looked at once one does not.
fn all(conditions: &[Condition], wanted: bool, scope: &Scope<'_>) -> Result<bool, Fault> {
    for condition in conditions {
        if condition.holds(scope)? != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}
