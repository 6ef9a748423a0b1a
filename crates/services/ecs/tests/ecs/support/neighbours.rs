//! EventBridge, CloudWatch Logs, STS and EC2, as far as the service calls them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::model::{Operation, Protocol, ServiceModel, Shape};
use api::{AwsError, Context, Service};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;

/// Takes events and keeps them in their order.
#[derive(Default)]
pub struct Events {
    entries: watch::Sender<Vec<Value>>,
}

impl Events {
    /// All entries that were put.
    pub fn entries(&self) -> Vec<Value> {
        self.entries.borrow().clone()
    }

    /// The details of all entries.
    pub fn details(&self) -> Vec<Value> {
        self.entries().iter().map(detail).collect()
    }

    pub async fn wait_for(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut entries = self.entries.subscribe();
        let found = entries.wait_for(|all| all.iter().any(|entry| wanted(&detail(entry)))).await.unwrap();
        found.iter().map(detail).find(|detail| wanted(detail)).unwrap()
    }
}

fn detail(entry: &Value) -> Value {
    serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap()
}

impl Service for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    fn model(&self) -> &'static ServiceModel {
        &EVENTS
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        _: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        assert_eq!(cx.principal.arn(), "ecs.amazonaws.com");
        let entries = input["Entries"].as_array().unwrap().clone();
        let results: Vec<Value> = entries.iter().map(|_| json!({"EventId": "id"})).collect();
        self.entries.send_modify(|all| all.extend(entries));
        async move { Ok(json!({"FailedEntryCount": 0, "Entries": results})) }.boxed()
    }
}

/// Keeps streams, and the messages in them.
#[derive(Default)]
pub struct Logs {
    groups: Mutex<BTreeMap<String, BTreeMap<String, Vec<String>>>>,
    positions: Mutex<BTreeMap<String, String>>,
    callers: Mutex<Vec<String>>,
}

impl Logs {
    /// Makes a group.
    pub fn create_group(&self, name: &str) {
        self.groups.lock().unwrap().entry(name.to_owned()).or_default();
    }

    /// The only stream of a group, with its messages.
    pub fn stream(&self, group: &str) -> (String, Vec<String>) {
        let groups = self.groups.lock().unwrap();
        let (name, messages) = groups[group].first_key_value().unwrap();
        (name.clone(), messages.clone())
    }

    /// Who called.
    pub fn callers(&self) -> Vec<String> {
        self.callers.lock().unwrap().clone()
    }

    fn answer(&self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let mut positions = self.positions.lock().unwrap();
        if operation == "internal:ProducerPosition" {
            return Ok(json!({ "position": positions.get(input["logStreamName"].as_str().unwrap()) }));
        }
        let mut groups = self.groups.lock().unwrap();
        let group = input["logGroupName"].as_str().unwrap().to_owned();
        if operation == "CreateLogGroup" {
            return match groups.insert(group, BTreeMap::new()) {
                None => Ok(json!({})),
                Some(_) => Err(AwsError::new(
                    "ResourceAlreadyExistsException",
                    "The specified log group already exists",
                )),
            };
        }
        let missing =
            || AwsError::new("ResourceNotFoundException", "The specified log group does not exist.");
        let streams = groups.get_mut(&group).ok_or_else(missing)?;
        let stream = streams.entry(input["logStreamName"].as_str().unwrap().to_owned()).or_default();
        for event in input["logEvents"].as_array().into_iter().flatten() {
            stream.push(event["message"].as_str().unwrap().to_owned());
        }
        if let Some(token) = input["sequenceToken"].as_str() {
            let position = token.strip_prefix("position:").unwrap().to_owned();
            positions.insert(input["logStreamName"].as_str().unwrap().to_owned(), position);
        }
        Ok(json!({}))
    }
}

