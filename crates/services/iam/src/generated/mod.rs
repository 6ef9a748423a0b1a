// Which services; below them all is generated.
pub mod iam;
pub mod sts;
