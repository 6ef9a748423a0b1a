//! TagResource, UntagResource, ListTagsForResource, for clusters, task definitions, tasks and services.

use api::Context;
use store::Batch;
use types::Arn;

use crate::Ecs;
use crate::error::Error;
use crate::generated::types::{
    ListTagsForResourceInput, ListTagsForResourceOutput, TagResourceInput, TagResourceOutput,
    UntagResourceInput, UntagResourceOutput,
};
use crate::names::{Scope, TaskDefinitionName};
use crate::tag::{self, Tags};

/// A resource that carries tags.
enum Tagged {
    Cluster(String),
    TaskDefinition(TaskDefinitionName),
    Task { cluster: String, id: String },
    Service { cluster: String, name: String },
}

impl Ecs {
    /// TagResource.
    pub(crate) async fn tag(
        &self,
        cx: &Context,
        input: TagResourceInput,
    ) -> Result<TagResourceOutput, Error> {
        let added = match cx.principal.may_change_reserved_tags() {
            true => tag::parse_any(Some(&input.tags))?,
            false => tag::parse(Some(&input.tags))?,
        };
        let resource = Tagged::parse(cx, &input.resource_arn)?;
        self.change_tags(cx, &resource, |tags| tags.extend(added.clone())).await?;
        Ok(TagResourceOutput {})
    }

    /// UntagResource.
    pub(crate) async fn untag(
        &self,
        cx: &Context,
        input: UntagResourceInput,
    ) -> Result<UntagResourceOutput, Error> {
        if !cx.principal.may_change_reserved_tags() {
            tag::check_keys(input.tag_keys.iter())?;
        }
        let resource = Tagged::parse(cx, &input.resource_arn)?;
        self.change_tags(cx, &resource, |tags| tags.retain(|key, _| !input.tag_keys.contains(key))).await?;
        Ok(UntagResourceOutput {})
    }

    /// ListTagsForResource.
    pub(crate) async fn list_tags(
        &self,
        cx: &Context,
        input: ListTagsForResourceInput,
    ) -> Result<ListTagsForResourceOutput, Error> {
        let tags = match Tagged::parse(cx, &input.resource_arn)? {
            Tagged::Cluster(name) => self.active_cluster(cx, Some(&name)).await?.value.tags,
            Tagged::TaskDefinition(name) => {
                self.find_definition(cx, &name).await?.ok_or(Error::ResourceNotFound)?.value.tags
            }
            Tagged::Task { cluster, id } => {
                self.find_task(cx, &cluster, &id).await?.ok_or(Error::ResourceNotFound)?.value.tags
            }
            Tagged::Service { cluster, name } => {
                self.find_service(cx, &cluster, &name).await?.ok_or(Error::ResourceNotFound)?.value.tags
            }
        };
        Ok(ListTagsForResourceOutput { tags: Some(tag::shape(&tags)) })
    }

    async fn change_tags(
        &self,
        cx: &Context,
        resource: &Tagged,
        change: impl Fn(&mut Tags),
    ) -> Result<(), Error> {
        loop {
            let mut batch = Batch::new();
            match resource {
                Tagged::Cluster(name) => {
                    let seen = self.active_cluster(cx, Some(name)).await?;
                    let mut cluster = seen.value.clone();
                    change(&mut cluster.tags);
                    tag::check_count(&cluster.tags)?;
                    self.tables.clusters.replace(&mut batch, &seen, &cluster);
                }
                Tagged::TaskDefinition(name) => {
                    let seen = self.find_definition(cx, name).await?.ok_or(Error::ResourceNotFound)?;
                    let mut definition = seen.value.clone();
                    change(&mut definition.tags);
                    tag::check_count(&definition.tags)?;
                    self.tables.definitions.replace(&mut batch, &seen, &definition);
                }
                Tagged::Task { cluster, id } => {
                    let seen = self.find_task(cx, cluster, id).await?.ok_or(Error::ResourceNotFound)?;
                    let mut task = seen.value.clone();
                    change(&mut task.tags);
                    tag::check_count(&task.tags)?;
                    self.tables.tasks.replace(&mut batch, &seen, &task);
                }
                Tagged::Service { cluster, name } => {
                    let seen = self.find_service(cx, cluster, name).await?.ok_or(Error::ResourceNotFound)?;
                    let mut service = seen.value.clone();
                    change(&mut service.tags);
                    tag::check_count(&service.tags)?;
                    self.tables.services.replace(&mut batch, &seen, &service);
                }
            }
            if self.commit(batch).await? {
                return Ok(());
            }
        }
    }
}

impl Tagged {
    fn parse(cx: &Context, text: &str) -> Result<Self, Error> {
        let invalid =
            || Error::invalid("Invalid parameter at 'resourceArn': not the ARN of an Amazon ECS resource.");
        let arn: Arn = text.parse().map_err(|_| invalid())?;
        if arn.service != "ecs" {
            return Err(invalid());
        }
        let scope = Scope::of(cx).prefix();
        if format!("{}/{}/", arn.account, arn.region) != scope {
            return Err(Error::ResourceNotFound);
        }
        match arn.resource.split_once('/') {
            Some(("cluster", name)) => Ok(Self::Cluster(name.to_owned())),
            Some(("task-definition", _)) => match TaskDefinitionName::parse(cx, text)? {
                TaskDefinitionName { revision: None, .. } => Err(invalid()),
                name => Ok(Self::TaskDefinition(name)),
            },
            Some(("task", name)) => {
                let (cluster, id) = name.split_once('/').ok_or_else(invalid)?;
                Ok(Self::Task { cluster: cluster.to_owned(), id: id.to_owned() })
            }
            Some(("service", name)) => {
                let (cluster, name) = name.split_once('/').ok_or_else(invalid)?;
                Ok(Self::Service { cluster: cluster.to_owned(), name: name.to_owned() })
            }
            _ => Err(invalid()),
        }
    }
}
