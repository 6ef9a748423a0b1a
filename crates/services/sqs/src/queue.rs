//! A queue as it is kept: its name, its attributes, its tags.

use std::collections::BTreeMap;

use api::Context;
use serde::{Deserialize, Serialize};
use types::{Arn, Timestamp};

use crate::Error;
use crate::attributes::Attributes;
use crate::limits::QUEUE_NAME_CHARACTERS_MAX;

/// The table of queues, by [`QueueKey::text`].
pub(crate) const TABLE: &str = "sqs/queues";

/// Which queue: an account, a region and a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct QueueKey {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
}

/// A queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) key: QueueKey,
    /// What the rows of its messages begin with: another one for a queue that is created again.
    pub(crate) id: String,
    pub(crate) attributes: Attributes,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
}

impl QueueKey {
    /// The queue of that name where the call works.
    pub(crate) fn of(cx: &Context, name: &str) -> Self {
        Self {
            account: cx.account.as_str().to_owned(),
            region: cx.region.as_str().to_owned(),
            name: name.to_owned(),
        }
    }

    /// The queue with that ARN; `None` for an ARN of something else.
    pub(crate) fn of_arn(text: &str) -> Option<Self> {
        let arn = text.parse::<Arn>().ok().filter(|arn| arn.service == "sqs")?;
        Some(Self { account: arn.account, region: arn.region, name: arn.resource })
    }

    /// The key of the queue's record.
    pub(crate) fn text(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.name)
    }

    /// The queue's ARN.
    pub(crate) fn arn(&self) -> String {
        let region = types::Region::new(self.region.as_str());
        format!("arn:{}:sqs:{}:{}:{}", region.partition(), self.region, self.account, self.name)
    }

    /// The queue's URL at AWS. What a client gets names the host that it came to.
    pub(crate) fn url(&self) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{}", self.region, self.account, self.name)
    }
}

/// What a queue's URL says: an account, a name and, on AWS's own hosts, a region.
pub(crate) struct QueueAddress<'a> {
    pub(crate) account: &'a str,
    pub(crate) name: &'a str,
    pub(crate) region: Option<&'a str>,
}

impl<'a> QueueAddress<'a> {
    /// Reads a URL; `None` for what cannot be one of a queue.
    pub(crate) fn of(url: &'a str) -> Option<Self> {
        let (host, path) = url.split_once("://")?.1.split_once('/')?;
        let (account, name) = path.trim_end_matches('/').rsplit_once('/')?;
        let account = account.rsplit('/').next().unwrap_or(account);
        let region = host.strip_prefix("sqs.").and_then(|rest| rest.split_once(".amazonaws.com"));
        Some(Self { account, name, region: region.map(|(region, _)| region) })
    }
}

/// Checks the name of a queue to be.
///
/// # Errors
/// [`Error::InvalidParameterValue`].
pub(crate) fn check_name(name: &str, is_fifo: bool) -> Result<(), Error> {
    let stem = if is_fifo { name.strip_suffix(".fifo") } else { Some(name) };
    let is_valid = stem.is_some_and(|stem| {
        !stem.is_empty()
            && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    });
    if is_valid && name.len() <= QUEUE_NAME_CHARACTERS_MAX {
        return Ok(());
    }
    let text = if is_fifo {
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo \
         suffix and be 1 to 80 in length"
    } else {
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    };
    Err(Error::InvalidParameterValue(text.to_owned()))
}
