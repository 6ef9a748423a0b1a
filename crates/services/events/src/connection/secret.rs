//! The secrets of connections in Secrets Manager: each connection has one, which shows what its record keeps sealed.
//!
//! The record is what counts. Before a secret becomes another than its record says, a timer is set; it goes with the
//! record's change. Where the process dies between them, the timer makes the secret what the record says.
//!
//! Source: EventBridge User Guide, "Connections for HTTP endpoint targets"; recorded values of such secrets.

use api::{AwsError, Call, Context, Principal};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{Batch, Timer};
use types::{AccountId, Arn, Region, Timestamp};

use crate::generated::types as model;
use crate::limits::{SECRET_SETTLED, STORE_PAUSE};
use crate::{Error, Inner};

/// A timer per secret that may not be what its connection's record says, under the secret's name.
pub(super) const QUEUE: &str = "events/connection-secret";

/// A secret, and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Secret {
    account: AccountId,
    region: Region,
    /// The connection's name.
    connection: String,
    /// `events!connection/NAME/UUID`.
    name: String,
}

impl Secret {
    /// A secret for a connection that has none.
    pub fn new(cx: &Context, connection: &str) -> Self {
        Self {
            account: cx.account.clone(),
            region: cx.region.clone(),
            connection: connection.to_owned(),
            name: format!("events!connection/{connection}/{}", api::ids::uuid()),
        }
    }

    /// The secret that a connection has, by its ARN: the name, a hyphen and six characters.
    pub fn with_arn(cx: &Context, connection: &str, arn: &str) -> Option<Self> {
        let arn: Arn = arn.parse().ok()?;
        let (name, _) = arn.resource.strip_prefix("secret:")?.rsplit_once('-')?;
        Some(Self { name: name.to_owned(), ..Self::new(cx, connection) })
    }

    fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.name)
    }

    /// Adds to a batch: at `due` the secret is made what the connection's record says, or removed with it.
    pub fn look_at(&self, batch: &mut Batch, due: Timestamp) {
        // Plain data with text keys: it cannot fail to be written.
        batch.set_timer(QUEUE, self.key(), due, serde_json::to_vec(self).unwrap_or_default());
    }

    /// Adds to a batch: the secret is what the connection's record says.
    pub fn settled(&self, batch: &mut Batch) {
        batch.clear_timer(QUEUE, self.key());
    }
}

impl Inner {
    /// Makes a secret with what a connection's parameters say; returns its ARN. The timer that looks at it is set.
    pub(crate) async fn create_secret(
        &self,
        secret: &Secret,
        parameters: &model::CreateConnectionAuthRequestParameters,
    ) -> Result<String, Error> {
        self.look_later(secret).await?;
        let value = value(parameters).to_string();
        let input =
            json!({"Name": secret.name, "SecretString": value, "ClientRequestToken": api::ids::uuid()});
        let answer = self.call_secrets(secret, "CreateSecret", input).await?;
        let arn = answer.get("ARN").and_then(Value::as_str);
        arn.map(str::to_owned)
            .ok_or_else(|| Error::Secret(AwsError::internal("InternalException", &"no ARN").into()))
    }

    /// Gives a secret another value. The timer that looks at it is set.
    pub(crate) async fn change_secret(
        &self,
        secret: &Secret,
        parameters: &model::CreateConnectionAuthRequestParameters,
    ) -> Result<(), Error> {
        self.look_later(secret).await?;
        self.put_secret(secret, parameters).await.map_err(Error::from_secrets)
    }

