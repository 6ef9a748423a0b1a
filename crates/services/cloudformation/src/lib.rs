//! AWS CloudFormation.

pub mod generated;
