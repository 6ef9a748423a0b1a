//! What real AWS answered to sequences of calls, recorded: `../shared/conformance/cases`, where it is checked out.
//!
//! Steps whose operations are not served are left out, and so are later ones that need their answers. Queues are the
//! exception: where a recording needs the ARN of any target at all, a log group stands for its queue.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::future::join_all;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::world::{ACCOUNT, LOG_GROUP, REGION, World, in_time};

/// Answers that must be as recorded, at least.
const FLOOR: usize = 266;

#[tokio::test]
async fn answers_are_those_that_aws_gave() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/conformance/cases");
    let Ok(traces) = std::fs::read_to_string(cases.join("events/api.json")) else {
        eprintln!("skipped: {} is not there", cases.display());
        return;
    };
    let errors = std::fs::read_to_string(cases.join("api_errors.json")).unwrap();
    let mut tally = Tally::default();
    let traces = serde_json::from_str::<Vec<Value>>(&traces).unwrap();
    // Each has a world of its own, and waits for its disk most of the time.
    for together in traces.chunks(8) {
        join_all(together.iter().map(drive)).await.into_iter().for_each(|one| tally.add(one));
    }
    let is_in_a_trace = |error: &Value| traces.iter().any(|trace| trace["name"] == error["case"]);
    let errors = serde_json::from_str::<Vec<Value>>(&errors).unwrap();
    for error in errors.iter().filter(|error| !is_in_a_trace(error)) {
        drive_error(error, &mut tally).await;
    }
    for failure in &tally.failures {
        eprintln!("FAIL {failure}");
    }
    for skipped in &tally.skipped {
        eprintln!("SKIP {skipped}");
    }
    eprintln!("{} passed, {} failed, {} skipped", tally.passed, tally.failures.len(), tally.skipped.len());
    assert!(tally.failures.is_empty());
    assert!(tally.passed >= FLOOR, "only {} passed", tally.passed);
}

#[derive(Default)]
struct Tally {
    passed: usize,
    /// The answers that could not be compared, by what they are of.
    skipped: Vec<String>,
    failures: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.skipped.extend(other.skipped);
        self.failures.extend(other.failures);
    }

    /// Notes that nothing that is expected of a step can be compared.
    fn skip(&mut self, name: &str, step: &Value) {
        let expected = step["expect"].as_array().map(Vec::len).unwrap_or_default();
        self.skipped.extend((0..expected).map(|_| format!("{name} {}", step["op"].as_str().unwrap())));
    }

    fn count(&mut self, name: &str, difference: Option<String>) {
        match difference {
            None => self.passed += 1,
            Some(difference) => self.failures.push(format!("{name}: {difference}")),
        }
    }
}

/// What the recordings say and AWS no longer does, or what is of the account in which they were made.
fn is_left_out(name: &str) -> bool {
    // The limit of a request was raised from 256 KiB to 1 MiB after the recording.
    name.ends_with("put_event_with_too_big_detail")
        // Counts what else happened in the account in which it was recorded.
        || name.ends_with("list_archive_with_events_False-default")
}

async fn drive(trace: &Value) -> Tally {
    let mut tally = Tally::default();
    let steps = trace["steps"].as_array().unwrap();
    let serves =
        |step: &Value| step["service"] == "events" && is_served(step["op"].as_str().unwrap_or_default());
    let expects = |step: &Value| step["expect"].is_array() && serves(step);
    if !steps.iter().any(expects) || is_left_out(trace["name"].as_str().unwrap()) {
        for step in steps {
            tally.skip(trace["name"].as_str().unwrap(), step);
        }
        return tally;
    }
    let world = World::new().await;
    let tokens = trace["tokens"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut answers: Vec<Option<Value>> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let name = format!("{} step {at} {}", trace["name"].as_str().unwrap(), step["op"].as_str().unwrap());
        let expected = step["expect"].as_array().map(Vec::as_slice).unwrap_or_default();
        let params = substituted(&step["params"], &answers);
        let Some(answer) = answer(&world, step, params).await else {
            tally.skip(trace["name"].as_str().unwrap(), step);
            answers.push(None);
            continue;
        };
        for one in expected {
            tally.count(&name, differs(&one["aws"], at_path(&answer, &one["at"]), &tokens, "$"));
        }
        if expected.is_empty() && step["raises"].is_null() && answer.get("Error").is_some() {
            tally.failures.push(format!("{name}: {answer}"));
        }
        answers.push(Some(answer));
    }
    tally
}

