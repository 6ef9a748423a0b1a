//! RegisterTaskDefinition, DescribeTaskDefinition, ListTaskDefinitions, ListTaskDefinitionFamilies,
//! DeregisterTaskDefinition.

use api::Context;
use store::{Batch, Range, Versioned};

use crate::Ecs;
use crate::error::Error;
use crate::generated::types::{
    DeregisterTaskDefinitionInput, DeregisterTaskDefinitionOutput, DescribeTaskDefinitionInput,
    DescribeTaskDefinitionOutput, ListTaskDefinitionFamiliesInput, ListTaskDefinitionFamiliesOutput,
    ListTaskDefinitionsInput, ListTaskDefinitionsOutput, RegisterTaskDefinitionInput,
    RegisterTaskDefinitionOutput,
};
use crate::names::{Scope, TaskDefinitionName};
use crate::page::{Page, Results};
use crate::tag;
use crate::task_definition::{self, Definition, Family, Registration};

impl Ecs {
    /// RegisterTaskDefinition.
    pub(crate) async fn register(
        &self,
        cx: &Context,
        input: RegisterTaskDefinitionInput,
    ) -> Result<RegisterTaskDefinitionOutput, Error> {
        let with_tags = input.tags.is_some();
        self.directory_for(input.volumes.as_deref())?;
        let family_name = input.family.clone();
        let definition = task_definition::parse(input, &self.host_folders)?;
        let scope = Scope::of(cx);
        let family_key = scope.key(&family_name);
        loop {
            let seen = self.tables.families.get(&family_key).await?;
            let mut family = seen.as_ref().map(|seen| seen.value.clone()).unwrap_or_default();
            family.last_revision += 1;
            family.active.push(family.last_revision);
            let revision = family.last_revision;
            let arn = cx.arn("ecs", format!("task-definition/{family_name}:{revision}")).to_string();
            let registration = Registration { revision, arn, at: cx.now, by: cx.principal.arn() };
            let registered = definition.clone().registered(registration);
            let mut batch = Batch::new();
            match &seen {
                Some(seen) => self.tables.families.replace(&mut batch, seen, &family),
                None => self.tables.families.create(&mut batch, &family_key, &family),
            }
            let key = scope.key(&task_definition::key(&family_name, revision));
            self.tables.definitions.create(&mut batch, &key, &registered);
            if self.commit(batch).await? {
                return Ok(RegisterTaskDefinitionOutput {
                    task_definition: Some(registered.shape),
                    tags: with_tags.then(|| tag::shape(&registered.tags)),
                });
            }
        }
    }

    /// DescribeTaskDefinition.
    pub(crate) async fn describe_definition(
        &self,
        cx: &Context,
        input: DescribeTaskDefinitionInput,
    ) -> Result<DescribeTaskDefinitionOutput, Error> {
        let unable = |error| match error {
            Error::TaskDefinitionNotFound => Error::UnableToDescribeTaskDefinition,
            other => other,
        };
        let name = TaskDefinitionName::parse(cx, &input.task_definition).map_err(unable)?;
        let definition =
            self.find_definition(cx, &name).await?.ok_or(Error::UnableToDescribeTaskDefinition)?;
        let with_tags = input.include.iter().flatten().any(|include| include == "TAGS");
        Ok(DescribeTaskDefinitionOutput {
            tags: with_tags.then(|| tag::shape(&definition.value.tags)),
            task_definition: Some(definition.value.shape),
        })
    }

