//! The API: what becomes of pipes.

use api::Context;
use store::{Batch, Range, Versioned};

use crate::generated::operations::Api;
use crate::generated::types as model;
use crate::limits::{PAGE_DEFAULT, PIPES_MAX, TAGS_MAX};
use crate::pipe::{Pipe, key};
use crate::{Error, Inner, check};

impl Inner {
    async fn pipe(&self, cx: &Context, name: &str) -> Result<Versioned<Pipe>, Error> {
        self.pipes.get(&key(cx, name)).await?.ok_or_else(|| Error::NotFound(name.to_owned()))
    }

    /// The pipe that the ARN of a resource names.
    async fn pipe_of(&self, cx: &Context, arn: &str) -> Result<Versioned<Pipe>, Error> {
        let name = arn.rsplit_once(":pipe/").map(|(_, name)| name).unwrap_or(arn);
        self.pipe(cx, name).await
    }

    /// Puts a changed pipe in the place of the one before, and lets it run or not.
    async fn change(&self, cx: &Context, seen: &Versioned<Pipe>, pipe: Pipe) -> Result<Pipe, Error> {
        let mut batch = Batch::new();
        self.pipes.replace(&mut batch, seen, &pipe);
        self.store.submit(batch).durable().await?;
        match pipe.is_running {
            true => self.runners.start(&seen.key, &cx.dispatcher, pipe.clone()),
            false => self.runners.stop(&seen.key),
        }
        Ok(pipe)
    }

    async fn switch(&self, cx: &Context, name: &str, is_running: bool) -> Result<Pipe, Error> {
        let seen = self.pipe(cx, name).await?;
        if seen.value.is_running == is_running {
            let state = seen.value.desired();
            return Err(Error::Conflict(format!("Pipe {name} is already in the state {state}.")));
        }
        let pipe = Pipe { is_running, modified: cx.now, ..seen.value.clone() };
        self.change(cx, &seen, pipe).await
    }

    async fn set_tags(
        &self,
        cx: &Context,
        arn: &str,
        act: impl FnOnce(&mut std::collections::BTreeMap<String, String>),
    ) -> Result<(), Error> {
        let seen = self.pipe_of(cx, arn).await?;
        let mut pipe = seen.value.clone();
        let tags = pipe.definition.tags.get_or_insert_default();
        act(tags);
        if tags.len() > TAGS_MAX {
            return Err(Error::Validation(format!("A pipe can have at most {TAGS_MAX} tags.")));
        }
        let mut batch = Batch::new();
        self.pipes.replace(&mut batch, &seen, &pipe);
        self.store.submit(batch).durable().await?;
        Ok(())
    }
}

impl Api for Inner {
    type Error = Error;

    async fn create_pipe(
        &self,
        cx: &Context,
        input: model::CreatePipeInput,
    ) -> Result<model::CreatePipeOutput, Error> {
        check::definition(&input)?;
        let key = key(cx, &input.name);
        if self.pipes.get(&key).await?.is_some() {
            return Err(Error::Conflict(format!("Pipe {} already exists.", input.name)));
        }
        let prefix = format!("{}/{}/", cx.account, cx.region);
        if self.pipes.list(Range::prefix(&prefix)).await?.len() >= PIPES_MAX {
            return Err(Error::QuotaExceeded);
        }
        let pipe = Pipe {
            account: cx.account.to_string(),
            region: cx.region.to_string(),
            is_running: input.desired_state.as_deref() != Some("STOPPED"),
            definition: input,
            created: cx.now,
            modified: cx.now,
        };
        let mut batch = Batch::new();
        self.pipes.create(&mut batch, &key, &pipe);
        self.store.submit(batch).durable().await?;
        if pipe.is_running {
            self.runners.start(&key, &cx.dispatcher, pipe.clone());
        }
        Ok(model::CreatePipeOutput {
            arn: Some(pipe.arn()),
            name: Some(pipe.name().to_owned()),
            desired_state: Some(pipe.desired().to_owned()),
            current_state: Some("CREATING".to_owned()),
            creation_time: Some(pipe.created),
            last_modified_time: Some(pipe.modified),
        })
    }

