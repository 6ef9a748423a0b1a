//! Reads Map states, inline and distributed.

use serde_json::{Number, Value};

use super::Reader;
use super::fan_out::inner_machine;
use super::fields::Fields;
use crate::data_flow::PathField;
use crate::definition::MachineKind;
use crate::limits::{LABEL_CHARACTERS, SECONDS_MAX};
use crate::states::map::amount::Content;
use crate::states::map::{Amount, Distributed, Items, MapState, Mode, Selector};

mod reader;
mod writer;

/// Whether the item processor says so. What is wrong with it is told when it is read.
pub(super) fn is_distributed(fields: &Fields<'_>) -> bool {
    let processor = fields.value("ItemProcessor").or_else(|| fields.value("Iterator"));
    processor.and_then(|processor| processor.pointer("/ProcessorConfig/Mode")) == Some(&"DISTRIBUTED".into())
}

pub(super) fn map(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<MapState> {
    let name = if fields.has("Iterator") { "Iterator" } else { "ItemProcessor" };
    fields.refuse_both("ItemProcessor", "Iterator");
    if !fields.require(&[name]) {
        return None;
    }
    let processor = Fields::new(fields.findings(), fields.value(name)?, fields.pointer(name))?;
    let mode = mode(reader, fields, &processor);
    let start = inner_machine(reader, &processor)?;
    fields.refuse_both("ItemSelector", "Parameters");
    Some(MapState {
        start,
        items: items(fields)?,
        item_selector: selector(fields, "ItemSelector").or_else(|| parameters(fields)),
        max_concurrency: amount(fields, "MaxConcurrency", 0..=SECONDS_MAX),
        tolerated_failure_count: amount(fields, "ToleratedFailureCount", 0..=SECONDS_MAX),
        tolerated_failure_percentage: percentage(fields, "ToleratedFailurePercentage"),
        mode: mode?,
    })
}

/// `Parameters`, in older definitions.
fn parameters(fields: &Fields<'_>) -> Option<Selector> {
    if fields.is_jsonata() { None } else { fields.template("Parameters").map(Selector::Template) }
}

fn items(fields: &Fields<'_>) -> Option<Items> {
    if !fields.is_jsonata() {
        return Some(Items::Path(fields.path("ItemsPath").map_or(PathField::Root, PathField::At)));
    }
    match fields.value("Items") {
        None => Some(Items::Path(PathField::Root)),
        Some(Value::Array(_)) => fields.query("Items").map(Items::Query),
        Some(Value::Object(_)) if is_distributed(fields) => fields.query("Items").map(Items::Query),
        Some(_) if fields.has_script("Items") => fields.query("Items").map(Items::Query),
        Some(_) => {
            fields.refuse("Items", "Expected value of type Array");
            None
        }
    }
}

/// `ProcessorConfig`, and the fields that go with it.
fn mode(reader: &mut Reader<'_>, fields: &Fields<'_>, processor: &Fields<'_>) -> Option<Mode> {
    if !processor.has("ProcessorConfig") {
        return Some(Mode::Inline);
    }
    let config = processor.inner("ProcessorConfig")?;
    config.allow(&[&["Mode", "ExecutionType"]]);
    let is_distributed = match config.has("Mode") {
        true => config.choice("Mode", &[("INLINE", false), ("DISTRIBUTED", true)])?,
        false => false,
    };
    let kinds = [("STANDARD", MachineKind::Standard), ("EXPRESS", MachineKind::Express)];
    if !is_distributed {
        config.choice("ExecutionType", &kinds);
        return Some(Mode::Inline);
    }
    if !config.require(&["ExecutionType"]) {
        return None;
    }
    let execution_kind = config.choice("ExecutionType", &kinds)?;
    let label = label(reader, fields);
    let distributed = Distributed {
        execution_kind,
        label,
        reader: optional(fields, "ItemReader", reader::item_reader)?,
        batcher: optional(fields, "ItemBatcher", reader::item_batcher)?,
        writer: optional(fields, "ResultWriter", writer::result_writer)?,
    };
    Some(Mode::Distributed(Box::new(distributed)))
}

/// The fields of an object that may be absent: `None` where it is there and wrong.
fn optional<T>(
    fields: &Fields<'_>,
    name: &str,
    read: impl FnOnce(&Fields<'_>) -> Option<T>,
) -> Option<Option<T>> {
    if fields.has(name) { read(&fields.inner(name)?).map(Some) } else { Some(None) }
}

fn label(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<String> {
    let label = fields.text("Label")?;
    if label.is_empty() {
        fields.refuse("Label", "Value cannot be empty");
    }
    if label.chars().count() > LABEL_CHARACTERS {
        fields.refuse("Label", &format!("Label cannot exceed {LABEL_CHARACTERS} characters"));
    }
    if let Some(invalid) = label.chars().find(|c| !is_label_character(*c)) {
        fields.refuse("Label", &format!("Label contains invalid character: '{}'", invalid.escape_default()));
    }
    if !reader.labels.insert(label.to_owned()) {
        fields.refuse("Label", &format!("Label must be unique in the state machine: {label}"));
    }
    Some(label.to_owned())
}

fn is_label_character(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"?*<>{}[]:;,\\|^~$#%&`\"/".contains(c)
}

/// `ItemSelector`, `BatchInput`: a payload template, or a value with expressions.
fn selector(fields: &Fields<'_>, name: &str) -> Option<Selector> {
    if fields.is_jsonata() {
        return fields.query(name).map(Selector::Query);
    }
    fields.template(name).map(Selector::Template)
}

/// A whole number in a field, or in the place that its `Path` names.
fn amount(fields: &Fields<'_>, name: &'static str, range: std::ops::RangeInclusive<u64>) -> Amount {
    computed(fields, name).unwrap_or_else(|| Amount {
        name,
        content: match fields.integer(name, range) {
            Some(number) => Content::Literal(number.into()),
            None => Content::Absent,
        },
    })
}

/// A percentage in a field, or in the place that its `Path` names.
fn percentage(fields: &Fields<'_>, name: &'static str) -> Amount {
    computed(fields, name).unwrap_or_else(|| Amount {
        name,
        content: match fields.number_within(name, 0.0..=100.0).and_then(Number::from_f64) {
            Some(number) => Content::Literal(number),
            None => Content::Absent,
        },
    })
}

/// A number that is not written in the definition.
fn computed(fields: &Fields<'_>, name: &'static str) -> Option<Amount> {
    let path = format!("{name}Path");
    fields.refuse_both(name, &path);
    let content = if fields.has_script(name) {
        fields.script(name).map_or(Content::Absent, Content::Query)
    } else {
        Content::Path(fields.path(&path)?)
    };
    Some(Amount { name, content })
}
