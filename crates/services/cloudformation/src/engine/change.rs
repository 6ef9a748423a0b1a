//! What becomes of one resource of a template: made, changed, replaced, or left as it is. Pure.

use serde_json::{Map, Value};
use template::{DeletionPolicy, Evaluation, Resolver, changed_properties};

use crate::resources::{Failure, HandlerErrorCode, ResourceType, conform};
use crate::stack::{Policy, Resource, Tag};

/// A resource as the template has it, evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Desired {
    pub type_name: String,
    pub properties: Map<String, Value>,
    pub metadata: Option<Value>,
    pub deletion_policy: Option<Policy>,
    pub update_replace_policy: Option<Policy>,
    pub tags: Vec<Tag>,
    pub needs: Vec<String>,
}

/// What is to be done so that a resource becomes what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing at all.
    Nothing,
    /// Only what CloudFormation itself keeps of it differs: metadata, policies.
    Record,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// Another one takes its place.
    Replace,
}

/// The resource `logical_id` of a template: properties evaluated, in the form that its type's schema has.
pub(crate) fn desired(
    resource_type: &dyn ResourceType,
    declared: &template::Resource,
    evaluation: &Evaluation<'_>,
    logical_id: &str,
    tags: &[Tag],
    resolver: &dyn Resolver,
) -> Result<Desired, Failure> {
    let evaluated =
        evaluation.properties(logical_id, resolver).map_err(|error| Failure::plain(error.to_string()))?;
    let properties = conform(resource_type, logical_id, &evaluated)?;
    let metadata =
        evaluation.metadata(logical_id, resolver).map_err(|error| Failure::plain(error.to_string()))?;
    Ok(Desired {
        type_name: declared.type_name.clone(),
        properties,
        metadata,
        deletion_policy: declared.deletion_policy.map(DeletionPolicy::into),
        update_replace_policy: declared.update_replace_policy.map(DeletionPolicy::into),
        tags: tags.to_vec(),
        needs: evaluation.graph().needs(logical_id).map(str::to_owned).collect(),
    })
}

/// Compares what is there with what should be.
///
/// # Errors
/// Where a resource with a name of its own would have to be replaced by one of the same name.
pub(crate) fn decide(
    resource_type: &dyn ResourceType,
    existing: Option<&Resource>,
    desired: &Desired,
) -> Result<Change, Failure> {
    let Some(existing) = existing.filter(|resource| resource.physical_id.is_some()) else {
        return Ok(Change::Create);
    };
    let changed = changed_properties(&existing.properties, &desired.properties);
    let replaces = |name: &String| {
        resource_type.properties().iter().any(|property| property.name == *name && property.replaces)
    };
    if changed.iter().any(replaces) {
        refuse_same_name(resource_type, existing, desired)?;
        return Ok(Change::Replace);
    }
    let retagged = resource_type.takes_tags() && existing.tags != desired.tags;
    if !changed.is_empty() || retagged {
        return Ok(Change::Update);
    }
    let kept = existing.metadata == desired.metadata
        && existing.deletion_policy == desired.deletion_policy
        && existing.update_replace_policy == desired.update_replace_policy
        && existing.needs == desired.needs
        && existing.tags == desired.tags;
    Ok(if kept { Change::Nothing } else { Change::Record })
}

fn refuse_same_name(
    resource_type: &dyn ResourceType,
    existing: &Resource,
    desired: &Desired,
) -> Result<(), Failure> {
    let naming = resource_type.naming();
    let Some(property) = naming.property.filter(|_| naming.is_unique) else { return Ok(()) };
    let name = desired.properties.get(property).and_then(Value::as_str);
    match name {
        Some(name) if existing.properties.get(property) == desired.properties.get(property) => {
            Err(Failure::plain(format!(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename {name} and \
                 update the stack again."
            ))
            .with_code(HandlerErrorCode::InvalidRequest))
        }
        _ => Ok(()),
    }
}
