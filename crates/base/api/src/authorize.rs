//! The one place where a call is permitted or denied.
//!
//! Identity and resource policies are not evaluated yet: every principal that has proved who it is may call every
//! operation on the wire. What is enforced already is that internal operations belong to services.

use crate::{AwsError, Call, Principal};

/// Decides whether the call's principal may make it.
///
/// # Errors
/// `AccessDeniedException` with AWS's text.
pub(crate) fn authorize(call: &Call) -> Result<(), AwsError> {
    if call.is_internal() && !matches!(call.principal, Principal::Service { .. }) {
        return Err(denied(call));
    }
    Ok(())
}

fn denied(call: &Call) -> AwsError {
    let (principal, service, operation) = (&call.principal, &call.service, &call.operation);
    AwsError::new(
        "AccessDeniedException",
        format!("User: {principal} is not authorized to perform: {service}:{operation}"),
    )
}
