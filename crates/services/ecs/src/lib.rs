//! Amazon EC2 Container Service.

pub mod generated;
