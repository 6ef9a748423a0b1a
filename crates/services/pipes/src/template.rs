//! `InputTemplate`: the text that a target or an enrichment receives, made of an event; and paths in other parameters.
//!
//! `<$.path>` is a value of the event, `<aws.pipes.…>` says something about the pipe. In a template that is JSON, a value
//! outside of quotes becomes JSON; everywhere else strings are put in as they are. The body of a message that is JSON is
//! read, so that a path goes on into it.
//!
//! Source: EventBridge User Guide, "Amazon EventBridge Pipes input transformation".

use std::borrow::Cow;

use serde_json::Value;

/// What is said of the pipe.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    pub(crate) pipe_arn: String,
    pub(crate) pipe_name: String,
    pub(crate) source_arn: String,
    pub(crate) enrichment_arn: String,
    pub(crate) target_arn: String,
    pub(crate) ingestion_time: String,
}

/// The event with its body read, where it is a message with a body that is JSON.
pub(crate) fn decoded(event: &Value) -> Value {
    let mut decoded = event.clone();
    let is_message = event.get("eventSource").and_then(Value::as_str) == Some("aws:sqs");
    let body = event.get("body").and_then(Value::as_str).filter(|_| is_message);
    if let Some(body) = body.and_then(|body| serde_json::from_str::<Value>(body).ok()) {
        decoded["body"] = body;
    }
    decoded
}

/// What a template is filled from.
struct Filling<'a> {
    event: &'a Value,
    decoded: &'a Value,
    variables: &'a Variables,
    is_json: bool,
}

/// The text for `event`, which with its body read is `decoded`.
pub(crate) fn render(template: &str, event: &Value, decoded: &Value, variables: &Variables) -> String {
    let is_json = template.trim_start().starts_with(['{', '[', '"']);
    let filling = Filling { event, decoded, variables, is_json };
    let (mut text, mut rest, mut is_quoted) = (String::new(), template, false);
    while let Some(at) = rest.find(['<', '"', '\\']) {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        let placeholder = after.strip_prefix('<').and_then(|after| after.split_once('>'));
        if let Some((name, behind)) = placeholder.filter(|(name, _)| is_placeholder(name)) {
            text.push_str(&filling.written(name, is_quoted));
            rest = behind;
            continue;
        }
        is_quoted ^= after.starts_with('"');
        // What is behind a backslash ends no string.
        let escaped = after.strip_prefix('\\').and_then(|behind| behind.chars().next());
        let taken = 1 + escaped.map_or(0, char::len_utf8);
        text.push_str(after.get(..taken).unwrap_or(after));
        rest = after.get(taken..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

fn is_placeholder(name: &str) -> bool {
    name.starts_with("$.") || name.starts_with("$[") || name == "$" || name.starts_with("aws.pipes.")
}

impl Filling<'_> {
    fn written(&self, name: &str, is_quoted: bool) -> String {
        let value = self.value(name);
        let plain = || match value.as_ref() {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        match (self.is_json, is_quoted) {
            (true, true) => {
                let quoted = Value::from(plain()).to_string();
                quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
            }
            (true, false) => value.to_string(),
            (false, _) => plain(),
        }
    }

    fn value(&self, name: &str) -> Cow<'_, Value> {
        let variables = self.variables;
        let text = match name {
            "aws.pipes.event" => return Cow::Borrowed(self.event),
            "aws.pipes.event.json" => return Cow::Borrowed(self.decoded),
            "aws.pipes.pipe-arn" => &variables.pipe_arn,
            "aws.pipes.pipe-name" => &variables.pipe_name,
            "aws.pipes.source-arn" => &variables.source_arn,
            "aws.pipes.enrichment-arn" => &variables.enrichment_arn,
            "aws.pipes.target-arn" => &variables.target_arn,
            "aws.pipes.event.ingestion-time" => &variables.ingestion_time,
            path => return find(self.decoded, path).unwrap_or(Cow::Owned(Value::Null)),
        };
        Cow::Owned(Value::from(text.as_str()))
    }
}

/// The value at a path such as `$.body.items[0].id` or `$.body.items[*].id`; `None` where there is none.
pub(crate) fn find<'e>(event: &'e Value, path: &str) -> Option<Cow<'e, Value>> {
    let steps = path.strip_prefix('$')?.split(['.', '[']).filter(|step| !step.is_empty());
    let steps: Vec<&str> = steps.map(|step| step.trim_end_matches(']').trim_matches(['\'', '"'])).collect();
    walk(event, &steps)
}

fn walk<'e>(value: &'e Value, steps: &[&str]) -> Option<Cow<'e, Value>> {
    let Some((step, rest)) = steps.split_first() else { return Some(Cow::Borrowed(value)) };
    match value {
        Value::Array(items) if *step == "*" => {
            let found = items.iter().filter_map(|item| walk(item, rest)).map(Cow::into_owned);
            Some(Cow::Owned(Value::Array(found.collect())))
        }
        Value::Array(items) => walk(items.get(step.parse::<usize>().ok()?)?, rest),
        value => walk(value.get(step)?, rest),
    }
}

/// A parameter of a target: a path's value, or what is written.
pub(crate) fn parameter(given: &str, event: &Value) -> Option<String> {
    if !given.starts_with("$.") {
        return Some(given.to_owned());
    }
    match find(event, given)?.into_owned() {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(template: &str) -> String {
        let body = r#"{"id": 7, "tags": ["a", "b\"c"], "list": [{"n": 1}, {"n": 2}]}"#;
        let event = json!({"eventSource": "aws:sqs", "messageId": "m", "body": body, "plain": "a \"b\""});
        let variables = Variables { pipe_name: "p".to_owned(), ..Variables::default() };
        render(template, &event, &decoded(&event), &variables)
    }

    #[test]
    fn values_are_json_where_the_template_is() {
        assert_eq!(
            rendered(r#"{"id": <$.body.id>, "tag": <$.body.tags[1]>}"#),
            r#"{"id": 7, "tag": "b\"c"}"#
        );
        assert_eq!(rendered(r#"{"t": "<$.plain> of <aws.pipes.pipe-name>"}"#), r#"{"t": "a \"b\" of p"}"#);
        assert_eq!(
            rendered(r#"{"none": <$.none>, "text": "\"<$.messageId>"}"#),
            r#"{"none": null, "text": "\"m"}"#
        );
        assert_eq!(rendered(r#"{"all": <$.body.list[*].n>}"#), r#"{"all": [1,2]}"#);
        assert_eq!(rendered(r#""<$.plain>""#), r#""a \"b\"""#);
    }

    #[test]
    fn other_templates_are_texts() {
        assert_eq!(rendered("<$.plain>"), "a \"b\"");
        assert_eq!(rendered("a < b, <$.body.id> <unknown>"), "a < b, 7 <unknown>");
        assert_eq!(rendered("<"), "<");
        assert_eq!(rendered("\\"), "\\");
        assert_eq!(rendered("\\é<$.body.id>"), "\\é7");
    }

    #[test]
    fn only_the_body_of_a_message_is_read() {
        let event = json!({"body": "{\"a\": 1}", "eventSource": "other"});
        assert_eq!(decoded(&event), event);
        assert_eq!(parameter("$.body.a", &decoded(&event)), None);
        let event = json!({"body": "{\"a\": {\"b\": 1}}", "eventSource": "aws:sqs"});
        assert_eq!(parameter("$.body.a", &decoded(&event)).as_deref(), Some("{\"b\":1}"));
        assert_eq!(parameter("plain", &event).as_deref(), Some("plain"));
    }
}
