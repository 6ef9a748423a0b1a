//! Makes a compiled expression one that can be stopped.
//!
//! The library looks at its limits whenever it evaluates a node, but not inside of one of its functions: what a single call
//! makes out of small arguments (`$join`, `$replace`, `&` of a value that shares its parts) could take all memory and all
//! time. Those calls get a look at their arguments first, by the functions of [`super::guards`]. The value of an
//! expression does not change: a call is refused or does what it did.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use jsonata_core::value::with_stack;

use super::guards::{FITS, LOOK, NAMED, SMALL};

/// A function that makes much out of little.
struct Guarded {
    name: &'static str,
    /// Parameters that it takes where another function calls it.
    parameters: usize,
}

const GUARDED: [Guarded; 11] = [
    Guarded { name: "distinct", parameters: 1 },
    Guarded { name: "formatInteger", parameters: 2 },
    Guarded { name: "formatNumber", parameters: 3 },
    Guarded { name: "fromMillis", parameters: 3 },
    Guarded { name: "join", parameters: 2 },
    Guarded { name: "match", parameters: 3 },
    Guarded { name: "replace", parameters: 4 },
    Guarded { name: "split", parameters: 3 },
    Guarded { name: "string", parameters: 1 },
    Guarded { name: "toMillis", parameters: 2 },
    Guarded { name: "zip", parameters: 8 },
];

/// Elements of an array constructor from which on the evaluation looks at its limits at every one.
const ELEMENTS: usize = 8;

fn guarded(name: &str) -> Option<&'static Guarded> {
    GUARDED.iter().find(|guarded| guarded.name == name)
}

/// The expression with its guards.
pub(super) fn bounded(node: AstNode) -> AstNode {
    with_stack(|| match node {
        AstNode::Function { name, args, is_builtin } => function(name, all(args), is_builtin),
        AstNode::Variable(name) => variable(name),
        AstNode::Binary { op, lhs, rhs } => binary(op, *lhs, *rhs),
        AstNode::Path { steps } => path(steps),
        AstNode::Array(items) => AstNode::Array(elements(items)),
        AstNode::ArrayGroup(items) => AstNode::ArrayGroup(elements(items)),
        AstNode::Wildcard | AstNode::Descendant => path(vec![PathStep::new(node)]),
        AstNode::Transform { location, update, delete } => transform(AstNode::Transform {
            location: inside(location),
            update: inside(update),
            delete: delete.map(inside),
        }),
        other => children(other),
    })
}

/// The nodes that only have others in them.
fn children(node: AstNode) -> AstNode {
    match node {
        AstNode::Unary { op, operand } => AstNode::Unary { op, operand: inside(operand) },
        AstNode::Call { procedure, args } => AstNode::Call { procedure: inside(procedure), args: all(args) },
        AstNode::Lambda { params, body, signature, thunk } => {
            let body = if is_leaf(&body) { call(LOOK, vec![bounded(*body)]) } else { bounded(*body) };
            AstNode::Lambda { params, body: Box::new(body), signature, thunk }
        }
        AstNode::Object(members) => AstNode::Object(pairs(members)),
        AstNode::ObjectTransform { input, pattern } => {
            AstNode::ObjectTransform { input: inside(input), pattern: pairs(pattern) }
        }
        AstNode::Block(nodes) => AstNode::Block(all(nodes)),
        AstNode::Conditional { condition, then_branch, else_branch } => AstNode::Conditional {
            condition: inside(condition),
            then_branch: inside(then_branch),
            else_branch: else_branch.map(inside),
        },
        AstNode::FunctionApplication(inner) => AstNode::FunctionApplication(inside(inner)),
        AstNode::Sort { input, terms } => {
            let term = |(term, ascending)| (bounded(term), ascending);
            AstNode::Sort { input: inside(input), terms: terms.into_iter().map(term).collect() }
        }
        leaf => leaf,
    }
}