    /// DeregisterTaskDefinition: tasks that run go on.
    pub(crate) async fn deregister(
        &self,
        cx: &Context,
        input: DeregisterTaskDefinitionInput,
    ) -> Result<DeregisterTaskDefinitionOutput, Error> {
        let missing = |error| match error {
            Error::TaskDefinitionNotFound => Error::TaskDefinitionDoesNotExist,
            other => other,
        };
        let name = TaskDefinitionName::parse(cx, &input.task_definition).map_err(missing)?;
        let revision = name.revision.ok_or(Error::RevisionMissing)?;
        let family_key = Scope::of(cx).key(&name.family);
        loop {
            let family =
                self.tables.families.get(&family_key).await?.ok_or(Error::TaskDefinitionDoesNotExist)?;
            let seen = self.find_definition(cx, &name).await?.ok_or(Error::TaskDefinitionDoesNotExist)?;
            if !seen.value.is_active() {
                return Err(Error::TaskDefinitionDoesNotExist);
            }
            let definition = seen.value.clone().deregistered(cx.now);
            let mut rest: Family = family.value.clone();
            rest.active.retain(|active| *active != revision);
            let mut batch = Batch::new();
            self.tables.families.replace(&mut batch, &family, &rest);
            self.tables.definitions.replace(&mut batch, &seen, &definition);
            if self.commit(batch).await? {
                return Ok(DeregisterTaskDefinitionOutput { task_definition: Some(definition.shape) });
            }
        }
    }

    /// ListTaskDefinitions. `familyPrefix` is a whole family, as AWS has it.
    pub(crate) async fn list_definitions(
        &self,
        cx: &Context,
        input: ListTaskDefinitionsInput,
    ) -> Result<ListTaskDefinitionsOutput, Error> {
        let page = Page::parse(input.max_results, input.next_token.as_deref())?;
        let status = input.status.as_deref().unwrap_or("ACTIVE");
        let prefix = match input.family_prefix.as_deref().filter(|family| !family.is_empty()) {
            Some(family) => Scope::of(cx).key(&task_definition::key_prefix(family)),
            None => Scope::of(cx).prefix(),
        };
        let range = Range {
            after: page.after.as_deref(),
            descending: input.sort.as_deref() == Some("DESC"),
            ..Range::prefix(&prefix)
        };
        let mut results = Results::new(&page);
        for definition in self.tables.definitions.list(range).await? {
            let wanted = definition.value.shape.status.as_deref() == Some(status);
            if wanted && !results.push(&definition.key, definition.value.arn().to_owned()) {
                break;
            }
        }
        let (task_definition_arns, next_token) = results.finish();
        Ok(ListTaskDefinitionsOutput { task_definition_arns: Some(task_definition_arns), next_token })
    }

    /// ListTaskDefinitionFamilies. A family is active while one of its revisions is.
    pub(crate) async fn list_families(
        &self,
        cx: &Context,
        input: ListTaskDefinitionFamiliesInput,
    ) -> Result<ListTaskDefinitionFamiliesOutput, Error> {
        let page = Page::parse(input.max_results, input.next_token.as_deref())?;
        let status = input.status.as_deref().unwrap_or("ACTIVE");
        let scope = Scope::of(cx).prefix();
        let prefix = format!("{scope}{}", input.family_prefix.unwrap_or_default());
        let range = Range { after: page.after.as_deref(), ..Range::prefix(&prefix) };
        let mut results = Results::new(&page);
        for family in self.tables.families.list(range).await? {
            let wanted = match status {
                "INACTIVE" => family.value.active.is_empty(),
                "ALL" => true,
                _ => !family.value.active.is_empty(),
            };
            let name = family.key.strip_prefix(&scope).unwrap_or_default().to_owned();
            if wanted && !results.push(&family.key, name) {
                break;
            }
        }
        let (families, next_token) = results.finish();
        Ok(ListTaskDefinitionFamiliesOutput { families: Some(families), next_token })
    }

    /// The revision that a name means: the latest active one of a family.
    pub(crate) async fn find_definition(
        &self,
        cx: &Context,
        name: &TaskDefinitionName,
    ) -> Result<Option<Versioned<Definition>>, Error> {
        let scope = Scope::of(cx);
        let revision = match name.revision {
            Some(revision) => Some(revision),
            None => {
                let family = self.tables.families.get(&scope.key(&name.family)).await?;
                family.and_then(|family| family.value.active.last().copied())
            }
        };
        let Some(revision) = revision else { return Ok(None) };
        let key = scope.key(&task_definition::key(&name.family, revision));
        Ok(self.tables.definitions.get(&key).await?)
    }
}
