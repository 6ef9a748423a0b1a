//! The tokens of OAuth connections: asked for when they are needed, kept in memory until they end.
//!
//! Source: EventBridge User Guide, "Connections for HTTP endpoint targets": a token is refreshed when an answer is 401 or
//! 407, and a minute before it ends.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use api::{AwsError, Context, Principal};
use http_client::connection::{Connection, token_request};
use http_client::{Bounds, Failure as Unanswered, HttpClient};
use serde_json::Value;
use types::{AccountId, Arn, Region, Timestamp};

use crate::Inner;
use crate::connection::{NoteAuthorization, RetrieveCredentials};
use crate::limits::{INVOCATION_ANSWER_BYTES_MAX, INVOCATION_TIME_MAX};
use crate::targets::{Failure, Retry};

const BOUNDS: Bounds = Bounds { time: INVOCATION_TIME_MAX, answer_bytes: INVOCATION_ANSWER_BYTES_MAX };

/// How long before its end a token is no longer used.
const BEFORE_END: Duration = Duration::from_secs(60);

/// How long a token is used whose endpoint does not say how long it lasts.
const LIFE_DEFAULT: Duration = Duration::from_secs(10 * 60);

/// The tokens that are in use, by the ARNs of their connections.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, Token>>);

#[derive(Clone)]
struct Token {
    text: String,
    ends: Timestamp,
    /// What it was asked for with: a connection that was changed needs another one.
    parameters: Value,
}

/// A connection that can be used now.
pub(crate) struct Authorized {
    pub connection: Connection,
}

impl Tokens {
    fn find(&self, arn: &str, parameters: &Value, now: Timestamp) -> Option<String> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = tokens.get(arn)?;
        (token.ends > now && token.parameters == *parameters).then(|| token.text.clone())
    }

    fn put(&self, arn: &str, token: Token, now: Timestamp) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, token| token.ends > now);
        tokens.insert(arn.to_owned(), token);
    }

    fn remove(&self, arn: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(arn);
    }
}

impl Inner {
    /// The client for endpoints outside.
    pub(crate) fn http(&self) -> Result<&HttpClient, String> {
        self.http.get_or_init(HttpClient::new).as_ref().map_err(Clone::clone)
    }

    /// The token is not used any more.
    pub(crate) fn forget_token(&self, connection_arn: &str) {
        self.tokens.remove(connection_arn);
    }

    /// A connection with what it takes to use it.
    pub(crate) async fn authorized(&self, arn: &str) -> Result<Authorized, Failure> {
        let cx = self.context_of(arn);
        let asked = RetrieveCredentials { connection_arn: arn.to_owned() };
        let mut given = self.retrieve_credentials(&cx, asked).await.map_err(AwsError::from)?;
        let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (authorization_type, state) = (text("AuthorizationType"), text("ConnectionState"));
        let parameters = given.get_mut("AuthParameters").map(Value::take).unwrap_or_default();
        let mut connection = Connection { authorization_type, parameters, token: None };
        let is_without = connection.parameters.as_object().is_none_or(serde_json::Map::is_empty);
        if is_without {
            let text = format!("The connection {arn} is {state}: it has no authorization parameters.");
            return Err(Failure::from(AwsError::new("InvalidConnectionState", text)));
        }
        if connection.authorization_type == "OAUTH_CLIENT_CREDENTIALS" {
            connection.token = Some(self.token(&cx, arn, &state, &connection).await?);
        }
        Ok(Authorized { connection })
    }

    async fn token(
        &self,
        cx: &Context,
        arn: &str,
        state: &str,
        connection: &Connection,
    ) -> Result<String, Failure> {
        if let Some(token) = self.tokens.find(arn, &connection.parameters, cx.now) {
            return Ok(token);
        }
        let asked = self.ask_for_token(connection).await;
        let failure = asked.as_ref().err().cloned();
        if state != if failure.is_some() { "DEAUTHORIZED" } else { "AUTHORIZED" } {
            let note = NoteAuthorization { connection_arn: arn.to_owned(), failure };
            if let Err(error) = self.note_authorization(cx, note).await {
                tracing::warn!(connection = arn, %error, "a connection's state could not be noted");
            }
        }
        match asked {
            Ok((text, life)) => {
                let ends = cx.now + life.saturating_sub(BEFORE_END);
                let parameters = connection.parameters.clone();
                self.tokens.put(arn, Token { text: text.clone(), ends, parameters }, cx.now);
                Ok(text)
            }
            Err(reason) => {
                let error = AwsError::new(
                    "ConnectionFailure",
                    format!("Unable to authorize the connection: {reason}"),
                );
                Err(Failure::new(error, Retry::BackOff))
            }
        }
    }

    /// The token, and how long it lasts.
    async fn ask_for_token(&self, connection: &Connection) -> Result<(String, Duration), String> {
        let answered =
            self.http()?.exchange(self.dispatcher.clock(), token_request(connection)?, BOUNDS).await;
        let answered = answered.map_err(|failure| match failure {
            Unanswered::Request(cause) | Unanswered::Socket(cause) => cause,
            Unanswered::TimedOut => "The authorization endpoint did not answer within 5 seconds.".to_owned(),
            Unanswered::TooLarge => "The answer of the authorization endpoint is too large.".to_owned(),
        })?;
        let answer = serde_json::from_slice(&answered.body).unwrap_or(Value::Null);
        match answer.get("access_token").and_then(Value::as_str) {
            Some(token) if (200..300).contains(&answered.status) => {
                let life = answer.get("expires_in").and_then(Value::as_u64).map(Duration::from_secs);
                Ok((token.to_owned(), life.unwrap_or(LIFE_DEFAULT)))
            }
            _ => Err(format!(
                "The authorization endpoint gave no token: {} {}",
                answered.status, answered.status_text
            )),
        }
    }

    /// A context in the place of an ARN.
    fn context_of(&self, arn: &str) -> Context {
        let place = arn.parse::<Arn>().ok();
        let part = |part: fn(&Arn) -> &String| place.as_ref().map(part).cloned().unwrap_or_default();
        Context {
            principal: Principal::service("events.amazonaws.com"),
            account: AccountId::new(part(|arn| &arn.account)),
            region: Region::new(part(|arn| &arn.region)),
            request_id: api::ids::uuid(),
            idempotency_key: None,
            now: self.dispatcher.clock().now(),
            dispatcher: self.dispatcher.clone(),
        }
    }
}
