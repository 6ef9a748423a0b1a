//! What an expression refers to, for whoever explains or checks a template.

use crate::expression::Expression;
use crate::sub::Part;

/// Something outside of an expression that its value depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'e> {
    /// `Ref`, or a name in `Fn::Sub`: a parameter, a pseudo parameter or a resource.
    Name(&'e str),
    /// `Fn::GetAtt`, or a dotted name in `Fn::Sub`.
    Attribute {
        /// Logical id of the resource.
        resource: &'e str,
        /// The attribute; `None` where a parameter names it.
        attribute: Option<&'e str>,
    },
}

impl Expression {
    /// Everything that the expression refers to, both branches of `Fn::If` included, in the order it is written.
    pub fn references(&self) -> Vec<Reference<'_>> {
        let mut references = Vec::new();
        collect(self, &mut references);
        references
    }
}

fn collect<'e>(expression: &'e Expression, references: &mut Vec<Reference<'e>>) {
    match expression {
        Expression::Ref(name) => references.push(Reference::Name(name)),
        Expression::GetAtt { resource, attribute } => {
            references.push(Reference::Attribute { resource, attribute: attribute.as_text() });
        }
        Expression::Sub(parts, variables) => {
            let own =
                parts.iter().filter(|part| part.name().is_none_or(|name| !variables.contains_key(&name)));
            references.extend(own.filter_map(|part| match part {
                Part::Text(_) => None,
                Part::Variable(name) => Some(Reference::Name(name)),
                Part::Attribute { resource, attribute } => {
                    Some(Reference::Attribute { resource, attribute: Some(attribute) })
                }
            }));
        }
        _ => {}
    }
    for child in expression.children() {
        collect(child, references);
    }
}
