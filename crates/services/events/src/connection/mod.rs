//! Connections: how to show an HTTPS endpoint who one is.
//!
//! Their secrets are sealed before they are stored ([`crate::SecretKey`]) and are in no answer; services are given them by
//! an internal operation, and whoever may read secrets finds them in Secrets Manager (`secret`). OAuth
//! connections are authorized by `authorization`, and by whoever uses them, who tells what came of it.
//!
//! Source: EventBridge User Guide, "Connections for HTTP endpoint targets"; recorded calls.

pub(crate) mod authorization;
pub(crate) mod background;
pub(crate) mod secret;
pub(crate) mod token;

use api::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Batch, Range, Versioned};
use types::{Arn, Blob, Timestamp};

use crate::bus::refuse_unserved;
use crate::generated::types as model;
use crate::limits::CONNECTIONS_MAX;
use crate::page::Page;
use crate::{Error, Inner};

use secret::Secret;

/// A connection as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connection {
    name: String,
    arn: String,
    /// The secret in Secrets Manager; none after `DeauthorizeConnection`.
    secret_arn: Option<String>,
    description: Option<String>,
    authorization_type: String,
    state: State,
    state_reason: Option<String>,
    created: Timestamp,
    modified: Timestamp,
    authorized: Timestamp,
    /// `AuthParameters` of the request as JSON, sealed for the ARN.
    sealed: Blob,
}

/// `ConnectionState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum State {
    Authorizing,
    Authorized,
    Deauthorized,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Authorizing => "AUTHORIZING",
            Self::Authorized => "AUTHORIZED",
            Self::Deauthorized => "DEAUTHORIZED",
        }
    }

    /// The state of a connection whose parameters are new: only OAuth has somebody to ask.
    fn of_new(authorization_type: &str) -> Self {
        if authorization_type == OAUTH { Self::Authorizing } else { Self::Authorized }
    }
}

impl Connection {
    /// Whether it can be used as far as is known.
    pub(crate) fn is_authorized(&self) -> bool {
        self.state == State::Authorized
    }

    /// Whether its endpoint is still to be asked for a token.
    pub(crate) fn is_authorizing(&self) -> bool {
        self.state == State::Authorizing
    }

    /// The ARN: a connection that is made anew under the same name has another one.
    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// Its type of authorization.
    pub(crate) fn authorization_type(&self) -> &str {
        &self.authorization_type
    }

    /// Whether that is the name of its secret.
    pub(crate) fn has_secret(&self, name: &str) -> bool {
        let random = |arn: &str| Some(arn.split_once(":secret:")?.1.strip_prefix(name)?.starts_with('-'));
        self.secret_arn.as_deref().and_then(random) == Some(true)
    }

    /// The connection once it is known what became of the request for a token.
    pub(crate) fn noted(mut self, note: NoteAuthorization, now: Timestamp) -> Self {
        self.state = if note.failure.is_some() { State::Deauthorized } else { State::Authorized };
        self.state_reason = note.failure;
        self.authorized = now;
        self
    }
}

const OAUTH: &str = "OAUTH_CLIENT_CREDENTIALS";

/// A connection whose secrets are asked for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetrieveCredentials {
    pub(crate) connection_arn: String,
}

/// What became of the request for a token.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NoteAuthorization {
    pub(crate) connection_arn: String,
    /// Why there is no token; absent where there is one.
    pub(crate) failure: Option<String>,
}

