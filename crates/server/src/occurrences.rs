//! The server's half of `runwright events next`: when a rule or a schedule is next due.

use api::AwsError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::Timestamp;

use crate::operator::Operator;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NextQuestion {
    /// The name or the ARN of a rule of the default bus or of a schedule, which may have its group before a slash.
    pub subject: String,
    /// How many times.
    pub count: usize,
    /// Strictly after this time; without it after the server's clock.
    pub after: Option<Timestamp>,
    /// The region, if it is not the server's.
    pub region: Option<String>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Next {
    /// The times.
    pub times: Vec<Timestamp>,
    /// Where they are read.
    pub timezone: String,
    /// The expression.
    pub expression: String,
    /// Whether it fires at all.
    pub enabled: bool,
}

/// Looks for a rule of that name, then for a schedule.
///
/// # Errors
/// A sentence for the person.
pub async fn answer(operator: &Operator, question: NextQuestion) -> Result<Next, String> {
    let operator = operator.clone().in_region(question.region.as_deref());
    let name = match question.subject.split_once(":rule/") {
        Some((_, name)) => name,
        None => question.subject.split_once(":schedule/").map_or(question.subject.as_str(), |(_, name)| name),
    };
    let ask = |group: Option<&str>, name: &str| json!({"GroupName": group, "Name": name, "Count": question.count, "After": question.after});
    let rule = operator.internal("events", "NextOccurrences", ask(None, name)).await;
    let found = match rule {
        Err(error) if error.code == "ResourceNotFoundException" => {
            let input = match name.split_once('/') {
                Some((group, name)) => ask(Some(group), name),
                None => ask(None, name),
            };
            operator.internal("scheduler", "NextOccurrences", input).await
        }
        other => other,
    };
    found.and_then(read).map_err(|error| match error.code.as_ref() {
        "ResourceNotFoundException" => format!("there is no rule and no schedule {name}"),
        _ => error.to_string(),
    })
}

fn read(answer: Value) -> Result<Next, AwsError> {
    serde_json::from_value(answer).map_err(|error| AwsError::internal("InternalException", &error))
}
