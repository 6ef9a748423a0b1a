//! Reads Parallel and Map states, with the machines inside them.

use serde_json::Value;

use super::fields::Fields;
use super::{DistributedMaps, Reader, SUB_MACHINE_FIELDS};
use crate::data_flow::PathField;
use crate::definition::StateId;
use crate::limits::SECONDS_MAX;
use crate::states::map::{Items, MapState, MaxConcurrency, Selector, ToleratedFailures};
use crate::states::parallel::ParallelState;

pub(super) fn parallel(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<ParallelState> {
    if !fields.require(&["Branches"]) {
        return None;
    }
    let count = fields.elements("Branches")?.len();
    let branches: Vec<StateId> =
        fields.objects("Branches").iter().filter_map(|branch| inner_machine(reader, branch)).collect();
    (branches.len() == count).then_some(ParallelState { branches })
}

pub(super) fn map(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<MapState> {
    let name = if fields.has("Iterator") { "Iterator" } else { "ItemProcessor" };
    if fields.has("Iterator") && fields.has("ItemProcessor") {
        fields.refuse_all("The fields 'ItemProcessor' and 'Iterator' can not both be specified");
    }
    if !fields.require(&[name]) {
        return None;
    }
    let processor = Fields::new(fields.findings(), fields.value(name)?, fields.pointer(name))?;
    if reader.distributed_maps == DistributedMaps::Refused {
        refuse_distributed(&processor);
    }
    let tolerated_failures = tolerated_failures(fields);
    let start = inner_machine(reader, &processor)?;
    if fields.has("ItemSelector") && fields.has("Parameters") {
        fields.refuse_all("The fields 'ItemSelector' and 'Parameters' can not both be specified");
    }
    Some(MapState {
        start,
        items: items(fields)?,
        item_selector: item_selector(fields),
        max_concurrency: max_concurrency(fields),
        tolerated_failures,
        has_item_reader: fields.has("ItemReader"),
        has_result_writer: fields.has("ResultWriter"),
    })
}

fn items(fields: &Fields<'_>) -> Option<Items> {
    if !fields.is_jsonata() {
        return Some(Items::Path(fields.path("ItemsPath").map_or(PathField::Root, PathField::At)));
    }
    match fields.value("Items") {
        None => Some(Items::Path(PathField::Root)),
        Some(Value::Array(_)) => fields.query("Items").map(Items::Query),
        Some(_) if fields.has_script("Items") => fields.query("Items").map(Items::Query),
        Some(_) => {
            fields.refuse("Items", "Expected value of type Array");
            None
        }
    }
}

fn item_selector(fields: &Fields<'_>) -> Option<Selector> {
    if fields.is_jsonata() {
        return fields.query("ItemSelector").map(Selector::Query);
    }
    fields.template("ItemSelector").or_else(|| fields.template("Parameters")).map(Selector::Template)
}

fn inner_machine(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<StateId> {
    fields.allow(&[&SUB_MACHINE_FIELDS]);
    let inner = reader.query_language(fields)?;
    let outer = std::mem::replace(&mut reader.language, inner);
    let start = reader.sub_machine(fields);
    reader.language = outer;
    start
}

fn refuse_distributed(processor: &Fields<'_>) {
    let Some(config) = processor.value("ProcessorConfig") else { return };
    let Some(config) = Fields::new(processor.findings(), config, processor.pointer("ProcessorConfig")) else {
        return;
    };
    config.allow(&[&["Mode", "ExecutionType"]]);
    match config.text("Mode") {
        None | Some("INLINE") => {}
        Some("DISTRIBUTED") => config.refuse("Mode", "The mode 'DISTRIBUTED' is not supported"),
        Some(_) => {
            config.refuse("Mode", "The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]");
        }
    }
}

/// An inline Map state may say what failures it tolerates, but tolerates none: that is for distributed ones.
fn tolerated_failures(fields: &Fields<'_>) -> ToleratedFailures {
    let count = tolerated(fields, "ToleratedFailureCount", SECONDS_MAX);
    ToleratedFailures { count, percentage: tolerated(fields, "ToleratedFailurePercentage", 100) }
}

fn tolerated(fields: &Fields<'_>, name: &str, most: u64) -> Option<u64> {
    let path = format!("{name}Path");
    if fields.has(name) && fields.has(&path) {
        fields.refuse_all(&format!("The fields '{name}' and '{path}' can not both be specified"));
    }
    fields.path(&path);
    if fields.has_script(name) {
        fields.script(name);
        return None;
    }
    fields.integer(name, 0..=most)
}

fn max_concurrency(fields: &Fields<'_>) -> MaxConcurrency {
    if fields.has("MaxConcurrency") && fields.has("MaxConcurrencyPath") {
        fields.refuse_all("The fields 'MaxConcurrency' and 'MaxConcurrencyPath' can not both be specified");
    }
    if fields.has_script("MaxConcurrency") {
        return fields.script("MaxConcurrency").map_or(MaxConcurrency::Literal(0), MaxConcurrency::Query);
    }
    match fields.path("MaxConcurrencyPath") {
        Some(path) => MaxConcurrency::Path(path),
        None => MaxConcurrency::Literal(fields.integer("MaxConcurrency", 0..=SECONDS_MAX).unwrap_or(0)),
    }
}
