//! Access keys, as the wire needs to know them.

use std::fmt;
use std::sync::Arc;

use api::Principal;
use futures_util::future::BoxFuture;
use types::Timestamp;

/// Knows the access keys.
pub trait CredentialStore: Send + Sync {
    /// The credential with that access key id; `None` for keys that do not exist, are inactive or were deleted.
    fn lookup<'a>(&'a self, access_key_id: &'a str) -> BoxFuture<'a, Option<Arc<Credential>>>;
}

/// What belongs to an access key id.
#[derive(Clone)]
pub struct Credential {
    /// The key that requests are signed with.
    pub secret_access_key: String,
    /// The token that requests must carry; `None` for long-term keys, whose requests must carry none.
    pub session_token: Option<String>,
    /// When a temporary credential ends.
    pub expires: Option<Timestamp>,
    /// Who the caller is.
    pub principal: Principal,
}

impl fmt::Debug for Credential {
    /// Shows neither secret nor token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("expires", &self.expires)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}
