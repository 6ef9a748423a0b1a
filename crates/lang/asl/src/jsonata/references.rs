//! Which variables an expression reads that it has not bound itself.

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::{inner, tree};

/// Levels that are looked into. Deeper ones are nobody's.
const DEPTH: usize = 500;

/// Names that are no variables: what Step Functions binds, and JSONata's functions, which may be passed on like values.
const BOUND: &str = "states abs append assert average base64decode base64encode boolean ceil clone contains count \
                     decodeUrl decodeUrlComponent distinct each encodeUrl encodeUrlComponent error eval exists filter \
                     floor formatBase formatInteger formatNumber fromMillis hash join keys length lookup lowercase map \
                     match max merge millis min not now number pad parse parseInteger partition power random range \
                     reduce replace reverse round shuffle sift single sort split spread sqrt string substring \
                     substringAfter substringBefore sum toMillis trim type uppercase uuid zip";

/// Adds to `found` the names of the variables that the expression `text` reads. Adds nothing for what is no expression.
pub(crate) fn references(text: &str, found: &mut BTreeSet<String>) {
    if let Ok(tree) = tree(inner(text)) {
        let mut reader = Reader { found, local: Vec::new(), depth: 0 };
        reader.read(&tree);
    }
}

struct Reader<'a> {
    found: &'a mut BTreeSet<String>,
    /// What the expression has bound where the reader is.
    local: Vec<String>,
    depth: usize,
}

impl Reader<'_> {
    fn read(&mut self, node: &AstNode) {
        if self.depth >= DEPTH {
            return;
        }
        self.depth += 1;
        self.look(node);
        self.depth -= 1;
    }

    fn look(&mut self, node: &AstNode) {
        match node {
            AstNode::Variable(name) => self.name(name),
            AstNode::Path { steps } => self.scoped(|reader| reader.steps(steps)),
            AstNode::Binary { op, lhs, rhs } => self.binary(*op, lhs, rhs),
            AstNode::Unary { operand, .. } => self.read(operand),
            // What is called is a function: no value of a variable is one.
            AstNode::Function { args, .. } => self.all(args),
            AstNode::Call { procedure, args } => {
                self.read(procedure);
                self.all(args);
            }
            AstNode::Lambda { params, body, .. } => self.scoped(|reader| {
                reader.local.extend(params.iter().cloned());
                reader.read(body);
            }),
            AstNode::Array(items) | AstNode::ArrayGroup(items) => self.all(items),
            AstNode::Block(items) => self.scoped(|reader| reader.all(items)),
            AstNode::Object(pairs) => self.pairs(pairs),
            AstNode::ObjectTransform { input, pattern } => {
                self.read(input);
                self.pairs(pattern);
            }
            AstNode::Conditional { condition, then_branch, else_branch } => {
                self.read(condition);
                self.read(then_branch);
                else_branch.iter().for_each(|branch| self.read(branch));
            }
            AstNode::FunctionApplication(inner) => self.read(inner),
            AstNode::Sort { input, terms } => {
                self.read(input);
                terms.iter().for_each(|(term, _)| self.read(term));
            }
            AstNode::Transform { location, update, delete } => {
                self.read(location);
                self.read(update);
                delete.iter().for_each(|delete| self.read(delete));
            }
            AstNode::String(_)
            | AstNode::Name(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Placeholder
            | AstNode::Regex { .. }
            | AstNode::ParentVariable(_)
            | AstNode::Wildcard
            | AstNode::Descendant
            | AstNode::Parent(_) => {}
        }
    }

    fn name(&mut self, name: &str) {
        let is_bound = name.is_empty()
            || self.local.iter().any(|local| local == name)
            || BOUND.split_ascii_whitespace().any(|bound| bound == name);
        if !is_bound {
            self.found.insert(name.to_owned());
        }
    }

    /// What `read` binds is bound in it only.
    fn scoped(&mut self, read: impl FnOnce(&mut Self)) {
        let outside = self.local.len();
        read(self);
        self.local.truncate(outside);
    }

    fn all(&mut self, nodes: &[AstNode]) {
        nodes.iter().for_each(|node| self.read(node));
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)]) {
        for (key, value) in pairs {
            self.read(key);
            self.read(value);
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &AstNode, right: &AstNode) {
        match (op, left, right) {
            (BinaryOp::ColonEqual, AstNode::Variable(name), value) => {
                // A function may call itself by the name that it is bound to.
                if matches!(value, AstNode::Lambda { .. }) {
                    self.local.push(name.clone());
                    self.read(value);
                } else {
                    self.read(value);
                    self.local.push(name.clone());
                }
            }
            (BinaryOp::FocusBind | BinaryOp::IndexBind, value, AstNode::Variable(name)) => {
                self.read(value);
                self.local.push(name.clone());
            }
            (_, left, right) => {
                self.read(left);
                self.read(right);
            }
        }
    }

    /// Later steps see what earlier ones bind.
    fn steps(&mut self, steps: &[PathStep]) {
        for step in steps {
            self.read(&step.node);
            self.local.extend(step.focus.iter().chain(&step.index_var).cloned());
            for stage in &step.stages {
                match stage {
                    Stage::Filter(filter) => self.read(filter),
                    Stage::Index(name) => self.local.push(name.clone()),
                    Stage::KeepArray => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        references(&format!("{{% {text} %}}"), &mut found);
        found.into_iter().collect()
    }

    #[test]
    fn variables_are_what_nothing_binds() {
        assert_eq!(of("$a + $b.c[$d > 1]"), ["a", "b", "d"]);
        assert_eq!(of("$states.input.x & '$quoted' & `$named`"), Vec::<String>::new());
        assert_eq!(of("$sum($values) + $count($$.x) + $.y"), ["values"]);
        assert_eq!(of("($x := $seed; $x + $y)"), ["seed", "y"]);
        assert_eq!(of("$map($items, function($v, $i) { $v + $i + $offset })"), ["items", "offset"]);
        assert_eq!(of("$map($items, $string)"), ["items"]);
        assert_eq!(of("{'k': $k, $name: [$one, $two]}"), ["k", "name", "one", "two"]);
        assert_eq!(of("$list#$i[$i = $wanted]"), ["list", "wanted"]);
        assert_eq!(of("$c ? $t : $e"), ["c", "e", "t"]);
        assert_eq!(of("$list^(>$weight)"), ["list", "weight"]);
        assert_eq!(of("($f := function($n) { $n = 0 ? 1 : $f($n - 1) }; $f($start))"), ["start"]);
        assert_eq!(of("$a +"), Vec::<String>::new());
    }
}
