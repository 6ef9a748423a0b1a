//! `DeliveryPolicy` of topics and subscriptions: how HTTP endpoints are retried, how often they are called, and as what.
//!
//! Source: SNS Developer Guide, "Creating an HTTP/S delivery policy".

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::json_text;
use crate::limits::{RETRIES_MAX, RETRY_DELAY_SECONDS_MAX};
use crate::retry::RetryPolicy;

/// The content type of messages where nobody says another.
pub const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";

/// What a topic or a subscription says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliveryPolicy {
    retries: Option<RetryPolicy>,
    receives_per_second_max: Option<u32>,
    content_type: Option<String>,
    /// Of a topic: what its subscriptions say does not count.
    disables_overrides: bool,
}

/// What counts for a subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effective {
    /// When failed deliveries are tried again.
    pub retries: RetryPolicy,
    /// How often the endpoint may be called.
    pub receives_per_second_max: Option<u32>,
    /// As what messages are sent.
    pub content_type: String,
}

/// The names of the parts, which are others for topics.
struct Names {
    retries: &'static str,
    throttle: &'static str,
    request: &'static str,
}

const OF_TOPIC: Names = Names {
    retries: "defaultHealthyRetryPolicy",
    throttle: "defaultThrottlePolicy",
    request: "defaultRequestPolicy",
};

const OF_SUBSCRIPTION: Names =
    Names { retries: "healthyRetryPolicy", throttle: "throttlePolicy", request: "requestPolicy" };

impl DeliveryPolicy {
    /// Reads a topic's policy.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_topic(text: &str) -> Result<Self, String> {
        let policy = object(text)?;
        if let Some(other) = policy.keys().find(|name| *name != "http") {
            return Err(unexpected(other));
        }
        let Some(Value::Object(http)) = policy.get("http") else {
            return Err("DeliveryPolicy: http must be specified".to_owned());
        };
        let mut http = http.clone();
        let disables_overrides = match http.remove("disableSubscriptionOverrides") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(disables)) => disables,
            Some(_) => {
                return Err("DeliveryPolicy: disableSubscriptionOverrides must be true or false".to_owned());
            }
        };
        if http.remove("defaultSicklyRetryPolicy").is_some_and(|policy| !policy.is_null()) {
            return Err(unexpected("defaultSicklyRetryPolicy"));
        }
        Ok(Self { disables_overrides, ..Self::parts(&http, &OF_TOPIC)? })
    }

    /// Reads a subscription's policy.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_subscription(text: &str) -> Result<Self, String> {
        let mut policy = object(text)?;
        policy.remove("guaranteed");
        if policy.remove("sicklyRetryPolicy").is_some_and(|policy| !policy.is_null()) {
            return Err(unexpected("sicklyRetryPolicy"));
        }
        Self::parts(&policy, &OF_SUBSCRIPTION)
    }

    fn parts(policy: &Map<String, Value>, names: &Names) -> Result<Self, String> {
        let mut read = Self::default();
        for (name, value) in policy.iter().filter(|(_, value)| !value.is_null()) {
            match name.as_str() {
                name if name == names.retries => read.retries = Some(retries(name, value)?),
                name if name == names.throttle => {
                    let most = value.get("maxReceivesPerSecond");
                    let number = most.and_then(Value::as_u64).and_then(|most| u32::try_from(most).ok());
                    let number = number.filter(|number| *number > 0).ok_or_else(|| {
                        format!(
                            "DeliveryPolicy: {name}.maxReceivesPerSecond must be greater than or equal to 1"
                        )
                    })?;
                    read.receives_per_second_max = Some(number);
                }
                name if name == names.request => {
                    let content_type = value.get("headerContentType").and_then(Value::as_str);
                    let content_type = content_type.filter(|text| is_header(text)).ok_or_else(|| {
                        format!("DeliveryPolicy: {name}.headerContentType is not a valid content type")
                    })?;
                    read.content_type = Some(content_type.to_owned());
                }
                other => return Err(unexpected(other)),
            }
        }
        Ok(read)
    }

    /// What counts of a topic's and a subscription's policy.
    pub fn effective(topic: &Self, subscription: &Self) -> Effective {
        let own = if topic.disables_overrides { &Self::default() } else { subscription };
        Effective {
            retries: own.retries.or(topic.retries).unwrap_or(RetryPolicy::HTTP),
            receives_per_second_max: own.receives_per_second_max.or(topic.receives_per_second_max),
            content_type: own
                .content_type
                .clone()
                .or_else(|| topic.content_type.clone())
                .unwrap_or_else(|| CONTENT_TYPE.to_owned()),
        }
    }

    /// `EffectiveDeliveryPolicy` of a topic.
    pub fn shown_of_topic(&self) -> String {
        let effective = Self::effective(self, &Self::default());
        let mut http = json!({
            "defaultHealthyRetryPolicy": effective.retries,
            "disableSubscriptionOverrides": self.disables_overrides,
        });
        if let Some(most) = effective.receives_per_second_max {
            http["defaultThrottlePolicy"] = json!({"maxReceivesPerSecond": most});
        }
        http["defaultRequestPolicy"] = json!({"headerContentType": effective.content_type});
        json!({"http": http}).to_string()
    }
}

