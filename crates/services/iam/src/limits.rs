//! AWS's quotas, by their names in "IAM and AWS STS quotas".

use std::time::Duration;

/// Roles in an account.
pub(crate) const ROLES_PER_ACCOUNT: usize = 1000;
/// Characters of a role's trust policy, white space not counted.
pub(crate) const ACL_SIZE_PER_ROLE: usize = 2048;
/// Characters of all inline policies of a role, white space not counted.
pub(crate) const INLINE_POLICY_SIZE_PER_ROLE: usize = 10_240;
/// Tags on a role.
pub(crate) const TAGS_PER_ROLE: usize = 50;
/// Access keys of the root user.
pub(crate) const ACCESS_KEYS_PER_USER: usize = 2;
/// Items of a page where the caller gives no `MaxItems`.
pub(crate) const MAX_ITEMS_DEFAULT: usize = 100;
/// Characters of a session's inline policy.
pub(crate) const SESSION_POLICY_SIZE: usize = 2048;
/// Seconds that a role's session lasts where the caller gives no `DurationSeconds`, and at most for a session that a
/// session assumes.
pub(crate) const SESSION_SECONDS_DEFAULT: i64 = 3600;
/// Seconds of a session where neither role nor caller say more.
pub(crate) const MAX_SESSION_DURATION_DEFAULT: i64 = 3600;
/// How long an expired session is kept so that its holder is told that it expired. Ours: AWS names no time.
pub(crate) const EXPIRED_SESSION_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Credentials that are kept in memory because requests were signed with them lately. Ours.
pub(crate) const KNOWN_CREDENTIALS_MAX: usize = 4096;
