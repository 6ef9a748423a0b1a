//! Values with intrinsic functions in them, parsed once.
//!
//! Here is what a function's arguments look like; what it gives is in `evaluate`.

use indexmap::IndexMap;

use crate::error::function_error;
use crate::node::{Node, Value, scalar};
use crate::{TemplateError, sub};

/// A value of a template: plain data, or what a function will give.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// Text, number or boolean.
    Literal(serde_json::Value),
    /// A list.
    List(Vec<Expression>),
    /// A map.
    Map(IndexMap<String, Expression>),
    /// `Ref` to a parameter, a pseudo parameter or a resource.
    Ref(String),
    /// `Fn::GetAtt`. The attribute may itself be a `Ref`.
    GetAtt {
        /// Logical id of the resource.
        resource: String,
        /// Name of the attribute.
        attribute: Box<Expression>,
    },
    /// `Fn::Sub`: texts and variables in turn.
    Sub(Vec<sub::Part>, IndexMap<String, Expression>),
    /// `Fn::Join`: delimiter and list.
    Join(String, Box<Expression>),
    /// `Fn::Select`: index and list.
    Select(Box<Expression>, Box<Expression>),
    /// `Fn::Split`: delimiter and text.
    Split(String, Box<Expression>),
    /// `Fn::FindInMap`: map, two keys and the default of the language extensions.
    FindInMap(Box<[Expression; 3]>, Option<Box<Expression>>),
    /// `Fn::If`: condition's name, then, else.
    If(String, Box<Expression>, Box<Expression>),
    /// `Fn::And`.
    And(Vec<Expression>),
    /// `Fn::Or`.
    Or(Vec<Expression>),
    /// `Fn::Not`.
    Not(Box<Expression>),
    /// `Fn::Equals`.
    Equals(Box<Expression>, Box<Expression>),
    /// `Condition`: another condition's value.
    Condition(String),
    /// `Fn::Base64`.
    Base64(Box<Expression>),
    /// `Fn::Cidr`: block, count and host bits.
    Cidr(Box<Expression>, Box<Expression>, Option<Box<Expression>>),
    /// `Fn::GetAZs`: region, empty for the stack's own.
    GetAzs(Box<Expression>),
    /// `Fn::ImportValue`.
    ImportValue(Box<Expression>),
    /// `Fn::Contains`, in rules only: list and value.
    Contains(Box<Expression>, Box<Expression>),
    /// `Fn::EachMemberEquals`, in rules only: list and value.
    EachMemberEquals(Box<Expression>, Box<Expression>),
    /// `Fn::EachMemberIn`, in rules only: two lists.
    EachMemberIn(Box<Expression>, Box<Expression>),
}

/// Where a value stands decides which functions it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Properties, outputs, metadata.
    Value,
    /// `Conditions`.
    Condition,
    /// `Rules`.
    Rule,
}

/// Every function of the language, in the order of AWS's own sentence about unknown ones.
const SUPPORTED: &str = "[Fn::Base64, Fn::GetAtt, Fn::GetAZs, Fn::ImportValue, Fn::Join, Fn::Select, Fn::FindInMap, \
     Fn::Split, Fn::Sub, Ref, Fn::If, Fn::And, Fn::Or, Fn::Not, Fn::Equals, Condition, Fn::Cidr]";

impl Expression {
    pub(crate) fn parse(node: &Node, place: Place) -> Result<Self, TemplateError> {
        match &node.value {
            Value::Null => Err(TemplateError::NullValue(String::new())),
            Value::Plain(text) => Ok(Self::Literal(scalar(text))),
            Value::Quoted(text) => Ok(Self::Literal(text.as_str().into())),
            Value::List(elements) => Ok(Self::List(parse_all(elements, place)?)),
            Value::Map(members) => match members.iter().next() {
                Some((name, argument)) if members.len() == 1 && is_function(name, argument, place) => {
                    function(name, argument, place)
                }
                _ => map(members, place),
            },
        }
    }

