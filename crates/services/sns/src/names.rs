//! ARNs of topics and subscriptions, and the keys under which they are kept.

use api::Context;
use types::{AccountId, Arn, Region};

use crate::Error;
use crate::limits::TOPIC_NAME_MAX;

/// What the names of FIFO topics and queues end with.
pub const FIFO: &str = ".fifo";

/// A topic, by its place and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicName {
    /// The topic's owner.
    pub account: AccountId,
    /// Where it is.
    pub region: Region,
    /// Unique there.
    pub name: String,
}

impl TopicName {
    /// The topic of that name in the account and region of a call.
    pub fn of(cx: &Context, name: &str) -> Self {
        Self { account: cx.account.clone(), region: cx.region.clone(), name: name.to_owned() }
    }

    /// Reads a topic's ARN, which must be one of the call's region.
    ///
    /// # Errors
    /// [`Error::Parameter`] where it is none.
    pub fn parse(cx: &Context, text: &str) -> Result<Self, Error> {
        let arn = arn("TopicArn", text)?;
        if arn.service != "sns" || arn.region != cx.region.as_str() || !is_name(&arn.resource) {
            return Err(Error::Parameter("TopicArn".to_owned()));
        }
        Ok(Self { account: AccountId::new(arn.account), region: Region::new(arn.region), name: arn.resource })
    }

    /// The topic's ARN.
    pub fn arn(&self) -> String {
        Arn::new("sns", &self.region, &self.account, self.name.as_str()).to_string()
    }

    /// The key under which the topic is kept.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.name)
    }

    /// What the keys of its subscriptions begin with. No name of a topic holds `:`.
    pub fn subscriptions_prefix(&self) -> String {
        format!("{}:", self.key())
    }

    /// Whether its messages keep their order.
    pub fn is_fifo(&self) -> bool {
        self.name.ends_with(FIFO)
    }
}

/// A subscription, by its topic and its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubscriptionName {
    /// Its topic.
    pub topic: TopicName,
    /// A UUID.
    pub id: String,
}

impl SubscriptionName {
    /// Reads a subscription's ARN.
    ///
    /// # Errors
    /// [`Error::Parameter`] where it is none.
    pub fn parse(cx: &Context, text: &str) -> Result<Self, Error> {
        let arn = arn("SubscriptionArn", text)?;
        let parts = arn.resource.split_once(':').filter(|(topic, id)| is_name(topic) && is_uuid(id));
        match parts {
            Some((topic, id)) if arn.service == "sns" && arn.region == cx.region.as_str() => Ok(Self {
                topic: TopicName {
                    account: AccountId::new(arn.account),
                    region: Region::new(arn.region),
                    name: topic.to_owned(),
                },
                id: id.to_owned(),
            }),
            _ => Err(Error::Parameter("SubscriptionId".to_owned())),
        }
    }

    /// The subscription's ARN.
    pub fn arn(&self) -> String {
        format!("{}:{}", self.topic.arn(), self.id)
    }

    /// The key under which the subscription is kept.
    pub fn key(&self) -> String {
        format!("{}{}", self.topic.subscriptions_prefix(), self.id)
    }
}

/// What the keys of everything begin with that an account has in a region.
pub fn prefix(cx: &Context) -> String {
    format!("{}/{}/", cx.account, cx.region)
}

fn arn(parameter: &str, text: &str) -> Result<Arn, Error> {
    let elements = text.split(':').count();
    if elements < 6 {
        let reason = format!("An ARN must have at least 6 elements, not {elements}");
        return Err(Error::reason(parameter, reason));
    }
    text.parse().map_err(|_| Error::Parameter(parameter.to_owned()))
}

/// Whether a topic may have that name.
fn is_name(name: &str) -> bool {
    let stem = name.strip_suffix(FIFO).unwrap_or(name);
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !stem.is_empty() && stem.len() <= TOPIC_NAME_MAX && stem.bytes().all(is_letter)
}

fn is_uuid(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Checks the name of a topic that is to be made.
///
/// # Errors
/// [`Error::Parameter`].
pub fn check(name: &str, is_fifo: bool) -> Result<(), Error> {
    let problem = match (is_fifo, name.ends_with(FIFO)) {
        (true, true) | (false, false) if is_name(name) => return Ok(()),
        (true, _) => {
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, \
             numbers, underscores, and hyphens, and must be between 1 and 256 characters long."
        }
        (false, _) => "Topic Name",
    };
    Err(Error::Parameter(problem.to_owned()))
}
