//! Secrets Manager's quotas.
//!
//! Source: Secrets Manager User Guide, "AWS Secrets Manager quotas".

use std::ops::RangeInclusive;
use std::time::Duration;

/// Versions of a secret that are kept; the oldest without a staging label goes first.
pub const VERSIONS_MAX: usize = 100;
/// Staging labels of a secret.
pub const STAGES_MAX: usize = 20;
/// Tags of a secret.
pub const TAGS_MAX: usize = 50;
/// Days that a deleted secret may be kept.
pub const RECOVERY_WINDOW_DAYS: RangeInclusive<i64> = 7..=30;
/// Days that a deleted secret is kept where the caller does not say.
pub const RECOVERY_WINDOW_DAYS_DEFAULT: i64 = 30;
/// Items of a page where the caller does not say.
pub const PAGE_DEFAULT: usize = 100;
/// Characters of a password where the caller does not say.
pub const PASSWORD_CHARACTERS_DEFAULT: i64 = 32;
/// How often a change is tried again whose record was changed by others meanwhile.
pub const CONFLICTS_MAX: usize = 64;
/// The pause before a store that could not write is asked again.
pub const STORE_PAUSE: Duration = Duration::from_secs(1);
