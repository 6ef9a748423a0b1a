//! Log groups as they are kept.

use std::collections::BTreeMap;
use std::time::Duration;

use api::Context;
use serde::{Deserialize, Serialize};
use store::{Batch, Versioned};
use types::Timestamp;

use crate::error::Error;
use crate::generated::types as shapes;
use crate::position::Window;
use crate::{Logs, background, limits};

/// The store's table of groups.
pub(crate) const TABLE: &str = "logs-groups";

/// How often a change is tried where others change the same group.
const ATTEMPTS_MAX: usize = 16;

/// A log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Never used for another group, not even of the same name.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) creation_time: Timestamp,
    pub(crate) retention_in_days: Option<i64>,
    /// `STANDARD` or `INFREQUENT_ACCESS`.
    pub(crate) class: String,
    pub(crate) deletion_protection: bool,
    pub(crate) tags: BTreeMap<String, String>,
}

/// The key under which a group is kept.
pub(crate) fn key(cx: &Context, name: &str) -> String {
    format!("{}/{}/{name}", cx.account, cx.region)
}

/// A group's ARN, without `:*`.
pub(crate) fn arn(cx: &Context, name: &str) -> String {
    cx.arn("logs", format!("log-group:{name}")).to_string()
}

impl Group {
    pub(crate) fn answer(&self, cx: &Context) -> shapes::LogGroup {
        let arn = arn(cx, &self.name);
        shapes::LogGroup {
            log_group_name: Some(self.name.clone()),
            creation_time: Some(self.creation_time.as_millis()),
            retention_in_days: self.retention_in_days,
            metric_filter_count: Some(0),
            arn: Some(format!("{arn}:*")),
            stored_bytes: Some(0),
            log_group_class: Some(self.class.clone()),
            log_group_arn: Some(arn),
            deletion_protection_enabled: Some(self.deletion_protection),
            ..shapes::LogGroup::default()
        }
    }

    /// The first time that has not expired, if anything expires.
    pub(crate) fn expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let days = u64::try_from(self.retention_in_days?).ok()?;
        Some(now - Duration::from_secs(days * 24 * 3600))
    }

    /// The events that have not expired among those from `from` on and before `to`.
    pub(crate) fn window(&self, now: Timestamp, from: Option<i64>, to: Option<Timestamp>) -> Window {
        let from = Timestamp::from_millis(from.unwrap_or(0));
        let from = self.expiry(now).map_or(from, |expiry| expiry.max(from));
        Window { from, to: to.unwrap_or(Timestamp::MAX) }
    }

    /// Sets tags.
    pub(crate) fn tag(&mut self, cx: &Context, tags: &BTreeMap<String, String>) -> Result<(), Error> {
        check_tag_keys(cx, tags.keys())?;
        self.tags.extend(tags.clone());
        if self.tags.keys().filter(|key| !is_reserved(key)).count() > limits::TAGS_MAX {
            return Err(Error::TooManyTags(arn(cx, &self.name)));
        }
        Ok(())
    }

    /// Removes tags.
    pub(crate) fn untag(&mut self, cx: &Context, keys: &[String]) -> Result<(), Error> {
        check_tag_keys(cx, keys.iter())?;
        self.tags.retain(|key, _| !keys.contains(key));
        Ok(())
    }
}

/// Keys that AWS keeps for its own services are for services only.
fn check_tag_keys<'k>(cx: &Context, mut keys: impl Iterator<Item = &'k String>) -> Result<(), Error> {
    match !cx.principal.may_change_reserved_tags() && keys.any(|key| is_reserved(key)) {
        true => Err(Error::ReservedTag),
        false => Ok(()),
    }
}

/// Tags with such keys do not count.
fn is_reserved(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("aws:")
}

impl Logs {
    pub(crate) async fn group(&self, cx: &Context, name: &str) -> Result<Versioned<Group>, Error> {
        self.groups.get(&key(cx, name)).await?.ok_or(Error::GroupNotFound)
    }

    pub(crate) async fn create_group(
        &self,
        cx: &Context,
        input: shapes::CreateLogGroupInput,
    ) -> Result<(), Error> {
        if input.kms_key_id.is_some() {
            return Err(Error::KmsKey(arn(cx, &input.log_group_name)));
        }
        let class = input.log_group_class.unwrap_or_else(|| "STANDARD".to_owned());
        if class == "DELIVERY" {
            return Err(Error::ClassNotServed(class));
        }
        let tags = input.tags.unwrap_or_default();
        check_tag_keys(cx, tags.keys())?;
        let group = Group {
            id: api::ids::hex32(),
            name: input.log_group_name,
            creation_time: cx.now,
            retention_in_days: None,
            class,
            deletion_protection: input.deletion_protection_enabled.unwrap_or(false),
            tags,
        };
        let mut batch = Batch::new();
        self.groups.create(&mut batch, &key(cx, &group.name), &group);
        self.commit(batch).await.map_err(|error| match error {
            Error::Aborted => Error::GroupExists,
            error => error,
        })
    }

    /// Changes a group, and what else `change` puts into the batch; where somebody else does so at the same time, the
    /// change is made once more on what they left.
    pub(crate) async fn update_group(
        &self,
        cx: &Context,
        name: &str,
        mut change: impl FnMut(&mut Group, &mut Batch) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS_MAX {
            let seen = self.group(cx, name).await?;
            let (mut group, mut batch) = (seen.value.clone(), Batch::new());
            change(&mut group, &mut batch)?;
            self.groups.replace(&mut batch, &seen, &group);
            match self.commit(batch).await {
                Err(Error::Aborted) => {}
                outcome => return outcome,
            }
        }
        Err(Error::Aborted)
    }

    pub(crate) async fn set_retention(&self, cx: &Context, name: &str, days: i64) -> Result<(), Error> {
        let key = key(cx, name);
        self.update_group(cx, name, |group, batch| {
            if !limits::RETENTION_DAYS.contains(&days) {
                return Err(Error::RetentionDays(days));
            }
            group.retention_in_days = Some(days);
            background::expire_at(batch, &key, cx.now);
            Ok(())
        })
        .await
    }

    pub(crate) async fn clear_retention(&self, cx: &Context, name: &str) -> Result<(), Error> {
        let key = key(cx, name);
        self.update_group(cx, name, |group, batch| {
            group.retention_in_days = None;
            background::never_expire(batch, &key);
            Ok(())
        })
        .await
    }

    /// Deletes a group at once for all who look; its streams and events are removed afterwards.
    pub(crate) async fn delete_group(&self, cx: &Context, name: &str) -> Result<(), Error> {
        for _ in 0..ATTEMPTS_MAX {
            let seen = self.group(cx, name).await?;
            if seen.value.deletion_protection {
                return Err(Error::DeletionProtected);
            }
            let mut batch = Batch::new();
            batch.require_version(TABLE, seen.key.as_str(), seen.version);
            self.groups.delete(&mut batch, &seen.key);
            background::never_expire(&mut batch, &seen.key);
            background::remove_group(&mut batch, &seen.value.id, cx.now);
            match self.commit(batch).await {
                Err(Error::Aborted) => {}
                outcome => return outcome,
            }
        }
        Err(Error::Aborted)
    }
}
