//! Reads `ResultWriter`.

use super::reader::{refuse_parameters, s3_resource};
use super::selector;
use crate::map_run::{OutputType, WriteTransformation};
use crate::parse::fields::Fields;
use crate::states::map::distributed::WriterFields;

const TRANSFORMATIONS: [(&str, WriteTransformation); 3] = [
    ("NONE", WriteTransformation::None),
    ("COMPACT", WriteTransformation::Compact),
    ("FLATTEN", WriteTransformation::Flatten),
];
const OUTPUT_TYPES: [(&str, OutputType); 2] = [("JSON", OutputType::Json), ("JSONL", OutputType::JsonLines)];

pub(super) fn result_writer(fields: &Fields<'_>) -> Option<WriterFields> {
    let name = if fields.is_jsonata() { "Arguments" } else { "Parameters" };
    fields.allow(&[&["Resource", "WriterConfig", name]]);
    let exports = fields.has("Resource") || fields.has(name) || !fields.has("WriterConfig");
    if exports && !fields.require(&["Resource", name]) {
        return None;
    }
    if exports {
        s3_resource(fields, &[("arn:aws:states:::s3:putObject", ())])?;
        refuse_parameters(fields, name, &["Bucket"], &["Prefix", "ExpectedBucketOwner"]);
    }
    let config = if fields.has("WriterConfig") { Some(fields.inner("WriterConfig")?) } else { None };
    if let Some(config) = &config {
        config.allow(&[&["Transformation", "OutputType"]]);
    }
    let transformation = config.as_ref().and_then(|config| config.choice("Transformation", &TRANSFORMATIONS));
    // What is exported is told whole; what becomes the state's result is not.
    let default = if exports { WriteTransformation::None } else { WriteTransformation::Compact };
    let output_type = config.as_ref().and_then(|config| config.choice("OutputType", &OUTPUT_TYPES));
    Some(WriterFields {
        parameters: if exports { Some(selector(fields, name)?) } else { None },
        transformation: transformation.unwrap_or(default),
        output_type: output_type.unwrap_or_default(),
    })
}