fn inside(mut node: Box<AstNode>) -> Box<AstNode> {
    *node = bounded(std::mem::replace(&mut *node, AstNode::Null));
    node
}

fn all(nodes: Vec<AstNode>) -> Vec<AstNode> {
    nodes.into_iter().map(bounded).collect()
}

fn pairs(pairs: Vec<(AstNode, AstNode)>) -> Vec<(AstNode, AstNode)> {
    pairs.into_iter().map(|(name, value)| (bounded(name), bounded(value))).collect()
}

/// A call of one of our own functions.
fn call(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function { name: name.to_owned(), args, is_builtin: true }
}

fn is_literal(node: &AstNode) -> bool {
    matches!(node, AstNode::String(_) | AstNode::Number(_) | AstNode::Boolean(_) | AstNode::Null)
}

/// A value that must be small, unless it is written there.
fn small(node: AstNode) -> AstNode {
    if is_literal(&node) { node } else { call(SMALL, vec![node]) }
}

/// Whether the library does not look at its limits here.
fn is_leaf(node: &AstNode) -> bool {
    is_literal(node) || matches!(node, AstNode::Undefined | AstNode::Variable(_) | AstNode::Name(_))
}

/// `[$a, $b, …]`: each may be a large array, whose elements become the constructor's.
fn elements(items: Vec<AstNode>) -> Vec<AstNode> {
    let many = items.len() > ELEMENTS;
    let element = |item| match item {
        item if many && !is_literal(&item) && is_leaf(&item) => call(LOOK, vec![bounded(item)]),
        other => bounded(other),
    };
    items.into_iter().map(element).collect()
}

fn binary(op: BinaryOp, lhs: AstNode, rhs: AstNode) -> AstNode {
    let (lhs, rhs) = match op {
        // What is assigned to is no value.
        BinaryOp::ColonEqual => (lhs, bounded(rhs)),
        BinaryOp::ChainPipe => return chain(lhs, rhs),
        BinaryOp::Concatenate => {
            let (lhs, rhs) = (Box::new(small(bounded(lhs))), Box::new(small(bounded(rhs))));
            return small(AstNode::Binary { op, lhs, rhs });
        }
        // One plain value is compared at once, whatever the other is.
        BinaryOp::Equal | BinaryOp::NotEqual | BinaryOp::In if !is_literal(&lhs) && !is_literal(&rhs) => {
            (small(bounded(lhs)), small(bounded(rhs)))
        }
        _ => (bounded(lhs), bounded(rhs)),
    };
    AstNode::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) }
}

/// `value ~> $function(…)` calls the function with the value before its arguments.
fn chain(lhs: AstNode, rhs: AstNode) -> AstNode {
    match rhs {
        AstNode::Function { name, args, is_builtin }
            if guarded(&name).is_some() && is_builtin && !args.contains(&AstNode::Placeholder) =>
        {
            let args = std::iter::once(lhs).chain(args).collect();
            function(name, all(args), is_builtin)
        }
        // Its own function: the value goes before its arguments, which stay as they are.
        AstNode::Function { name, args, is_builtin } if guarded(&name).is_none() => AstNode::Binary {
            op: BinaryOp::ChainPipe,
            lhs: Box::new(bounded(lhs)),
            rhs: Box::new(AstNode::Function { name, args: all(args), is_builtin }),
        },
        rhs => AstNode::Binary {
            op: BinaryOp::ChainPipe,
            lhs: Box::new(bounded(lhs)),
            rhs: Box::new(bounded(rhs)),
        },
    }
}

/// A call whose arguments are bounded already.
fn function(name: String, args: Vec<AstNode>, is_builtin: bool) -> AstNode {
    if !is_builtin || guarded(&name).is_none() {
        return AstNode::Function { name, args, is_builtin };
    }
    if args.contains(&AstNode::Placeholder) {
        return partial(&name, args);
    }
    if let ("string", [_, ..]) = (name.as_str(), &args[..]) {
        return AstNode::Function { name, args: args.into_iter().map(small).collect(), is_builtin };
    }
    checked_call(&name, args)
}

