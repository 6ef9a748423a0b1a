//! The one door: every request, from whomever, is a [`Call`] through one [`Dispatcher`].
//!
//! An HTTP request, a rule's target, a schedule's target, a Task state's integration, a CloudFormation resource and the
//! command line are all the same thing: a call made by a [`Principal`]. The dispatcher authorises, validates, serves and
//! audits it. Protocols are `wire`'s; what an operation does is its service's.

mod authorize;
mod body;
mod call;
mod dispatcher;
mod error;
pub mod ids;
pub mod limits;
mod member_case;
pub mod model;
mod service;
pub mod validation;
mod watch;

pub use authorize::is_open_to_all;
pub use body::{Body, Content, FileRange, Reader, Spool};
pub use call::{Call, Principal};
pub use dispatcher::Dispatcher;
pub use error::{AwsError, Fault};
pub use member_case::camel_case;
pub use service::{Context, Reply, Service};
pub use watch::{Occurrence, Outcome};
