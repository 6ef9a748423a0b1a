//! What a request may ask for that is not served.
//!
//! To store an object in the clear that was to be encrypted, or to let one be deleted that was to be locked, would be
//! worse than not to store it.

use serde_json::Value;

use crate::error::Error;

/// Members of inputs that are refused whatever their value, and the headers that carry them.
const MEMBERS: [(&str, &str); 17] = [
    ("ServerSideEncryption", "x-amz-server-side-encryption"),
    ("SSEKMSKeyId", "x-amz-server-side-encryption-aws-kms-key-id"),
    ("SSEKMSEncryptionContext", "x-amz-server-side-encryption-context"),
    ("SSECustomerAlgorithm", "x-amz-server-side-encryption-customer-algorithm"),
    ("SSECustomerKey", "x-amz-server-side-encryption-customer-key"),
    ("SSECustomerKeyMD5", "x-amz-server-side-encryption-customer-key-MD5"),
    ("CopySourceSSECustomerAlgorithm", "x-amz-copy-source-server-side-encryption-customer-algorithm"),
    ("CopySourceSSECustomerKey", "x-amz-copy-source-server-side-encryption-customer-key"),
    ("CopySourceSSECustomerKeyMD5", "x-amz-copy-source-server-side-encryption-customer-key-MD5"),
    ("WriteOffsetBytes", "x-amz-write-offset-bytes"),
    ("IfMatchLastModifiedTime", "x-amz-if-match-last-modified-time"),
    ("IfMatchSize", "x-amz-if-match-size"),
    ("IfMatchInitiatedTime", "x-amz-if-match-initiated-time"),
    ("AnnotationDirective", "x-amz-annotation-directive"),
    ("BucketNamespace", "x-amz-bucket-namespace"),
    ("MFA", "x-amz-mfa"),
    ("OptionalObjectAttributes", "x-amz-optional-object-attributes"),
];

/// Refuses what is not served.
///
/// # Errors
/// [`Error::NotImplemented`]; AWS's own errors for ACLs and object locks, which new buckets do not have either.
pub(crate) fn check(operation: &str, input: &Value) -> Result<(), Error> {
    let given = |name: &str| input.get(name).is_some_and(|value| !value.is_null() && *value != false);
    if let Some((_, header)) = MEMBERS.iter().find(|(name, _)| given(name)) {
        return Err(Error::NotImplemented(header));
    }
    if given("BucketKeyEnabled") {
        return Err(Error::NotImplemented("x-amz-server-side-encryption-bucket-key-enabled"));
    }
    check_acl(operation == "CreateBucket", input)?;
    if given("ObjectLockEnabledForBucket") {
        return Err(Error::NotImplemented("x-amz-bucket-object-lock-enabled"));
    }
    let is_locked = input.as_object().is_some_and(|members| {
        members
            .iter()
            .any(|(name, value)| name.starts_with("ObjectLock") && !value.is_null() && *value != false)
    });
    if is_locked {
        return Err(Error::InvalidRequest("Bucket is missing Object Lock Configuration".to_owned()));
    }
    Ok(())
}

/// The owner of a bucket owns all that is in it, and ACLs are off, as for every new bucket of AWS.
fn check_acl(is_bucket: bool, input: &Value) -> Result<(), Error> {
    let acl = input.get("ACL").and_then(Value::as_str);
    let is_usual =
        matches!(acl, None | Some("private")) || !is_bucket && acl == Some("bucket-owner-full-control");
    let grants = ["GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP"];
    let is_granted = grants.iter().any(|name| input.get(name).is_some_and(|value| !value.is_null()));
    match (is_usual && !is_granted, is_bucket) {
        (true, _) => {}
        (false, true) => return Err(Error::BucketAcl),
        (false, false) => return Err(Error::AclsNotSupported),
    }
    match input.get("ObjectOwnership").and_then(Value::as_str) {
        None | Some("BucketOwnerEnforced") => Ok(()),
        Some(_) => Err(Error::NotImplemented("x-amz-object-ownership")),
    }
}
