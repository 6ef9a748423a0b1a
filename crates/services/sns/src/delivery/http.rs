//! An HTTP endpoint: a message is posted to it.
//!
//! Source: SNS Developer Guide, "Fanout to HTTP/S endpoints", "HTTP/S headers".

use api::AwsError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clock::Clock;
use http_client::{Bounds, Failure, HttpClient, Outgoing};

use super::Delivery;
use crate::limits::{HTTP_ANSWER_BYTES_MAX, HTTP_TIME};
use crate::notification::Kind;

/// Posts the message. Any status of success says that the endpoint took it.
pub(super) async fn post(
    client: &HttpClient,
    clock: &Clock,
    delivery: &Delivery,
    text: String,
) -> Result<(), AwsError> {
    let bounds = Bounds { time: HTTP_TIME, answer_bytes: HTTP_ANSWER_BYTES_MAX };
    match client.exchange(clock, request(delivery, text), bounds).await {
        Ok(answered) => judged(answered.status),
        // What it says is of no interest: it took the message.
        Err(Failure::TooLarge) => Ok(()),
        Err(Failure::Request(problem)) => Err(AwsError::new("InvalidEndpoint", problem)),
        Err(Failure::Socket(problem)) => Err(AwsError::new("Unreachable", problem).with_status(503)),
        Err(Failure::TimedOut) => {
            Err(AwsError::new("TimedOut", "The endpoint did not answer in 15 seconds.").with_status(504))
        }
    }
}

/// What a status says: 429 and what is the endpoint's own fault may pass, everything else will not.
fn judged(status: u16) -> Result<(), AwsError> {
    let refused = || AwsError::new("HttpStatus", format!("The endpoint answered with the status {status}."));
    match status {
        200..300 => Ok(()),
        100..200 | 429 | 500.. => Err(refused().with_status(503)),
        _ => Err(refused()),
    }
}

fn request(delivery: &Delivery, text: String) -> Outgoing {
    let (url, authorization) = without_user(&delivery.endpoint);
    let mut headers = vec![
        ("x-amz-sns-message-type", delivery.kind.as_str().to_owned()),
        ("x-amz-sns-message-id", delivery.message.id.clone()),
        ("x-amz-sns-topic-arn", delivery.topic_arn.clone()),
    ];
    if !matches!(delivery.kind, Kind::SubscriptionConfirmation { .. }) {
        headers.push(("x-amz-sns-subscription-arn", delivery.subscription_arn.clone()));
    }
    if delivery.raw {
        headers.push(("x-amz-sns-rawdelivery", "true".to_owned()));
    }
    headers.push(("Content-Type", delivery.policy.content_type.clone()));
    headers.push(("User-Agent", "Amazon Simple Notification Service Agent".to_owned()));
    headers.push(("Accept-Encoding", "gzip,deflate".to_owned()));
    headers.extend(authorization.map(|authorization| ("Authorization", authorization)));
    Outgoing {
        method: "POST".to_owned(),
        url,
        headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        body: text.into_bytes(),
    }
}

/// The URL without user and password, and the header that shows them instead.
fn without_user(endpoint: &str) -> (String, Option<String>) {
    let whole = || (endpoint.to_owned(), None);
    let Some((scheme, rest)) = endpoint.split_once("://") else { return whole() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let header = format!("Basic {}", STANDARD.encode(user));
            (format!("{scheme}://{host}{path}"), Some(header))
        }
        None => whole(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_urls_are_shown_in_a_header() {
        let (url, header) = without_user("https://me:secret@h:1/p?a=@");
        assert_eq!((url.as_str(), header.as_deref()), ("https://h:1/p?a=@", Some("Basic bWU6c2VjcmV0")));
        assert_eq!(without_user("http://h/p@q"), ("http://h/p@q".to_owned(), None));
    }

    #[test]
    fn only_faults_of_the_endpoint_may_pass() {
        let may_pass = |status| judged(status).err().map(|error| error.may_pass());
        assert_eq!([200, 204].map(may_pass), [None, None]);
        assert_eq!([500, 503, 429, 100].map(may_pass), [Some(true); 4]);
        assert_eq!([301, 400, 403, 404].map(may_pass), [Some(false); 4]);
    }
}
