//! What an expression may refer to: Step Functions evaluates it without a context, with `$states` and the variables.
//!
//! Source: behaviour of `ValidateStateMachineDefinition`; States Language specification, "JSONata".

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use jsonata_core::value::with_stack;

/// What `$states` has beside `input` and `context`, where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    Nothing,
    /// `$states.result`.
    Result,
    /// `$states.errorOutput`.
    Error,
}

impl Offered {
    fn has(self, member: &str) -> bool {
        match member {
            "input" | "context" => true,
            "result" => self == Self::Result,
            "errorOutput" => self == Self::Error,
            _ => false,
        }
    }
}

/// What an expression refers to that is not there, in AWS's words, each once.
pub(super) fn missing(ast: &AstNode, offered: Offered) -> Vec<String> {
    let mut names = Vec::new();
    top_level(ast, &mut names);
    let mut messages: Vec<String> = names
        .iter()
        .map(|name| format!("Reference to '{name}' at the top level is not supported."))
        .collect();
    everywhere(ast, &mut |node| match node {
        AstNode::ParentVariable(_) => messages.push("Reference to '$$' is not supported.".to_owned()),
        AstNode::Variable(name) if name == "$" => {
            messages.push("Reference to '$$' is not supported.".to_owned());
        }
        AstNode::Path { steps } => messages.extend(member_of_states(steps, offered)),
        _ => {}
    });
    let mut seen = std::collections::HashSet::new();
    messages.retain(|message| seen.insert(message.clone()));
    messages
}

/// `$states.member` that does not exist there.
fn member_of_states(steps: &[PathStep], offered: Offered) -> Option<String> {
    let [
        PathStep { node: AstNode::Variable(variable), .. },
        PathStep { node: AstNode::Name(member), .. },
        ..,
    ] = steps
    else {
        return None;
    };
    (variable == "states" && !offered.has(member))
        .then(|| format!("Field '$states.{member}' does not exist."))
}

/// Names that are read from the context of the whole expression, which there is not. Behind the first step of a path, in
/// predicates, terms of a sort and groups there is one.
fn top_level(node: &AstNode, names: &mut Vec<String>) {
    with_stack(|| match node {
        AstNode::Name(name) => names.push(name.clone()),
        AstNode::Variable(name) if name.is_empty() => names.push("$".to_owned()),
        AstNode::Wildcard => names.push("*".to_owned()),
        AstNode::Descendant => names.push("**".to_owned()),
        AstNode::Path { steps } => steps.iter().take(1).for_each(|step| top_level(&step.node, names)),
        AstNode::Sort { input, .. } | AstNode::ObjectTransform { input, .. } => top_level(input, names),
        AstNode::Transform { .. } => {}
        AstNode::Binary { op: BinaryOp::ColonEqual, rhs, .. } => top_level(rhs, names),
        other => each_child(other, &mut |child| top_level(child, names)),
    });
}

/// Visits a node and all below it.
fn everywhere(node: &AstNode, visit: &mut dyn FnMut(&AstNode)) {
    with_stack(|| {
        visit(node);
        each_child(node, &mut |child| everywhere(child, visit));
    });
}

fn each_child(node: &AstNode, visit: &mut dyn FnMut(&AstNode)) {
    match node {
        AstNode::Path { steps } => steps.iter().for_each(|step| each_in_step(step, visit)),
        AstNode::Binary { lhs, rhs, .. } => [lhs, rhs].into_iter().for_each(|side| visit(side)),
        AstNode::Unary { operand, .. } => visit(operand),
        AstNode::Function { args, .. } => args.iter().for_each(visit),
        AstNode::Call { procedure, args } => std::iter::once(&**procedure).chain(args).for_each(visit),
        AstNode::Lambda { body, .. } => visit(body),
        AstNode::Array(nodes) | AstNode::ArrayGroup(nodes) | AstNode::Block(nodes) => {
            nodes.iter().for_each(visit);
        }
        AstNode::Object(pairs) => each_in_pairs(pairs, visit),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            each_in_pairs(pattern, visit);
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            [condition, then_branch].into_iter().chain(else_branch).for_each(|node| visit(node));
        }
        AstNode::FunctionApplication(inner) => visit(inner),
        AstNode::Sort { input, terms } => {
            visit(input);
            terms.iter().for_each(|(term, _)| visit(term));
        }
        AstNode::Transform { location, update, delete } => {
            [location, update].into_iter().chain(delete).for_each(|node| visit(node));
        }
        _ => {}
    }
}

fn each_in_pairs(pairs: &[(AstNode, AstNode)], visit: &mut dyn FnMut(&AstNode)) {
    pairs.iter().for_each(|(name, value)| {
        visit(name);
        visit(value);
    });
}

fn each_in_step(step: &PathStep, visit: &mut dyn FnMut(&AstNode)) {
    visit(&step.node);
    for stage in &step.stages {
        if let Stage::Filter(filter) = stage {
            visit(filter);
        }
    }
}