async fn drive_error(case: &Value, tally: &mut Tally) {
    let Some(params) = substituted(&case["params"], &[]).filter(|_| case["service"] == "events") else {
        return;
    };
    let name = format!("{} {}", case["case"].as_str().unwrap(), case["op"].as_str().unwrap());
    // The call alone: what it needs before is in the trace.
    let is_of_bus = case["op"] == "PutRule" || case["op"] == "RemovePermission";
    let needs_more = case["op"] == "DeleteRule" || is_of_bus && !params["EventBusName"].is_null();
    if needs_more || is_left_out(case["case"].as_str().unwrap()) || !is_served(case["op"].as_str().unwrap()) {
        tally.skipped.push(name);
        return;
    }
    let world = World::new().await;
    let Some(answer) = answer(&world, case, Some(params)).await else { return };
    let mut expected = json!({"Code": case["code"]});
    if !case["message"].is_null() {
        expected["Message"] = case["message"].clone();
    }
    let tokens = BTreeSet::from(["this-bus-does-not-exist-1234567890-7370b4bd"]);
    let mut given = answer["Error"].clone();
    if case["message"].is_null() {
        given.as_object_mut().map(|given| given.remove("Message"));
    }
    tally.count(&name, differs(&expected, &given, &tokens, "$"));
}

/// The answer of a step, or `None` where it is not served.
async fn answer(world: &World, step: &Value, params: Option<Value>) -> Option<Value> {
    let operation = step["op"].as_str()?;
    match (step["service"].as_str()?, operation) {
        ("sqs", "CreateQueue") => return Some(json!({"QueueUrl": params?["QueueName"]})),
        ("sqs", "GetQueueAttributes") => {
            let arn = format!("{LOG_GROUP}/{}", params?["QueueUrl"].as_str()?);
            return Some(json!({"Attributes": {"QueueArn": arn}}));
        }
        // Where nothing is said of the messages there may be none.
        ("sqs", "ReceiveMessage") if step["expect"].is_array() => {
            return Some(received(world, params?["QueueUrl"].as_str()?).await);
        }
        ("iam", "CreateRole") => {
            let arn = format!("arn:aws:iam::{ACCOUNT}:role/{}", params?["RoleName"].as_str()?);
            return Some(json!({"Role": {"Arn": arn}}));
        }
        ("logs", "DescribeLogStreams") => {
            let given = written(world, params?["logGroupName"].as_str()?).await;
            return Some(json!({"logStreams": [{"logStreamName": given["logStreamName"]}]}));
        }
        ("logs", "GetLogEvents") => {
            let given = written(world, params?["logGroupName"].as_str()?).await;
            let event = &given["logEvents"][0];
            let times = json!({"timestamp": event["timestamp"], "ingestionTime": event["timestamp"]});
            let mut event = event.clone();
            event.as_object_mut()?.extend(times.as_object()?.clone());
            return Some(json!({"events": [event]}));
        }
        ("events", "DescribeReplay") => return Some(described_replay(world, params?).await),
        ("events", _) if is_served(operation) => {}
        ("secretsmanager", _) => {}
        _ => return None,
    }
    let region = step["region"].as_str().unwrap_or(REGION);
    Some(called(world, step["service"].as_str()?, region, operation, params?).await)
}

async fn called(world: &World, service: &str, region: &str, operation: &str, params: Value) -> Value {
    match world.call_of(service, region, operation, params).await {
        Ok(answer) => answer,
        Err(error) => json!({
            "Error": {"Code": error.code, "Message": error.message},
            "__http_status__": error.status,
        }),
    }
}

/// The recordings ask until a replay has come to its end.
async fn described_replay(world: &World, params: Value) -> Value {
    in_time(async {
        loop {
            let answer = called(world, "events", REGION, "DescribeReplay", params.clone()).await;
            if !matches!(answer["State"].as_str(), Some("STARTING" | "RUNNING")) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// The first message of a queue: what the log group that stands for it was given first.
async fn received(world: &World, queue: &str) -> Value {
    let given = written(world, &format!("/aws/events/all/{queue}")).await;
    let body = &given["logEvents"][0]["message"];
    json!({"Messages": [{"MessageId": "m", "ReceiptHandle": "r", "MD5OfBody": "d", "Body": body}]})
}

/// What a log group was given first.
async fn written(world: &World, group: &str) -> Value {
    let given = world.targets.given_of("PutLogEvents", 1).await;
    let first = given.into_iter().find(|given| given.input["logGroupName"] == group);
    first.map(|given| given.input).unwrap_or_default()
}

fn is_served(operation: &str) -> bool {
    events::generated::model::MODEL.operation(operation).is_some()
}

fn at_path<'a>(answer: &'a Value, path: &Value) -> &'a Value {
    path.as_array().into_iter().flatten().filter_map(Value::as_str).fold(answer, |at, name| &at[name])
}

/// Parameters with values of earlier answers in them, or `None` where one of them is not there.
fn substituted(params: &Value, answers: &[Option<Value>]) -> Option<Value> {
    Some(match params {
        Value::String(text) => Value::String(substituted_text(text, answers)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| substituted(item, answers)).collect::<Option<_>>()?)
        }
        // A time of Python's, in UTC.
        Value::Object(members) if members.contains_key("__datetime__") => {
            let time = members["__datetime__"].as_str()?;
            if time.contains('+') { time.into() } else { format!("{time}Z").into() }
        }
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| Some((name.clone(), substituted(value, answers)?)))
                .collect::<Option<Map<_, _>>>()?,
        ),
        other => other.clone(),
    })
}

