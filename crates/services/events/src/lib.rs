//! Amazon EventBridge.

pub mod generated;
