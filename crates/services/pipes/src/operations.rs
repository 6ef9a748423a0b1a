//! The API: what becomes of pipes.

use api::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::{Batch, Range, Versioned};

use crate::generated::operations::Api;
use crate::generated::types as model;
use crate::limits::{BATCH_SIZE_DEFAULT, PIPES_MAX};
use crate::page::Page;
use crate::pipe::{Pipe, State, key};
use crate::runner::Runners;
use crate::targets::batch_max;
use crate::{Error, Inner, Pipes, check, tag};

impl Inner {
    /// The pipe of that name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) async fn pipe(&self, cx: &Context, name: &str) -> Result<Versioned<Pipe>, Error> {
        self.pipes.get(&key(cx, name)).await?.ok_or_else(|| Error::NotFound(name.to_owned()))
    }

    async fn put_new(&self, cx: &Context, pipe: &Pipe) -> Result<(), Error> {
        let key = pipe.key();
        if self.pipes.get(&key).await?.is_some() {
            return Err(Error::Exists(pipe.name().to_owned()));
        }
        if self.pipes.list(Range::prefix(&self::key(cx, ""))).await?.len() >= PIPES_MAX {
            return Err(Error::QuotaExceeded);
        }
        let mut batch = Batch::new();
        self.pipes.create(&mut batch, &key, pipe);
        match self.store.submit(batch).durable().await {
            Err(store::Error::Conflict { .. }) => Err(Error::Exists(pipe.name().to_owned())),
            other => Ok(other.map(drop)?),
        }
    }
}

impl Pipes {
    /// Puts a changed pipe in the place of the one before, and has it tended.
    async fn change(&self, seen: &Versioned<Pipe>, pipe: Pipe) -> Result<Pipe, Error> {
        let mut batch = Batch::new();
        self.inner.pipes.replace(&mut batch, seen, &pipe);
        self.inner.store.submit(batch).durable().await?;
        Runners::ring(&self.inner, &seen.key);
        Ok(pipe)
    }

    /// The pipe of that name, which must not be on its way to another state.
    async fn settled(&self, cx: &Context, name: &str) -> Result<Versioned<Pipe>, Error> {
        let seen = self.inner.pipe(cx, name).await?;
        match seen.value.state.is_passing() {
            true => Err(in_state(&seen.value)),
            false => Ok(seen),
        }
    }
}

fn in_state(pipe: &Pipe) -> Error {
    Error::InState { name: pipe.name().to_owned(), state: pipe.state.name() }
}

/// The answer of an operation that changes a pipe: they are all alike.
fn changed<T: DeserializeOwned>(pipe: &Pipe) -> Result<T, Error> {
    let answer = json!({
        "Arn": pipe.arn(),
        "Name": pipe.name(),
        "DesiredState": pipe.desired(),
        "CurrentState": pipe.state.name(),
        "CreationTime": pipe.created,
        "LastModifiedTime": pipe.modified,
    });
    serde_json::from_value(answer).map_err(|error| Error::Validation(error.to_string()))
}

impl Api for Pipes {
    type Error = Error;

    async fn create_pipe(
        &self,
        cx: &Context,
        input: model::CreatePipeInput,
    ) -> Result<model::CreatePipeOutput, Error> {
        check::definition(&input)?;
        let tags = input.tags.clone().unwrap_or_default();
        tag::check(cx, &tags, &tags)?;
        let pipe = Pipe {
            account: cx.account.to_string(),
            region: cx.region.to_string(),
            is_wanted_running: input.desired_state.as_deref() != Some("STOPPED"),
            definition: input,
            state: State::Creating,
            created: cx.now,
            modified: cx.now,
        };
        self.inner.put_new(cx, &pipe).await?;
        Runners::ring(&self.inner, &pipe.key());
        changed(&pipe)
    }

    async fn update_pipe(
        &self,
        cx: &Context,
        input: model::UpdatePipeInput,
    ) -> Result<model::UpdatePipeOutput, Error> {
        let seen = self.settled(cx, &input.name).await?;
        let mut pipe = Pipe { modified: cx.now, state: State::Updating, ..seen.value.clone() };
        apply(&mut pipe, input)?;
        check::definition(&pipe.definition)?;
        let pipe = self.change(&seen, pipe).await?;
        changed(&pipe)
    }

