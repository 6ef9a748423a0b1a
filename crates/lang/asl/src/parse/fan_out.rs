//! Reads Parallel and Map states, with the machines inside them.

use super::fields::Fields;
use super::{Reader, SUB_MACHINE_FIELDS};
use crate::data_flow::PathField;
use crate::definition::StateId;
use crate::limits::SECONDS_MAX;
use crate::states::map::{MapState, MaxConcurrency};
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
    refuse_distributed(&processor);
    let start = inner_machine(reader, &processor)?;
    if fields.has("ItemSelector") && fields.has("Parameters") {
        fields.refuse_all("The fields 'ItemSelector' and 'Parameters' can not both be specified");
    }
    Some(MapState {
        start,
        items_path: fields.path("ItemsPath").map_or(PathField::Root, PathField::At),
        item_selector: fields.template("ItemSelector").or_else(|| fields.template("Parameters")),
        max_concurrency: max_concurrency(fields),
    })
}

fn inner_machine(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<StateId> {
    fields.allow(&[&SUB_MACHINE_FIELDS]);
    reader.query_language(fields)?;
    reader.sub_machine(fields)
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

fn max_concurrency(fields: &Fields<'_>) -> MaxConcurrency {
    if fields.has("MaxConcurrency") && fields.has("MaxConcurrencyPath") {
        fields.refuse_all("The fields 'MaxConcurrency' and 'MaxConcurrencyPath' can not both be specified");
    }
    match fields.path("MaxConcurrencyPath") {
        Some(path) => MaxConcurrency::Path(path),
        None => MaxConcurrency::Literal(fields.integer("MaxConcurrency", 0..=SECONDS_MAX).unwrap_or(0)),
    }
}
