//! What services answer that are not behind the door: for results that somebody makes up in their place.
//!
//! Models of answers only, generated as those of the services that are served. Nothing here calls anybody.

use api::model::ServiceModel;

#[path = "generated/answers/dynamodb.rs"]
mod dynamodb;
#[path = "generated/answers/kms.rs"]
mod kms;
#[path = "generated/answers/lambda.rs"]
mod lambda;
#[path = "generated/answers/sns.rs"]
mod sns;
#[path = "generated/answers/sqs.rs"]
mod sqs;

/// The services.
pub(crate) static MODELS: [&ServiceModel; 5] =
    [&dynamodb::MODEL, &kms::MODEL, &lambda::MODEL, &sns::MODEL, &sqs::MODEL];