    async fn look_later(&self, secret: &Secret) -> Result<(), Error> {
        let mut batch = Batch::new();
        secret.look_at(&mut batch, self.dispatcher.clock().now() + SECRET_SETTLED);
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    async fn put_secret(
        &self,
        secret: &Secret,
        parameters: &model::CreateConnectionAuthRequestParameters,
    ) -> Result<(), AwsError> {
        let value = value(parameters).to_string();
        let input = json!({
            "SecretId": secret.name, "SecretString": value, "ClientRequestToken": api::ids::uuid(),
        });
        self.call_secretsmanager(secret, "PutSecretValue", input).await.map(drop)
    }

    async fn call_secrets(&self, secret: &Secret, operation: &str, input: Value) -> Result<Value, Error> {
        self.call_secretsmanager(secret, operation, input).await.map_err(Error::from_secrets)
    }

    async fn call_secretsmanager(
        &self,
        secret: &Secret,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let service = Principal::service("events.amazonaws.com");
        let (account, region) = (&secret.account, &secret.region);
        let call = Call::new(service, account, region, "secretsmanager", operation, input);
        self.dispatcher.call(call).await
    }

    /// Looks at a secret, as often as the store or Secrets Manager have to be asked for that.
    pub(super) async fn settle_secret(&self, timer: &Timer) {
        let Ok(secret) = serde_json::from_slice::<Secret>(&timer.payload) else {
            tracing::error!(secret = timer.key, "the timer of a connection's secret cannot be read");
            return;
        };
        let clock = self.dispatcher.clock();
        while let Err(error) = self.try_to_settle(&secret).await {
            tracing::error!(secret = timer.key, %error, "the secret of a connection could not be looked at");
            if !error.may_pass() {
                return;
            }
            clock.sleep_until(clock.now() + STORE_PAUSE).await;
        }
    }

    async fn try_to_settle(&self, secret: &Secret) -> Result<(), Error> {
        let key = format!("{}/{}/{}", secret.account, secret.region, secret.connection);
        let connection = self.connections.get(&key).await?.map(|found| found.value);
        let done = match connection.filter(|connection| connection.has_secret(&secret.name)) {
            Some(connection) => self.put_secret(secret, &self.open(&connection)?).await,
            None => {
                let input = json!({"SecretId": secret.name, "ForceDeleteWithoutRecovery": true});
                self.call_secretsmanager(secret, "DeleteSecret", input).await.map(drop)
            }
        };
        match done {
            // Secrets of earlier releases are names only.
            Err(error) if error.code == "ResourceNotFoundException" => {}
            done => done.map_err(Error::from_secrets)?,
        }
        let mut batch = Batch::new();
        secret.settled(&mut batch);
        self.store.submit(batch).durable().await?;
        Ok(())
    }
}

/// What the secret of a connection holds.
fn value(parameters: &model::CreateConnectionAuthRequestParameters) -> Value {
    let mut value = Map::new();
    let mut put = |name: &str, text: &str| value.insert(name.to_owned(), text.into());
    if let Some(basic) = &parameters.basic_auth_parameters {
        put("username", &basic.username);
        put("password", &basic.password);
    }
    if let Some(key) = &parameters.api_key_auth_parameters {
        put("api_key_name", &key.api_key_name);
        put("api_key_value", &key.api_key_value);
    }
    if let Some(oauth) = &parameters.o_auth_parameters {
        put("client_id", &oauth.client_parameters.client_id);
        put("client_secret", &oauth.client_parameters.client_secret);
        put("authorization_endpoint", &oauth.authorization_endpoint);
        put("http_method", &oauth.http_method);
        if let Some(added) = &oauth.o_auth_http_parameters {
            value.insert("oauth_http_parameters".to_owned(), http_parameters(added));
        }
    }
    if let Some(added) = &parameters.invocation_http_parameters {
        value.insert("invocation_http_parameters".to_owned(), http_parameters(added));
    }
    Value::Object(value)
}

/// The same members, named with underscores.
fn http_parameters(parameters: &model::ConnectionHttpParameters) -> Value {
    let mut named = serde_json::to_value(parameters).unwrap_or_default();
    with_underscores(&mut named);
    named
}

fn with_underscores(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let renamed = std::mem::take(members).into_iter().map(|(name, mut value)| {
                with_underscores(&mut value);
                (underscored(&name), value)
            });
            *members = renamed.collect();
        }
        Value::Array(items) => items.iter_mut().for_each(with_underscores),
        _ => {}
    }
}

fn underscored(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (at, character) in name.chars().enumerate() {
        if character.is_ascii_uppercase() && at > 0 {
            text.push('_');
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_hold_what_aws_writes_into_them() {
        let given = json!({
            "OAuthParameters": {
                "AuthorizationEndpoint": "https://h/token", "HttpMethod": "POST",
                "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
                "OAuthHttpParameters": {"BodyParameters": [{"Key": "K", "Value": "V", "IsValueSecret": true}]},
            },
            "InvocationHttpParameters": {},
        });
        let parameters = serde_json::from_value(given).unwrap();
        let expected = json!({
            "client_id": "i", "client_secret": "s", "authorization_endpoint": "https://h/token",
            "http_method": "POST",
            "oauth_http_parameters": {"body_parameters": [{"key": "K", "value": "V", "is_value_secret": true}]},
            "invocation_http_parameters": {},
        });
        assert_eq!(value(&parameters), expected);
    }
}
