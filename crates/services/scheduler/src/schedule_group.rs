//! Schedule groups: what tags belong to, and what deletes its schedules with itself.

use std::collections::BTreeMap;

use ::schedule::Overlap;
use api::Context;
use serde::{Deserialize, Serialize};
use store::{Batch, Range, Versioned};
use types::Timestamp;

use crate::client_token::Request;
use crate::generated::types as model;
use crate::limits::SCHEDULE_GROUPS_MAX;
use crate::names::{GroupName, prefix};
use crate::page::Page;
use crate::{Error, Inner, tag};

/// Where groups are kept: key is account, region and name; written by requests. The default group is there once it was
/// asked for.
pub const TABLE: &str = "scheduler/group";

/// A group as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleGroup {
    /// The name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
}

impl ScheduleGroup {
    fn new(name: &str, tags: BTreeMap<String, String>, now: Timestamp) -> Self {
        Self { name: name.to_owned(), tags, created: now, modified: now }
    }

    fn summary(self, name: &GroupName) -> model::ScheduleGroupSummary {
        model::ScheduleGroupSummary {
            arn: Some(name.arn().to_string()),
            name: Some(self.name),
            state: Some("ACTIVE".to_owned()),
            creation_date: Some(self.created),
            last_modification_date: Some(self.modified),
        }
    }
}

impl Inner {
    /// The group, which exists. The default group does so from its first use on.
    pub(crate) async fn group(&self, name: &GroupName) -> Result<Versioned<ScheduleGroup>, Error> {
        let not_found = || Error::GroupNotFound(name.group.clone());
        if let Some(found) = self.groups.get(&name.key()).await? {
            return Ok(found);
        }
        if !name.is_default() {
            return Err(not_found());
        }
        let group = ScheduleGroup::new(&name.group, BTreeMap::new(), self.dispatcher.clock().now());
        let mut batch = Batch::new();
        self.groups.create(&mut batch, &name.key(), &group);
        match self.store.submit(batch).durable().await {
            // Somebody else was asked at the same time.
            Ok(_) | Err(store::Error::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.groups.get(&name.key()).await?.ok_or_else(not_found)
    }

    pub(crate) async fn create_group(
        &self,
        cx: &Context,
        input: model::CreateScheduleGroupInput,
    ) -> Result<model::CreateScheduleGroupOutput, Error> {
        let request = Request::new(cx, "CreateScheduleGroup", input.client_token.as_deref(), &input);
        let name = GroupName::here(cx, Some(&input.name));
        let tags = tag::checked(BTreeMap::new(), input.tags.unwrap_or_default())?;
        let overlap = Overlap::of(&tags)?;
        let group = ScheduleGroup::new(&name.group, tags, cx.now);
        let answer = self.once(&request, || self.try_create_group(cx, &request, &name, &group)).await?;
        self.overlaps.set(&name.key(), overlap);
        Ok(answer)
    }

    async fn try_create_group(
        &self,
        cx: &Context,
        request: &Request,
        name: &GroupName,
        group: &ScheduleGroup,
    ) -> Result<model::CreateScheduleGroupOutput, Error> {
        if let Some(answer) = self.answered(request).await? {
            return Ok(answer);
        }
        if name.is_default() || self.groups.get(&name.key()).await?.is_some() {
            return Err(Error::GroupExists(name.group.clone()));
        }
        if self.groups.list(Range::prefix(&prefix(cx))).await?.len() >= SCHEDULE_GROUPS_MAX {
            return Err(Error::QuotaExceeded("schedule groups"));
        }
        let answer = model::CreateScheduleGroupOutput { schedule_group_arn: name.arn().to_string() };
        let mut batch = Batch::new();
        self.groups.create(&mut batch, &name.key(), group);
        self.keep_answer(&mut batch, cx, request, &answer);
        self.store.submit(batch).durable().await?;
        Ok(answer)
    }

    pub(crate) async fn get_group(
        &self,
        cx: &Context,
        name: &str,
    ) -> Result<model::GetScheduleGroupOutput, Error> {
        let name = GroupName::here(cx, Some(name));
        let summary = self.group(&name).await?.value.summary(&name);
        Ok(model::GetScheduleGroupOutput {
            arn: summary.arn,
            name: summary.name,
            state: summary.state,
            creation_date: summary.creation_date,
            last_modification_date: summary.last_modification_date,
        })
    }

    pub(crate) async fn list_groups(
        &self,
        cx: &Context,
        input: model::ListScheduleGroupsInput,
    ) -> Result<model::ListScheduleGroupsOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.max_results)?;
        // The default group is listed though nobody has used it yet.
        self.group(&GroupName::here(cx, None)).await?;
        let place = prefix(cx);
        let keys = format!("{place}{}", input.name_prefix.as_deref().unwrap_or_default());
        let (groups, next_token) = page.read(&self.groups, &place, &keys, |_| true).await?;
        let summary = |group: ScheduleGroup| {
            let name = GroupName::here(cx, Some(&group.name));
            group.summary(&name)
        };
        let schedule_groups = groups.into_iter().map(summary).collect();
        Ok(model::ListScheduleGroupsOutput { next_token, schedule_groups })
    }

    pub(crate) async fn delete_group(
        &self,
        cx: &Context,
        input: model::DeleteScheduleGroupInput,
    ) -> Result<model::DeleteScheduleGroupOutput, Error> {
        let request = Request::new(cx, "DeleteScheduleGroup", input.client_token.as_deref(), &input);
        let name = GroupName::here(cx, Some(&input.name));
        if name.is_default() {
            return Err(Error::DefaultGroup);
        }
        self.once(&request, || self.try_delete_group(cx, &request, &name)).await
    }

    /// Deletes the group with its schedules, at once. Whoever creates a schedule meanwhile requires the group's record.
    async fn try_delete_group(
        &self,
        cx: &Context,
        request: &Request,
        name: &GroupName,
    ) -> Result<model::DeleteScheduleGroupOutput, Error> {
        if let Some(answer) = self.answered(request).await? {
            return Ok(answer);
        }
        let group = self.group(name).await?;
        let schedules = self.schedules.list(Range::prefix(&name.schedules_prefix())).await?;
        let answer = model::DeleteScheduleGroupOutput {};
        let mut batch = Batch::new();
        batch.require_version(TABLE, group.key.as_str(), group.version);
        self.groups.delete(&mut batch, &group.key);
        // One that is created or changed between the listing and the batch goes, too; its timer finds nothing.
        batch.delete_prefix(crate::schedule::TABLE, name.schedules_prefix());
        for schedule in &schedules {
            crate::firing::clear_timer(&mut batch, &schedule.key);
        }
        self.keep_answer(&mut batch, cx, request, &answer);
        batch.delete_prefix(crate::overlap::TABLE, name.schedules_prefix());
        self.store.submit(batch).durable().await?;
        self.overlaps.set(&name.key(), None);
        self.counts.remove(name, schedules.len());
        Ok(answer)
    }
}
