//! What Amazon S3 answers when it cannot serve a request.

use std::io;

use api::AwsError;
use checksum::Algorithm;

use crate::conditions::Unmet;
use crate::limits;

/// One variant per reason, with AWS's text.
///
/// Source: S3 API Reference, "Error responses", and what AWS answers.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text is its documentation")]
pub enum Error {
    #[error("Access Denied")]
    AccessDenied,
    #[error(
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please \
         select a different name and try again."
    )]
    BucketAlreadyExists(String),
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketAlreadyOwnedByYou(String),
    #[error("The bucket you tried to delete is not empty")]
    BucketNotEmpty(String),
    #[error("The specified bucket is not valid.")]
    InvalidBucketName(String),
    #[error("The specified location-constraint is not valid")]
    InvalidLocationConstraint(String),
    #[error(
        "The {0} location constraint is incompatible for the region specific endpoint this request was sent to."
    )]
    IllegalLocationConstraint(String),
    #[error("Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")]
    BucketAcl,
    #[error("The bucket does not allow ACLs")]
    AclsNotSupported,
    #[error("The specified bucket does not exist")]
    NoSuchBucket(String),
    #[error("The specified key does not exist.")]
    NoSuchKey(String),
    #[error("The specified key does not exist.")]
    Deleted { key: String, version_id: String },
    #[error("The specified version does not exist.")]
    NoSuchVersion { key: String, version_id: String },
    #[error("The specified method is not allowed against this resource.")]
    DeleteMarker { version_id: String },
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
         completed."
    )]
    NoSuchUpload(String),
    #[error("The TagSet does not exist")]
    NoSuchTagSet(String),
    #[error("Your key is too long")]
    KeyTooLong(usize),
    #[error("Your proposed upload exceeds the maximum allowed size")]
    EntityTooLarge(u64),
    #[error("Your metadata headers exceed the maximum allowed metadata size")]
    MetadataTooLarge(usize),
    #[error("The storage class you specified is not valid")]
    InvalidStorageClass(String),
    #[error("The Content-MD5 you specified was invalid.")]
    InvalidDigest(String),
    #[error("The Content-MD5 you specified did not match what we received.")]
    BadDigest { expected: String, calculated: String },
    #[error("The {name} you specified did not match the calculated checksum.", name = .0.name())]
    BadChecksum(Algorithm),
    #[error("Value for {header} header is invalid.", header = .0.header())]
    InvalidChecksum(Algorithm),
    #[error(
        "Checksum Type mismatch occurred, expected checksum Type: {expected}, actual checksum Type: {actual}"
    )]
    ChecksumMismatch { expected: String, actual: String },
    #[error("The {kind} checksum type cannot be used with the {algorithm} checksum algorithm.")]
    ChecksumType { kind: &'static str, algorithm: String },
    #[error(
        "The upload was created using a {algorithm} checksum. The complete request must include the checksum for each \
         part. It was missing for part {part} in the request."
    )]
    MissingPartChecksum { algorithm: String, part: i64 },
    #[error("At least one of the pre-conditions you specified did not hold")]
    PreconditionFailed(&'static str),
    #[error("Not Modified")]
    NotModified { etag: String },
    #[error("The requested range is not satisfiable")]
    InvalidRange { range: String, size: u64 },
    #[error("The requested partnumber is not satisfiable")]
    InvalidPartNumber { requested: i64, count: usize },
    #[error(
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified \
         entity tag may not match the part's entity tag."
    )]
    InvalidPart { upload_id: String, part: i64, etag: String },
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    InvalidPartOrder(String),
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    EntityTooSmall { part: i64, etag: String, size: u64 },
    #[error("The XML you provided was not well-formed or did not validate against our published schema")]
    MalformedXml,
    #[error("The Versioning element must be specified")]
    IllegalVersioning,
    #[error("{0}")]
    InvalidTag(&'static str),
    #[error(
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
    )]
    InvalidTagging,
    #[error("{0} tags cannot be greater than {1}")]
    TooManyTags(&'static str, usize),
    #[error("{message}")]
    InvalidArgument { message: String, name: &'static str, value: String },
    #[error("{0}")]
    InvalidRequest(String),
    #[error("A header you provided implies functionality that is not implemented")]
    NotImplemented(&'static str),
    #[error(
        "A conflicting conditional operation is currently in progress against this resource. Please try again."
    )]
    Conflict,
    #[error("We encountered an internal error. Please try again.")]
    Store(#[source] store::Error),
    #[error("We encountered an internal error. Please try again.")]
    Files(#[from] io::Error),
}

impl Error {
    /// An [`Error::InvalidArgument`] about the argument `name`.
    pub(crate) fn argument(message: impl Into<String>, name: &'static str, value: impl Into<String>) -> Self {
        Self::InvalidArgument { message: message.into(), name, value: value.into() }
    }

    /// A read's condition that did not hold for the object with `etag`.
    pub(crate) fn unmet(unmet: Unmet, etag: &str) -> Self {
        match unmet {
            Unmet::Match => Self::PreconditionFailed("If-Match"),
            Unmet::UnmodifiedSince => Self::PreconditionFailed("If-Unmodified-Since"),
            Unmet::NoneMatch | Unmet::ModifiedSince => Self::NotModified { etag: etag.to_owned() },
        }
    }

    /// AWS's code and the HTTP status.
    fn code(&self) -> (&'static str, u16) {
        match self {
            Self::AccessDenied => ("AccessDenied", 403),
            Self::BucketAlreadyExists(_) => ("BucketAlreadyExists", 409),
            Self::BucketAlreadyOwnedByYou(_) => ("BucketAlreadyOwnedByYou", 409),
            Self::BucketNotEmpty(_) => ("BucketNotEmpty", 409),
            Self::InvalidBucketName(_) => ("InvalidBucketName", 400),
            Self::InvalidLocationConstraint(_) => ("InvalidLocationConstraint", 400),
            Self::IllegalLocationConstraint(_) => ("IllegalLocationConstraintException", 400),
            Self::BucketAcl => ("InvalidBucketAclWithObjectOwnership", 400),
            Self::AclsNotSupported => ("AccessControlListNotSupported", 400),
            Self::NoSuchBucket(_) => ("NoSuchBucket", 404),
            Self::NoSuchKey(_) | Self::Deleted { .. } => ("NoSuchKey", 404),
            Self::NoSuchVersion { .. } => ("NoSuchVersion", 404),
            Self::DeleteMarker { .. } => ("MethodNotAllowed", 405),
            Self::NoSuchUpload(_) => ("NoSuchUpload", 404),
            Self::NoSuchTagSet(_) => ("NoSuchTagSet", 404),
            Self::KeyTooLong(_) => ("KeyTooLongError", 400),
            Self::EntityTooLarge(_) => ("EntityTooLarge", 400),
            Self::MetadataTooLarge(_) => ("MetadataTooLarge", 400),
            Self::InvalidStorageClass(_) => ("InvalidStorageClass", 400),
            Self::InvalidDigest(_) => ("InvalidDigest", 400),
            Self::BadDigest { .. } | Self::BadChecksum(_) => ("BadDigest", 400),
            Self::InvalidChecksum(_)
            | Self::ChecksumMismatch { .. }
            | Self::ChecksumType { .. }
            | Self::MissingPartChecksum { .. }
            | Self::InvalidRequest(_) => ("InvalidRequest", 400),
            Self::PreconditionFailed(_) => ("PreconditionFailed", 412),
            Self::NotModified { .. } => ("NotModified", 304),
            Self::InvalidRange { .. } => ("InvalidRange", 416),
            Self::InvalidPartNumber { .. } => ("InvalidPartNumber", 416),
            Self::InvalidPart { .. } => ("InvalidPart", 400),
            Self::InvalidPartOrder(_) => ("InvalidPartOrder", 400),
            Self::EntityTooSmall { .. } => ("EntityTooSmall", 400),
            Self::MalformedXml => ("MalformedXML", 400),
            Self::IllegalVersioning => ("IllegalVersioningConfigurationException", 400),
            Self::InvalidTag(_) => ("InvalidTag", 400),
            Self::InvalidTagging | Self::InvalidArgument { .. } => ("InvalidArgument", 400),
            Self::TooManyTags(..) => ("BadRequest", 400),
            Self::NotImplemented(_) => ("NotImplemented", 501),
            Self::Conflict => ("OperationAborted", 409),
            Self::Store(_) | Self::Files(_) => ("InternalError", 500),
        }
    }

    /// What AWS tells beside the message.
    fn members(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::BucketAlreadyExists(bucket)
            | Self::BucketAlreadyOwnedByYou(bucket)
            | Self::BucketNotEmpty(bucket)
            | Self::InvalidBucketName(bucket)
            | Self::NoSuchTagSet(bucket)
            | Self::NoSuchBucket(bucket) => vec![("BucketName", bucket.clone())],
            Self::InvalidLocationConstraint(location) => vec![("LocationConstraint", location.clone())],
            Self::NoSuchKey(key) => vec![("Key", key.clone())],
            Self::Deleted { key, version_id } => vec![
                ("Key", key.clone()),
                ("DeleteMarker", "true".to_owned()),
                ("VersionId", version_id.clone()),
            ],
            Self::NoSuchVersion { key, version_id } => {
                vec![("Key", key.clone()), ("VersionId", version_id.clone())]
            }
            Self::DeleteMarker { version_id } => vec![
                ("Method", "GET".to_owned()),
                ("ResourceType", "DeleteMarker".to_owned()),
                ("DeleteMarker", "true".to_owned()),
                ("VersionId", version_id.clone()),
            ],
            Self::NotModified { etag } => vec![("ETag", etag.clone())],
            Self::NoSuchUpload(upload_id) | Self::InvalidPartOrder(upload_id) => {
                vec![("UploadId", upload_id.clone())]
            }
            Self::KeyTooLong(size) => {
                vec![("Size", size.to_string()), ("MaxSizeAllowed", limits::KEY_BYTES_MAX.to_string())]
            }
            Self::EntityTooLarge(size) => vec![
                ("ProposedSize", size.to_string()),
                ("MaxSizeAllowed", limits::PUT_BYTES_MAX.to_string()),
            ],
            Self::MetadataTooLarge(size) => {
                vec![("Size", size.to_string()), ("MaxSizeAllowed", limits::METADATA_BYTES_MAX.to_string())]
            }
            Self::InvalidStorageClass(class) => vec![("StorageClassRequested", class.clone())],
            Self::InvalidDigest(md5) => vec![("Content-MD5", md5.clone())],
            Self::BadDigest { expected, calculated } => {
                vec![("ExpectedDigest", expected.clone()), ("CalculatedDigest", calculated.clone())]
            }
            Self::PreconditionFailed(condition) => vec![("Condition", (*condition).to_owned())],
            Self::InvalidRange { range, size } => {
                vec![("RangeRequested", range.clone()), ("ActualObjectSize", size.to_string())]
            }
            Self::InvalidPartNumber { requested, count } => {
                vec![("PartNumberRequested", requested.to_string()), ("ActualPartCount", count.to_string())]
            }
            Self::InvalidPart { upload_id, part, etag } => vec![
                ("UploadId", upload_id.clone()),
                ("PartNumber", part.to_string()),
                ("ETag", etag.clone()),
            ],
            Self::EntityTooSmall { part, etag, size } => vec![
                ("ProposedSize", size.to_string()),
                ("MinSizeAllowed", limits::PART_BYTES_MIN.to_string()),
                ("PartNumber", part.to_string()),
                ("ETag", etag.clone()),
            ],
            Self::InvalidArgument { name, value, .. } => {
                vec![("ArgumentName", (*name).to_owned()), ("ArgumentValue", value.clone())]
            }
            Self::NotImplemented(header) => vec![("Header", (*header).to_owned())],
            _ => Vec::new(),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict { .. } => Self::Conflict,
            error => Self::Store(error),
        }
    }
}

impl From<Error> for AwsError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Store(cause) => tracing::error!(%cause, "internal error"),
            Error::Files(cause) => tracing::error!(%cause, "internal error"),
            _ => {}
        }
        let (code, status) = error.code();
        let aws = Self::new(code, error.to_string()).with_status(status);
        error.members().into_iter().fold(aws, |aws, (name, value)| aws.with_member(name, value))
    }
}
