//! Reads a service model and keeps what the chosen operations reach.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Map;

use super::{names, rest};

/// A service model, reduced to the chosen operations and the shapes they reach.
#[derive(Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
    /// Routes of all operations of the whole model; none for protocols without.
    #[serde(skip)]
    pub routes: Vec<Route>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    pub protocol: String,
    pub json_version: Option<String>,
    /// Whether the service spoke the query protocol before.
    pub aws_query_compatible: Option<Map<String, serde_json::Value>>,
    pub service_full_name: String,
    pub service_id: String,
    pub signing_name: Option<String>,
    pub target_prefix: Option<String>,
    pub xml_namespace: Option<String>,
}

/// Which requests are for an operation.
#[derive(Clone)]
pub struct Route {
    pub operation: String,
    pub method: String,
    pub path: String,
    pub query: Vec<String>,
    pub parameters: Vec<String>,
    pub headers: Vec<String>,
    pub status: u16,
}

#[derive(Deserialize)]
pub struct Operation {
    pub http: Http,
    pub input: Option<ShapeRef>,
    pub output: Option<ShapeRef>,
    #[serde(default)]
    pub errors: Vec<ShapeRef>,
    pub documentation: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    pub method: String,
    pub request_uri: String,
    #[serde(default = "ok")]
    pub response_code: u16,
}