    /// The text of a literal text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Literal(serde_json::Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The expressions that this one is made of, one level down.
    pub(crate) fn children(&self) -> Vec<&Expression> {
        match self {
            Self::Literal(_) | Self::Ref(_) | Self::Condition(_) => Vec::new(),
            Self::List(elements) | Self::And(elements) | Self::Or(elements) => elements.iter().collect(),
            Self::Map(members) | Self::Sub(_, members) => members.values().collect(),
            Self::GetAtt { attribute: one, .. }
            | Self::Join(_, one)
            | Self::Split(_, one)
            | Self::Not(one)
            | Self::Base64(one)
            | Self::GetAzs(one)
            | Self::ImportValue(one) => vec![one],
            Self::Select(one, two)
            | Self::If(_, one, two)
            | Self::Equals(one, two)
            | Self::Contains(one, two)
            | Self::EachMemberEquals(one, two)
            | Self::EachMemberIn(one, two) => vec![one, two],
            Self::FindInMap(keys, default) => keys.iter().chain(default.as_deref()).collect(),
            Self::Cidr(block, count, bits) => {
                [block, count].into_iter().chain(bits.as_ref()).map(AsRef::as_ref).collect()
            }
        }
    }
}

fn parse_all(nodes: &[Node], place: Place) -> Result<Vec<Expression>, TemplateError> {
    nodes.iter().map(|node| Expression::parse(node, place)).collect()
}

fn map(members: &IndexMap<String, Node>, place: Place) -> Result<Expression, TemplateError> {
    // A function beside other members would be kept as data and never evaluated.
    if let Some(name) = members.keys().find(|name| name.starts_with("Fn::")) {
        return Err(function_error(format!("{name} must be the only member of its object")));
    }
    let members = members.iter().map(|(key, node)| Ok((key.clone(), Expression::parse(node, place)?)));
    Ok(Expression::Map(members.collect::<Result<_, TemplateError>>()?))
}

/// `Condition` is also a member of IAM statements, whose value is a map: there it is data.
fn is_function(name: &str, argument: &Node, place: Place) -> bool {
    match name {
        "Condition" => argument.text().is_some() && place != Place::Value,
        "Ref" => true,
        _ => name.starts_with("Fn::"),
    }
}

fn function(name: &str, argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    match (name, place) {
        ("Ref", _) => reference(argument),
        ("Condition", _) => Ok(Expression::Condition(argument.text().unwrap_or_default().to_owned())),
        ("Fn::Sub", _) => substitution(argument, place),
        ("Fn::Join", _) => join(argument, place),
        ("Fn::Select", _) => select(argument, place),
        ("Fn::Split", _) => split(argument, place),
        ("Fn::FindInMap", _) => find_in_map(argument, place),
        ("Fn::If", Place::Value) => choose(argument, place),
        ("Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals", Place::Condition | Place::Rule) => {
            logic(name, argument, place)
        }
        ("Fn::Contains" | "Fn::EachMemberEquals" | "Fn::EachMemberIn", Place::Rule) => {
            membership(name, argument, place)
        }
        ("Fn::GetAtt", Place::Value | Place::Condition) => attribute(argument, place),
        ("Fn::Base64", Place::Value) => Ok(Expression::Base64(boxed(argument, place)?)),
        ("Fn::Cidr", Place::Value) => cidr(argument, place),
        ("Fn::GetAZs", Place::Value) => Ok(Expression::GetAzs(boxed(argument, place)?)),
        ("Fn::ImportValue", Place::Value) => import_value(argument, place),
        _ => Err(function_error(format!(
            "Encountered unsupported function: {name} Supported functions are: {SUPPORTED}"
        ))),
    }
}

fn boxed(node: &Node, place: Place) -> Result<Box<Expression>, TemplateError> {
    Ok(Box::new(Expression::parse(node, place)?))
}

