//! `TagResource`, `UntagResource`, `ListTagsForResource`.

use api::{Context, Principal};
use store::Batch;

use super::Operations;
use crate::Error;
use crate::activities::ActivityRecord;
use crate::generated::types as shapes;
use crate::generated::types::Tag;
use crate::limits::TAGS;
use crate::name;
use crate::state_machine::{Edit, StateMachineRecord};

/// Keys with their values, in the order in which keys were first set.
pub(super) type Tags = Vec<(String, String)>;

pub(super) async fn tag(
    operations: &Operations,
    cx: &Context,
    input: shapes::TagResourceInput,
) -> Result<shapes::TagResourceOutput, Error> {
    let arn = &input.resource_arn;
    change(operations, cx, arn, |tags| merge(&cx.principal, arn, tags, input.tags)).await?;
    Ok(shapes::TagResourceOutput {})
}

pub(super) async fn untag(
    operations: &Operations,
    cx: &Context,
    input: shapes::UntagResourceInput,
) -> Result<shapes::UntagResourceOutput, Error> {
    let keys = &input.tag_keys;
    change(operations, cx, &input.resource_arn, |tags| {
        if !cx.principal.may_change_reserved_tags() && keys.iter().any(|key| is_reserved(key)) {
            return Err(Error::ReservedTag);
        }
        tags.retain(|(key, _)| !keys.contains(key));
        Ok(())
    })
    .await?;
    Ok(shapes::UntagResourceOutput {})
}

pub(super) async fn list(
    operations: &Operations,
    cx: &Context,
    input: shapes::ListTagsForResourceInput,
) -> Result<shapes::ListTagsForResourceOutput, Error> {
    let arn = &input.resource_arn;
    let tags = match name::is_activity(arn) {
        true => activity(operations, cx, arn)?.tags,
        false => state_machine(operations, cx, arn)?.tags,
    };
    let tag = |(key, value)| Tag { key: Some(key), value: Some(value) };
    Ok(shapes::ListTagsForResourceOutput { tags: Some(tags.into_iter().map(tag).collect()) })
}

/// Sets tags: a key that is there gets the new value.
pub(super) fn merge(principal: &Principal, arn: &str, tags: &mut Tags, new: Vec<Tag>) -> Result<(), Error> {
    for tag in new {
        let (key, value) = (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        if is_reserved(&key) && !principal.may_change_reserved_tags() {
            return Err(Error::ReservedTag);
        }
        match tags.iter_mut().find(|(present, _)| *present == key) {
            Some((_, present)) => *present = value,
            None => tags.push((key, value)),
        }
    }
    let count = tags.iter().filter(|(key, _)| !is_reserved(key)).count();
    if count > TAGS { Err(Error::TooManyTags(arn.to_owned())) } else { Ok(()) }
}

/// Whether a key is kept for AWS's own services. Tags with such keys do not count.
fn is_reserved(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("aws:")
}

/// Changes the tags of a state machine or an activity.
async fn change(
    operations: &Operations,
    cx: &Context,
    arn: &str,
    change: impl FnOnce(&mut Tags) -> Result<(), Error>,
) -> Result<(), Error> {
    if name::is_activity(arn) {
        let right = operations.activities.change().await;
        let mut record = activity(operations, cx, arn)?;
        change(&mut record.tags)?;
        return operations.activities.put(&right, record).await;
    }
    let right = operations.machines.change().await;
    let mut record = state_machine(operations, cx, arn)?;
    change(&mut record.tags)?;
    operations.machines.apply(&right, vec![Edit::Machine(record)], Batch::new()).await
}

fn state_machine(operations: &Operations, cx: &Context, arn: &str) -> Result<StateMachineRecord, Error> {
    operations.machine(cx, arn).map_err(|error| not_found(arn, error))
}

fn activity(operations: &Operations, cx: &Context, arn: &str) -> Result<ActivityRecord, Error> {
    operations.activity(cx, arn).map_err(|error| not_found(arn, error))
}

fn not_found(arn: &str, error: Error) -> Error {
    match error {
        Error::StateMachineDoesNotExist(_) | Error::ActivityDoesNotExist(_) => {
            Error::ResourceNotFound(arn.to_owned())
        }
        error => error,
    }
}
