//! An API destination: each event is a request to an HTTP endpoint.
//!
//! Source: EventBridge User Guide, "API destinations as targets in Amazon EventBridge".

use std::time::Duration;

use api::AwsError;
use http_client::connection::{Headers, authorization, pairs, query, set, with_query};
use http_client::{Answered, Bounds, Failure as Unanswered, Outgoing};
use serde::Deserialize;
use serde_json::{Value, json};
use types::Arn;

use super::{Attempt, Failure, Retry};
use crate::Inner;
use crate::api_destination::ApiDestination;
use crate::connection::token::Authorized;
use crate::delivery::Delivery;
use crate::generated::types::HttpParameters;
use crate::limits::{INVOCATION_ANSWER_BYTES_MAX, INVOCATION_TIME_MAX, RETRY_AFTER_MAX};

const BOUNDS: Bounds = Bounds { time: INVOCATION_TIME_MAX, answer_bytes: INVOCATION_ANSWER_BYTES_MAX };

/// What another service has for an endpoint.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InvokeApiDestination {
    arn: String,
    input: String,
    #[serde(default)]
    http_parameters: HttpParameters,
}

impl Inner {
    /// Sends the request, when it is the delivery's turn.
    pub(super) async fn invoke_destination(
        &self,
        delivery: &Delivery,
        arn: &Arn,
    ) -> Result<Attempt, Failure> {
        let destination = self.destination_with_arn(arn).await.map_err(AwsError::from)?;
        let clock = self.dispatcher.clock();
        let target = &delivery.target.arn;
        let turn = self.pace.turn(target, destination.per_second, delivery.slot.as_ref(), clock.now());
        if let Some(slot) = turn {
            return Ok(Attempt::Postponed(slot));
        }
        let given = delivery.target.http_parameters.clone().unwrap_or_default();
        let answered = self.exchange(&destination, &given, &delivery.input).await?;
        Ok(Attempt::Taken(json!({"StatusCode": answered.status})))
    }

    /// Sends what another service has for an endpoint, when it is its turn: what `internal:InvokeApiDestination` does.
    ///
    /// # Errors
    /// Where the endpoint does not take it.
    pub(crate) async fn call_destination(&self, input: Value) -> Result<Value, AwsError> {
        let input: InvokeApiDestination = serde_json::from_value(input)
            .map_err(|error| AwsError::new("ValidationException", error.to_string()))?;
        let arn: Arn = input.arn.parse().map_err(|_| {
            AwsError::new("ValidationException", format!("{} is no API destination.", input.arn))
        })?;
        let destination = self.destination_with_arn(&arn).await.map_err(AwsError::from)?;
        let (clock, mut slot) = (self.dispatcher.clock(), None);
        while let Some(turn) = self.pace.turn(&input.arn, destination.per_second, slot.as_ref(), clock.now())
        {
            clock.sleep_until(turn.due).await;
            slot = Some(turn);
        }
        let answered = self.exchange(&destination, &input.http_parameters, &input.input).await;
        let answered = answered.map_err(|failure| *failure.error)?;
        Ok(json!({"StatusCode": answered.status, "Body": String::from_utf8_lossy(&answered.body)}))
    }

    /// Asks an endpoint; what it answers is good.
    async fn exchange(
        &self,
        destination: &ApiDestination,
        given: &HttpParameters,
        input: &str,
    ) -> Result<Answered, Failure> {
        let authorized = self.authorized(&destination.connection_arn).await?;
        let outgoing = request(destination, &authorized, given, input);
        let clock = self.dispatcher.clock();
        let answered = self.http().map_err(unusable)?.exchange(clock, outgoing, BOUNDS).await;
        let answered = answered.map_err(|failure| unanswered(&failure))?;
        if matches!(answered.status, 401 | 407) {
            // The token may have been revoked: the next attempt asks for another one.
            self.forget_token(&destination.connection_arn);
        }
        judge(&answered).map(|()| answered)
    }
}

/// What an answer means.
fn judge(answered: &Answered) -> Result<(), Failure> {
    let status = answered.status;
    let retry = match status {
        200..300 => return Ok(()),
        401 | 407 | 409 | 429 | 500.. => retry_after(answered).map_or(Retry::BackOff, Retry::After),
        _ => Retry::Never,
    };
    let text = String::from_utf8_lossy(&answered.body);
    let body: String = text.chars().take(256).collect();
    let message = format!(
        "Unable to invoke ApiDestination endpoint: the endpoint answered {status} {}",
        answered.status_text
    );
    let message = if body.is_empty() { message } else { format!("{message}: {body}") };
    Err(Failure::new(AwsError::new("HttpStatus", message).with_status(status), retry))
}

