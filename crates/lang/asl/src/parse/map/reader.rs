//! Reads `ItemReader` and `ItemBatcher`.

use super::{amount, selector};
use crate::limits::{PAYLOAD_BYTES, READER_ITEMS};
use crate::map_run::{
    CsvDelimiter, InputType, ManifestType, ReadTransformation, ReaderConfig, ReaderResource,
};
use crate::parse::fields::Fields;
use crate::states::map::amount::Content;
use crate::states::map::distributed::{BatcherFields, ReaderFields, Text};

const RESOURCES: [(&str, ReaderResource); 2] = [
    ("arn:aws:states:::s3:getObject", ReaderResource::GetObject),
    ("arn:aws:states:::s3:listObjectsV2", ReaderResource::ListObjectsV2),
];
const INPUT_TYPES: [(&str, InputType); 5] = [
    ("CSV", InputType::Csv),
    ("JSON", InputType::Json),
    ("JSONL", InputType::JsonLines),
    ("PARQUET", InputType::Parquet),
    ("MANIFEST", InputType::Manifest),
];
const DELIMITERS: [(&str, CsvDelimiter); 5] = [
    ("COMMA", CsvDelimiter::Comma),
    ("PIPE", CsvDelimiter::Pipe),
    ("SEMICOLON", CsvDelimiter::Semicolon),
    ("SPACE", CsvDelimiter::Space),
    ("TAB", CsvDelimiter::Tab),
];
const MANIFEST_TYPES: [(&str, ManifestType); 2] =
    [("S3_INVENTORY", ManifestType::S3Inventory), ("ATHENA_DATA", ManifestType::AthenaData)];
const TRANSFORMATIONS: [(&str, ReadTransformation); 2] =
    [("NONE", ReadTransformation::None), ("LOAD_AND_FLATTEN", ReadTransformation::LoadAndFlatten)];
const READER_CONFIG: &[&str] = &[
    "InputType",
    "CSVHeaderLocation",
    "CSVHeaders",
    "CSVDelimiter",
    "MaxItems",
    "MaxItemsPath",
    "ItemsPointer",
    "ItemsPointerPath",
    "ManifestType",
    "Transformation",
];

pub(super) fn item_reader(fields: &Fields<'_>) -> Option<ReaderFields> {
    let parameters = if fields.is_jsonata() { "Arguments" } else { "Parameters" };
    fields.allow(&[&["Resource", "ReaderConfig", parameters]]);
    if !fields.require(&["Resource", parameters]) {
        return None;
    }
    let resource = s3_resource(fields, &RESOURCES)?;
    refuse_wrong_parameters(fields, parameters, resource);
    let config_fields = if fields.has("ReaderConfig") { Some(fields.inner("ReaderConfig")?) } else { None };
    let config = reader_config(fields, config_fields.as_ref(), resource)?;
    let (max_items, items_pointer) = match &config_fields {
        Some(fields) => (amount(fields, "MaxItems", 0..=READER_ITEMS), items_pointer(fields)),
        None => (crate::states::map::Amount { name: "MaxItems", content: Content::Absent }, None),
    };
    Some(ReaderFields {
        resource,
        parameters: selector(fields, parameters)?,
        config,
        max_items,
        items_pointer,
    })
}

/// `Resource`, of those that are possible.
pub(super) fn s3_resource<T: Copy>(fields: &Fields<'_>, resources: &[(&str, T)]) -> Option<T> {
    let text = fields.text("Resource")?;
    let resource = resources.iter().find(|(arn, _)| *arn == text).map(|(_, resource)| *resource);
    if resource.is_none() {
        let message = format!(
            "The resource provided {text} is not recognized. The value is not a valid resource ARN, or the resource is \
             not available in this region."
        );
        fields.refuse("Resource", &message);
    }
    resource
}

fn refuse_wrong_parameters(fields: &Fields<'_>, name: &str, resource: ReaderResource) {
    let (required, possible): (&[&str], &[&str]) = match resource {
        ReaderResource::GetObject => (&["Bucket", "Key"], &["VersionId", "ExpectedBucketOwner"]),
        ReaderResource::ListObjectsV2 => (&["Bucket"], &["Prefix", "ExpectedBucketOwner"]),
    };
    refuse_parameters(fields, name, required, possible);
}

/// Notes parameters that a resource does not have, and those that it misses.
pub(super) fn refuse_parameters(fields: &Fields<'_>, name: &str, required: &[&str], possible: &[&str]) {
    if fields.has_script(name) {
        return;
    }
    let Some(parameters) = fields.object(name) else { return };
    let plain = |key: &str| match fields.is_jsonata() {
        true => key.to_owned(),
        false => key.strip_suffix(".$").unwrap_or(key).to_owned(),
    };
    let given: Vec<String> = parameters.keys().map(|key| plain(key)).collect();
    for parameter in required {
        if !given.iter().any(|given| given == parameter) {
            let message = format!("The field \"{parameter}\" is required but was missing");
            fields.refuse(name, &message);
        }
    }
    for parameter in &given {
        if !required.contains(&parameter.as_str()) && !possible.contains(&parameter.as_str()) {
            fields.refuse(name, &format!("The field \"{parameter}\" is not supported by Step Functions"));
        }
    }
}

