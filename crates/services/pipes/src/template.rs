//! `InputTemplate`: the text that a target or an enrichment receives, made of an event.
//!
//! `<$.path>` is a value of the event, `<aws.pipes.…>` says something about the pipe. In a template that is JSON, a value
//! outside of quotes becomes JSON; everywhere else strings are put in as they are. A path goes on into a string that holds
//! JSON, such as the body of a message.
//!
//! Source: EventBridge User Guide, "Amazon EventBridge Pipes input transformation".

use std::borrow::Cow;

use serde_json::Value;

/// What is said of the pipe.
#[derive(Clone, Debug)]
pub(crate) struct Variables {
    pub(crate) pipe_arn: String,
    pub(crate) pipe_name: String,
    pub(crate) source_arn: String,
    pub(crate) enrichment_arn: String,
    pub(crate) target_arn: String,
    pub(crate) ingestion_time: String,
}

/// The text for `event`.
pub(crate) fn render(template: &str, event: &Value, variables: &Variables) -> String {
    let is_json = template.trim_start().starts_with(['{', '[']);
    let (mut text, mut rest, mut is_quoted) = (String::new(), template, false);
    while let Some(at) = rest.find(['<', '"', '\\']) {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        let placeholder = after.strip_prefix('<').and_then(|after| after.split_once('>'));
        match (after.as_bytes().first(), placeholder) {
            (Some(b'<'), Some((name, behind))) if is_placeholder(name) => {
                let value = value(name, event, variables);
                text.push_str(&written(&value, is_json, is_quoted));
                rest = behind;
                continue;
            }
            (Some(b'"'), _) => is_quoted = !is_quoted,
            _ => {}
        }
        // What is behind a backslash ends no string.
        let taken =
            if after.starts_with('\\') { 1 + after.chars().nth(1).map_or(0, char::len_utf8) } else { 1 };
        text.push_str(after.get(..taken).unwrap_or(after));
        rest = after.get(taken..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

fn is_placeholder(name: &str) -> bool {
    name.starts_with("$.") || name == "$" || name.starts_with("aws.pipes.")
}

fn value(name: &str, event: &Value, variables: &Variables) -> Value {
    match name {
        "aws.pipes.pipe-arn" => variables.pipe_arn.as_str().into(),
        "aws.pipes.pipe-name" => variables.pipe_name.as_str().into(),
        "aws.pipes.source-arn" => variables.source_arn.as_str().into(),
        "aws.pipes.enrichment-arn" => variables.enrichment_arn.as_str().into(),
        "aws.pipes.target-arn" => variables.target_arn.as_str().into(),
        "aws.pipes.event.ingestion-time" => variables.ingestion_time.as_str().into(),
        "aws.pipes.event" | "aws.pipes.event.json" => event.clone(),
        path => find(event, path).map_or(Value::Null, Cow::into_owned),
    }
}

fn written(value: &Value, is_json: bool, is_quoted: bool) -> String {
    let plain = match value {
        Value::String(text) => text.clone(),
        Value::Null if is_quoted => String::new(),
        other => other.to_string(),
    };
    match (is_json, is_quoted, value) {
        (true, true, _) => {
            let quoted = Value::from(plain).to_string();
            quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
        }
        (true, false, value) => value.to_string(),
        (false, _, _) => plain,
    }
}

/// The value at a path such as `$.body.items[0].id`; `None` where there is none.
pub(crate) fn find<'e>(event: &'e Value, path: &str) -> Option<Cow<'e, Value>> {
    let mut found = Cow::Borrowed(event);
    for step in path.strip_prefix('$')?.split(['.', '[']).filter(|step| !step.is_empty()) {
        let step = step.trim_end_matches(']').trim_matches('\'');
        if let Some(inner) = found.as_str().and_then(|text| serde_json::from_str(text).ok()) {
            found = Cow::Owned(inner);
        }
        let next = |value: &'_ Value| match value {
            Value::Array(_) => step.parse::<usize>().ok(),
            _ => None,
        };
        found = match found {
            Cow::Borrowed(value) => match next(value) {
                Some(index) => Cow::Borrowed(value.get(index)?),
                None => Cow::Borrowed(value.get(step)?),
            },
            Cow::Owned(value) => match next(&value) {
                Some(index) => Cow::Owned(value.get(index)?.clone()),
                None => Cow::Owned(value.get(step)?.clone()),
            },
        };
    }
    Some(found)
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
        let event = json!({"messageId": "m", "body": "{\"id\": 7, \"tags\": [\"a\", \"b\\\"c\"]}", "plain": "a \"b\""});
        let variables = Variables {
            pipe_arn: "arn".to_owned(),
            pipe_name: "p".to_owned(),
            source_arn: String::new(),
            enrichment_arn: String::new(),
            target_arn: String::new(),
            ingestion_time: String::new(),
        };
        render(template, &event, &variables)
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
    }

    #[test]
    fn other_templates_are_texts() {
        assert_eq!(rendered("<$.plain>"), "a \"b\"");
        assert_eq!(rendered("a < b, <$.body.id> <unknown>"), "a < b, 7 <unknown>");
        assert_eq!(rendered("<"), "<");
        assert_eq!(rendered("\\"), "\\");
    }
}