/// `Retry-After` in seconds, up to a bound. A date is none.
fn retry_after(answered: &Answered) -> Option<Duration> {
    let header = answered.headers.iter().find(|(name, _)| name == "retry-after")?;
    let seconds: u64 = header.1.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn unanswered(failure: &Unanswered) -> Failure {
    let (code, cause, retry) = match failure {
        Unanswered::TimedOut => ("TimedOut", "the endpoint did not answer within 5 seconds", Retry::BackOff),
        Unanswered::Socket(cause) => ("ConnectionFailure", cause.as_str(), Retry::BackOff),
        Unanswered::TooLarge => ("HttpStatus", "the endpoint's answer is too large", Retry::BackOff),
        Unanswered::Request(cause) => ("InvalidRequest", cause.as_str(), Retry::Never),
    };
    let text = format!("Unable to invoke ApiDestination endpoint: {cause}");
    Failure::new(AwsError::new(code, text), retry)
}

fn unusable(cause: String) -> Failure {
    Failure::new(AwsError::internal("InternalException", &cause), Retry::BackOff)
}

/// The request: the target's parameters, and the connection's in their place where both have some.
fn request(
    destination: &ApiDestination,
    authorized: &Authorized,
    given: &HttpParameters,
    input: &str,
) -> Outgoing {
    let connection = &authorized.connection;
    let added = connection.parameters.get("InvocationHttpParameters").unwrap_or(&Value::Null);
    let mut headers = Headers::new();
    for (name, value) in given.header_parameters.iter().flatten() {
        set(&mut headers, name, value.clone());
    }
    for (name, value) in pairs(added, "HeaderParameters") {
        set(&mut headers, &name, value);
    }
    headers.retain(|(name, _)| !is_reserved(name));
    if let Some((name, value)) = authorization(connection) {
        set(&mut headers, &name, value);
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        set(&mut headers, "Content-Type", "application/json; charset=utf-8".to_owned());
    }
    set(&mut headers, "User-Agent", "Amazon/EventBridge/ApiDestinations".to_owned());
    set(&mut headers, "Range", "bytes=0-1048575".to_owned());
    Outgoing {
        method: destination.method.clone(),
        url: url(&destination.endpoint, given, &pairs(added, "QueryStringParameters")),
        headers,
        body: body(input, &pairs(added, "BodyParameters")).into_bytes(),
    }
}

/// Headers that EventBridge sets or removes itself.
fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 11] = [
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "host",
        "max-forwards",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    let name = name.to_ascii_lowercase();
    RESERVED.contains(&name.as_str()) || name.starts_with("x-amz") || name.starts_with("x-amzn")
}

/// The endpoint with its wildcards filled in order, and its query.
fn url(endpoint: &str, given: &HttpParameters, added: &[(String, String)]) -> String {
    let mut values = given.path_parameter_values.iter().flatten();
    let mut filled = String::with_capacity(endpoint.len());
    for (at, part) in endpoint.split('*').enumerate() {
        if at > 0 {
            filled.push_str(values.next().map_or("*", String::as_str));
        }
        filled.push_str(part);
    }
    let mut parameters: Vec<(String, String)> = given
        .query_string_parameters
        .iter()
        .flatten()
        .filter(|(name, _)| !added.iter().any(|(other, _)| other == *name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    parameters.extend_from_slice(added);
    with_query(&filled, &query(&parameters))
}

/// The input, with the connection's parameters among its members where it is an object.
fn body(input: &str, added: &[(String, String)]) -> String {
    if added.is_empty() {
        return input.to_owned();
    }
    match serde_json::from_str::<Value>(input) {
        Ok(Value::Object(mut members)) => {
            members.extend(added.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
            Value::Object(members).to_string()
        }
        _ => input.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, headers: &[(&str, &str)]) -> Answered {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answered { status, status_text: "", headers, body: Vec::new() }
    }

    #[test]
    fn answers_decide_about_another_attempt() {
        let retry = |status, headers: &[(&str, &str)]| {
            judge(&answered(status, headers)).err().map(|failure| failure.retry)
        };
        assert_eq!(retry(200, &[]), None);
        assert_eq!(retry(204, &[]), None);
        for status in [401, 407, 409, 429, 500, 503, 599] {
            assert_eq!(retry(status, &[]), Some(Retry::BackOff), "{status}");
        }
        for status in [301, 400, 403, 404, 410, 422] {
            assert_eq!(retry(status, &[]), Some(Retry::Never), "{status}");
        }
        assert_eq!(retry(429, &[("retry-after", "30")]), Some(Retry::After(Duration::from_secs(30))));
        assert_eq!(retry(503, &[("retry-after", "999999")]), Some(Retry::After(RETRY_AFTER_MAX)));
        assert_eq!(retry(429, &[("retry-after", "soon")]), Some(Retry::BackOff));
    }

    #[test]
    fn wildcards_are_filled_in_order_and_the_connections_query_wins() {
        let given = HttpParameters {
            path_parameter_values: Some(vec!["a".to_owned(), "b".to_owned()]),
            query_string_parameters: Some(
                [("x", "1"), ("y", "2 3")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            ),
            header_parameters: None,
        };
        let added = [("x".to_owned(), "9".to_owned())];
        assert_eq!(url("https://h/p/*/q/*/*", &given, &added), "https://h/p/a/q/b/*?y=2%203&x=9");
    }

    #[test]
    fn parameters_go_into_objects_only() {
        let added = [("k".to_owned(), "v".to_owned())];
        assert_eq!(body(r#"{"a":1,"k":2}"#, &added), r#"{"a":1,"k":"v"}"#);
        assert_eq!(body("[1]", &added), "[1]");
    }
}
