//! `TagResource`, `UntagResource`, `ListTagsForResource`.

use api::{Context, Principal};
use store::Batch;

use super::Operations;
use crate::Error;
use crate::generated::types as shapes;
use crate::generated::types::Tag;
use crate::limits::TAGS;
use crate::name;
use crate::state_machine::{Change, StateMachineRecord};

/// Keys with their values, in the order in which keys were first set.
pub(super) type Tags = Vec<(String, String)>;

pub(super) async fn tag(
    operations: &Operations,
    cx: &Context,
    input: shapes::TagResourceInput,
) -> Result<shapes::TagResourceOutput, Error> {
    let change = operations.machines.change().await;
    let mut record = resource(operations, cx, &input.resource_arn)?;
    merge(&cx.principal, &input.resource_arn, &mut record.tags, input.tags)?;
    put(operations, &change, record).await?;
    Ok(shapes::TagResourceOutput {})
}

pub(super) async fn untag(
    operations: &Operations,
    cx: &Context,
    input: shapes::UntagResourceInput,
) -> Result<shapes::UntagResourceOutput, Error> {
    let change = operations.machines.change().await;
    let mut record = resource(operations, cx, &input.resource_arn)?;
    if !cx.principal.may_change_reserved_tags() && input.tag_keys.iter().any(|key| is_reserved(key)) {
        return Err(Error::ReservedTag);
    }
    record.tags.retain(|(key, _)| !input.tag_keys.contains(key));
    put(operations, &change, record).await?;
    Ok(shapes::UntagResourceOutput {})
}

pub(super) async fn list(
    operations: &Operations,
    cx: &Context,
    input: shapes::ListTagsForResourceInput,
) -> Result<shapes::ListTagsForResourceOutput, Error> {
    let record = resource(operations, cx, &input.resource_arn)?;
    let tag = |(key, value)| Tag { key: Some(key), value: Some(value) };
    Ok(shapes::ListTagsForResourceOutput { tags: Some(record.tags.into_iter().map(tag).collect()) })
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

fn resource(operations: &Operations, cx: &Context, arn: &str) -> Result<StateMachineRecord, Error> {
    name::check_state_machine_arn(cx, arn).map_err(|error| not_found(arn, error))?;
    operations.machine(cx, arn).map_err(|error| not_found(arn, error))
}

fn not_found(arn: &str, error: Error) -> Error {
    match error {
        Error::StateMachineDoesNotExist(_) => Error::ResourceNotFound(arn.to_owned()),
        error => error,
    }
}

async fn put(operations: &Operations, change: &Change<'_>, record: StateMachineRecord) -> Result<(), Error> {
    operations.machines.put(change, record, None, Batch::new()).await
}