fn ok() -> u16 {
    200
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShapeRef {
    pub shape: String,
    pub documentation: Option<String>,
    pub location: Option<String>,
    pub location_name: Option<String>,
    pub query_name: Option<String>,
    #[serde(default)]
    pub flattened: bool,
    /// Whether it is the body, too long for memory.
    #[serde(default)]
    pub streaming: bool,
    #[serde(default)]
    pub xml_attribute: bool,
    pub timestamp_format: Option<String>,
    pub result_wrapper: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    /// `ShapeRef`s in the model's order.
    #[serde(default)]
    pub members: Map<String, serde_json::Value>,
    #[serde(default)]
    pub required: Vec<String>,
    pub member: Option<ShapeRef>,
    pub key: Option<ShapeRef>,
    pub value: Option<ShapeRef>,
    #[serde(default)]
    pub flattened: bool,
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub pattern: Option<String>,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub document: bool,
    pub timestamp_format: Option<String>,
    /// The member that is the whole body, in REST protocols.
    pub payload: Option<String>,
    pub error: Option<ErrorTrait>,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub fault: bool,
    pub documentation: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorTrait {
    pub code: Option<String>,
    pub http_status_code: Option<u16>,
    #[serde(default)]
    pub fault: bool,
}

/// The shape of a request or an answer without members.
const NOTHING: &str = "Nothing";

impl Model {
    /// Loads `service-2.json.gz` of `folder` and drops what `operations` do not need.
    pub fn load(data: &Path, folder: &str, operations: &[String]) -> Result<Self> {
        let file = File::open(data.join(folder).join("service-2.json.gz"))?;
        let mut model: Self = serde_json::from_reader(GzDecoder::new(file))?;
        for name in operations {
            ensure!(model.operations.contains_key(name), "the model has no operation {name}");
        }
        model.routes = rest::routes(&model, operations)?;
        model.operations.retain(|name, _| operations.contains(name));
        let reached = model.reached()?;
        model.shapes.retain(|name, _| reached.contains(name));
        rest::check_shapes(&model)?;
        model.name_inputs_and_outputs()?;
        Ok(model)
    }

    /// Reads a model for what its operations answer: without requests, errors and routes.
    pub fn load_answers(data: &Path, folder: &str) -> Result<Self> {
        let file = File::open(data.join(folder).join("service-2.json.gz"))?;
        let mut model: Self = serde_json::from_reader(GzDecoder::new(file))?;
        for operation in model.operations.values_mut() {
            operation.input = Some(ShapeRef::to(NOTHING.to_owned()));
            operation.output.get_or_insert_with(|| ShapeRef::to(NOTHING.to_owned()));
            operation.errors.clear();
        }
        model.shapes.insert(NOTHING.to_owned(), Shape::empty());
        let reached = model.reached()?;
        model.shapes.retain(|name, _| reached.contains(name));
        // Nobody speaks the service's protocol: where a member travels does not matter.
        for shape in model.shapes.values_mut() {
            for (_, member) in &mut shape.members {
                if let Some(member) = member.as_object_mut() {
                    member.retain(|name, _| name == "shape");
                }
            }
        }
        (model.metadata.protocol, model.metadata.json_version) = ("json".to_owned(), Some("1.1".to_owned()));
        Ok(model)
    }

    /// The members of a structure, in the model's order.
    pub fn members(&self, shape: &Shape) -> Result<Vec<(String, ShapeRef)>> {
        shape
            .members
            .iter()
            .map(|(name, member)| Ok((name.clone(), ShapeRef::deserialize(member)?)))
            .collect()
    }

    /// Whether bytes travel beside a value of the structure of that name.
    pub fn streams(&self, name: &str) -> Result<bool> {
        Ok(self.members(self.shape(name)?)?.iter().any(|(_, member)| member.streaming))
    }

    /// The shape of that name.
    pub fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes.get(name).with_context(|| format!("no shape {name}"))
    }

    /// All shapes reached by the operations.
    fn reached(&self) -> Result<BTreeSet<String>> {
        let mut open: Vec<String> = Vec::new();
        for operation in self.operations.values() {
            let references = operation.input.iter().chain(&operation.output).chain(&operation.errors);
            open.extend(references.map(|reference| reference.shape.clone()));
        }
        let mut reached = BTreeSet::new();
        while let Some(name) = open.pop() {
            let shape = self.shape(&name)?;
            if reached.insert(name) && !shape.is_error() {
                open.extend(self.members(shape)?.into_iter().map(|(_, member)| member.shape));
                let parts = shape.member.iter().chain(&shape.key).chain(&shape.value);
                open.extend(parts.map(|part| part.shape.clone()));
            }
        }
        Ok(reached)
    }

    /// Calls each operation's input and output `<Operation>Input` and `<Operation>Output`, also where the model calls
    /// them otherwise or has none.
    fn name_inputs_and_outputs(&mut self) -> Result<()> {
        let mut renamed = BTreeMap::new();
        for (name, operation) in &mut self.operations {
            for (reference, wanted) in [
                (&mut operation.input, format!("{name}Input")),
                (&mut operation.output, format!("{name}Output")),
            ] {
                match reference {
                    Some(reference) if reference.shape == wanted => {}
                    Some(reference) => {
                        ensure!(!self.shapes.contains_key(&wanted), "{wanted} is taken");
                        let old = std::mem::replace(&mut reference.shape, wanted.clone());
                        ensure!(renamed.insert(old.clone(), wanted).is_none(), "{old} is used twice");
                    }
                    None => {
                        ensure!(!self.shapes.contains_key(&wanted), "{wanted} is taken");
                        self.shapes.insert(wanted.clone(), Shape::empty());
                        *reference = Some(ShapeRef::to(wanted));
                    }
                }
            }
        }
        for (old, new) in renamed {
            let shape = self.shapes.remove(&old).with_context(|| format!("no shape {old}"))?;
            ensure!(self.shapes.insert(new.clone(), shape).is_none(), "{new} is taken");
        }
        Ok(())
    }
}

impl Operation {
    /// Name of the input shape.
    pub fn input(&self) -> &str {
        self.input.as_ref().map_or("", |reference| &reference.shape)
    }

    /// Name of the output shape.
    pub fn output(&self) -> &str {
        self.output.as_ref().map_or("", |reference| &reference.shape)
    }
}

impl ShapeRef {
    fn to(shape: String) -> Self {
        Self {
            shape,
            documentation: None,
            location: None,
            location_name: None,
            query_name: None,
            flattened: false,
            streaming: false,
            xml_attribute: false,
            timestamp_format: None,
            result_wrapper: None,
        }
    }
}

impl Shape {
    fn empty() -> Self {
        Self {
            kind: "structure".to_owned(),
            members: Map::new(),
            required: Vec::new(),
            member: None,
            key: None,
            value: None,
            flattened: false,
            values: Vec::new(),
            min: None,
            max: None,
            pattern: None,
            sensitive: false,
            document: false,
            timestamp_format: None,
            payload: None,
            error: None,
            exception: false,
            fault: false,
            documentation: None,
        }
    }

    /// Whether the shape is an error's.
    pub fn is_error(&self) -> bool {
        self.exception
    }
}

impl Metadata {
    /// The service in a signature's credential scope.
    pub fn signing_name(&self) -> &str {
        self.signing_name.as_deref().unwrap_or(&self.endpoint_prefix)
    }
}

/// Whether a value of shape `from` holds one of shape `to` directly, so that Rust needs a box.
pub fn contains_directly(model: &Model, from: &str, to: &str) -> Result<bool> {
    let mut open = vec![from.to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if name == to {
            return Ok(true);
        }
        let shape = model.shape(&name)?;
        if shape.kind == "structure" && seen.insert(name) {
            open.extend(model.members(shape)?.into_iter().map(|(_, member)| member.shape));
        }
    }
    Ok(false)
}

/// The Rust type of a structure's shape.
pub fn type_name(shape: &str) -> String {
    names::upper_first(shape)
}
