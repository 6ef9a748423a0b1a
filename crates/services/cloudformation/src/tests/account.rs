//! An account in memory: what the resource types call of iam, logs, states, events, ecs and s3, with every call noted.
//!
//! A call can be made to fail, or the machine to die before or after a call takes effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use api::model::{Operation, Protocol, ServiceModel, Shape};
use api::{AwsError, Context, Principal, Service};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What the account holds and what befalls it.
#[derive(Default)]
pub struct World {
    /// Changing calls, such as `iam:CreateRole name`.
    pub calls: Vec<String>,
    pub roles: BTreeMap<String, Value>,
    pub role_policies: BTreeMap<String, BTreeSet<String>>,
    pub log_groups: BTreeMap<String, Value>,
    pub machines: BTreeMap<String, Value>,
    /// Activities, versions and aliases.
    pub parts: BTreeMap<String, Value>,
    pub rules: BTreeMap<String, Value>,
    pub targets: BTreeMap<String, Vec<Value>>,
    pub clusters: BTreeMap<String, Value>,
    /// ECS services by name, and how often they will be found on their way to rest.
    pub services: BTreeMap<String, (Value, usize)>,
    /// Buckets: their versioning and their tags.
    pub buckets: BTreeMap<String, (String, Value)>,
    /// Task definitions by ARN; `true` where active.
    pub revisions: BTreeMap<String, (Value, bool)>,
    /// The tags that CloudFormation itself has put on resources, by service and ARN.
    pub marks: BTreeMap<String, Value>,
    /// Operations that fail from now on, with what.
    pub failing: BTreeMap<String, AwsError>,
    /// The machine dies at the call of this number, counted from 0, before or after it takes effect.
    pub dies_at: Option<(usize, bool)>,
    /// The numbers of changing calls of real services.
    pub changing: Vec<usize>,
    /// How many calls there were, reading ones too.
    pub count: usize,
    /// How often a deleted state machine is still found.
    pub lingering: usize,
}

/// The account, to be shared by processes that die and come again.
#[derive(Clone, Default)]
pub struct Account {
    pub world: Arc<Mutex<World>>,
    pub died: Arc<Notify>,
}

pub struct Fake {
    account: Account,
    model: &'static ServiceModel,
}

/// A real service, whose calls are noted, fail and kill as the account says.
struct Guarded {
    account: Account,
    inner: Arc<dyn Service>,
}

impl Service for Guarded {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn model(&self) -> &'static ServiceModel {
        self.inner.model()
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            let (dies, failure) = self.account.change(|world| {
                let dies = world.next_call();
                if !operation.starts_with("Describe") {
                    world.changing.push(world.count - 1);
                    world.calls.push(format!("{}:{operation}", self.name()));
                }
                (dies, world.failing.get(&format!("{}:{operation}", self.name())).cloned())
            });
            if dies != Some(false) && failure.is_none() {
                let answer = self.inner.serve(cx, operation, input).await;
                if dies.is_none() {
                    return answer;
                }
            }
            match failure {
                Some(failure) if dies.is_none() => Err(failure),
                _ => {
                    self.account.died.notify_one();
                    std::future::pending().await
                }
            }
        })
    }
}

static ANY: Shape = Shape::structure("Any", &[]);

const fn operation(name: &'static str) -> Operation {
    Operation {
        name,
        action: "",
        input: &ANY,
        output: &ANY,
        result_wrapper: None,
        validation_code: "ValidationException",
        errors: &[],
    }
}

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