impl Inner {
    pub(crate) async fn create_connection(
        &self,
        cx: &Context,
        input: model::CreateConnectionInput,
    ) -> Result<model::CreateConnectionOutput, Error> {
        refuse_unserved(&[
            ("InvocationConnectivityParameters", input.invocation_connectivity_parameters.is_some()),
            ("ConnectivityParameters", input.auth_parameters.connectivity_parameters.is_some()),
            ("KmsKeyIdentifier", input.kms_key_identifier.is_some()),
        ])?;
        check(&input.authorization_type, &input.auth_parameters)?;
        let key = key(cx, &input.name);
        if self.connections.get(&key).await?.is_some() {
            return Err(Error::ConnectionExists(input.name));
        }
        if self.connections.list(Range::prefix(&self::key(cx, ""))).await?.len() >= CONNECTIONS_MAX {
            return Err(Error::LimitExceeded);
        }
        let arn = cx.arn("events", format!("connection/{}/{}", input.name, api::ids::uuid())).to_string();
        let secret = Secret::new(cx, &input.name);
        let connection = Connection {
            secret_arn: Some(self.create_secret(&secret, &input.auth_parameters).await?),
            sealed: self.seal(&arn, &input.auth_parameters)?,
            arn,
            description: input.description,
            state: State::of_new(&input.authorization_type),
            state_reason: None,
            authorization_type: input.authorization_type,
            name: input.name,
            created: cx.now,
            modified: cx.now,
            authorized: cx.now,
        };
        let mut batch = Batch::new();
        self.connections.create(&mut batch, &key, &connection);
        secret.settled(&mut batch);
        authorization::begin(&mut batch, &key, &connection, cx.now);
        match self.store.submit(batch).durable().await {
            Err(store::Error::Conflict { .. }) => return Err(Error::ConnectionExists(connection.name)),
            answer => answer?,
        };
        Ok(model::CreateConnectionOutput {
            connection_arn: Some(connection.arn),
            connection_state: Some(connection.state.as_str().to_owned()),
            creation_time: Some(connection.created),
            last_modified_time: Some(connection.modified),
        })
    }

    pub(crate) async fn describe_connection(
        &self,
        cx: &Context,
        name: &str,
    ) -> Result<model::DescribeConnectionOutput, Error> {
        let connection = self.connection(cx, name, "describe").await?.value;
        let parameters = self.open(&connection)?;
        Ok(model::DescribeConnectionOutput {
            connection_arn: Some(connection.arn),
            name: Some(connection.name),
            description: connection.description,
            connection_state: Some(connection.state.as_str().to_owned()),
            state_reason: connection.state_reason,
            authorization_type: Some(connection.authorization_type),
            secret_arn: connection.secret_arn,
            auth_parameters: Some(without_secrets(parameters)),
            creation_time: Some(connection.created),
            last_modified_time: Some(connection.modified),
            last_authorized_time: Some(connection.authorized),
            ..Default::default()
        })
    }

