//! API destinations: HTTP endpoints that rules may have as targets, and the connections that show them who calls.
//!
//! How one is called is `targets`' business. Here they are kept.
//!
//! Source: EventBridge API, "CreateApiDestination"; recorded calls.

use api::Context;
use serde::{Deserialize, Serialize};
use store::{Batch, Range, Versioned};
use types::{Arn, Timestamp};

use crate::generated::types as model;
use crate::limits::{API_DESTINATIONS_MAX, INVOCATIONS_PER_SECOND_DEFAULT};
use crate::page::Page;
use crate::{Error, Inner};

/// An API destination as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiDestination {
    name: String,
    arn: String,
    description: Option<String>,
    /// The ARN of the connection.
    pub connection_arn: String,
    /// Where; each `*` is filled by a target's `PathParameterValues`.
    pub endpoint: String,
    /// How.
    pub method: String,
    /// Calls a second.
    pub per_second: i64,
    created: Timestamp,
    modified: Timestamp,
}

impl Inner {
    pub(crate) async fn create_destination(
        &self,
        cx: &Context,
        input: model::CreateApiDestinationInput,
    ) -> Result<model::CreateApiDestinationOutput, Error> {
        check_endpoint(&input.invocation_endpoint)?;
        let state = self.state_by(cx, &input.connection_arn).await?;
        let key = key(cx, &input.name);
        if self.destinations.get(&key).await?.is_some() {
            return Err(Error::DestinationExists(input.name));
        }
        if self.destinations.list(Range::prefix(&self::key(cx, ""))).await?.len() >= API_DESTINATIONS_MAX {
            return Err(Error::LimitExceeded);
        }
        let destination = ApiDestination {
            arn: cx.arn("events", format!("api-destination/{}/{}", input.name, api::ids::uuid())).to_string(),
            name: input.name,
            description: input.description,
            connection_arn: input.connection_arn,
            endpoint: input.invocation_endpoint,
            method: input.http_method,
            per_second: input.invocation_rate_limit_per_second.unwrap_or(INVOCATIONS_PER_SECOND_DEFAULT),
            created: cx.now,
            modified: cx.now,
        };
        let mut batch = Batch::new();
        self.destinations.create(&mut batch, &key, &destination);
        match self.store.submit(batch).durable().await {
            Err(store::Error::Conflict { .. }) => return Err(Error::DestinationExists(destination.name)),
            answer => answer?,
        };
        Ok(model::CreateApiDestinationOutput {
            api_destination_arn: Some(destination.arn),
            api_destination_state: Some(state),
            creation_time: Some(destination.created),
            last_modified_time: Some(destination.modified),
        })
    }

    pub(crate) async fn describe_destination(
        &self,
        cx: &Context,
        name: &str,
    ) -> Result<model::DescribeApiDestinationOutput, Error> {
        let destination = self.destination(cx, name, "describe").await?.value;
        Ok(model::DescribeApiDestinationOutput {
            api_destination_state: Some(self.destination_state(cx, &destination).await?),
            api_destination_arn: Some(destination.arn),
            name: Some(destination.name),
            description: destination.description,
            connection_arn: Some(destination.connection_arn),
            invocation_endpoint: Some(destination.endpoint),
            http_method: Some(destination.method),
            invocation_rate_limit_per_second: Some(destination.per_second),
            creation_time: Some(destination.created),
            last_modified_time: Some(destination.modified),
        })
    }

