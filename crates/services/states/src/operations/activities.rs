//! `CreateActivity`, `DescribeActivity`, `ListActivities`, `DeleteActivity`.

use api::Context;

use super::Operations;
use super::creation::{check_encryption, encryption};
use super::tags::{self, Tags};
use crate::Error;
use crate::activities::ActivityRecord;
use crate::generated::types as shapes;
use crate::limits::ACTIVITIES;
use crate::name;
use crate::page;

/// Creates an activity, or finds one of that name. Tags do not count.
pub(super) async fn create(
    operations: &Operations,
    cx: &Context,
    input: shapes::CreateActivityInput,
) -> Result<shapes::CreateActivityOutput, Error> {
    name::check_name(&input.name)?;
    check_encryption(input.encryption_configuration.as_ref())?;
    let arn = name::activity_arn(cx, &input.name);
    let mut tags = Tags::new();
    tags::merge(&cx.principal, &arn, &mut tags, input.tags.unwrap_or_default())?;

    let activities = &operations.activities;
    let change = activities.change().await;
    if let Some(present) = activities.get(&arn) {
        let creation_date = present.creation_date;
        return Ok(shapes::CreateActivityOutput { activity_arn: arn, creation_date });
    }
    if activities.count() >= ACTIVITIES {
        return Err(Error::ActivityLimitExceeded);
    }
    let record = ActivityRecord { arn: arn.clone(), name: input.name, creation_date: cx.now, tags };
    activities.put(&change, record).await?;
    Ok(shapes::CreateActivityOutput { activity_arn: arn, creation_date: cx.now })
}

pub(super) async fn describe(
    operations: &Operations,
    cx: &Context,
    input: shapes::DescribeActivityInput,
) -> Result<shapes::DescribeActivityOutput, Error> {
    let record = operations.activity(cx, &input.activity_arn)?;
    Ok(shapes::DescribeActivityOutput {
        activity_arn: record.arn,
        name: record.name,
        creation_date: record.creation_date,
        encryption_configuration: Some(encryption()),
    })
}

pub(super) async fn list(
    operations: &Operations,
    cx: &Context,
    input: shapes::ListActivitiesInput,
) -> Result<shapes::ListActivitiesOutput, Error> {
    let prefix = name::activity_arn(cx, "");
    let scope = format!("ListActivities {prefix}");
    let after = page::after(&scope, input.next_token.as_deref())?;
    let size = page::size(input.max_results);
    let mut records = operations.activities.list(&prefix, after.as_deref(), size + 1);
    let has_more = records.len() > size;
    records.truncate(size);
    let next_token = records.last().filter(|_| has_more).map(|last| page::token(&scope, &last.arn));
    let item = |record: ActivityRecord| shapes::ActivityListItem {
        activity_arn: record.arn,
        name: record.name,
        creation_date: record.creation_date,
    };
    let activities = records.into_iter().map(item).collect();
    Ok(shapes::ListActivitiesOutput { activities, next_token })
}

/// Deletes an activity. Deleting what is not there succeeds.
pub(super) async fn delete(
    operations: &Operations,
    cx: &Context,
    input: shapes::DeleteActivityInput,
) -> Result<shapes::DeleteActivityOutput, Error> {
    let change = operations.activities.change().await;
    match operations.activity(cx, &input.activity_arn) {
        Ok(record) => operations.activities.remove(&change, &record.arn).await?,
        Err(Error::ActivityDoesNotExist(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(shapes::DeleteActivityOutput {})
}