    pub(crate) async fn list_connections(
        &self,
        cx: &Context,
        input: model::ListConnectionsInput,
    ) -> Result<model::ListConnectionsOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.limit)?;
        let prefix = key(cx, input.name_prefix.as_deref().unwrap_or_default());
        let rows = self.connections.list(Range::prefix(&prefix)).await?;
        let state = input.connection_state.as_deref();
        let found: Vec<Connection> = rows
            .into_iter()
            .map(|row| row.value)
            .filter(|connection| state.is_none_or(|state| connection.state.as_str() == state))
            .collect();
        let (found, next_token) = page.cut(found, |connection| &connection.name);
        let listed = found.into_iter().map(|connection| model::Connection {
            connection_arn: Some(connection.arn),
            name: Some(connection.name),
            connection_state: Some(connection.state.as_str().to_owned()),
            state_reason: connection.state_reason,
            authorization_type: Some(connection.authorization_type),
            creation_time: Some(connection.created),
            last_modified_time: Some(connection.modified),
            last_authorized_time: Some(connection.authorized),
        });
        Ok(model::ListConnectionsOutput { connections: Some(listed.collect()), next_token })
    }

    /// Changes what is given. Parameters of another type of authorization replace the present ones.
    pub(crate) async fn update_connection(
        &self,
        cx: &Context,
        input: model::UpdateConnectionInput,
    ) -> Result<model::UpdateConnectionOutput, Error> {
        let given = input.auth_parameters;
        let private = given.as_ref().is_some_and(|given| given.connectivity_parameters.is_some());
        refuse_unserved(&[
            ("InvocationConnectivityParameters", input.invocation_connectivity_parameters.is_some()),
            ("ConnectivityParameters", private),
            ("KmsKeyIdentifier", input.kms_key_identifier.is_some()),
        ])?;
        let seen = self.connection(cx, &input.name, "update").await?;
        let mut connection = seen.value.clone();
        let mut batch = Batch::new();
        if let Some(given) = given {
            let stays =
                input.authorization_type.as_ref().is_none_or(|kind| *kind == connection.authorization_type);
            let mut parameters = if stays { plain(&self.open(&connection)?) } else { json!({}) };
            merge(&mut parameters, plain(&given));
            let authorization_type = input.authorization_type.unwrap_or(connection.authorization_type);
            let parameters: model::CreateConnectionAuthRequestParameters =
                serde_json::from_value(parameters).map_err(|_| missing(&authorization_type))?;
            check(&authorization_type, &parameters)?;
            connection.sealed = self.seal(&connection.arn, &parameters)?;
            connection.state = State::of_new(&authorization_type);
            connection.state_reason = None;
            connection.authorization_type = authorization_type;
            connection.authorized = cx.now;
            self.show_secret(cx, &mut batch, &mut connection, &parameters).await?;
            authorization::begin(&mut batch, &seen.key, &connection, cx.now);
        } else if input.authorization_type.is_some_and(|kind| kind != connection.authorization_type) {
            return Err(Error::Invalid("Parameter(s) AuthParameters must be specified.".to_owned()));
        }
        connection.description = input.description.or(connection.description);
        connection.modified = cx.now;
        self.save_connection(batch, &seen, &connection).await?;
        Ok(model::UpdateConnectionOutput {
            connection_arn: Some(connection.arn),
            connection_state: Some(connection.state.as_str().to_owned()),
            creation_time: Some(connection.created),
            last_modified_time: Some(connection.modified),
            last_authorized_time: Some(connection.authorized),
        })
    }

    pub(crate) async fn delete_connection(
        &self,
        cx: &Context,
        name: &str,
    ) -> Result<model::DeleteConnectionOutput, Error> {
        let connection = self.connection(cx, name, "delete").await?.value;
        let mut batch = Batch::new();
        self.connections.delete(&mut batch, &key(cx, name));
        hide_secret(cx, &mut batch, &connection);
        authorization::end(&mut batch, &key(cx, name));
        self.store.submit(batch).durable().await?;
        self.forget_token(&connection.arn);
        Ok(model::DeleteConnectionOutput {
            connection_arn: Some(connection.arn),
            connection_state: Some("DELETING".to_owned()),
            creation_time: Some(connection.created),
            last_modified_time: Some(connection.modified),
            last_authorized_time: Some(connection.authorized),
        })
    }

    /// Takes a connection what it knows of secrets: it can be used again once it is updated.
    pub(crate) async fn deauthorize(
        &self,
        cx: &Context,
        name: &str,
    ) -> Result<model::DeauthorizeConnectionOutput, Error> {
        let seen = self.connection(cx, name, "deauthorize").await?;
        let mut connection = seen.value.clone();
        let mut batch = Batch::new();
        hide_secret(cx, &mut batch, &connection);
        authorization::end(&mut batch, &seen.key);
        connection.secret_arn = None;
        connection.sealed = self.seal(&connection.arn, &Default::default())?;
        connection.state = State::Deauthorized;
        connection.state_reason = None;
        connection.modified = cx.now;
        self.save_connection(batch, &seen, &connection).await?;
        self.forget_token(&connection.arn);
        Ok(model::DeauthorizeConnectionOutput {
            connection_arn: Some(connection.arn),
            connection_state: Some("DEAUTHORIZING".to_owned()),
            creation_time: Some(connection.created),
            last_modified_time: Some(connection.modified),
            last_authorized_time: Some(connection.authorized),
        })
    }

    /// What a service needs to show who it is: `AuthorizationType`, and `AuthParameters` with their secrets.
    pub(crate) async fn retrieve_credentials(
        &self,
        cx: &Context,
        input: RetrieveCredentials,
    ) -> Result<Value, Error> {
        let connection = self.connection_with_arn(cx, &input.connection_arn).await?.value;
        Ok(json!({
            "AuthorizationType": connection.authorization_type,
            "ConnectionState": connection.state.as_str(),
            "AuthParameters": plain(&self.open(&connection)?),
        }))
    }

    /// Keeps what became of the request for an OAuth connection's token.
    pub(crate) async fn note_authorization(
        &self,
        cx: &Context,
        input: NoteAuthorization,
    ) -> Result<Value, Error> {
        let seen = self.connection_with_arn(cx, &input.connection_arn).await?;
        let connection = seen.value.clone().noted(input, cx.now);
        if connection.state != seen.value.state {
            self.save_connection(Batch::new(), &seen, &connection).await?;
        }
        Ok(json!({}))
    }

    async fn connection(
        &self,
        cx: &Context,
        name: &str,
        purpose: &'static str,
    ) -> Result<Versioned<Connection>, Error> {
        let found = self.connections.get(&key(cx, name)).await?;
        found.ok_or_else(|| Error::ConnectionNotFound { name: name.to_owned(), purpose })
    }

    pub(crate) async fn connection_with_arn(
        &self,
        cx: &Context,
        arn: &str,
    ) -> Result<Versioned<Connection>, Error> {
        let parsed: Option<Arn> = arn.parse().ok();
        let name =
            parsed.as_ref().and_then(|arn| arn.resource.strip_prefix("connection/")?.split('/').next());
        let name = name.unwrap_or(arn);
        // Another connection may have taken the name since.
        let found = self.connections.get(&key(cx, name)).await?.filter(|found| found.value.arn == arn);
        found.ok_or_else(|| Error::ConnectionNotFound { name: name.to_owned(), purpose: "describe" })
    }

    /// Writes what is new into a connection's secret, or makes one where there is none.
    async fn show_secret(
        &self,
        cx: &Context,
        batch: &mut Batch,
        connection: &mut Connection,
        parameters: &model::CreateConnectionAuthRequestParameters,
    ) -> Result<(), Error> {
        let present = connection.secret_arn.as_deref();
        if let Some(secret) = present.and_then(|arn| Secret::with_arn(cx, &connection.name, arn)) {
            match self.change_secret(&secret, parameters).await {
                // Secrets of earlier releases are names only.
                Err(Error::Secret(error)) if error.code == "ResourceNotFoundException" => {}
                changed => {
                    secret.settled(batch);
                    return changed;
                }
            }
        }
        let secret = Secret::new(cx, &connection.name);
        connection.secret_arn = Some(self.create_secret(&secret, parameters).await?);
        secret.settled(batch);
        Ok(())
    }

    async fn save_connection(
        &self,
        mut batch: Batch,
        seen: &Versioned<Connection>,
        connection: &Connection,
    ) -> Result<(), Error> {
        self.connections.replace(&mut batch, seen, connection);
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    fn seal(
        &self,
        arn: &str,
        parameters: &model::CreateConnectionAuthRequestParameters,
    ) -> Result<Blob, Error> {
        let key = self.secret_key.get().ok_or(Error::NoSecretKey)?;
        let sealed = key.seal(arn, plain(parameters).to_string().as_bytes());
        Ok(Blob(sealed.map_err(|_| Error::NoSecretKey)?))
    }

    /// The parameters of a connection, with their secrets.
    pub(crate) fn open(
        &self,
        connection: &Connection,
    ) -> Result<model::CreateConnectionAuthRequestParameters, Error> {
        let key = self.secret_key.get().ok_or(Error::NoSecretKey)?;
        let opened = key.open(&connection.arn, &connection.sealed.0).ok_or(Error::NoSecretKey)?;
        serde_json::from_slice(&opened).map_err(|_| Error::NoSecretKey)
    }
}

