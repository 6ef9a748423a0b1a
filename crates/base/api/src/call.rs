//! What passes through the door: who calls, what, with which input.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::{AccountId, Arn, Region};

use crate::ids;

/// Who makes a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Principal {
    /// The account's owner: the root access key.
    Root {
        /// The account that the key belongs to.
        account: AccountId,
    },
    /// A session of a role: temporary credentials, or a service acting as a role it was passed.
    Role {
        /// `arn:aws:iam::A:role/path/NAME`.
        role_arn: String,
        /// The session's name, 2 to 64 characters.
        session: String,
    },
    /// One of Runwright's own services, such as `events.amazonaws.com`.
    Service {
        /// The service principal.
        name: String,
    },
    /// Somebody who has not said who it is, and follows a link.
    Anonymous,
}

impl Principal {
    /// The service principal `name`, such as `ecs.amazonaws.com`.
    pub fn service(name: &str) -> Self {
        Self::Service { name: name.to_owned() }
    }

    /// A session `session` of the role with the ARN `role_arn`.
    pub fn role(role_arn: impl Into<String>, session: impl Into<String>) -> Self {
        Self::Role { role_arn: role_arn.into(), session: session.into() }
    }

    /// Whether it may set and remove tags whose keys begin with `aws:`, which AWS keeps for its own services.
    pub fn may_change_reserved_tags(&self) -> bool {
        matches!(self, Self::Service { .. })
    }

    /// The ARN by which IAM and error texts name this principal.
    ///
    /// A role session is `arn:aws:sts::A:assumed-role/ROLE/SESSION`: the role's path is dropped.
    pub fn arn(&self) -> String {
        match self {
            Self::Root { account } => format!("arn:aws:iam::{account}:root"),
            Self::Role { role_arn, session } => match role_arn.parse::<Arn>() {
                Ok(arn) => {
                    let name = arn.resource.rsplit('/').next().unwrap_or_default().to_owned();
                    format!("arn:{}:sts::{}:assumed-role/{name}/{session}", arn.partition, arn.account)
                }
                Err(_) => role_arn.clone(),
            },
            Self::Service { name } => name.clone(),
            Self::Anonymous => "anonymous".to_owned(),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn())
    }
}

/// One request for one operation.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who asks.
    pub principal: Principal,
    /// The account in which the operation works.
    pub account: AccountId,
    /// The region in which the operation works.
    pub region: Region,
    /// The service's namespace as ARNs and signatures have it: `states`, `events`, `ecs`, `logs`, `iam`, `sts`,
    /// `cloudformation`.
    pub service: String,
    /// The operation's name, such as `StartExecution`. A name that begins with `internal:` is not on the wire: only
    /// service principals may call it.
    pub operation: String,
    /// The input, in the shape of the service's JSON protocol (timestamps as epoch seconds, blobs as base64), also where
    /// the wire speaks XML.
    pub input: Value,
    /// The request's id, a UUID.
    pub request_id: String,
    /// What a service of Runwright's own that may have to try again gives to all tries of one call; 128 characters at
    /// most. A service that would do the same thing twice (a queue, a topic) answers a second try as it did the first. Each
    /// entry of a batch is a thing of its own: its key is this one, a slash, and the entry's `Id`. Nothing on the wire
    /// sets it.
    pub idempotency_key: Option<String>,
}

impl Call {
    /// A call of `service`'s `operation` under a request id of its own: one that began in this program, not on the wire.
    pub fn new(
        principal: Principal,
        account: &AccountId,
        region: &Region,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Self {
        Self {
            principal,
            account: account.clone(),
            region: region.clone(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            input,
            request_id: ids::uuid(),
            idempotency_key: None,
        }
    }

    /// The same call, one of several tries that are to be served once.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Whether the operation is one of those that only services may call.
    pub fn is_internal(&self) -> bool {
        is_internal(&self.operation)
    }
}

/// Whether an operation of that name is one that only services may call.
pub(crate) fn is_internal(operation: &str) -> bool {
    operation.starts_with("internal:")
}