static IAM: ServiceModel = model(
    "iam",
    &[
        operation("CreateRole"),
        operation("DeleteRole"),
        operation("DeleteRolePolicy"),
        operation("GetRole"),
        operation("PutRolePolicy"),
        operation("TagRole"),
        operation("UntagRole"),
        operation("UpdateAssumeRolePolicy"),
        operation("UpdateRole"),
    ],
);
static LOGS: ServiceModel = model(
    "logs",
    &[
        operation("CreateLogGroup"),
        operation("DeleteLogGroup"),
        operation("DeleteRetentionPolicy"),
        operation("DescribeLogGroups"),
        operation("PutRetentionPolicy"),
        operation("TagResource"),
        operation("UntagResource"),
    ],
);
static STATES: ServiceModel = model(
    "states",
    &[
        operation("CreateActivity"),
        operation("CreateStateMachine"),
        operation("CreateStateMachineAlias"),
        operation("DeleteActivity"),
        operation("DeleteStateMachine"),
        operation("DeleteStateMachineAlias"),
        operation("DeleteStateMachineVersion"),
        operation("DescribeActivity"),
        operation("DescribeStateMachine"),
        operation("DescribeStateMachineAlias"),
        operation("PublishStateMachineVersion"),
        operation("TagResource"),
        operation("UntagResource"),
        operation("UpdateStateMachine"),
        operation("UpdateStateMachineAlias"),
    ],
);
static EVENTS: ServiceModel = model(
    "events",
    &[
        operation("DeleteRule"),
        operation("DescribeRule"),
        operation("ListTargetsByRule"),
        operation("PutRule"),
        operation("PutTargets"),
        operation("RemoveTargets"),
        operation("TagResource"),
        operation("UntagResource"),
    ],
);
static ECS: ServiceModel = model(
    "ecs",
    &[
        operation("CreateCluster"),
        operation("CreateService"),
        operation("DeleteCluster"),
        operation("DeleteService"),
        operation("DeregisterTaskDefinition"),
        operation("DescribeClusters"),
        operation("DescribeServices"),
        operation("DescribeTaskDefinition"),
        operation("ListTaskDefinitions"),
        operation("RegisterTaskDefinition"),
        operation("TagResource"),
        operation("UntagResource"),
        operation("UpdateCluster"),
        operation("UpdateService"),
    ],
);
static S3: ServiceModel = model(
    "s3",
    &[
        operation("CreateBucket"),
        operation("DeleteBucket"),
        operation("DeleteBucketTagging"),
        operation("HeadBucket"),
        operation("PutBucketTagging"),
        operation("PutBucketVersioning"),
    ],
);

impl Account {
    pub fn services(&self) -> Vec<Arc<dyn Service>> {
        let fake = |model| -> Arc<dyn Service> { Arc::new(Fake { account: self.clone(), model }) };
        [&IAM, &LOGS, &STATES, &EVENTS, &ECS, &S3].map(fake).to_vec()
    }

    /// A real service, as whose calls this account befalls them.
    pub fn guarded(&self, inner: Arc<dyn Service>) -> Arc<dyn Service> {
        Arc::new(Guarded { account: self.clone(), inner })
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.world.lock().unwrap())
    }

    /// The changing calls since the last time.
    pub fn calls(&self) -> Vec<String> {
        self.change(|world| std::mem::take(&mut world.calls))
    }

    /// Everything that is there.
    pub fn holds(&self) -> Vec<String> {
        self.change(|world| {
            let revisions = world.revisions.iter().filter(|(_, (_, active))| *active).map(|(arn, _)| arn);
            let rules = world
                .rules
                .keys()
                .map(|rule| format!("{rule} {}", world.targets.get(rule).map_or(0, Vec::len)));
            let roles = world.roles.keys().map(|role| {
                format!("{role} {:?}", world.role_policies.get(role).cloned().unwrap_or_default())
            });
            let others = world
                .log_groups
                .keys()
                .chain(world.machines.keys())
                .chain(world.parts.keys())
                .chain(world.clusters.keys());
            let others = others.chain(world.buckets.keys()).chain(world.services.keys());
            others.chain(revisions).cloned().chain(rules).chain(roles).collect()
        })
    }
}

impl Service for Fake {
    fn name(&self) -> &'static str {
        self.model.service_id
    }

    fn model(&self) -> &'static ServiceModel {
        self.model
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            let marks = ["TagResource", "internal:TagBucket"].contains(&operation)
                && cx.principal == Principal::service("cloudformation.amazonaws.com");
            let (dies, answer) = {
                let mut world = self.account.world.lock().unwrap();
                let dies = world.next_call();
                if dies == Some(false) {
                    (dies, Ok(Value::Null))
                } else if marks {
                    (dies, Ok(world.mark(self.name(), &input)))
                } else {
                    (dies, world.serve(self.name(), operation, &input))
                }
            };
            if dies.is_some() {
                self.account.died.notify_one();
                std::future::pending::<()>().await;
            }
            answer
        })
    }
}