fn key(cx: &Context, name: &str) -> String {
    format!("{}/{}/{name}", cx.account, cx.region)
}

/// Adds to a batch: a connection's secret is removed.
fn hide_secret(cx: &Context, batch: &mut Batch, connection: &Connection) {
    let arn = connection.secret_arn.as_deref();
    if let Some(secret) = arn.and_then(|arn| Secret::with_arn(cx, &connection.name, arn)) {
        secret.look_at(batch, cx.now);
    }
}

/// The parameters that a type of authorization needs must be there, and no others.
fn check(
    authorization_type: &str,
    parameters: &model::CreateConnectionAuthRequestParameters,
) -> Result<(), Error> {
    let given = [
        ("BASIC", parameters.basic_auth_parameters.is_some()),
        (OAUTH, parameters.o_auth_parameters.is_some()),
        ("API_KEY", parameters.api_key_auth_parameters.is_some()),
    ];
    let fits = given.iter().all(|(kind, is_given)| *is_given == (*kind == authorization_type));
    if fits { Ok(()) } else { Err(missing(authorization_type)) }
}

fn missing(authorization_type: &str) -> Error {
    let wanted = match authorization_type {
        "BASIC" => "BasicAuthParameters",
        "API_KEY" => "ApiKeyAuthParameters",
        _ => "OAuthParameters",
    };
    Error::Invalid(format!("Authorization type {authorization_type} needs {wanted}, and no other."))
}

