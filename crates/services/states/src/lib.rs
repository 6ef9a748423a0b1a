//! AWS Step Functions.

pub mod generated;