fn text<'v>(input: &'v Value, name: &str) -> &'v str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl World {
    /// Counts a call, and says whether the machine dies at it: after it takes effect, or before.
    fn next_call(&mut self) -> Option<bool> {
        let number = self.count;
        self.count += 1;
        self.dies_at.filter(|(at, _)| *at == number).map(|(_, after)| after)
    }

    fn mark(&mut self, service: &str, input: &Value) -> Value {
        let (arn, tags) = match service {
            "events" => (text(input, "ResourceARN"), &input["Tags"]),
            "s3" => (text(input, "Bucket"), &input["Tags"]),
            _ => (text(input, "resourceArn"), &input["tags"]),
        };
        self.marks.insert(format!("{service} {arn}"), tags.clone());
        json!({})
    }

    fn serve(&mut self, service: &str, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let reading = ["Get", "Describe", "Head", "List"].iter().any(|verb| operation.starts_with(verb));
        if !reading {
            let names = [
                "RoleName",
                "logGroupName",
                "name",
                "stateMachineArn",
                "Name",
                "Rule",
                "serviceName",
                "service",
                "clusterName",
                "cluster",
                "family",
                "taskDefinition",
                "resourceArn",
                "Bucket",
            ];
            let name = names.iter().map(|name| text(input, name)).find(|name| !name.is_empty());
            self.calls.push(format!("{service}:{operation} {}", name.unwrap_or_default()));
        }
        if let Some(error) = self.failing.get(&format!("{service}:{operation}")) {
            return Err(error.clone());
        }
        match service {
            "iam" => self.iam(operation, input),
            "logs" => self.logs(operation, input),
            "states" => self.states(operation, input),
            "events" => self.events(operation, input),
            "s3" => self.s3(operation, input),
            _ => self.ecs(operation, input),
        }
    }

    fn iam(&mut self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let name = text(input, "RoleName").to_owned();
        let unknown = AwsError::new("NoSuchEntity", format!("The role with name {name} cannot be found."))
            .with_status(404);
        if operation == "CreateRole" {
            if self.roles.contains_key(&name) {
                return Err(AwsError::new(
                    "EntityAlreadyExists",
                    format!("Role with name {name} already exists."),
                )
                .with_status(409));
            }
            self.roles.insert(name, input.clone());
            return Ok(json!({}));
        }
        if !self.roles.contains_key(&name) {
            return Err(unknown);
        }
        let policies = self.role_policies.entry(name.clone()).or_default();
        match operation {
            "PutRolePolicy" => drop(policies.insert(text(input, "PolicyName").to_owned())),
            "DeleteRolePolicy" => drop(policies.remove(text(input, "PolicyName"))),
            "DeleteRole" if !policies.is_empty() => {
                return Err(AwsError::new(
                    "DeleteConflict",
                    "Cannot delete entity, must delete policies first.",
                ));
            }
            "DeleteRole" => drop(self.roles.remove(&name)),
            "GetRole" => {
                let arn = format!("arn:aws:iam::111111111111:role/{name}");
                return Ok(json!({"Role": {"Arn": arn, "RoleId": "AROA", "RoleName": name}}));
            }
            _ => {}
        }
        Ok(json!({}))
    }

    fn logs(&mut self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let name = text(input, "logGroupName").to_owned();
        match operation {
            "CreateLogGroup" if self.log_groups.contains_key(&name) => {
                return Err(AwsError::new(
                    "ResourceAlreadyExistsException",
                    "The specified log group already exists",
                ));
            }
            "CreateLogGroup" => drop(self.log_groups.insert(name, json!({}))),
            "DescribeLogGroups" => {
                let prefix = text(input, "logGroupNamePrefix");
                let groups = self.log_groups.keys().filter(|name| name.starts_with(prefix));
                let groups: Vec<Value> = groups.map(|name| json!({"logGroupName": name})).collect();
                return Ok(json!({"logGroups": groups}));
            }
            "PutRetentionPolicy" => {
                let days = input.get("retentionInDays").cloned().unwrap_or_default();
                self.log_groups.insert(name, days);
            }
            "DeleteRetentionPolicy" => drop(self.log_groups.insert(name, json!({}))),
            "DeleteLogGroup" if self.log_groups.remove(&name).is_none() => {
                return Err(AwsError::new(
                    "ResourceNotFoundException",
                    "The specified log group does not exist.",
                ));
            }
            _ => {}
        }
        Ok(json!({}))
    }

    /// Activities, versions and aliases, by ARN.
    fn parts(&mut self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let given = |name: &str| text(input, name).to_owned();
        let unknown = |arn: &str| AwsError::new("ResourceNotFound", format!("Resource not found: '{arn}'"));
        let version = input.pointer("/routingConfiguration/0/stateMachineVersionArn");
        let version = version.and_then(Value::as_str).unwrap_or_default();
        match operation {
            "CreateActivity" => {
                let arn = format!("arn:aws:states:us-east-1:111111111111:activity:{}", given("name"));
                self.parts.insert(arn.clone(), input.clone());
                Ok(json!({"activityArn": arn}))
            }
            "PublishStateMachineVersion" => {
                let arn = format!("{}:1", given("stateMachineArn"));
                self.parts.insert(arn.clone(), input.clone());
                Ok(json!({"stateMachineVersionArn": arn}))
            }
            "CreateStateMachineAlias" => {
                let machine = version.rsplit_once(':').map_or(version, |(machine, _)| machine);
                let arn = format!("{machine}:{}", given("name"));
                self.parts.insert(arn.clone(), input.clone());
                Ok(json!({"stateMachineAliasArn": arn}))
            }
            "UpdateStateMachineAlias" => {
                self.parts.insert(given("stateMachineAliasArn"), input.clone());
                Ok(json!({}))
            }
            "DescribeActivity" | "DescribeStateMachineAlias" => {
                let arn = given("activityArn") + &given("stateMachineAliasArn");
                self.parts.get(&arn).cloned().ok_or_else(|| unknown(&arn))
            }
            _ => {
                let arn =
                    given("activityArn") + &given("stateMachineAliasArn") + &given("stateMachineVersionArn");
                self.parts.remove(&arn).map(|_| json!({})).ok_or_else(|| unknown(&arn))
            }
        }
    }

    fn states(&mut self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        if ["Activity", "Alias", "Version"].iter().any(|part| operation.ends_with(part)) {
            return self.parts(operation, input);
        }
        let arn = match text(input, "name") {
            "" => text(input, "stateMachineArn").to_owned(),
            name => format!("arn:aws:states:us-east-1:111111111111:stateMachine:{name}"),
        };
        let known = self.machines.contains_key(&arn);
        let unknown =
            AwsError::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"));
        match operation {
            "CreateStateMachine" if known => Err(AwsError::new(
                "StateMachineAlreadyExists",
                format!("State Machine Already Exists: '{arn}'"),
            )),
            "CreateStateMachine" => {
                self.machines.insert(arn.clone(), input.clone());
                Ok(json!({"stateMachineArn": arn}))
            }
            "TagResource" | "UntagResource" => Ok(json!({})),
            "DeleteStateMachine" => {
                if self.lingering == 0 {
                    self.machines.remove(&arn);
                }
                self.lingering = self.lingering.saturating_sub(1);
                Ok(json!({}))
            }
            _ if !known => Err(unknown),
            "UpdateStateMachine" => {
                self.machines.insert(arn, input.clone());
                Ok(json!({"revisionId": "revision"}))
            }
            _ => Ok(json!({"stateMachineArn": arn})),
        }
    }

    fn events(&mut self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let name = match text(input, "Name") {
            "" => text(input, "Rule").to_owned(),
            name => name.to_owned(),
        };
        let list = |name: &str| input.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        match operation {
            "PutRule" => drop(self.rules.insert(name, input.clone())),
            "TagResource" | "UntagResource" => {}
            _ if !self.rules.contains_key(&name) => {
                let text = format!("Rule {name} does not exist on EventBus default.");
                return Err(AwsError::new("ResourceNotFoundException", text));
            }
            "PutTargets" => {
                let targets = self.targets.entry(name).or_default();
                for target in list("Targets") {
                    targets.retain(|known| known["Id"] != target["Id"]);
                    targets.push(target);
                }
            }
            "RemoveTargets" => {
                let ids = list("Ids");
                self.targets.entry(name).or_default().retain(|target| !ids.contains(&target["Id"]));
            }
            "ListTargetsByRule" => {
                return Ok(json!({"Targets": self.targets.get(&name).cloned().unwrap_or_default()}));
            }
            "DeleteRule" => {
                if self.targets.get(&name).is_some_and(|targets| !targets.is_empty()) {
                    return Err(AwsError::new(
                        "ValidationException",
                        "Rule can't be deleted since it has targets.",
                    ));
                }
                self.rules.remove(&name);
            }
            _ => {}
        }
        Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
    }

    /// A service that rests at the third look. One whose task definition is `broken:1` fails.
    fn ecs_service(&mut self, operation: &str, input: &Value) -> Value {
        let name =
            ["serviceName", "service"].iter().map(|name| text(input, name)).find(|name| !name.is_empty());
        let name = name.or(input["services"][0].as_str()).unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        let arn = format!("arn:aws:ecs:us-east-1:111111111111:service/default/{name}");
        match operation {
            "CreateService" => {
                let service = || (json!({"status": "ACTIVE", "input": input}), 2);
                self.services.entry(name.to_owned()).or_insert_with(service);
                json!({"service": {"serviceArn": arn}})
            }
            "DescribeServices" => match self.services.get_mut(name) {
                None => json!({"services": [], "failures": [{"reason": "MISSING"}]}),
                Some((service, looks)) => {
                    *looks = looks.saturating_sub(1);
                    let task = text(&service["input"], "taskDefinition").to_owned();
                    let state = match *looks {
                        0 if task == "broken:1" => "FAILED",
                        0 => "COMPLETED",
                        _ => "IN_PROGRESS",
                    };
                    let status = service["status"].clone();
                    if status == "DRAINING" && *looks == 0 {
                        self.services.remove(name);
                        return json!({"services": [{"status": "INACTIVE"}]});
                    }
                    let deployment = json!({"rolloutState": state, "taskDefinition": task});
                    json!({"services": [{"status": status, "serviceArn": arn, "runningCount": 1, "desiredCount": 1,
                        "deployments": [deployment]}]})
                }
            },
            "UpdateService" => {
                self.services.insert(name.to_owned(), (json!({"status": "ACTIVE", "input": input}), 2));
                json!({})
            }
            _ => {
                self.services.insert(name.to_owned(), (json!({"status": "DRAINING"}), 2));
                json!({})
            }
        }
    }

    fn ecs(&mut self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let prefix = "arn:aws:ecs:us-east-1:111111111111";
        match operation {
            "CreateService" | "DescribeServices" | "UpdateService" | "DeleteService" => {
                Ok(self.ecs_service(operation, input))
            }
            "CreateCluster" => {
                let name = text(input, "clusterName");
                self.clusters.insert(name.to_owned(), input.clone());
                Ok(json!({"cluster": {"clusterArn": format!("{prefix}:cluster/{name}")}}))
            }
            "DeleteCluster" => match self.clusters.remove(text(input, "cluster")) {
                Some(_) => Ok(json!({})),
                None => Err(AwsError::new("ClusterNotFoundException", "Cluster not found.")),
            },
            "DescribeClusters" => {
                let name = input["clusters"][0].as_str().unwrap_or_default();
                let found = self.clusters.contains_key(name).then(|| json!({"status": "ACTIVE"}));
                Ok(json!({"clusters": found.into_iter().collect::<Vec<_>>()}))
            }
            "ListTaskDefinitions" => {
                let start = format!("{prefix}:task-definition/{}:", text(input, "familyPrefix"));
                let active =
                    self.revisions.iter().filter(|(arn, (_, active))| *active && arn.starts_with(&start));
                let last: Vec<&String> = active.map(|(arn, _)| arn).next_back().into_iter().collect();
                Ok(json!({"taskDefinitionArns": last}))
            }
            "RegisterTaskDefinition" => {
                let family = format!("{prefix}:task-definition/{}:", text(input, "family"));
                let revision = self.revisions.keys().filter(|arn| arn.starts_with(&family)).count() + 1;
                let arn = format!("{family}{revision}");
                self.revisions.insert(arn.clone(), (input.clone(), true));
                Ok(json!({"taskDefinition": {"taskDefinitionArn": arn}}))
            }
            "DescribeTaskDefinition" | "DeregisterTaskDefinition" => {
                let Some((_, active)) = self.revisions.get_mut(text(input, "taskDefinition")) else {
                    return Err(AwsError::new("ClientException", "Unable to describe task definition."));
                };
                if operation == "DeregisterTaskDefinition" {
                    *active = false;
                }
                let status = if *active { "ACTIVE" } else { "INACTIVE" };
                Ok(json!({"taskDefinition": {"status": status}}))
            }
            _ => Ok(json!({})),
        }
    }

    fn s3(&mut self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let name = text(input, "Bucket").to_owned();
        if operation == "CreateBucket" {
            self.buckets.entry(name).or_insert_with(|| (String::new(), json!([])));
            return Ok(json!({}));
        }
        let Some(bucket) = self.buckets.get_mut(&name) else {
            return Err(AwsError::new("NoSuchBucket", "The specified bucket does not exist").with_status(404));
        };
        match operation {
            "DeleteBucket" => drop(self.buckets.remove(&name)),
            "PutBucketVersioning" => {
                bucket.0 = text(&input["VersioningConfiguration"], "Status").to_owned();
            }
            "PutBucketTagging" => bucket.1 = input["Tagging"]["TagSet"].clone(),
            "DeleteBucketTagging" => bucket.1 = json!([]),
            _ => {}
        }
        Ok(json!({}))
    }
}