    async fn update_pipe(
        &self,
        cx: &Context,
        input: model::UpdatePipeInput,
    ) -> Result<model::UpdatePipeOutput, Error> {
        let seen = self.pipe(cx, &input.name).await?;
        let mut pipe = Pipe { modified: cx.now, ..seen.value.clone() };
        apply(&mut pipe, input);
        check::definition(&pipe.definition)?;
        let pipe = self.change(cx, &seen, pipe).await?;
        Ok(model::UpdatePipeOutput {
            arn: Some(pipe.arn()),
            name: Some(pipe.name().to_owned()),
            desired_state: Some(pipe.desired().to_owned()),
            current_state: Some("UPDATING".to_owned()),
            creation_time: Some(pipe.created),
            last_modified_time: Some(pipe.modified),
        })
    }

    async fn delete_pipe(
        &self,
        cx: &Context,
        input: model::DeletePipeInput,
    ) -> Result<model::DeletePipeOutput, Error> {
        let seen = self.pipe(cx, &input.name).await?;
        let mut batch = Batch::new();
        self.pipes.delete(&mut batch, &seen.key);
        self.store.submit(batch).durable().await?;
        self.runners.stop(&seen.key);
        let pipe = seen.value;
        Ok(model::DeletePipeOutput {
            arn: Some(pipe.arn()),
            name: Some(pipe.name().to_owned()),
            desired_state: Some("DELETED".to_owned()),
            current_state: Some("DELETING".to_owned()),
            creation_time: Some(pipe.created),
            last_modified_time: Some(pipe.modified),
        })
    }

    async fn describe_pipe(
        &self,
        cx: &Context,
        input: model::DescribePipeInput,
    ) -> Result<model::DescribePipeOutput, Error> {
        let pipe = self.pipe(cx, &input.name).await?.value;
        let (arn, state) = (pipe.arn(), pipe.desired().to_owned());
        let definition = pipe.definition;
        Ok(model::DescribePipeOutput {
            arn: Some(arn),
            name: Some(definition.name),
            description: definition.description,
            desired_state: Some(state.clone()),
            current_state: Some(state),
            source: Some(definition.source),
            source_parameters: definition.source_parameters,
            enrichment: definition.enrichment,
            enrichment_parameters: definition.enrichment_parameters,
            target: Some(definition.target),
            target_parameters: definition.target_parameters,
            role_arn: Some(definition.role_arn),
            tags: definition.tags,
            creation_time: Some(pipe.created),
            last_modified_time: Some(pipe.modified),
            ..model::DescribePipeOutput::default()
        })
    }