/// `($1 := first; …; fits($1, …); $name($1, …))`.
fn checked_call(name: &str, args: Vec<AstNode>) -> AstNode {
    let mut block = Vec::with_capacity(args.len() + 2);
    let variables: Vec<AstNode> = args.into_iter().map(|arg| bind(arg, &mut block)).collect();
    let context = AstNode::Variable(String::new());
    let mut checked = vec![AstNode::String(name.to_owned()), context];
    checked.extend(variables.iter().cloned());
    block.push(call(FITS, checked));
    block.push(call(name, variables));
    AstNode::Block(block)
}

/// Adds to a block that an argument gets a name, which it gives. A blank is in no name that an expression can write.
fn bind(arg: AstNode, block: &mut Vec<AstNode>) -> AstNode {
    if is_literal(&arg) || matches!(arg, AstNode::Regex { .. } | AstNode::Lambda { .. }) {
        return arg;
    }
    let name = AstNode::Variable(format!("argument {}", block.len()));
    block.push(AstNode::Binary { op: BinaryOp::ColonEqual, lhs: Box::new(name.clone()), rhs: Box::new(arg) });
    name
}

/// `$name(?, value)`: a function of what is left open.
fn partial(name: &str, args: Vec<AstNode>) -> AstNode {
    let (mut block, mut params) = (Vec::new(), Vec::new());
    let mut argument = |arg| {
        if arg != AstNode::Placeholder {
            return bind(arg, &mut block);
        }
        let name = format!("open {}", params.len());
        params.push(name.clone());
        AstNode::Variable(name)
    };
    let args = args.into_iter().map(&mut argument).collect();
    block.push(lambda(params, checked_call(name, args)));
    AstNode::Block(block)
}

fn lambda(params: Vec<String>, body: AstNode) -> AstNode {
    AstNode::Lambda { params, body: Box::new(body), signature: None, thunk: false }
}

/// A function as a value, unless something else has its name.
fn variable(name: String) -> AstNode {
    let Some(Guarded { parameters, .. }) = guarded(&name) else { return AstNode::Variable(name) };
    let params: Vec<String> = (0..*parameters).map(|at| format!("given {at}")).collect();
    let args = params.iter().cloned().map(AstNode::Variable).collect();
    let function = lambda(params, checked_call(&name, args));
    // In a block: behind `~>`, a call would take the value as its own argument.
    AstNode::Block(vec![call(NAMED, vec![AstNode::Variable(name), function])])
}

/// `|…|…|`: a function that copies its argument.
fn transform(node: AstNode) -> AstNode {
    let name = "transformed value".to_owned();
    let copied = AstNode::Binary {
        op: BinaryOp::ChainPipe,
        lhs: Box::new(small(AstNode::Variable(name.clone()))),
        rhs: Box::new(node),
    };
    lambda(vec![name], copied)
}

/// What searches a value to its depth sees small values only.
fn path(steps: Vec<PathStep>) -> AstNode {
    let mut bounded_steps = Vec::with_capacity(steps.len());
    for step in steps {
        let searches = matches!(step.node, AstNode::Wildcard | AstNode::Descendant);
        if searches && !step.is_tuple {
            bounded_steps.push(PathStep::new(call(SMALL, vec![AstNode::Variable(String::new())])));
        }
        bounded_steps.push(step_of(step, searches));
    }
    AstNode::Path { steps: bounded_steps }
}

fn step_of(step: PathStep, is_leaf: bool) -> PathStep {
    let stage = |stage| match stage {
        Stage::Filter(filter) => Stage::Filter(inside(filter)),
        other => other,
    };
    PathStep {
        node: if is_leaf { step.node } else { bounded(step.node) },
        stages: step.stages.into_iter().map(stage).collect(),
        ..step
    }
}