impl Effective {
    /// `EffectiveDeliveryPolicy` of a subscription.
    pub fn shown(&self) -> String {
        let throttle = self.receives_per_second_max.map(|most| json!({"maxReceivesPerSecond": most}));
        let policy = json!({
            "healthyRetryPolicy": self.retries,
            "sicklyRetryPolicy": null,
            "throttlePolicy": throttle,
            "requestPolicy": {"headerContentType": self.content_type},
            "guaranteed": false,
        });
        policy.to_string()
    }
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    if let Some(problem) = json_text::problem(text) {
        return Err(format!("DeliveryPolicy: {problem}"));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(policy)) => Ok(policy),
        _ => Err("DeliveryPolicy: it must be a JSON object".to_owned()),
    }
}

fn unexpected(name: &str) -> String {
    format!("DeliveryPolicy: Unexpected JSON member: {name}")
}

/// Whether a text can be the value of a header.
fn is_header(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn retries(part: &str, value: &Value) -> Result<RetryPolicy, String> {
    let Value::Object(members) = value else {
        return Err(format!("DeliveryPolicy: {part} must be an object"));
    };
    let mut whole = serde_json::to_value(RetryPolicy::HTTP).unwrap_or_default();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        match whole.get_mut(name) {
            Some(member) => *member = value.clone(),
            None => return Err(unexpected(name)),
        }
    }
    let policy: RetryPolicy = serde_json::from_value(whole)
        .map_err(|error| format!("DeliveryPolicy: {part} is not valid: {error}"))?;
    let bound = |name: &str, words: &str, is_so: bool| {
        if is_so { Ok(()) } else { Err(format!("DeliveryPolicy: {part}.{name} must be {words}")) }
    };
    let RetryPolicy { min_delay_target: least, max_delay_target: most, num_retries: all, .. } = policy;
    bound("numRetries", &format!("less than or equal to {RETRIES_MAX}"), all <= RETRIES_MAX)?;
    bound("minDelayTarget", "greater than or equal to 1", least >= 1)?;
    let longest = format!("less than or equal to {RETRY_DELAY_SECONDS_MAX}");
    bound("maxDelayTarget", &longest, most <= RETRY_DELAY_SECONDS_MAX)?;
    bound("maxDelayTarget", "greater than or equal to minDelayTarget", most >= least)?;
    let phases = [policy.num_no_delay_retries, policy.num_min_delay_retries, policy.num_max_delay_retries];
    let together = phases.into_iter().fold(0, u32::saturating_add);
    let words =
        "greater than or equal to the sum of numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries";
    bound("numRetries", words, together <= all)?;
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_says_more_than_its_topic_unless_that_forbids_it() {
        let topic = |disables: bool| {
            let text = json!({"http": {
                "defaultHealthyRetryPolicy": {"numRetries": 7},
                "disableSubscriptionOverrides": disables,
                "defaultRequestPolicy": {"headerContentType": "application/json"},
            }});
            DeliveryPolicy::of_topic(&text.to_string()).unwrap()
        };
        let own = json!({"healthyRetryPolicy": {"numRetries": 1, "backoffFunction": "geometric"},
                         "throttlePolicy": {"maxReceivesPerSecond": 5}});
        let own = DeliveryPolicy::of_subscription(&own.to_string()).unwrap();
        let effective = DeliveryPolicy::effective(&topic(false), &own);
        assert_eq!((effective.retries.num_retries, effective.receives_per_second_max), (1, Some(5)));
        assert_eq!(effective.content_type, "application/json");
        let effective = DeliveryPolicy::effective(&topic(true), &own);
        assert_eq!((effective.retries.num_retries, effective.receives_per_second_max), (7, None));
    }

    #[test]
    fn the_default_is_shown_as_aws_shows_it() {
        let shown: Value = serde_json::from_str(&DeliveryPolicy::default().shown_of_topic()).unwrap();
        let expected = json!({"http": {
            "defaultHealthyRetryPolicy": {
                "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
                "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
            },
            "disableSubscriptionOverrides": false,
            "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
        }});
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for policy in [
            r#"{"healthyRetryPolicy": {"numRetries": 101}}"#,
            r#"{"healthyRetryPolicy": {"numRetries": -1}}"#,
            r#"{"healthyRetryPolicy": {"minDelayTarget": 0}}"#,
            r#"{"healthyRetryPolicy": {"minDelayTarget": 30}}"#,
            r#"{"healthyRetryPolicy": {"maxDelayTarget": 3601}}"#,
            r#"{"healthyRetryPolicy": {"numNoDelayRetries": 4}}"#,
            r#"{"healthyRetryPolicy": {"backoffFunction": "sudden"}}"#,
            r#"{"healthyRetryPolicy": {"other": 1}}"#,
            r#"{"healthyRetryPolicy": 1}"#,
            r#"{"throttlePolicy": {"maxReceivesPerSecond": 0}}"#,
            r#"{"requestPolicy": {"headerContentType": "a\nb"}}"#,
            r#"{"http": {}}"#,
            "[]",
            "{",
        ] {
            assert!(DeliveryPolicy::of_subscription(policy).is_err(), "{policy}");
        }
    }
}