    async fn list_pipes(
        &self,
        cx: &Context,
        input: model::ListPipesInput,
    ) -> Result<model::ListPipesOutput, Error> {
        let prefix = key(cx, input.name_prefix.as_deref().unwrap_or_default());
        let after = input.next_token.as_deref().map(|name| key(cx, name));
        let range = Range { after: after.as_deref(), ..Range::prefix(&prefix) };
        let is_wanted = |pipe: &Pipe| {
            let begins = |text: &str, prefix: &Option<String>| {
                prefix.as_deref().is_none_or(|prefix| text.starts_with(prefix))
            };
            let is = |state: &Option<String>| state.as_deref().is_none_or(|state| state == pipe.desired());
            begins(&pipe.definition.source, &input.source_prefix)
                && begins(&pipe.definition.target, &input.target_prefix)
                && is(&input.desired_state)
                && is(&input.current_state)
        };
        let found = self.pipes.list(range).await?;
        let mut found: Vec<Pipe> = found.into_iter().map(|pipe| pipe.value).filter(is_wanted).collect();
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_DEFAULT);
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next_token = found.last().filter(|_| has_more).map(|pipe| pipe.name().to_owned());
        Ok(model::ListPipesOutput { pipes: Some(found.into_iter().map(shown).collect()), next_token })
    }

    async fn start_pipe(
        &self,
        cx: &Context,
        input: model::StartPipeInput,
    ) -> Result<model::StartPipeOutput, Error> {
        let pipe = self.switch(cx, &input.name, true).await?;
        Ok(model::StartPipeOutput {
            arn: Some(pipe.arn()),
            name: Some(pipe.name().to_owned()),
            desired_state: Some(pipe.desired().to_owned()),
            current_state: Some("STARTING".to_owned()),
            creation_time: Some(pipe.created),
            last_modified_time: Some(pipe.modified),
        })
    }

    async fn stop_pipe(
        &self,
        cx: &Context,
        input: model::StopPipeInput,
    ) -> Result<model::StopPipeOutput, Error> {
        let pipe = self.switch(cx, &input.name, false).await?;
        Ok(model::StopPipeOutput {
            arn: Some(pipe.arn()),
            name: Some(pipe.name().to_owned()),
            desired_state: Some(pipe.desired().to_owned()),
            current_state: Some("STOPPING".to_owned()),
            creation_time: Some(pipe.created),
            last_modified_time: Some(pipe.modified),
        })
    }

    async fn list_tags_for_resource(
        &self,
        cx: &Context,
        input: model::ListTagsForResourceInput,
    ) -> Result<model::ListTagsForResourceOutput, Error> {
        let tags = self.pipe_of(cx, &input.resource_arn).await?.value.definition.tags;
        Ok(model::ListTagsForResourceOutput { tags: Some(tags.unwrap_or_default()) })
    }

    async fn tag_resource(
        &self,
        cx: &Context,
        input: model::TagResourceInput,
    ) -> Result<model::TagResourceOutput, Error> {
        self.set_tags(cx, &input.resource_arn, |tags| tags.extend(input.tags)).await?;
        Ok(model::TagResourceOutput {})
    }

    async fn untag_resource(
        &self,
        cx: &Context,
        input: model::UntagResourceInput,
    ) -> Result<model::UntagResourceOutput, Error> {
        self.set_tags(cx, &input.resource_arn, |tags| tags.retain(|name, _| !input.tag_keys.contains(name)))
            .await?;
        Ok(model::UntagResourceOutput {})
    }
}

/// What a request changes; what it does not name stays.
fn apply(pipe: &mut Pipe, input: model::UpdatePipeInput) {
    match input.desired_state.as_deref() {
        Some("RUNNING") => pipe.is_running = true,
        Some("STOPPED") => pipe.is_running = false,
        _ => {}
    }
    let definition = &mut pipe.definition;
    definition.role_arn = input.role_arn;
    definition.description = input.description.or(definition.description.take());
    definition.enrichment = input.enrichment.or(definition.enrichment.take());
    definition.enrichment_parameters =
        input.enrichment_parameters.or(definition.enrichment_parameters.take());
    definition.target_parameters = input.target_parameters.or(definition.target_parameters.take());
    definition.log_configuration = input.log_configuration.or(definition.log_configuration.take());
    definition.kms_key_identifier = input.kms_key_identifier.or(definition.kms_key_identifier.take());
    if let Some(target) = input.target {
        definition.target = target;
    }
    if let Some(given) = input.source_parameters {
        let source = definition.source_parameters.get_or_insert_default();
        source.filter_criteria = given.filter_criteria.or(source.filter_criteria.take());
        if let Some(sqs) = given.sqs_queue_parameters {
            let before = source.sqs_queue_parameters.get_or_insert_default();
            before.batch_size = sqs.batch_size.or(before.batch_size);
            before.maximum_batching_window_in_seconds =
                sqs.maximum_batching_window_in_seconds.or(before.maximum_batching_window_in_seconds);
        }
    }
}

fn shown(pipe: Pipe) -> model::Pipe {
    let (arn, state) = (pipe.arn(), pipe.desired().to_owned());
    model::Pipe {
        arn: Some(arn),
        name: Some(pipe.definition.name),
        desired_state: Some(state.clone()),
        current_state: Some(state),
        state_reason: None,
        creation_time: Some(pipe.created),
        last_modified_time: Some(pipe.modified),
        source: Some(pipe.definition.source),
        target: Some(pipe.definition.target),
        enrichment: pipe.definition.enrichment,
    }
}