/// `ReaderConfig`, but for what is computed.
fn reader_config(
    reader: &Fields<'_>,
    fields: Option<&Fields<'_>>,
    resource: ReaderResource,
) -> Option<ReaderConfig> {
    let Some(fields) = fields else {
        // A listing needs no configuration.
        let needed = resource == ReaderResource::GetObject && !reader.require(&["ReaderConfig"]);
        return (!needed).then(ReaderConfig::default);
    };
    fields.allow(&[READER_CONFIG]);
    fields.refuse_both("ItemsPointer", "ItemsPointerPath");
    let transformation = fields.choice("Transformation", &TRANSFORMATIONS).unwrap_or_default();
    let manifest_type = fields.choice("ManifestType", &MANIFEST_TYPES);
    let opens = resource == ReaderResource::GetObject || transformation == ReadTransformation::LoadAndFlatten;
    let needs_type = opens && manifest_type != Some(ManifestType::S3Inventory);
    if needs_type && !fields.require(&["InputType"]) {
        return None;
    }
    let input_type = input_type(fields, resource, manifest_type);
    Some(ReaderConfig {
        input_type,
        csv_headers: csv_headers(fields, input_type),
        csv_delimiter: fields.choice("CSVDelimiter", &DELIMITERS).unwrap_or_default(),
        max_items: 0,
        items_pointer: literal_pointer(fields),
        manifest_type,
        transformation,
    })
}

/// `InputType`, where it can be read from the resource. An inventory's type is its own.
fn input_type(
    fields: &Fields<'_>,
    resource: ReaderResource,
    manifest_type: Option<ManifestType>,
) -> Option<InputType> {
    let given = fields.choice("InputType", &INPUT_TYPES);
    match (given, manifest_type) {
        (Some(InputType::Parquet), _) => {
            fields.refuse("InputType", "The input type 'PARQUET' is not supported");
        }
        (Some(InputType::Manifest), _) if resource == ReaderResource::ListObjectsV2 => {
            fields.refuse("InputType", "The input type 'MANIFEST' is not supported for s3:listObjectsV2");
        }
        (Some(InputType::Csv | InputType::Json | InputType::JsonLines), Some(ManifestType::S3Inventory)) => {
            fields.refuse("InputType", "The input type of an S3 inventory can only be 'MANIFEST'");
        }
        (Some(InputType::Json | InputType::Manifest), Some(ManifestType::AthenaData)) => {
            fields.refuse("InputType", "The input type of an Athena manifest can only be 'CSV' or 'JSONL'");
        }
        _ => {}
    }
    given.or_else(|| manifest_type.map(|_| InputType::Manifest))
}

/// `CSVHeaders`, where `CSVHeaderLocation` says that they are given.
fn csv_headers(fields: &Fields<'_>, input_type: Option<InputType>) -> Option<Vec<String>> {
    if input_type == Some(InputType::Csv) && !fields.require(&["CSVHeaderLocation"]) {
        return None;
    }
    let given = fields.choice("CSVHeaderLocation", &[("FIRST_ROW", false), ("GIVEN", true)])?;
    if !given {
        if fields.has("CSVHeaders") {
            fields.refuse(
                "CSVHeaders",
                "The field 'CSVHeaders' is only supported if 'CSVHeaderLocation' is 'GIVEN'",
            );
        }
        return None;
    }
    if !fields.require(&["CSVHeaders"]) {
        return None;
    }
    let headers: Option<Vec<String>> =
        fields.elements("CSVHeaders")?.iter().map(|header| header.as_str().map(str::to_owned)).collect();
    if headers.is_none() {
        fields.refuse("CSVHeaders", "Expected value of type String");
    }
    headers
}

/// `ItemsPointer` as it is written.
fn literal_pointer(fields: &Fields<'_>) -> Option<String> {
    if fields.has_script("ItemsPointer") {
        return None;
    }
    let pointer = fields.text("ItemsPointer")?;
    if !pointer.is_empty() && !pointer.starts_with('/') {
        fields.refuse("ItemsPointer", "Value is not a valid JSON Pointer");
    }
    Some(pointer.to_owned())
}

/// `ItemsPointer` where it is computed.
fn items_pointer(fields: &Fields<'_>) -> Option<Text> {
    if fields.has_script("ItemsPointer") {
        return fields.script("ItemsPointer").map(Text::Query);
    }
    fields.path("ItemsPointerPath").map(Text::Path)
}

pub(super) fn item_batcher(fields: &Fields<'_>) -> Option<BatcherFields> {
    let names =
        ["MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"];
    fields.allow(&[&names, &["BatchInput"]]);
    if !names.iter().any(|name| fields.has(name)) {
        fields.refuse_all("One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]");
        return None;
    }
    Some(BatcherFields {
        max_items: amount(fields, "MaxItemsPerBatch", 1..=READER_ITEMS),
        max_input_bytes: amount(fields, "MaxInputBytesPerBatch", 1..=PAYLOAD_BYTES as u64),
        input: selector(fields, "BatchInput"),
    })
}