    async fn delete_pipe(
        &self,
        cx: &Context,
        input: model::DeletePipeInput,
    ) -> Result<model::DeletePipeOutput, Error> {
        loop {
            let seen = self.inner.pipe(cx, &input.name).await?;
            if seen.value.state == State::Deleting {
                return Err(in_state(&seen.value));
            }
            let pipe = Pipe { state: State::Deleting, modified: cx.now, ..seen.value.clone() };
            match self.change(&seen, pipe).await {
                // It has come to another state by itself.
                Err(Error::Conflict(_)) => {}
                other => return changed(&other?),
            }
        }
    }

    async fn describe_pipe(
        &self,
        cx: &Context,
        input: model::DescribePipeInput,
    ) -> Result<model::DescribePipeOutput, Error> {
        let pipe = self.inner.pipe(cx, &input.name).await?.value;
        let source_parameters = shown_source_parameters(&pipe);
        let logs = pipe.definition.log_configuration.as_ref();
        let log_configuration = logs.map(|logs| model::PipeLogConfiguration {
            level: Some(logs.level.clone()),
            ..Default::default()
        });
        Ok(model::DescribePipeOutput {
            arn: Some(pipe.arn()),
            desired_state: Some(pipe.desired().to_owned()),
            current_state: Some(pipe.state.name().to_owned()),
            state_reason: Some(pipe.state.reason().to_owned()),
            name: Some(pipe.definition.name),
            description: pipe.definition.description,
            source: Some(pipe.definition.source),
            source_parameters: Some(source_parameters),
            enrichment: pipe.definition.enrichment,
            enrichment_parameters: Some(pipe.definition.enrichment_parameters.unwrap_or_default()),
            target: Some(pipe.definition.target),
            target_parameters: Some(pipe.definition.target_parameters.unwrap_or_default()),
            role_arn: Some(pipe.definition.role_arn),
            tags: Some(pipe.definition.tags.unwrap_or_default()),
            creation_time: Some(pipe.created),
            last_modified_time: Some(pipe.modified),
            log_configuration,
            kms_key_identifier: None,
        })
    }

    async fn list_pipes(
        &self,
        cx: &Context,
        input: model::ListPipesInput,
    ) -> Result<model::ListPipesOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.limit)?;
        let prefix = key(cx, input.name_prefix.as_deref().unwrap_or_default());
        let is_wanted = |pipe: &Pipe| {
            let begins = |text: &str, prefix: &Option<String>| {
                prefix.as_deref().is_none_or(|prefix| text.starts_with(prefix))
            };
            let is =
                |name: &str, wanted: &Option<String>| wanted.as_deref().is_none_or(|wanted| wanted == name);
            begins(&pipe.definition.source, &input.source_prefix)
                && begins(&pipe.definition.target, &input.target_prefix)
                && is(pipe.desired(), &input.desired_state)
                && is(pipe.state.name(), &input.current_state)
        };
        let rows = self.inner.pipes.list(Range::prefix(&prefix)).await?;
        let found: Vec<Pipe> = rows.into_iter().map(|row| row.value).filter(is_wanted).collect();
        let (found, next_token) = page.cut(found, |pipe| pipe.name());
        Ok(model::ListPipesOutput { pipes: Some(found.into_iter().map(shown).collect()), next_token })
    }

    async fn start_pipe(
        &self,
        cx: &Context,
        input: model::StartPipeInput,
    ) -> Result<model::StartPipeOutput, Error> {
        let seen = self.settled(cx, &input.name).await?;
        if seen.value.state == State::Running {
            return Err(in_state(&seen.value));
        }
        let started =
            Pipe { is_wanted_running: true, state: State::Starting, modified: cx.now, ..seen.value.clone() };
        changed(&self.change(&seen, started).await?)
    }

    async fn stop_pipe(
        &self,
        cx: &Context,
        input: model::StopPipeInput,
    ) -> Result<model::StopPipeOutput, Error> {
        let seen = self.settled(cx, &input.name).await?;
        if seen.value.state != State::Running {
            return Err(in_state(&seen.value));
        }
        let stopped =
            Pipe { is_wanted_running: false, state: State::Stopping, modified: cx.now, ..seen.value.clone() };
        changed(&self.change(&seen, stopped).await?)
    }

    async fn list_tags_for_resource(
        &self,
        cx: &Context,
        input: model::ListTagsForResourceInput,
    ) -> Result<model::ListTagsForResourceOutput, Error> {
        let tags = self.inner.tags_of(cx, &input.resource_arn).await?;
        Ok(model::ListTagsForResourceOutput { tags: Some(tags) })
    }

    async fn tag_resource(
        &self,
        cx: &Context,
        input: model::TagResourceInput,
    ) -> Result<model::TagResourceOutput, Error> {
        self.inner.add_tags(cx, &input.resource_arn, input.tags).await?;
        Ok(model::TagResourceOutput {})
    }

    async fn untag_resource(
        &self,
        cx: &Context,
        input: model::UntagResourceInput,
    ) -> Result<model::UntagResourceOutput, Error> {
        self.inner.remove_tags(cx, &input.resource_arn, &input.tag_keys).await?;
        Ok(model::UntagResourceOutput {})
    }
}

