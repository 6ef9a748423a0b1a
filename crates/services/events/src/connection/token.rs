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

use crate::connection::{NoteAuthorization, RetrieveCredentials};
use crate::limits::{INVOCATION_ANSWER_BYTES_MAX, INVOCATION_TIME_MAX};
use crate::targets::{Failure, Retry};
use crate::{Error, Inner};

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

/// Why there is no token.
pub(crate) struct Refusal {
    /// In words.
    pub reason: String,
    /// Whether another attempt may get one.
    pub may_pass: bool,
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
        let asked = self.ask_and_keep(arn, connection).await;
        let failure = asked.as_ref().err().map(|refusal| refusal.reason.clone());
        if state != if failure.is_some() { "DEAUTHORIZED" } else { "AUTHORIZED" } {
            let note = NoteAuthorization { connection_arn: arn.to_owned(), failure };
            if let Err(error) = self.note_authorization(cx, note).await {
                tracing::warn!(connection = arn, %error, "a connection's state could not be noted");
            }
        }
        asked.map_err(|refusal| {
            let text = format!("Unable to authorize the connection: {}", refusal.reason);
            Failure::new(AwsError::new("ConnectionFailure", text), Retry::BackOff)
        })
    }

    /// Asks for the token of a connection, and keeps it for whoever uses the connection next.
    ///
    /// # Errors
    /// Secrets that cannot be read.
    pub(crate) async fn fetch_token(
        &self,
        kept: &crate::connection::Connection,
    ) -> Result<Result<String, Refusal>, Error> {
        let parameters = serde_json::to_value(self.open(kept)?).unwrap_or_default();
        let authorization_type = kept.authorization_type().to_owned();
        let connection = Connection { authorization_type, parameters, token: None };
        Ok(self.ask_and_keep(kept.arn(), &connection).await)
    }

    async fn ask_and_keep(&self, arn: &str, connection: &Connection) -> Result<String, Refusal> {
        let (text, life) = self.ask_for_token(connection).await?;
        let now = self.dispatcher.clock().now();
        let (ends, parameters) = (now + life.saturating_sub(BEFORE_END), connection.parameters.clone());
        self.tokens.put(arn, Token { text: text.clone(), ends, parameters }, now);
        Ok(text)
    }

    /// The token, and how long it lasts.
    async fn ask_for_token(&self, connection: &Connection) -> Result<(String, Duration), Refusal> {
        let never = |reason: String| Refusal { reason, may_pass: false };
        let request = token_request(connection).map_err(never)?;
        let answered = self.http().map_err(never)?.exchange(self.dispatcher.clock(), request, BOUNDS).await;
        let answered = answered.map_err(unanswered)?;
        let answer = serde_json::from_slice(&answered.body).unwrap_or(Value::Null);
        match answer.get("access_token").and_then(Value::as_str) {
            Some(token) if (200..300).contains(&answered.status) => {
                let life = answer.get("expires_in").and_then(Value::as_u64).map(Duration::from_secs);
                Ok((token.to_owned(), life.unwrap_or(LIFE_DEFAULT)))
            }
            _ => Err(Refusal {
                reason: format!(
                    "The authorization endpoint gave no token: {} {}",
                    answered.status, answered.status_text
                ),
                may_pass: answered.status == 429 || answered.status >= 500,
            }),
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

fn unanswered(failure: Unanswered) -> Refusal {
    let (reason, may_pass) = match failure {
        Unanswered::Request(cause) => (cause, false),
        Unanswered::Socket(cause) => (cause, true),
        Unanswered::TimedOut => {
            ("The authorization endpoint did not answer within 5 seconds.".to_owned(), true)
        }
        Unanswered::TooLarge => ("The answer of the authorization endpoint is too large.".to_owned(), false),
    };
    Refusal { reason, may_pass }
}
