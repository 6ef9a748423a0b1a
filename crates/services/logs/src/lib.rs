//! Amazon CloudWatch Logs.

pub mod generated;
