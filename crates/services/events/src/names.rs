//! Where buses and rules are: their ARNs and their keys in the store.

use api::Context;
use types::{AccountId, Arn, Region};

use crate::Error;

/// The name of the bus that is always there.
pub const DEFAULT_BUS: &str = "default";

/// A bus of an account in a region.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BusName {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The bus's name.
    pub name: String,
}

impl BusName {
    /// The bus that a request names, by its name or its ARN; the default bus where it names none.
    ///
    /// # Errors
    /// [`Error::BusNotFound`] for an ARN of something else, and for a bus of another account or region.
    pub fn of(cx: &Context, name_or_arn: Option<&str>) -> Result<Self, Error> {
        let name = name_or_arn.unwrap_or(DEFAULT_BUS);
        if !name.starts_with("arn:") {
            return Ok(Self::here(cx, name));
        }
        match Resource::parse(name) {
            Some(Resource::Bus(bus)) if bus.is_of(cx) => Ok(bus),
            _ => Err(Error::BusNotFound(name.to_owned())),
        }
    }

    /// The bus that a name or an ARN names, wherever it is; the default bus where there is none. `None` for an ARN of
    /// something else.
    pub fn anywhere(cx: &Context, name_or_arn: Option<&str>) -> Option<Self> {
        match name_or_arn.unwrap_or(DEFAULT_BUS) {
            arn if arn.starts_with("arn:") => match Resource::parse(arn)? {
                Resource::Bus(bus) => Some(bus),
                Resource::Rule(..) => None,
            },
            name => Some(Self::here(cx, name)),
        }
    }

    /// The bus `name` of the account and the region that a request works in.
    pub fn here(cx: &Context, name: &str) -> Self {
        Self { account: cx.account.clone(), region: cx.region.clone(), name: name.to_owned() }
    }

    /// Whether the bus lies in the account and the region that a request works in.
    pub fn is_of(&self, cx: &Context) -> bool {
        self.account == cx.account && self.region == cx.region
    }

    /// Whether this is the default bus.
    pub fn is_default(&self) -> bool {
        self.name == DEFAULT_BUS
    }

    /// `arn:P:events:R:A:event-bus/NAME`.
    pub fn arn(&self) -> Arn {
        Arn::new("events", &self.region, &self.account, format!("event-bus/{}", self.name))
    }

    /// The ARN of this bus's rule: a rule of the default bus has no bus in its ARN.
    pub fn rule_arn(&self, rule: &str) -> Arn {
        let resource =
            if self.is_default() { format!("rule/{rule}") } else { format!("rule/{}/{rule}", self.name) };
        Arn::new("events", &self.region, &self.account, resource)
    }

    /// The bus's key in the store.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.name)
    }

    /// What the keys of the bus's rules begin with. Names of partner buses hold slashes: hence the colon.
    pub fn rules_prefix(&self) -> String {
        format!("{}:", self.key())
    }

    /// A rule's key in the store.
    pub fn rule_key(&self, rule: &str) -> String {
        format!("{}{rule}", self.rules_prefix())
    }
}

/// A bus or a rule, as an ARN names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A bus.
    Bus(BusName),
    /// A rule on a bus.
    Rule(BusName, String),
}

impl Resource {
    /// What `arn` names, or `None` where it is neither a bus nor a rule.
    pub fn parse(arn: &str) -> Option<Self> {
        let arn: Arn = arn.parse().ok().filter(|arn: &Arn| arn.service == "events")?;
        let bus = |name: &str| BusName {
            account: AccountId::new(arn.account.as_str()),
            region: Region::new(arn.region.as_str()),
            name: name.to_owned(),
        };
        let (kind, rest) = arn.resource.split_once('/')?;
        match kind {
            "event-bus" => Some(Self::Bus(bus(rest))),
            "rule" => Some(match rest.rsplit_once('/') {
                Some((of, rule)) => Self::Rule(bus(of), rule.to_owned()),
                None => Self::Rule(bus(DEFAULT_BUS), rest.to_owned()),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_lead_back_to_what_they_name() {
        let bus = |name: &str| BusName {
            account: AccountId::new("000000000000"),
            region: Region::new("eu-west-1"),
            name: name.to_owned(),
        };
        for name in [DEFAULT_BUS, "orders", "aws.partner/example.com/1"] {
            let bus = bus(name);
            assert_eq!(Resource::parse(&bus.arn().to_string()), Some(Resource::Bus(bus.clone())));
            let rule = bus.rule_arn("nightly").to_string();
            assert_eq!(Resource::parse(&rule), Some(Resource::Rule(bus, "nightly".to_owned())));
        }
        assert_eq!(Resource::parse("arn:aws:events:r:a:archive/x"), None);
        assert_eq!(Resource::parse("nonsense"), None);
    }
}
