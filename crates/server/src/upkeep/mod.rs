//! What keeps a data directory usable for years: its format, backups of it, and restores.
//!
//! What is forgotten when, and how space comes back, is the business of the services and of the store.

pub mod backup;
pub mod control;
pub mod data_dir;
mod files;
pub mod manifest;
pub mod restore;
