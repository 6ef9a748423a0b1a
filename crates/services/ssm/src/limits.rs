//! Parameter Store's quotas.
//!
//! Source: AWS General Reference, "AWS Systems Manager endpoints and quotas"; Systems Manager User Guide, "Managing
//! parameter tiers", "Working with parameter versions", "Working with parameter labels".

/// Bytes of a value in the standard tier.
pub const STANDARD_VALUE_BYTES_MAX: usize = 4096;
/// Bytes of a value in the advanced tier.
pub const ADVANCED_VALUE_BYTES_MAX: usize = 8192;
/// Characters of a name, the ARN's beginning included.
pub const NAME_CHARACTERS_MAX: usize = 1011;
/// Levels of a hierarchy.
pub const LEVELS_MAX: usize = 15;
/// Versions that are kept of a parameter.
pub const VERSIONS_MAX: u64 = 100;
/// Labels of one version.
pub const LABELS_MAX: usize = 10;
/// Characters of a label.
pub const LABEL_CHARACTERS_MAX: usize = 100;
/// Tags of a parameter.
pub const TAGS_MAX: usize = 50;
/// Items of a page where the caller does not say.
pub const PAGE_DEFAULT: usize = 50;
/// Items of a page of GetParametersByPath where the caller does not say.
pub const PATH_PAGE_DEFAULT: usize = 10;
/// How often a change is tried again whose record was changed by others meanwhile.
pub const CONFLICTS_MAX: usize = 64;
