//! One action on one resource, through the door. What has begun goes on here after a crash.

use crate::door::Door;
use crate::limits::STABILISE_TRIES_MAX;
use crate::references;
use crate::resources::{self, Deletion, Failure, HandlerErrorCode, Made, ResourceType};
use crate::stack::{Resource, Sighting, Stack, Work, WorkKind};

/// How a deletion's step ended.
pub(super) enum Deleted {
    /// It is gone.
    Done,
    /// It has to be looked at again.
    Pending,
}

/// The resource's type.
pub(super) fn type_of(resource: &Resource) -> Result<&'static dyn ResourceType, Failure> {
    let unknown = || Failure::plain(format!("Unrecognized resource type: {}", resource.type_name));
    resources::of(&resource.type_name).ok_or_else(unknown)
}

/// The work with the values of its secrets, for handlers' eyes only; and the resource as it was, whose secrets are the
/// same where their references are.
pub(super) async fn revealed(
    door: &Door,
    resource: &Resource,
    work: &Work,
) -> Result<(Resource, Work), Failure> {
    let (mut resource, mut work) = (resource.clone(), work.clone());
    // A deletion must not need what may be gone.
    if work.kind == WorkKind::Delete {
        return Ok((resource, work));
    }
    let request = &work.request;
    let revealed =
        references::reveal(door, type_of(&resource)?, &request.logical_id, &request.properties).await?;
    for (name, value) in &mut resource.properties {
        if let (true, Some(revealed)) = (request.properties.get(name) == Some(value), revealed.get(name)) {
            value.clone_from(revealed);
        }
    }
    work.request.properties = revealed;
    Ok((resource, work))
}

/// Looks at what is there before a resource is made.
pub(super) async fn look(door: &Door, resource: &Resource, work: &Work) -> Result<Sighting, Failure> {
    type_of(resource)?.look(door, &work.request).await
}

/// Makes a resource of the stack. `resumed`: another try came before.
pub(super) async fn create(
    door: &Door,
    stack: &Stack,
    resource: &Resource,
    work: &Work,
    sighting: &Sighting,
    resumed: bool,
) -> Result<Made, Failure> {
    let resource_type = type_of(resource)?;
    let made = resource_type.create(door, &work.request, sighting, resumed).await?;
    let tags = resources::of_cloudformation(stack, &resource.logical_id);
    if let Some(tagging) = resource_type.tagging(door, &made, &tags) {
        let tagged = door.as_cloudformation().call(tagging.service, tagging.operation, tagging.input).await;
        tagged.map_err(|error| Failure::of_call(tagging.service, &error).leaving(&made.physical_id))?;
    }
    Ok(made)
}

/// Changes a resource. One that has been changed and was found unfinished is only looked at again.
pub(super) async fn update(door: &Door, resource: &Resource, work: &Work) -> Result<Made, Failure> {
    match &resource.physical_id {
        Some(physical_id) if work.tries > 0 => {
            Ok(Made { physical_id: physical_id.clone(), attributes: resource.attributes.clone() })
        }
        _ => type_of(resource)?.update(door, &work.request, resource).await,
    }
}

/// Whether what was made or changed has come to rest.
pub(super) async fn is_stable(
    door: &Door,
    resource: &Resource,
    work: &Work,
    made: &Made,
) -> Result<bool, Failure> {
    let is_stable = type_of(resource)?.is_stable(door, &work.request, made).await?;
    if !is_stable && work.tries >= STABILISE_TRIES_MAX {
        return Err(not_stabilized(work).leaving(&made.physical_id));
    }
    Ok(is_stable)
}

fn not_stabilized(work: &Work) -> Failure {
    let text = format!("Resource {} did not stabilize.", work.request.name);
    Failure::handler(text, HandlerErrorCode::NotStabilized)
}

/// Deletes a resource, or looks whether it is gone by now.
pub(super) async fn delete(door: &Door, resource: &Resource, work: &Work) -> Result<Deleted, Failure> {
    match type_of(resource)?.delete(door, resource).await? {
        Deletion::Done => Ok(Deleted::Done),
        Deletion::Pending if work.tries >= STABILISE_TRIES_MAX => Err(not_stabilized(work)),
        Deletion::Pending => Ok(Deleted::Pending),
    }
}
