//! The one place where a call is permitted or denied.
//!
//! Identity and resource policies are not evaluated yet: every principal that has proved who it is may call every
//! operation on the wire. What is enforced already is that internal operations belong to services.

use crate::call::is_internal;
use crate::{AwsError, Principal};

/// Decides whether `principal` may call `service`'s `operation`.
///
/// # Errors
/// `AccessDeniedException` with AWS's text.
pub(crate) fn authorize(principal: &Principal, service: &str, operation: &str) -> Result<(), AwsError> {
    if is_internal(operation) && !matches!(principal, Principal::Service { .. }) {
        return Err(denied(principal, service, operation));
    }
    Ok(())
}

fn denied(principal: &Principal, service: &str, operation: &str) -> AwsError {
    AwsError::new(
        "AccessDeniedException",
        format!("User: {principal} is not authorized to perform: {service}:{operation}"),
    )
}
