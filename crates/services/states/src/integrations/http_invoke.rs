//! `http:invoke`: an HTTPS endpoint, called with what an EventBridge connection knows of it.
//!
//! Source: Step Functions Developer Guide, "Call HTTPS APIs in Step Functions workflows".

use std::time::Duration;

use api::{AwsError, Call, Principal};
use asl::{ErrorName, FailurePhase};
use http_client::connection::{self as connections, Connection};
use http_client::{Answered, Bounds, Failure, HttpClient, Outgoing};
use serde_json::{Map, Value, json};

use super::http_request;
use super::{Answer, Attempt, failed};
use crate::delivery::STATES;
use crate::limits::PAYLOAD_BYTES;

const OAUTH: &str = "OAUTH_CLIENT_CREDENTIALS";

/// How much an exchange may take. A larger answer would be none that a state may have.
const BOUNDS: Bounds = Bounds { time: Duration::from_secs(60), answer_bytes: PAYLOAD_BYTES };

const TIMED_OUT: &str = "The HTTP request timed out after 60 seconds.";

/// Types of content that no state is given.
const UNREADABLE: [&str; 4] = ["application/octet-stream", "image/", "video/", "audio/"];

/// Calls the endpoint.
pub(super) async fn invoke(attempt: &Attempt<'_>) -> Answer {
    let connection = match connection(attempt).await {
        Ok(connection) => connection,
        Err(answer) => return answer,
    };
    let outgoing = match http_request::build(attempt.parameters, &connection, attempt.region.as_str()) {
        Ok(outgoing) => outgoing,
        Err(problem) => return attempt.unusable(&[problem]),
    };
    match exchange(attempt, outgoing).await {
        Ok(answered) if (200..300).contains(&answered.status) => output(answered),
        Ok(answered) => refused(&answered),
        Err(Failure::Request(problem)) => attempt.unusable(&[problem]),
        Err(Failure::Socket(cause)) => failed(ErrorName::HttpSocket, cause, FailurePhase::Run),
        Err(Failure::TimedOut) => failed(ErrorName::HttpSocket, TIMED_OUT.to_owned(), FailurePhase::Run),
        Err(Failure::TooLarge) => {
            let cause = "The state/task 'http' returned a result with a size exceeding the maximum number of bytes \
                         service limit.";
            failed(ErrorName::DataLimitExceeded, cause.to_owned(), FailurePhase::Run)
        }
    }
}

async fn exchange(attempt: &Attempt<'_>, outgoing: Outgoing) -> Result<Answered, Failure> {
    let client = HttpClient::new().map_err(Failure::Socket)?;
    client.exchange(attempt.dispatcher.clock(), outgoing, BOUNDS).await
}

/// The connection with its secrets, and a token where it takes one.
async fn connection(attempt: &Attempt<'_>) -> Result<Connection, Answer> {
    let configured = ["InvocationConfig", "Authentication"];
    let configured = configured.iter().find_map(|field| attempt.parameters.get(*field)?.get("ConnectionArn"));
    let arn = configured.and_then(Value::as_str).unwrap_or_default();
    let given = call_events(attempt, "RetrieveConnectionCredentials", json!({"ConnectionArn": arn})).await;
    let mut given = given.map_err(|error| match error.code.as_ref() {
        "ResourceNotFoundException" => unconnected("ResourceNotFound", error.message),
        _ => unconnected("InternalError", error.message),
    })?;
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (authorization_type, state) = (text("AuthorizationType"), text("ConnectionState"));
    let mut connection = Connection {
        authorization_type,
        parameters: given.get_mut("AuthParameters").map(Value::take).unwrap_or_default(),
        token: None,
    };
    if connection.parameters.as_object().is_none_or(Map::is_empty) {
        let cause = format!("The connection {arn} is {state}: it has no authorization parameters.");
        return Err(unconnected("InvalidConnectionState", cause));
    }
    if connection.authorization_type == OAUTH {
        let token = token(attempt, &connection).await;
        note(attempt, arn, &state, token.as_ref().err()).await;
        connection.token = Some(token.map_err(|reason| unconnected("InvalidConnectionState", reason))?);
    }
    Ok(connection)
}