impl Service for Logs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn model(&self) -> &'static ServiceModel {
        &LOGS
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        if !operation.starts_with("internal:") {
            self.callers.lock().unwrap().push(cx.principal.arn());
        }
        let answer = self.answer(operation, &input);
        async move { answer }.boxed()
    }
}

/// Makes sessions of all roles but `nobodys`.
#[derive(Default)]
pub struct Sts {
    calls: Mutex<Vec<(String, Value)>>,
    is_down: AtomicBool,
}

impl Sts {
    /// Who assumed roles, and how.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.calls.lock().unwrap().clone()
    }

    /// Answers no more.
    pub fn break_down(&self) {
        self.is_down.store(true, Ordering::SeqCst);
    }

    fn assume(&self, cx: &Context, input: Value) -> Result<Value, AwsError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(AwsError::internal("ServiceFailure", &std::io::Error::other("down")));
        }
        if input["RoleArn"].as_str().unwrap().ends_with("/nobodys") {
            return Err(
                AwsError::new("AccessDenied", "not authorized to perform: sts:AssumeRole").with_status(403)
            );
        }
        let lasts = Duration::from_secs(input["DurationSeconds"].as_u64().unwrap());
        let mut calls = self.calls.lock().unwrap();
        calls.push((cx.principal.arn(), input));
        Ok(json!({"Credentials": {
            "AccessKeyId": format!("ASIA{}", calls.len()), "SecretAccessKey": "secret", "SessionToken": "token",
            "Expiration": cx.now + lasts,
        }}))
    }
}

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn model(&self) -> &'static ServiceModel {
        &STS
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        _: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        let answer = self.assume(cx, input);
        async move { answer }.boxed()
    }
}

/// Has every subnet, in the zone of its last digit, and every security group, but for those that are `gone`.
#[derive(Default)]
pub struct Ec2;

impl Service for Ec2 {
    fn name(&self) -> &'static str {
        "ec2"
    }

    fn model(&self) -> &'static ServiceModel {
        &EC2
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        assert_eq!(cx.principal.arn(), "ecs.amazonaws.com");
        let (code, words, ids) = match operation {
            "DescribeSubnets" => ("InvalidSubnetID.NotFound", "subnet ID", &input["SubnetIds"]),
            _ => ("InvalidGroup.NotFound", "security group", &input["GroupIds"]),
        };
        let ids: Vec<&str> = ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let answer = match ids.iter().find(|id| id.ends_with("gone")) {
            Some(id) => Err(AwsError::new(code, format!("The {words} '{id}' does not exist"))),
            None => {
                let zone = |id: &str| format!("{}{}", cx.region, if id.ends_with('2') { "b" } else { "a" });
                let shown = |id: &&str| json!({"SubnetId": id, "AvailabilityZone": zone(id)});
                Ok(json!({"Subnets": ids.iter().map(shown).collect::<Vec<_>>()}))
            }
        };
        async move { answer }.boxed()
    }
}

static ANY: Shape = Shape::structure("Any", &[]);

static EVENTS: ServiceModel = model("events", &[operation("PutEvents")]);
static STS: ServiceModel = model("sts", &[operation("AssumeRole")]);
static EC2: ServiceModel = model("ec2", &[operation("DescribeSecurityGroups"), operation("DescribeSubnets")]);
static LOGS: ServiceModel =
    model("logs", &[operation("CreateLogGroup"), operation("CreateLogStream"), operation("PutLogEvents")]);

const fn model(name: &'static str, operations: &'static [Operation]) -> ServiceModel {
    ServiceModel {
        service_id: name,
        endpoint_prefix: name,
        signing_name: name,
        iam_prefix: name,
        api_version: "",
        protocol: Protocol::AwsJson1_1,
        target_prefix: "",
        xml_namespace: "",
        prints_values: true,
        operations,
    }
}

const fn operation(name: &'static str) -> Operation {
    Operation {
        name,
        action: name,
        input: &ANY,
        output: &ANY,
        result_wrapper: None,
        validation_code: "ValidationException",
        errors: &[],
    }
}