/// A request's parameters as JSON. They are plain data: writing them cannot fail.
fn plain(parameters: &impl Serialize) -> Value {
    serde_json::to_value(parameters).unwrap_or_default()
}

/// Members of objects one by one, everything else as a whole.
fn merge(present: &mut Value, given: Value) {
    match (present, given) {
        (Value::Object(present), Value::Object(given)) => {
            for (name, value) in given {
                merge(present.entry(name).or_insert(Value::Null), value);
            }
        }
        (present, given) => *present = given,
    }
}

fn without_secrets(
    parameters: model::CreateConnectionAuthRequestParameters,
) -> model::ConnectionAuthResponseParameters {
    model::ConnectionAuthResponseParameters {
        basic_auth_parameters: parameters
            .basic_auth_parameters
            .map(|basic| model::ConnectionBasicAuthResponseParameters { username: Some(basic.username) }),
        o_auth_parameters: parameters.o_auth_parameters.map(|oauth| {
            model::ConnectionOAuthResponseParameters {
                client_parameters: Some(model::ConnectionOAuthClientResponseParameters {
                    client_id: Some(oauth.client_parameters.client_id),
                }),
                authorization_endpoint: Some(oauth.authorization_endpoint),
                http_method: Some(oauth.http_method),
                o_auth_http_parameters: oauth.o_auth_http_parameters.map(without_secret_values),
            }
        }),
        api_key_auth_parameters: parameters.api_key_auth_parameters.map(|key| {
            model::ConnectionApiKeyAuthResponseParameters { api_key_name: Some(key.api_key_name) }
        }),
        invocation_http_parameters: parameters.invocation_http_parameters.map(without_secret_values),
        connectivity_parameters: None,
    }
}

/// Values that are secret are left out.
fn without_secret_values(mut parameters: model::ConnectionHttpParameters) -> model::ConnectionHttpParameters {
    for header in parameters.header_parameters.iter_mut().flatten() {
        header.value = header.value.take().filter(|_| header.is_value_secret != Some(true));
    }
    for query in parameters.query_string_parameters.iter_mut().flatten() {
        query.value = query.value.take().filter(|_| query.is_value_secret != Some(true));
    }
    for body in parameters.body_parameters.iter_mut().flatten() {
        body.value = body.value.take().filter(|_| body.is_value_secret != Some(true));
    }
    parameters
}
