//! The one place where a call is permitted or denied.
//!
//! Identity and resource policies are not evaluated yet: every principal that has proved who it is may call every
//! operation on the wire. What is enforced already is that internal operations belong to services, and that nobody else
//! than who follows a link may call anything without a signature.

use crate::call::is_internal;
use crate::{AwsError, Principal};

/// What the links call that SNS writes into its messages.
const OF_LINKS: [(&str, &str); 2] = [("sns", "ConfirmSubscription"), ("sns", "Unsubscribe")];

/// Whether `service`'s `operation` may be called without a signature: whoever has the link may follow it.
pub fn is_open_to_all(service: &str, operation: &str) -> bool {
    OF_LINKS.contains(&(service, operation))
}

/// Decides whether `principal` may call `service`'s `operation`.
///
/// # Errors
/// `AccessDeniedException` with AWS's text.
pub(crate) fn authorize(principal: &Principal, service: &str, operation: &str) -> Result<(), AwsError> {
    if is_internal(operation) && !matches!(principal, Principal::Service { .. }) {
        return Err(denied(principal, service, operation));
    }
    if *principal == Principal::Anonymous && !is_open_to_all(service, operation) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_signature_only_links_are_followed() {
        let allowed = |operation| authorize(&Principal::Anonymous, "sns", operation).is_ok();
        assert!(allowed("ConfirmSubscription") && allowed("Unsubscribe"));
        assert!(!allowed("Publish") && !allowed("internal:Anything"));
        assert!(authorize(&Principal::Anonymous, "sqs", "Unsubscribe").is_err());
        assert!(authorize(&Principal::service("events.amazonaws.com"), "sns", "internal:Anything").is_ok());
    }
}
