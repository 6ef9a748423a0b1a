//! Images on this machine: where they come from, and the layers that overlayfs stacks.
//!
//! The store is content-addressed: a layer is a directory named by the digest of its tar stream, an image is a document
//! named by the digest of its configuration, a name is a small file. Everything is made aside and renamed into place,
//! so a crash leaves either all of it or nothing. What runs in a container is not decided here (`process`).

mod allowance;
pub mod archive;
pub mod digest;
pub mod document;
mod http;
pub mod layer;
pub mod limits;
pub mod reference;
pub mod registry;
pub mod store;

pub use document::StoredImage;
pub use reference::Reference;
pub use registry::{Credentials, RegistryOptions};
pub use store::ImageStore;
