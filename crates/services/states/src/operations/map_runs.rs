//! `DescribeMapRun`, `ListMapRuns`, `UpdateMapRun`.

use api::Context;
use asl::map_run::Tolerance;
use store::Range;

use super::Operations;
use crate::Error;
use crate::generated::types as shapes;
use crate::map_runs::{MapRunRecord, Settings};
use crate::name::MapRunArn;
use crate::page;
use crate::tables;

pub(super) async fn describe(
    operations: &Operations,
    cx: &Context,
    input: shapes::DescribeMapRunInput,
) -> Result<shapes::DescribeMapRunOutput, Error> {
    let arn = input.map_run_arn;
    check(cx, &arn)?;
    let described = operations.map_runs.describe(&arn).await?;
    let (record, counts) = described.ok_or_else(|| Error::ResourceNotFound(arn.clone()))?;
    let Settings { max_concurrency, tolerance } = record.settings;
    Ok(shapes::DescribeMapRunOutput {
        map_run_arn: arn,
        execution_arn: record.execution,
        status: record.status.as_str().to_owned(),
        start_date: record.start_date,
        stop_date: record.stop_date,
        max_concurrency: i64::try_from(max_concurrency).unwrap_or(i64::MAX),
        tolerated_failure_percentage: tolerance.percentage.unwrap_or(0.0),
        tolerated_failure_count: i64::try_from(tolerance.count.unwrap_or(0)).unwrap_or(i64::MAX),
        item_counts: counts.describe_items(),
        execution_counts: counts.describe_executions(),
        // Recorded answers have none where it is 0.
        redrive_count: i64::try_from(record.redrive_count).ok().filter(|count| *count > 0),
        redrive_date: record.redrive_date,
    })
}

/// The Map Runs of an execution, the newest first.
pub(super) async fn list(
    operations: &Operations,
    cx: &Context,
    input: shapes::ListMapRunsInput,
) -> Result<shapes::ListMapRunsOutput, Error> {
    let execution = &input.execution_arn;
    operations.execution(cx, execution).await?;
    let scope = format!("ListMapRuns {execution}");
    let after = page::after(&scope, input.next_token.as_deref())?;
    let size = page::size(input.max_results);
    let prefix = tables::of_execution(execution);
    let range = Range { prefix: &prefix, after: after.as_deref(), limit: size + 1, descending: true };
    let mut rows = operations.store.list(tables::MAP_RUNS_BY_EXECUTION, range).await?;
    let has_more = rows.len() > size;
    rows.truncate(size);
    let next_token = rows.last().filter(|_| has_more).map(|last| page::token(&scope, &last.key));
    let mut map_runs = Vec::with_capacity(rows.len());
    for row in rows {
        let Some((_, arn)) = row.key.rsplit_once('#') else { continue };
        map_runs.extend(listed(operations, arn).await?);
    }
    Ok(shapes::ListMapRunsOutput { map_runs, next_token })
}

async fn listed(operations: &Operations, arn: &str) -> Result<Option<shapes::MapRunListItem>, Error> {
    let Some(record) = operations.map_runs.record(arn).await? else { return Ok(None) };
    Ok(Some(shapes::MapRunListItem {
        execution_arn: record.execution,
        map_run_arn: arn.to_owned(),
        state_machine_arn: MapRunArn::parse(arn)?.state_machine_arn,
        start_date: record.start_date,
        stop_date: record.stop_date,
    }))
}

pub(super) async fn update(
    operations: &Operations,
    cx: &Context,
    input: shapes::UpdateMapRunInput,
) -> Result<shapes::UpdateMapRunOutput, Error> {
    let arn = &input.map_run_arn;
    find(operations, cx, arn).await?;
    match operations.map_runs.update(arn, |settings| changed(settings, &input)).await? {
        true => Ok(shapes::UpdateMapRunOutput {}),
        false => Err(Error::MapRunNotRunning(arn.clone())),
    }
}

/// The settings with what the request names.
fn changed(settings: &Settings, input: &shapes::UpdateMapRunInput) -> Settings {
    let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
    Settings {
        max_concurrency: count(input.max_concurrency).unwrap_or(settings.max_concurrency),
        tolerance: Tolerance {
            count: count(input.tolerated_failure_count).or(settings.tolerance.count),
            percentage: input.tolerated_failure_percentage.or(settings.tolerance.percentage),
        },
    }
}

/// The Map Run with that ARN.
pub(super) async fn find(operations: &Operations, cx: &Context, arn: &str) -> Result<MapRunRecord, Error> {
    check(cx, arn)?;
    let record = operations.map_runs.record(arn).await?;
    record.ok_or_else(|| Error::ResourceNotFound(arn.to_owned()))
}

/// Checks that `arn` is a Map Run's, here.
fn check(cx: &Context, arn: &str) -> Result<(), Error> {
    match MapRunArn::parse(arn)?.is_in(cx) {
        true => Ok(()),
        false => Err(Error::ResourceNotFound(arn.to_owned())),
    }
}