fn substituted_text(text: &str, answers: &[Option<Value>]) -> Option<String> {
    let variable = Regex::new(r"\$\{([^}]*)\}").unwrap();
    let earlier = Regex::new(r"^step\[(\d+)\]\.(.*)$").unwrap();
    let mut result = text.to_owned();
    for found in variable.captures_iter(text) {
        let value = match &found[1] {
            "account" => ACCOUNT.to_owned(),
            "region" => REGION.to_owned(),
            name => {
                let name = earlier.captures(name)?;
                let answer = answers.get(name[1].parse::<usize>().unwrap())?.as_ref()?;
                let pointer = |path: &str| format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
                match name[2].split_once("|json.") {
                    Some((text, path)) => {
                        let text = answer.pointer(&pointer(text))?.as_str()?;
                        let inner: Value = serde_json::from_str(text).ok()?;
                        inner.pointer(&pointer(path))?.as_str()?.to_owned()
                    }
                    None => answer.pointer(&pointer(&name[2]))?.as_str()?.to_owned(),
                }
            }
        };
        result = result.replace(&found[0], &value);
    }
    Some(result)
}

const MADE_UP: [&str; 11] = [
    "timestamp",
    "datetime",
    "date",
    "time",
    "start-date",
    "stop-date",
    "creation-date",
    "update-date",
    "redrive-date",
    "arn",
    "uuid",
];

/// The first difference, or `None` where `got` is what was recorded, made-up values aside.
fn differs(want: &Value, got: &Value, tokens: &BTreeSet<&str>, at: &str) -> Option<String> {
    match (want, got) {
        (Value::String(want), _) => differs_from_text(want, got, tokens, at),
        (Value::Object(_) | Value::Array(_), Value::String(text)) => {
            match serde_json::from_str::<Value>(text) {
                Ok(inner) if inner.is_object() || inner.is_array() => differs(want, &inner, tokens, at),
                _ => Some(format!("{at}: want {want}, got {got}")),
            }
        }
        (Value::Object(want), Value::Object(got)) => {
            let missing: Vec<_> = want.keys().filter(|name| !got.contains_key(*name)).collect();
            let extra: Vec<_> = got.keys().filter(|name| !want.contains_key(*name)).collect();
            if !missing.is_empty() || !extra.is_empty() {
                return Some(format!("{at}: missing {missing:?}, extra {extra:?}"));
            }
            want.iter()
                .find_map(|(name, want)| differs(want, got.get(name)?, tokens, &format!("{at}.{name}")))
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => want
            .iter()
            .zip(got)
            .enumerate()
            .find_map(|(index, (want, got))| differs(want, got, tokens, &format!("{at}[{index}]"))),
        _ if want == got => None,
        _ => Some(format!("{at}: want {want}, got {got}")),
    }
}

fn differs_from_text(want: &str, got: &Value, tokens: &BTreeSet<&str>, at: &str) -> Option<String> {
    let difference = || Some(format!("{at}: want {want:?}, got {got}"));
    // A value that AWS makes up is recorded as its own key in hyphens.
    let hyphens = Regex::new("([a-z0-9])([A-Z])").unwrap();
    let key = hyphens.replace_all(at.rsplit('.').next().unwrap_or_default(), "$1-$2").to_lowercase();
    if tokens.contains(want) || MADE_UP.contains(&want) || key == want && want.contains('-') {
        return if got.is_null() || got == "" { difference() } else { None };
    }
    let Some(got) = got.as_str() else { return difference() };
    let json = |text: &str| {
        serde_json::from_str::<Value>(text).ok().filter(|value| value.is_object() || value.is_array())
    };
    if let (Some(want), Some(got)) = (json(want), json(got)) {
        return differs(&want, &got, tokens, at);
    }
    let mut literal: Vec<&str> = tokens.iter().copied().filter(|token| want.contains(token)).collect();
    literal.sort_by_key(|token| std::cmp::Reverse(token.len()));
    let placeholders =
        [r"<<[^>]*>:\d+>", r"<[A-Za-z][A-Za-z0-9_:\- ]*>", r"\b1{12}\b"].into_iter().map(str::to_owned);
    let made_up = placeholders.chain(literal.into_iter().map(regex::escape)).collect::<Vec<_>>().join("|");
    let mut pattern = "(?s)^".to_owned();
    let mut from = 0;
    for found in Regex::new(&made_up).unwrap().find_iter(want) {
        pattern += &regex::escape(&want[from..found.start()]);
        pattern += ".+?";
        from = found.end();
    }
    pattern += &regex::escape(&want[from..]);
    pattern += "$";
    if Regex::new(&pattern).unwrap().is_match(got) { None } else { difference() }
}
