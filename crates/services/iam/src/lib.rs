//! Identity and access management, and the security token service.

mod generated;

pub use generated::{iam, sts};
