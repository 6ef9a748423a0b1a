//! YAML to nodes. Short tags (`!Ref`, `!Sub`) become maps of their long names; scalars keep their text.

use std::collections::HashMap;

use indexmap::IndexMap;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use crate::TemplateError;
use crate::limits::{ALIAS_EXPANSION_MAX, DOCUMENT_DEPTH_MAX};
use crate::node::{Node, Position, Value};

pub(super) fn read(text: &str) -> Result<Node, TemplateError> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), expanded: 0 };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd | Event::DocumentEnd, _) => return Err(TemplateError::UnsupportedStructure),
            (event, span) => {
                let node = reader.node(event, span, 0)?;
                reader.end()?;
                return Ok(node);
            }
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// Finished values by anchor, with the number of nodes that each holds and its depth.
    anchors: HashMap<usize, (Node, usize, usize)>,
    /// How many nodes aliases have added so far.
    expanded: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), TemplateError> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(not_well_formed(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// One document is all that a template has.
    fn end(&mut self) -> Result<(), TemplateError> {
        loop {
            match self.next()? {
                (Event::DocumentEnd | Event::Nothing, _) => {}
                (Event::StreamEnd, _) => return Ok(()),
                (_, span) => return Err(TemplateError::YamlNotWellFormed(position(span))),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, TemplateError> {
        let position = position(span);
        if depth > DOCUMENT_DEPTH_MAX {
            return Err(TemplateError::TooDeep(position));
        }
        let (value, tag, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, position, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let string = tag.as_ref().is_some_and(|tag| is_string_tag(tag));
                (scalar(text.into_owned(), style, string || is_function(tag.as_deref())), tag, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let depth = depth + usize::from(is_function(tag.as_deref()));
                (self.list(depth)?, tag, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                let depth = depth + usize::from(is_function(tag.as_deref()));
                (self.map(depth)?, tag, anchor)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(TemplateError::YamlNotWellFormed(position)),
        };
        let node = tagged(Node { position, value }, tag.as_deref())?;
        if anchor > 0 {
            let (count, height) = size(&node);
            self.anchors.insert(anchor, (node.clone(), count, height));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, TemplateError> {
        let mut elements = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(elements)),
                (event, span) => elements.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, TemplateError> {
        let mut members = IndexMap::new();
        loop {
            let (event, span) = self.next()?;
            let position = position(span);
            let key = match event {
                Event::MappingEnd => return Ok(Value::Map(members)),
                // A merge key is not part of the language; taking it for a name would hide what was meant.
                Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<" => {
                    return Err(TemplateError::YamlNotWellFormed(position));
                }
                Event::Scalar(text, _, _, None) => text.into_owned(),
                _ => return Err(TemplateError::YamlNotWellFormed(position)),
            };
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            if members.insert(key.clone(), node).is_some() {
                return Err(TemplateError::DuplicateKey { key, position });
            }
        }
    }

    /// A copy of an earlier value. The sum of all copies is limited, so that nested aliases cannot explode.
    fn alias(&mut self, anchor: usize, position: Position, depth: usize) -> Result<Node, TemplateError> {
        let Some((node, count, height)) = self.anchors.get(&anchor) else {
            return Err(TemplateError::YamlNotWellFormed(position));
        };
        self.expanded += count;
        if self.expanded > ALIAS_EXPANSION_MAX {
            return Err(TemplateError::TooManyAliases);
        }
        if depth + height > DOCUMENT_DEPTH_MAX {
            return Err(TemplateError::TooDeep(position));
        }
        Ok(Node { position, value: node.value.clone() })
    }
}

fn scalar(text: String, style: ScalarStyle, string: bool) -> Value {
    match style {
        ScalarStyle::Plain if string => Value::Quoted(text),
        ScalarStyle::Plain => match text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            _ => Value::Plain(text),
        },
        ScalarStyle::SingleQuoted
        | ScalarStyle::DoubleQuoted
        | ScalarStyle::Literal
        | ScalarStyle::Folded => Value::Quoted(text),
    }
}

fn is_string_tag(tag: &Tag) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == "str"
}

fn is_function(tag: Option<&Tag>) -> bool {
    tag.is_some_and(|tag| tag.handle == "!")
}

/// Wraps what carries a short tag: `!Ref x` is `{"Ref": "x"}`, `!Sub x` is `{"Fn::Sub": "x"}`.
fn tagged(node: Node, tag: Option<&Tag>) -> Result<Node, TemplateError> {
    let Some(tag) = tag else { return Ok(node) };
    let position = node.position;
    if tag.is_yaml_core_schema() {
        return match tag.suffix.as_str() {
            "str" | "int" | "float" | "bool" | "null" | "seq" | "map" => Ok(node),
            _ => Err(TemplateError::YamlNotWellFormed(position)),
        };
    }
    if tag.handle != "!" || tag.suffix.is_empty() {
        return Err(TemplateError::YamlNotWellFormed(position));
    }
    let name = match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => name.to_owned(),
        name => format!("Fn::{name}"),
    };
    Ok(Node { position, value: Value::Map(IndexMap::from([(name, node)])) })
}

/// How many nodes a value holds, and how deep they nest.
fn size(node: &Node) -> (usize, usize) {
    let children: Vec<&Node> = match &node.value {
        Value::Null | Value::Plain(_) | Value::Quoted(_) => Vec::new(),
        Value::List(elements) => elements.iter().collect(),
        Value::Map(members) => members.values().collect(),
    };
    children
        .into_iter()
        .map(size)
        .fold((1, 1), |(count, height), (more, below)| (count + more, height.max(below + 1)))
}

fn position(span: Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

/// AWS gives a place for what its scanner meets, none for what its parser does (recorded: a key that is indented less than
/// its siblings). The two are told apart by how the library's sentences begin.
fn not_well_formed(error: &ScanError) -> TemplateError {
    let marker = error.marker();
    let place = Position { line: marker.line(), column: marker.col() + 1 };
    if error.info().starts_with("while parsing") {
        TemplateError::YamlMisnested(place)
    } else {
        TemplateError::YamlNotWellFormed(place)
    }
}