/// Asks the connection's endpoint for a token.
async fn token(attempt: &Attempt<'_>, connection: &Connection) -> Result<String, String> {
    let outgoing = connections::token_request(connection)?;
    let answered = exchange(attempt, outgoing).await;
    let answered = answered.map_err(|failure| match failure {
        Failure::Request(cause) | Failure::Socket(cause) => cause,
        Failure::TimedOut => TIMED_OUT.to_owned(),
        Failure::TooLarge => "The answer of the authorization endpoint is too large.".to_owned(),
    })?;
    let token = serde_json::from_slice::<Value>(&answered.body).ok();
    let token = token.as_ref().and_then(|token| token.get("access_token")?.as_str());
    match token {
        Some(token) if (200..300).contains(&answered.status) => Ok(token.to_owned()),
        _ => Err(format!(
            "The authorization endpoint gave no token: {} {}",
            answered.status, answered.status_text
        )),
    }
}

/// Tells EventBridge what came of the request for a token, where that is new.
async fn note(attempt: &Attempt<'_>, arn: &str, state: &str, failure: Option<&String>) {
    let is_new = if failure.is_some() { state != "DEAUTHORIZED" } else { state != "AUTHORIZED" };
    if !is_new {
        return;
    }
    let input = json!({"ConnectionArn": arn, "Failure": failure});
    if let Err(error) = call_events(attempt, "NoteConnectionAuthorization", input).await {
        tracing::warn!(connection = arn, %error, "a connection's state could not be noted");
    }
}

async fn call_events(attempt: &Attempt<'_>, operation: &str, input: Value) -> Result<Value, AwsError> {
    let principal = Principal::service(STATES);
    let operation = format!("internal:{operation}");
    let call = Call::new(principal, attempt.account, attempt.region, "events", &operation, input);
    attempt.dispatcher.call(call).await
}

fn unconnected(error: &str, cause: String) -> Answer {
    failed(ErrorName::from(format!("Events.ConnectionResource.{error}")), cause, FailurePhase::Run)
}

/// What a state is given of an answer.
fn output(answered: Answered) -> Answer {
    let mut headers = Map::new();
    for (name, value) in answered.headers {
        if let Value::Array(values) = headers.entry(name).or_insert_with(|| json!([])) {
            values.push(value.into());
        }
    }
    let content_type = headers.get("content-type").and_then(|types| types.get(0)?.as_str());
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    if UNREADABLE.iter().any(|unreadable| content_type.starts_with(unreadable)) {
        let cause = format!("The response has a content type that is not supported: {content_type}");
        return failed(ErrorName::Runtime, cause, FailurePhase::Run);
    }
    let Ok(text) = String::from_utf8(answered.body) else {
        let cause = "The response cannot be read as a valid string".to_owned();
        return failed(ErrorName::Runtime, cause, FailurePhase::Run);
    };
    Answer::Succeeded(json!({
        "Headers": headers,
        "ResponseBody": body(text, &content_type),
        "StatusCode": answered.status,
        "StatusText": answered.status_text,
    }))
}

/// JSON is read where the answer says that it is JSON.
fn body(text: String, content_type: &str) -> Value {
    let read = if content_type.contains("json") { serde_json::from_str(&text).ok() } else { None };
    read.unwrap_or(Value::String(text))
}

fn refused(answered: &Answered) -> Answer {
    let body = String::from_utf8_lossy(&answered.body);
    let cause = if body.is_empty() { answered.status_text.to_owned() } else { body.into_owned() };
    failed(ErrorName::from(format!("States.Http.StatusCode.{}", answered.status)), cause, FailurePhase::Run)
}
