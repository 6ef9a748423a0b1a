//! What a template may cost. Where AWS publishes a quota its name is given; the others bound work on hostile input.

/// How deep maps, lists and functions may nest. AWS publishes no figure; real templates stay far below.
pub const DOCUMENT_DEPTH_MAX: usize = 100;

/// How many values YAML aliases may add to a document, all copies counted.
pub const ALIAS_EXPANSION_MAX: usize = 100_000;

/// Quota "Resources": the most resources that one template declares.
pub const RESOURCES_MAX: usize = 500;

/// Quota "Parameters": the most parameters that one template declares.
pub const PARAMETERS_MAX: usize = 200;

/// Quota "Outputs": the most outputs that one template declares.
pub const OUTPUTS_MAX: usize = 200;

/// Quota "Mappings": the most mappings that one template declares.
pub const MAPPINGS_MAX: usize = 200;

/// Quota "Dynamic references": the most of them that one template has, once it is evaluated.
pub const DYNAMIC_REFERENCES_MAX: usize = 60;

/// Quota "Template description": the most bytes that a description has.
pub const DESCRIPTION_BYTES_MAX: usize = 1024;