    pub(crate) async fn list_destinations(
        &self,
        cx: &Context,
        input: model::ListApiDestinationsInput,
    ) -> Result<model::ListApiDestinationsOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.limit)?;
        let prefix = key(cx, input.name_prefix.as_deref().unwrap_or_default());
        let rows = self.destinations.list(Range::prefix(&prefix)).await?;
        let by = input.connection_arn.as_deref();
        let found: Vec<ApiDestination> = rows
            .into_iter()
            .map(|row| row.value)
            .filter(|destination| by.is_none_or(|arn| destination.connection_arn == arn))
            .collect();
        let (found, next_token) = page.cut(found, |destination| &destination.name);
        let mut listed = Vec::with_capacity(found.len());
        for destination in found {
            listed.push(model::ApiDestination {
                api_destination_state: Some(self.destination_state(cx, &destination).await?),
                api_destination_arn: Some(destination.arn),
                name: Some(destination.name),
                connection_arn: Some(destination.connection_arn),
                invocation_endpoint: Some(destination.endpoint),
                http_method: Some(destination.method),
                invocation_rate_limit_per_second: Some(destination.per_second),
                creation_time: Some(destination.created),
                last_modified_time: Some(destination.modified),
            });
        }
        Ok(model::ListApiDestinationsOutput { api_destinations: Some(listed), next_token })
    }

    /// Changes what is given.
    pub(crate) async fn update_destination(
        &self,
        cx: &Context,
        input: model::UpdateApiDestinationInput,
    ) -> Result<model::UpdateApiDestinationOutput, Error> {
        let seen = self.destination(cx, &input.name, "update").await?;
        let mut destination = seen.value.clone();
        if let Some(arn) = input.connection_arn {
            self.state_by(cx, &arn).await?;
            destination.connection_arn = arn;
        }
        if let Some(endpoint) = input.invocation_endpoint {
            check_endpoint(&endpoint)?;
            destination.endpoint = endpoint;
        }
        destination.description = input.description.or(destination.description);
        destination.method = input.http_method.unwrap_or(destination.method);
        destination.per_second = input.invocation_rate_limit_per_second.unwrap_or(destination.per_second);
        destination.modified = cx.now;
        let mut batch = Batch::new();
        self.destinations.replace(&mut batch, &seen, &destination);
        self.store.submit(batch).durable().await?;
        Ok(model::UpdateApiDestinationOutput {
            api_destination_state: Some(self.destination_state(cx, &destination).await?),
            api_destination_arn: Some(destination.arn),
            creation_time: Some(destination.created),
            last_modified_time: Some(destination.modified),
        })
    }

    pub(crate) async fn delete_destination(&self, cx: &Context, name: &str) -> Result<(), Error> {
        self.destination(cx, name, "delete").await?;
        let mut batch = Batch::new();
        self.destinations.delete(&mut batch, &key(cx, name));
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    /// The destination that a target names.
    ///
    /// # Errors
    /// [`Error::DestinationNotFound`], also where another one has taken its name since.
    pub(crate) async fn destination_with_arn(&self, arn: &Arn) -> Result<ApiDestination, Error> {
        let name = arn.resource.split('/').nth(1).unwrap_or_default();
        let found = self.destinations.get(&format!("{}/{}/{name}", arn.account, arn.region)).await?;
        let found = found.map(|found| found.value).filter(|found| found.arn == arn.to_string());
        found.ok_or_else(|| Error::DestinationNotFound { name: name.to_owned(), purpose: "describe" })
    }

    async fn destination(
        &self,
        cx: &Context,
        name: &str,
        purpose: &'static str,
    ) -> Result<Versioned<ApiDestination>, Error> {
        let found = self.destinations.get(&key(cx, name)).await?;
        found.ok_or_else(|| Error::DestinationNotFound { name: name.to_owned(), purpose })
    }

    /// `ACTIVE` while its connection is there and authorized.
    async fn destination_state(&self, cx: &Context, destination: &ApiDestination) -> Result<String, Error> {
        match self.state_by(cx, &destination.connection_arn).await {
            Err(Error::ConnectionNotFound { .. }) => Ok("INACTIVE".to_owned()),
            state => state,
        }
    }

    /// The state of destinations with that connection.
    async fn state_by(&self, cx: &Context, connection_arn: &str) -> Result<String, Error> {
        let is_authorized = self.connection_with_arn(cx, connection_arn).await?.value.is_authorized();
        Ok(if is_authorized { "ACTIVE" } else { "INACTIVE" }.to_owned())
    }
}

fn key(cx: &Context, name: &str) -> String {
    format!("{}/{}/{name}", cx.account, cx.region)
}

/// On AWS endpoints begin with `https`; here those in one's own network may do without.
fn check_endpoint(endpoint: &str) -> Result<(), Error> {
    let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    match rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', ':', '*'])) {
        true => Ok(()),
        false => Err(Error::Invalid(
            "Parameter InvocationEndpoint is not valid. Reason: It must be a URL that begins with https://."
                .to_owned(),
        )),
    }
}
