//! Where groups and schedules are: their ARNs and their keys in the store.

use api::Context;
use serde::{Deserialize, Serialize};
use types::{AccountId, Arn, Region};

/// The name of the group that is always there.
pub const DEFAULT_GROUP: &str = "default";

/// A schedule group of an account in a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupName {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The group's name.
    pub group: String,
}

/// A schedule in its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleName {
    /// The group.
    pub group: GroupName,
    /// The schedule's name, unique in the group.
    pub name: String,
}

/// What the keys of everything begin with that an account has in a region.
pub fn prefix(cx: &Context) -> String {
    format!("{}/{}/", cx.account, cx.region)
}

impl GroupName {
    /// The group `name` of the account and the region that a request works in; the default group without a name.
    pub fn here(cx: &Context, name: Option<&str>) -> Self {
        let group = name.unwrap_or(DEFAULT_GROUP).to_owned();
        Self { account: cx.account.clone(), region: cx.region.clone(), group }
    }

    /// The group that `arn` names, or `None` where it is something else.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let arn: Arn = arn.parse().ok().filter(|arn: &Arn| arn.service == "scheduler")?;
        let group = arn.resource.strip_prefix("schedule-group/")?.to_owned();
        Some(Self { account: AccountId::new(arn.account), region: Region::new(arn.region), group })
    }

    /// Whether the group lies in the account and the region that a request works in.
    pub fn is_of(&self, cx: &Context) -> bool {
        self.account == cx.account && self.region == cx.region
    }

    /// Whether this is the default group.
    pub fn is_default(&self) -> bool {
        self.group == DEFAULT_GROUP
    }

    /// `arn:P:scheduler:R:A:schedule-group/NAME`.
    pub fn arn(&self) -> Arn {
        Arn::new("scheduler", &self.region, &self.account, format!("schedule-group/{}", self.group))
    }

    /// The group's key in the store. No part of it holds a slash.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.group)
    }

    /// What the keys of the group's schedules begin with.
    pub fn schedules_prefix(&self) -> String {
        format!("{}/", self.key())
    }

    /// What counts together for quotas.
    pub fn place(&self) -> String {
        format!("{}/{}", self.account, self.region)
    }
}

impl ScheduleName {
    /// `arn:P:scheduler:R:A:schedule/GROUP/NAME`.
    pub fn arn(&self) -> Arn {
        let Self { group, name } = self;
        Arn::new("scheduler", &group.region, &group.account, format!("schedule/{}/{name}", group.group))
    }

    /// The schedule's key in the store.
    pub fn key(&self) -> String {
        format!("{}{}", self.group.schedules_prefix(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_lead_back_to_what_they_name() {
        let group = GroupName {
            account: AccountId::new("000000000000"),
            region: Region::new("eu-west-1"),
            group: "nightly".to_owned(),
        };
        assert_eq!(GroupName::of_arn(&group.arn().to_string()), Some(group.clone()));
        let schedule = ScheduleName { group, name: "s".to_owned() };
        assert_eq!(GroupName::of_arn(&schedule.arn().to_string()), None);
        assert_eq!(GroupName::of_arn("arn:aws:events:r:a:schedule-group/x"), None);
        assert_eq!(schedule.key(), "000000000000/eu-west-1/nightly/s");
    }
}
