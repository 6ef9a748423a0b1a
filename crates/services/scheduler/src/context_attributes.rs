//! Context attributes: the words in angle brackets that a target's `Input` may have for what is known when it is invoked.
//!
//! Source: EventBridge Scheduler User Guide, "Adding context attributes".

/// What the attributes of an attempt stand for.
#[derive(Clone, Copy, Debug)]
pub struct ContextAttributes<'a> {
    /// `<aws.scheduler.schedule-arn>`.
    pub schedule_arn: &'a str,
    /// `<aws.scheduler.scheduled-time>`, such as `2022-03-22T18:59:43Z`.
    pub scheduled_time: &'a str,
    /// `<aws.scheduler.execution-id>`: the invocation's id, the same for each of its attempts.
    pub execution_id: &'a str,
    /// `<aws.scheduler.attempt-number>`: 1 for the first.
    pub attempt_number: u32,
}

const START: &str = "<aws.scheduler.";

impl ContextAttributes<'_> {
    /// The text with all attributes replaced. Other words in angle brackets stay.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(START) {
            let (before, found) = rest.split_at(at);
            filled.push_str(before);
            let name = found.strip_prefix(START).and_then(|name| name.split_once('>'));
            match name.and_then(|(name, after)| Some((self.value(name)?, after))) {
                Some((value, after)) => {
                    filled.push_str(&value);
                    rest = after;
                }
                None => {
                    filled.push_str(START);
                    rest = found.strip_prefix(START).unwrap_or_default();
                }
            }
        }
        filled + rest
    }

    fn value(&self, name: &str) -> Option<String> {
        Some(match name {
            "schedule-arn" => self.schedule_arn.to_owned(),
            "scheduled-time" => self.scheduled_time.to_owned(),
            "execution-id" => self.execution_id.to_owned(),
            "attempt-number" => self.attempt_number.to_string(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_attributes_are_replaced() {
        let attributes = ContextAttributes {
            schedule_arn: "arn",
            scheduled_time: "2022-03-22T18:59:43Z",
            execution_id: "id",
            attempt_number: 2,
        };
        let text = r#"{"a": "<aws.scheduler.schedule-arn>/<aws.scheduler.execution-id>", "n": <aws.scheduler.attempt-number>,
            "t": "<aws.scheduler.scheduled-time>", "o": "<aws.scheduler.other> <aws.scheduler. <x>"}"#;
        let filled = r#"{"a": "arn/id", "n": 2,
            "t": "2022-03-22T18:59:43Z", "o": "<aws.scheduler.other> <aws.scheduler. <x>"}"#;
        assert_eq!(attributes.fill(text), filled);
        assert_eq!(attributes.fill("<aws.scheduler.<aws.scheduler.execution-id>"), "<aws.scheduler.id");
    }
}
