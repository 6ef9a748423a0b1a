//! The HTTP door: AWS's protocols and signatures on one port, turned into calls to the [`api::Dispatcher`].
//!
//! A request is read, routed by its target or action, its signature verified, its input converted by the service's
//! model, and the answer or error written as the same protocol wants it. A [`Front`] is what listens; plain documents for
//! containers may be served beside the API or on a listener of their own. What a principal may do is decided behind the
//! dispatcher; what a credential is worth is said by a [`CredentialStore`].

mod credential;
mod documents;
mod finishing;
mod handler;
mod limits;
mod protocol;
mod queue_url;
mod route;
mod s3;
mod server;
mod sigv4;

pub use credential::{Credential, CredentialStore};
pub use documents::{Document, DocumentRequest, Documents};
pub use handler::{AnswerBody, Wire};
pub use server::Front;
pub use sigv4::{Refusal, sign};
