//! Signing keys, derived once per access key, day, region and service.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::scope::Scope;
use crate::limits;

/// The derived keys that were used lately.
#[derive(Default)]
pub struct SigningKeys {
    keys: Mutex<HashMap<String, Key>>,
}

struct Key {
    /// The secret it was derived from: an access key id may get another one.
    secret: String,
    mac: Hmac<Sha256>,
}

impl SigningKeys {
    /// The keyed hash for a scope.
    pub fn get(&self, secret: &str, scope: &Scope) -> Hmac<Sha256> {
        // The map is never left half-changed, so a panic elsewhere does not matter.
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(scope.credential()).filter(|key| key.secret == secret) {
            return key.mac.clone();
        }
        if keys.len() >= limits::SIGNING_KEYS_MAX {
            keys.clear();
        }
        let mac = derive(secret, scope);
        keys.insert(scope.credential().to_owned(), Key { secret: secret.to_owned(), mac: mac.clone() });
        mac
    }
}

impl fmt::Debug for SigningKeys {
    /// Shows no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").finish_non_exhaustive()
    }
}

fn derive(secret: &str, scope: &Scope) -> Hmac<Sha256> {
    let mut mac = keyed(format!("AWS4{secret}").as_bytes());
    for part in [scope.date(), scope.region(), scope.service(), scope.terminator()] {
        mac.update(part.as_bytes());
        mac = keyed(&mac.finalize().into_bytes());
    }
    mac
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length; the type cannot say so")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}
