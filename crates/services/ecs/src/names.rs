//! The names and ARNs by which requests speak of clusters, tasks and task definitions, parsed once.

use std::collections::{BTreeMap, BTreeSet};

use api::Context;
use types::Arn;

use crate::error::Error;
use crate::limits;

/// The account and region that a record belongs to: the beginning of its key in every table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(String);

impl Scope {
    /// The scope of a call.
    pub fn of(cx: &Context) -> Self {
        Self(format!("{}/{}", cx.account, cx.region))
    }

    /// The key of something in this scope.
    pub fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }

    /// How the keys of all things in this scope begin.
    pub fn prefix(&self) -> String {
        format!("{}/", self.0)
    }
}

/// Whether `name` is 1 to 255 letters, digits, hyphens and underscores.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= limits::NAME_CHARACTERS
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether names that lead to others lead back to themselves.
pub fn has_cycle(edges: &BTreeMap<&str, Vec<&str>>) -> bool {
    let mut left: BTreeSet<&str> = edges.keys().copied().collect();
    loop {
        let leads_on = |name: &&str| edges.get(*name).into_iter().flatten().any(|to| left.contains(to));
        let ends: Vec<&str> = left.iter().copied().filter(|name| !leads_on(name)).collect();
        if ends.is_empty() {
            return !left.is_empty();
        }
        for name in ends {
            left.remove(name);
        }
    }
}

/// The name of the cluster that a request means: a name, an ARN, or `default` where it says nothing.
///
/// # Errors
/// [`Error::ClusterNotFound`] for what cannot name a cluster; [`Error::ForeignIdentifier`] for another account's.
pub fn cluster_name(cx: &Context, cluster: Option<&str>) -> Result<String, Error> {
    let text = match cluster {
        None | Some("") => "default",
        Some(text) => text,
    };
    let name = match own_resource(cx, text)? {
        Some(resource) => resource.strip_prefix("cluster/").ok_or(Error::ClusterNotFound)?.to_owned(),
        None => text.to_owned(),
    };
    if is_name(&name) { Ok(name) } else { Err(Error::ClusterNotFound) }
}

/// The name of the service that a request means in a cluster; `None` for what names none there.
///
/// # Errors
/// [`Error::ForeignIdentifier`] for another account's.
pub fn service_name(cx: &Context, cluster: &str, service: &str) -> Result<Option<String>, Error> {
    let name = match own_resource(cx, service)? {
        Some(resource) => {
            let Some(name) = resource.strip_prefix("service/") else { return Ok(None) };
            match name.split_once('/') {
                Some((its_cluster, _)) if its_cluster != cluster => return Ok(None),
                Some((_, name)) => name.to_owned(),
                None => name.to_owned(),
            }
        }
        None => service.to_owned(),
    };
    Ok(Some(name).filter(|name| is_name(name)))
}

/// The id of the task that a request means, by its id or its ARN.
///
/// # Errors
/// [`Error::TaskIdLength`] for an id of another length; [`Error::ForeignIdentifier`] for another account's.
pub fn task_id(cx: &Context, task: &str) -> Result<String, Error> {
    let id = match own_resource(cx, task)? {
        Some(resource) => {
            let id = resource.strip_prefix("task/").ok_or(Error::TaskIdLength)?;
            id.rsplit('/').next().unwrap_or_default().to_owned()
        }
        None => task.to_owned(),
    };
    match id.len() {
        32 | 36 if is_name(&id) => Ok(id),
        _ => Err(Error::TaskIdLength),
    }
}

/// A task definition by its family, perhaps with a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDefinitionName {
    /// The family.
    pub family: String,
    /// The revision; the latest active one where absent.
    pub revision: Option<u32>,
}

impl TaskDefinitionName {
    /// Reads `family`, `family:revision` or an ARN.
    ///
    /// # Errors
    /// [`Error::InvalidRevision`]; [`Error::TaskDefinitionNotFound`] for what cannot name a task definition.
    pub fn parse(cx: &Context, text: &str) -> Result<Self, Error> {
        let name = match own_resource(cx, text)? {
            Some(resource) => {
                resource.strip_prefix("task-definition/").ok_or(Error::TaskDefinitionNotFound)?.to_owned()
            }
            None => text.to_owned(),
        };
        let (family, revision) = match name.split_once(':') {
            None => (name.as_str(), None),
            Some((family, number)) => match number.parse::<u32>() {
                Ok(revision) if revision > 0 => (family, Some(revision)),
                _ => return Err(Error::InvalidRevision(number.to_owned())),
            },
        };
        if is_name(family) {
            Ok(Self { family: family.to_owned(), revision })
        } else {
            Err(Error::TaskDefinitionNotFound)
        }
    }
}

/// The resource part of an ARN of the call's account and region; `None` for what is not an ARN.
fn own_resource(cx: &Context, text: &str) -> Result<Option<String>, Error> {
    if !text.starts_with("arn:") {
        return Ok(None);
    }
    let arn: Arn =
        text.parse().map_err(|_| Error::invalid("Invalid identifier: Unexpected number of separators"))?;
    if arn.service != "ecs" || arn.account != cx.account.as_str() {
        return Err(Error::ForeignIdentifier(arn.account, cx.account.to_string()));
    }
    if arn.region != cx.region.as_str() {
        return Err(Error::invalid("Invalid identifier: Identifier is for another region"));
    }
    Ok(Some(arn.resource))
}