fn reference(argument: &Node) -> Result<Expression, TemplateError> {
    match argument.text() {
        Some(name) if !name.is_empty() => Ok(Expression::Ref(name.to_owned())),
        _ => Err(function_error("every Ref object must have a single String value.")),
    }
}

fn attribute(argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    let wrong = || {
        function_error(
            "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
        )
    };
    let (resource, attribute) = match &argument.value {
        Value::Plain(text) | Value::Quoted(text) => {
            let (resource, attribute) = text.split_once('.').ok_or_else(wrong)?;
            (resource, Expression::Literal(attribute.into()))
        }
        Value::List(elements) => match elements.as_slice() {
            [resource, attribute] => {
                (resource.text().ok_or_else(wrong)?, Expression::parse(attribute, place)?)
            }
            // A nested attribute's name may be written in pieces: `[Stack, Outputs, Name]`.
            [resource, path @ ..] if path.len() > 1 => {
                let path: Option<Vec<&str>> = path.iter().map(Node::text).collect();
                let path = path.ok_or_else(wrong)?.join(".");
                (resource.text().ok_or_else(wrong)?, Expression::Literal(path.into()))
            }
            _ => return Err(wrong()),
        },
        Value::Null | Value::Map(_) => return Err(wrong()),
    };
    match &attribute {
        Expression::Ref(_) => {}
        literal if literal.as_text().is_some_and(|text| !text.is_empty()) => {}
        _ => return Err(wrong()),
    }
    if resource.is_empty() {
        return Err(wrong());
    }
    Ok(Expression::GetAtt { resource: resource.to_owned(), attribute: Box::new(attribute) })
}

fn substitution(argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    let wrong = || {
        function_error(
            "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first \
             argument, and an optional second argument to specify a mapping of values to replace in the string",
        )
    };
    let (text, variables) = match &argument.value {
        Value::Plain(text) | Value::Quoted(text) => (text.as_str(), IndexMap::new()),
        Value::List(elements) => match elements.as_slice() {
            [text] => (text.text().ok_or_else(wrong)?, IndexMap::new()),
            [text, variables] => {
                let text = text.text().ok_or_else(wrong)?;
                let variables = variables.map().ok_or_else(wrong)?.iter();
                let parsed =
                    variables.map(|(name, node)| Ok((name.clone(), Expression::parse(node, place)?)));
                (text, parsed.collect::<Result<_, TemplateError>>()?)
            }
            _ => return Err(wrong()),
        },
        Value::Null | Value::Map(_) => return Err(wrong()),
    };
    Ok(Expression::Sub(sub::parse(text)?, variables))
}

pub(crate) const JOIN: &str = "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of \
     strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.";

fn join(argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    let [delimiter, list] = argument.list().unwrap_or_default() else { return Err(function_error(JOIN)) };
    let delimiter = delimiter.text().ok_or_else(|| function_error(JOIN))?;
    if matches!(list.value, Value::Plain(_) | Value::Quoted(_)) {
        return Err(function_error(JOIN));
    }
    Ok(Expression::Join(delimiter.to_owned(), boxed(list, place)?))
}

pub(crate) const SELECT: &str =
    "Fn::Select requires a list argument with two elements: an integer index and a list";

fn select(argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    let wrong = || function_error(SELECT);
    let [index, list] = argument.list().unwrap_or_default() else { return Err(wrong()) };
    let literal = match index.text() {
        Some(text) => Some(text.parse::<usize>().map_err(|_| wrong())?),
        None => None,
    };
    match &list.value {
        Value::Null | Value::Plain(_) | Value::Quoted(_) => return Err(wrong()),
        Value::List(elements) if literal.is_some_and(|index| index >= elements.len()) => return Err(wrong()),
        Value::List(_) | Value::Map(_) => {}
    }
    Ok(Expression::Select(boxed(index, place)?, boxed(list, place)?))
}

