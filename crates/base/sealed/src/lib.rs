//! Secrets that are kept: sealed before they are stored, with one key for a data directory, in a file beside the store.
//!
//! [`unlock`] gives the key of a data directory and makes sure that it is the one its secrets are sealed with. Who may
//! read a secret is decided at the door, not here.

mod secret_key;
mod unlock;

pub use secret_key::SecretKey;
pub use unlock::{UnlockError, unlock};
