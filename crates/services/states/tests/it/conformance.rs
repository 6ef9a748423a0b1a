//! What real Step Functions answered, call by call, where the recordings are there.
//!
//! Recordings that need services which nobody plays here are left out.

use std::path::PathBuf;

use api::AwsError;
use serde_json::{Value, json};

use crate::world::{Process, ROLE, World};

/// Cases whose calls are all served, and how many there are: none may be lost unnoticed.
const FILES: [(&str, usize); 10] = [
    ("api", 18),
    ("api_activities", 37),
    ("api_aliasing", 11),
    ("api_express", 2),
    ("api_logs", 8),
    ("api_map_run", 1),
    ("api_tagging", 6),
    ("api_variable_references", 20),
    ("api_versioning", 11),
    ("express", 2),
];

/// Since when answers tell of the encryption: earlier recordings lack it.
const ENCRYPTION: &str = "aws-validated:2024-08";

fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../../shared/conformance/cases/stepfunctions/api");
    root.is_dir().then_some(root)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_as_recorded() {
    let Some(folder) = folder() else { return };
    let mut complaints = Vec::new();
    for (file, at_least) in FILES {
        let text = std::fs::read_to_string(folder.join(format!("{file}.json"))).unwrap();
        let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
        let mut run = 0;
        for case in &cases {
            match play(case).await {
                None => println!("left out: {}", case["name"]),
                Some(Ok(())) => run += 1,
                Some(Err(complaint)) => {
                    run += 1;
                    complaints.push(format!("{}: {complaint}", case["name"]));
                }
            }
        }
        if run < at_least {
            complaints.push(format!("{file}: only {run} of {} cases were played", cases.len()));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Plays a case; `None` where it needs what is not here.
async fn play(case: &Value) -> Option<Result<(), String>> {
    let world = World::new();
    let process = world.process().await;
    let steps = case["steps"].as_array().unwrap();
    let model = &states::generated::model::MODEL;
    let is_served = |step: &Value| match step["service"].as_str() {
        Some("stepfunctions") => model.operation(step["op"].as_str().unwrap_or_default()).is_some(),
        Some("iam" | "s3") => true,
        Some("logs") => matches!(step["op"].as_str(), Some("CreateLogGroup" | "DescribeLogGroups")),
        _ => false,
    };
    if !steps.iter().all(is_served) {
        return None;
    }
    let tokens: Vec<&str> =
        case["tokens"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_old = case["evidence"].as_str().is_some_and(|evidence| evidence < ENCRYPTION);
    let mut answers = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let answer = match perform(&world, &process, step, &answers).await {
            Ok(answer) => answer,
            Err(complaint) => return Some(Err(format!("step {number}: {complaint}"))),
        };
        for expected in step["expect"].as_array().into_iter().flatten().map(|expected| &expected["aws"]) {
            let mut answer = answer.clone();
            if let (Ok(Value::Object(answer)), true) = (&mut answer, is_old) {
                answer.remove("encryptionConfiguration");
            }
            if let Err(complaint) = check(expected, &answer, &tokens) {
                return Some(Err(format!("step {number} {}: {complaint}", step["op"])));
            }
        }
        answers.push(answer.unwrap_or_default());
    }
    Some(Ok(()))
}

type Answer = Result<Value, AwsError>;

async fn perform(
    world: &World,
    process: &Process,
    step: &Value,
    answers: &[Value],
) -> Result<Answer, String> {
    let input = fill(&step["params"], answers)?;
    let operation = step["op"].as_str().unwrap();
    Ok(match step["service"].as_str() {
        Some("iam") => {
            let role = input["RoleName"].as_str().unwrap_or_default();
            let role = format!("arn:aws:iam::000000000000:role/{role}");
            Ok(json!({"Role": {"Arn": role}, "Policy": {"Arn": "policy"}}))
        }
        Some("logs") => Ok(logs(world, &input)),
        Some("s3") => Ok(s3(world, operation, &input)),
        // The SDK refuses these itself.
        _ if step["raises"] == "ParamValidationError" || has_null(&input) => Err(AwsError::new("SDK", "")),
        // Only what runs by itself comes to an end.
        _ if step["poll"] == true && step["op"] == "GetExecutionHistory" && world.s3.has_objects() => {
            world.events.until_ended(input["executionArn"].as_str().unwrap_or_default()).await;
            process.call(operation, input).await
        }
        _ => process.call(operation, input).await,
    })
}

/// Buckets are there once something is in them.
pub fn s3(world: &World, operation: &str, input: &Value) -> Value {
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    if operation == "PutObject" {
        world.s3.put(text("Bucket"), text("Key"), text("Body"));
    }
    json!({})
}

fn has_null(input: &Value) -> bool {
    input.as_object().is_some_and(|fields| fields.values().any(Value::is_null))
}

fn logs(world: &World, input: &Value) -> Value {
    let name = input["logGroupName"].as_str().or(input["logGroupNamePrefix"].as_str()).unwrap_or_default();
    world.logs.groups.lock().unwrap().insert(name.to_owned());
    json!({"logGroups": [{"arn": format!("arn:aws:logs:us-east-1:000000000000:log-group:{name}:*")}]})
}

/// Puts values of earlier answers into a call.
pub fn fill(value: &Value, answers: &[Value]) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => fill_text(text, answers)?.into(),
        Value::Array(values) => values.iter().map(|value| fill(value, answers)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let filled = fields.iter().map(|(name, value)| Ok((name.clone(), fill(value, answers)?)));
            Value::Object(filled.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

fn fill_text(text: &str, answers: &[Value]) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("an open ${")?;
        filled.push_str(before);
        filled.push_str(&match name {
            "account" => "000000000000".to_owned(),
            "region" => "us-east-1".to_owned(),
            _ => look_up(name, answers)?,
        });
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// `step[3].executions[0].name`.
fn look_up(name: &str, answers: &[Value]) -> Result<String, String> {
    let pointer = name.replace('[', "/").replace(']', "").replace('.', "/");
    let pointer = pointer.strip_prefix("step").ok_or_else(|| format!("no step: {name}"))?;
    let all = Value::Array(answers.to_vec());
    all.pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| format!("nothing at {name}"))
}

pub fn check(expected: &Value, answer: &Answer, tokens: &[&str]) -> Result<(), String> {
    match (expected.get("Error"), answer) {
        (Some(error), Err(found)) => {
            let code = error["Code"].as_str().unwrap_or_default();
            if code != found.code {
                return Err(format!("expected {code}, was {found}"));
            }
            match error["Message"].as_str() {
                Some(message) if !matches(message, &found.message, tokens) => {
                    Err(format!("expected {message:?}, was {:?}", found.message))
                }
                _ => Ok(()),
            }
        }
        (Some(error), Ok(found)) => Err(format!("expected {error}, was {found}")),
        (None, Ok(found)) => compare("", expected, found, tokens),
        // What the SDK says is not ours.
        (None, Err(_)) if expected.is_string() => Ok(()),
        (None, Err(found)) => Err(format!("expected {expected}, was {found}")),
    }
}

pub fn compare(at: &str, expected: &Value, found: &Value, tokens: &[&str]) -> Result<(), String> {
    match (expected, found) {
        (Value::String(text), found) if tokens.contains(&text.as_str()) && !found.is_null() => Ok(()),
        (Value::Object(expected), Value::Object(found)) => {
            for name in expected.keys().chain(found.keys()) {
                let (Some(expected), Some(found)) = (expected.get(name), found.get(name)) else {
                    return Err(format!("{at}/{name} is on one side only: {expected:?} {found:?}"));
                };
                compare(&format!("{at}/{name}"), expected, found, tokens)?;
            }
            Ok(())
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let mut pairs = expected.iter().zip(found).enumerate();
            pairs.try_for_each(|(index, (expected, found))| {
                compare(&format!("{at}/{index}"), expected, found, tokens)
            })
        }
        (Value::String(text), Value::Number(_))
            if matches!(text.as_str(), "datetime" | "timestamp") || tokens.contains(&text.as_str()) =>
        {
            Ok(())
        }
        // Times, as they are after AWS's own were taken out.
        (Value::String(text), Value::String(_)) if matches!(text.as_str(), "date" | "timestamp") => Ok(()),
        (Value::String(text), Value::String(found)) if is_container(text) && is_container(found) => {
            let parsed = |text| serde_json::from_str::<Value>(text).map_err(|error| error.to_string());
            compare(at, &parsed(text)?, &parsed(found)?, tokens)
        }
        (Value::String(text), Value::String(found)) if matches(text, found, tokens) => Ok(()),
        // Texts that are JSON are compared as JSON.
        (expected, Value::String(text)) if !expected.is_string() => match serde_json::from_str::<Value>(text)
        {
            Ok(found) => compare(at, expected, &found, tokens),
            Err(_) => Err(format!("{at}: expected {expected}, was {text:?}")),
        },
        (expected, found) if expected == found => Ok(()),
        (expected, found) => Err(format!("{at}: expected {expected}, was {found}")),
    }
}

fn is_container(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(Value::Array(_) | Value::Object(_)))
}

/// Whether a text is what was recorded, where `<...>` and tokens stand for anything.
fn matches(expected: &str, found: &str, tokens: &[&str]) -> bool {
    let mut pattern = expected.to_owned();
    let is_free = |token: &&&str| !expected.contains(&format!("<{token}"));
    for token in tokens.iter().filter(is_free).chain(&["111111111111"]) {
        pattern = pattern.replace(token, "<any>");
    }
    if pattern == found {
        return true;
    }
    let mut parts = pattern.split('<').map(|part| part.split_once('>').map_or(part, |(_, rest)| rest));
    let Some(mut rest) = found.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut is_open = false;
    for part in parts {
        is_open = part.is_empty();
        match rest.split_once(part) {
            Some((_, after)) if !part.is_empty() => rest = after,
            Some(_) => {}
            None => return false,
        }
    }
    rest.is_empty() || is_open
}

/// The names of ECS's own JSON, from those that states are given; lists that are empty are not in events.
fn camel(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let is_there = |value: &Value| value.as_array().is_none_or(|elements| !elements.is_empty());
            let renamed = fields.iter().filter(|(_, value)| is_there(value)).map(|(name, value)| {
                let (first, rest) = name.split_at(1);
                (format!("{}{rest}", first.to_ascii_lowercase()), camel(value))
            });
            Value::Object(renamed.collect())
        }
        Value::Array(elements) => elements.iter().map(camel).collect(),
        other => other.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_of_a_failed_run_is_given_as_recorded() {
    let Some(folder) = folder() else { return };
    let text = std::fs::read_to_string(folder.join("../services.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let is_it = |case: &&Value| {
        case["name"].as_str().is_some_and(|name| name.ends_with("run_task_sync_raise_failure"))
    };
    let case = cases.iter().find(is_it).unwrap();
    let mut recorded = case["expect"]["cause"].clone();

    let world = World::new();
    let process = world.process().await;
    let machine = process.create("m", &case["definition"]).await;
    let execution = process.start(&machine, "e", &case["input"]).await;
    world.ecs.changes.until(|| !world.ecs.inputs("DescribeTasks").is_empty()).await;
    recorded["TaskArn"] = world.ecs.started()[0].as_str().into();
    let mut detail = camel(&recorded);
    detail["platformFamily"] = "Linux".into();
    detail["updatedAt"] = "2024-02-25T00:00:00.000Z".into();
    process.deliver(json!({"detail-type": "ECS Task State Change", "detail": detail})).await.unwrap();
    world.events.until_ended(&execution).await;

    let described = process.describe(&execution).await;
    assert_eq!(described["error"], case["expect"]["error"]);
    let cause = described["cause"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(cause).unwrap(), recorded);
    let kinds: Vec<&Value> =
        case["expect"]["history"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(json!(process.event_types(&execution).await), json!(kinds));
    // The parameters that the state asked for, and what Step Functions added.
    let scheduled = &process.history(&execution).await[2]["taskScheduledEventDetails"]["parameters"];
    let parameters: Value = serde_json::from_str(scheduled.as_str().unwrap()).unwrap();
    assert_eq!(parameters["StartedBy"], "AWS Step Functions");
}

/// Express executions as they were recorded: the last event that each has logged.
#[tokio::test(flavor = "multi_thread")]
async fn express_executions_log_as_recorded() {
    let Some(folder) = folder() else { return };
    let mut cases: Vec<Value> = Vec::new();
    for file in ["express", "api_express"] {
        let text = std::fs::read_to_string(folder.join(format!("../{file}.json"))).unwrap();
        cases.extend(serde_json::from_str::<Vec<Value>>(&text).unwrap());
    }
    cases.retain(|case| case["expect"].get("cloudwatch_logs_last_event").is_some());
    assert_eq!(cases.len(), 4);
    for case in &cases {
        let expected = &case["expect"]["cloudwatch_logs_last_event"];
        let found = last_logged(case).await;
        // What differs between runs stands for itself, and so do the names of states, which the recording lost.
        let tokens =
            ["timestamp", "sfn_role_arn", "start-time", "entered-time", "QueryValues1", "QueryValues2"];
        if let Err(complaint) = compare("", expected, &found, &tokens) {
            panic!("{}: {complaint}", case["name"]);
        }
    }
}

/// Runs a case's machine, and gives the event that its execution logs at its end.
async fn last_logged(case: &Value) -> Value {
    let world = World::new();
    let process = world.process().await;
    world.logs.groups.lock().unwrap().insert("g".to_owned());
    let destination = "arn:aws:logs:us-east-1:000000000000:log-group:g:*";
    let input = json!({
        "name": "m", "definition": case["definition"].to_string(), "roleArn": ROLE, "type": "EXPRESS",
        "loggingConfiguration": {
            "level": "ALL",
            "includeExecutionData": true,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": destination}}],
        },
    });
    let machine = process.call("CreateStateMachine", input).await.unwrap();
    let start = json!({"stateMachineArn": machine["stateMachineArn"], "input": case["input"].to_string()});
    process.call("StartExecution", start).await.unwrap();
    let count: usize = case["expect"]["cloudwatch_logs_last_event"]["id"].as_str().unwrap().parse().unwrap();
    world.logs.until_messages("g", "states/m/", count).await;
    world.logs.messages("g", "states/m/").pop().unwrap()
}