/// What a request changes; what it does not name stays. Each member of the parameters is one thing.
///
/// Source: EventBridge Pipes API, "UpdatePipe".
fn apply(pipe: &mut Pipe, input: model::UpdatePipeInput) -> Result<(), Error> {
    match input.desired_state.as_deref() {
        Some("RUNNING") => pipe.is_wanted_running = true,
        Some("STOPPED") => pipe.is_wanted_running = false,
        _ => {}
    }
    let definition = &mut pipe.definition;
    definition.role_arn = input.role_arn;
    definition.description = input.description.or(definition.description.take());
    definition.enrichment = input.enrichment.or(definition.enrichment.take());
    definition.log_configuration = input.log_configuration.or(definition.log_configuration.take());
    definition.kms_key_identifier = input.kms_key_identifier.or(definition.kms_key_identifier.take());
    if let Some(target) = input.target {
        definition.target = target;
    }
    definition.source_parameters = merged(definition.source_parameters.take(), input.source_parameters)?;
    definition.enrichment_parameters =
        merged(definition.enrichment_parameters.take(), input.enrichment_parameters)?;
    definition.target_parameters = merged(definition.target_parameters.take(), input.target_parameters)?;
    Ok(())
}

/// The members of `before`, and those of `given` in their place.
fn merged<T: Serialize + DeserializeOwned>(
    before: Option<T>,
    given: Option<impl Serialize>,
) -> Result<Option<T>, Error> {
    let Some(given) = given else { return Ok(before) };
    let invalid = |error: serde_json::Error| Error::Validation(error.to_string());
    let mut members = match before {
        Some(before) => serde_json::to_value(before).map_err(invalid)?,
        None => Value::Object(serde_json::Map::new()),
    };
    if let (Some(members), Value::Object(given)) =
        (members.as_object_mut(), serde_json::to_value(given).map_err(invalid)?)
    {
        members.extend(given);
    }
    serde_json::from_value(members).map(Some).map_err(invalid)
}

/// The source's parameters, with the batch size that holds where none was given.
fn shown_source_parameters(pipe: &Pipe) -> model::PipeSourceParameters {
    let mut parameters = pipe.definition.source_parameters.clone().unwrap_or_default();
    let sqs = parameters.sqs_queue_parameters.get_or_insert_default();
    let most = batch_max(&pipe.definition);
    let default = i64::try_from(BATCH_SIZE_DEFAULT.min(most)).unwrap_or(1);
    sqs.batch_size.get_or_insert(default);
    parameters
}

fn shown(pipe: Pipe) -> model::Pipe {
    model::Pipe {
        arn: Some(pipe.arn()),
        desired_state: Some(pipe.desired().to_owned()),
        current_state: Some(pipe.state.name().to_owned()),
        state_reason: Some(pipe.state.reason().to_owned()),
        name: Some(pipe.definition.name),
        creation_time: Some(pipe.created),
        last_modified_time: Some(pipe.modified),
        source: Some(pipe.definition.source),
        target: Some(pipe.definition.target),
        enrichment: pipe.definition.enrichment,
    }
}
