//! Operations on schedules.

use api::Context;
use store::{Batch, Versioned};

use crate::client_token::Request;
use crate::generated::types as model;
use crate::names::{GroupName, ScheduleName, prefix};
use crate::page::Page;
use crate::schedule::{Definition, Schedule, just_before, state};
use crate::{Error, Inner, firing, schedule_group, targets};

impl Inner {
    /// The schedule, which exists.
    pub(crate) async fn schedule(&self, name: &ScheduleName) -> Result<Versioned<Schedule>, Error> {
        self.group(&name.group).await?;
        let found = self.schedules.get(&name.key()).await?;
        found.ok_or_else(|| Error::ScheduleNotFound(name.name.clone()))
    }

    pub(crate) async fn create_schedule(
        &self,
        cx: &Context,
        input: model::CreateScheduleInput,
    ) -> Result<model::CreateScheduleOutput, Error> {
        let request = Request::new(cx, "CreateSchedule", input.client_token.as_deref(), &input);
        let name = schedule_name(cx, input.group_name.as_deref(), &input.name);
        let definition = Definition::checked(input.into(), cx.now)?;
        targets::refuse_unserved(&self.dispatcher, &definition.target)?;
        self.once(&request, || self.try_create_schedule(cx, &request, &name, &definition)).await
    }

    async fn try_create_schedule(
        &self,
        cx: &Context,
        request: &Request,
        name: &ScheduleName,
        definition: &Definition,
    ) -> Result<model::CreateScheduleOutput, Error> {
        if let Some(answer) = self.answered(request).await? {
            return Ok(answer);
        }
        let group = self.group(&name.group).await?;
        if self.schedules.get(&name.key()).await?.is_some() {
            return Err(Error::ScheduleExists(name.name.clone()));
        }
        self.refuse_more_schedules(&name.group).await?;
        let schedule = Schedule::new(name, definition.clone(), cx.now);
        let answer = model::CreateScheduleOutput { schedule_arn: name.arn().to_string() };
        let mut batch = Batch::new();
        batch.require_version(schedule_group::TABLE, group.key.as_str(), group.version);
        self.schedules.create(&mut batch, &name.key(), &schedule);
        firing::set_timer(&mut batch, name, &schedule, just_before(cx.now));
        self.keep_answer(&mut batch, cx, request, &answer);
        self.store.submit(batch).durable().await?;
        self.counts.add(&name.group);
        Ok(answer)
    }

    pub(crate) async fn get_schedule(
        &self,
        cx: &Context,
        input: model::GetScheduleInput,
    ) -> Result<model::GetScheduleOutput, Error> {
        let name = schedule_name(cx, input.group_name.as_deref(), &input.name);
        Ok(self.schedule(&name).await?.value.describe(&name))
    }

    pub(crate) async fn update_schedule(
        &self,
        cx: &Context,
        input: model::UpdateScheduleInput,
    ) -> Result<model::UpdateScheduleOutput, Error> {
        let request = Request::new(cx, "UpdateSchedule", input.client_token.as_deref(), &input);
        let name = schedule_name(cx, input.group_name.as_deref(), &input.name);
        let definition = Definition::checked(input, cx.now)?;
        targets::refuse_unserved(&self.dispatcher, &definition.target)?;
        self.once(&request, || self.try_update_schedule(cx, &request, &name, &definition)).await
    }

    async fn try_update_schedule(
        &self,
        cx: &Context,
        request: &Request,
        name: &ScheduleName,
        definition: &Definition,
    ) -> Result<model::UpdateScheduleOutput, Error> {
        if let Some(answer) = self.answered(request).await? {
            return Ok(answer);
        }
        let seen = self.schedule(name).await?;
        let schedule = seen.value.updated(definition.clone(), cx.now);
        let answer = model::UpdateScheduleOutput { schedule_arn: name.arn().to_string() };
        let mut batch = Batch::new();
        self.schedules.replace(&mut batch, &seen, &schedule);
        // A timer that stands is left alone: an occurrence that is due at this moment must not be lost.
        if schedule.timing_id != seen.value.timing_id {
            // What was due until now was the old schedule's. A new rate is due at once, as that of a new schedule.
            let is_new = schedule.anchor != seen.value.anchor;
            firing::set_timer(&mut batch, name, &schedule, if is_new { just_before(cx.now) } else { cx.now });
        }
        self.keep_answer(&mut batch, cx, request, &answer);
        self.store.submit(batch).durable().await?;
        Ok(answer)
    }

    pub(crate) async fn delete_schedule(
        &self,
        cx: &Context,
        input: model::DeleteScheduleInput,
    ) -> Result<model::DeleteScheduleOutput, Error> {
        let request = Request::new(cx, "DeleteSchedule", input.client_token.as_deref(), &input);
        let name = schedule_name(cx, input.group_name.as_deref(), &input.name);
        self.once(&request, || self.try_delete_schedule(cx, &request, &name)).await
    }

    async fn try_delete_schedule(
        &self,
        cx: &Context,
        request: &Request,
        name: &ScheduleName,
    ) -> Result<model::DeleteScheduleOutput, Error> {
        if let Some(answer) = self.answered(request).await? {
            return Ok(answer);
        }
        let seen = self.schedule(name).await?;
        let answer = model::DeleteScheduleOutput {};
        let mut batch = Batch::new();
        self.remove(&mut batch, &seen);
        self.keep_answer(&mut batch, cx, request, &answer);
        self.store.submit(batch).durable().await?;
        self.counts.remove(&name.group, 1);
        Ok(answer)
    }

    /// Adds to a batch: the schedule and its timer go, unless somebody has changed it.
    pub(crate) fn remove(&self, batch: &mut Batch, seen: &Versioned<Schedule>) {
        batch.require_version(crate::schedule::TABLE, seen.key.as_str(), seen.version);
        self.schedules.delete(batch, &seen.key);
        self.work.delete(batch, &seen.key);
        firing::clear_timer(batch, &seen.key);
    }

    pub(crate) async fn list_schedules(
        &self,
        cx: &Context,
        input: model::ListSchedulesInput,
    ) -> Result<model::ListSchedulesOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.max_results)?;
        let place = prefix(cx);
        let name_prefix = input.name_prefix.as_deref().unwrap_or_default();
        let keys = match &input.group_name {
            Some(group) => {
                let group = GroupName::here(cx, Some(group));
                self.group(&group).await?;
                format!("{}{name_prefix}", group.schedules_prefix())
            }
            None => place.clone(),
        };
        let wanted = |schedule: &Versioned<Schedule>| {
            let Schedule { name, definition, .. } = &schedule.value;
            let is_in = |wanted: &String| *wanted == state(definition.timing.is_enabled);
            name.starts_with(name_prefix) && input.state.as_ref().is_none_or(is_in)
        };
        let (schedules, next_token) = page.read(&self.schedules, &place, &keys, wanted).await?;
        let summary = |schedule: Schedule| {
            let name = schedule_name(cx, Some(&schedule.group), &schedule.name);
            schedule.summary(&name)
        };
        Ok(model::ListSchedulesOutput { next_token, schedules: schedules.into_iter().map(summary).collect() })
    }
}

fn schedule_name(cx: &Context, group: Option<&str>, name: &str) -> ScheduleName {
    ScheduleName { group: GroupName::here(cx, group), name: name.to_owned() }
}