pub(crate) const SPLIT: &str = "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a \
     string to be split or a function that returns a string to be split.";

fn split(argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    let [delimiter, text] = argument.list().unwrap_or_default() else { return Err(function_error(SPLIT)) };
    match delimiter.text() {
        Some(delimiter) if !delimiter.is_empty() && !matches!(text.value, Value::List(_)) => {
            Ok(Expression::Split(delimiter.to_owned(), boxed(text, place)?))
        }
        _ => Err(function_error(SPLIT)),
    }
}

fn find_in_map(argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    let parse = |node| Expression::parse(node, place);
    match argument.list().unwrap_or_default() {
        [map, first, second] => {
            Ok(Expression::FindInMap(Box::new([parse(map)?, parse(first)?, parse(second)?]), None))
        }
        // The fourth element belongs to the language extensions, whose transform is not served.
        _ => Err(function_error(
            "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return \
             value",
        )),
    }
}

fn choose(argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    let [condition, then, otherwise] = argument.list().unwrap_or_default() else {
        return Err(function_error("Fn::If requires a list argument with three elements"));
    };
    let condition = condition.text().ok_or_else(|| {
        function_error("Fn::If requires a list argument with the first element being a condition")
    })?;
    Ok(Expression::If(condition.to_owned(), boxed(then, place)?, boxed(otherwise, place)?))
}

fn logic(name: &str, argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    let elements = argument.list().unwrap_or_default();
    match (name, elements) {
        ("Fn::Equals", [one, two]) => Ok(Expression::Equals(boxed(one, place)?, boxed(two, place)?)),
        ("Fn::Equals", _) => {
            Err(function_error("every Fn::Equals object requires a list of 2 string parameters."))
        }
        ("Fn::Not", [one]) => Ok(Expression::Not(boxed(one, place)?)),
        ("Fn::Not", _) => Err(function_error("every Fn::Not object requires a list of 1 boolean parameter.")),
        ("Fn::And", _) if (2..=10).contains(&elements.len()) => {
            Ok(Expression::And(parse_all(elements, place)?))
        }
        (_, _) if (2..=10).contains(&elements.len()) => Ok(Expression::Or(parse_all(elements, place)?)),
        (_, _) => Err(function_error(format!(
            "every {name} object requires a list of at least 2 and at most 10 boolean parameters."
        ))),
    }
}

fn membership(name: &str, argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    let [list, value] = argument.list().unwrap_or_default() else {
        return Err(function_error(format!("every {name} object requires a list of 2 parameters.")));
    };
    let (list, value) = (boxed(list, place)?, boxed(value, place)?);
    Ok(match name {
        "Fn::Contains" => Expression::Contains(list, value),
        "Fn::EachMemberEquals" => Expression::EachMemberEquals(list, value),
        _ => Expression::EachMemberIn(list, value),
    })
}

fn cidr(argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    match argument.list().unwrap_or_default() {
        [block, count] => Ok(Expression::Cidr(boxed(block, place)?, boxed(count, place)?, None)),
        [block, count, bits] => {
            Ok(Expression::Cidr(boxed(block, place)?, boxed(count, place)?, Some(boxed(bits, place)?)))
        }
        _ => Err(function_error(
            "every Fn::Cidr object requires two parameters, (1) an IP address block and (2) a count, and optionally (3) \
             the number of subnet bits.",
        )),
    }
}

fn import_value(argument: &Node, place: Place) -> Result<Expression, TemplateError> {
    let name = boxed(argument, place)?;
    if has_import_or_attribute(&name) {
        return Err(function_error(
            "the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs",
        ));
    }
    Ok(Expression::ImportValue(name))
}

fn has_import_or_attribute(expression: &Expression) -> bool {
    matches!(expression, Expression::GetAtt { .. } | Expression::ImportValue(_) | Expression::GetAzs(_))
        || expression.children().into_iter().any(has_import_or_attribute)
}
