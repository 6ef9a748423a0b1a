//! The service on a real store and a real door, with an account in memory behind it.

mod account;
mod buckets;
mod change_sets;
mod crashes;
mod create;
mod delete;
mod ecs_services;
mod machine_parts;
mod network;
mod references;
mod update;

use std::sync::Arc;

use account::Account;
use api::{AwsError, Call, Dispatcher, Principal};
use clock::{Clock, VirtualClock};
use sealed::SecretKey;
use secretsmanager::SecretsManager;
use serde_json::{Value, json};
use store::{SqliteStore, Store};
use types::{AccountId, Region, Timestamp};

use crate::CloudFormation;
use crate::engine::runner::{Step, step};

/// A machine with its disk. Processes on it come and go.
struct Machine {
    account: Account,
    store: Arc<dyn Store>,
    hand: VirtualClock,
    disk: tempfile::TempDir,
}

/// The service as one process has it.
struct Process {
    service: CloudFormation,
    dispatcher: Dispatcher,
    machine: Arc<Machine>,
}

impl Machine {
    fn new() -> Arc<Self> {
        let disk = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(disk.path()).unwrap());
        let hand = VirtualClock::new(Timestamp::from_seconds(1_800_000_000));
        Arc::new(Self { account: Account::default(), store, hand, disk })
    }

    fn start(self: &Arc<Self>) -> Process {
        let dispatcher = Dispatcher::new(Clock::Virtual(self.hand.clone()));
        let service = CloudFormation::new(Arc::clone(&self.store), dispatcher.clone());
        let mut services = self.account.services();
        let store = || Arc::clone(&self.store);
        let key = SecretKey::load_or_create(&self.disk.path().join("key")).unwrap();
        services.push(self.account.guarded(Arc::new(ec2::Ec2::new(store()))));
        services.push(self.account.guarded(Arc::new(ssm::Ssm::new(store(), key.clone()))));
        services.push(self.account.guarded(Arc::new(SecretsManager::new(store(), dispatcher.clone(), key))));
        services.push(Arc::new(service.clone()));
        dispatcher.install(services);
        Process { service, dispatcher, machine: Arc::clone(self) }
    }
}

impl Process {
    fn new() -> Self {
        Machine::new().start()
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call_of("cloudformation", operation, input).await
    }

    async fn call_of(&self, service: &str, operation: &str, input: Value) -> Result<Value, AwsError> {
        let account = AccountId::new("111111111111");
        let call = Call {
            principal: Principal::Root { account: account.clone() },
            account,
            region: Region::new("us-east-1"),
            service: service.to_owned(),
            operation: operation.to_owned(),
            input,
            request_id: "r".to_owned(),
            idempotency_key: None,
        };
        self.dispatcher.call(call).await
    }

    async fn ok(&self, operation: &str, input: Value) -> Value {
        let answer = self.call(operation, input).await;
        answer.unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    async fn error(&self, operation: &str, input: Value) -> String {
        self.call(operation, input).await.unwrap_err().to_string()
    }

    async fn create(&self, template: &str) -> String {
        let answer = self.ok("CreateStack", submission(template)).await;
        answer["StackId"].as_str().unwrap().to_owned()
    }

    /// Runs a stack's operation to its end.
    async fn run(&self, stack: &str) -> String {
        let uuid = stack.rsplit('/').next().unwrap();
        let key = format!("111111111111/us-east-1/{uuid}");
        loop {
            while step(&self.service.inner, &key).await.unwrap() == Step::Again {}
            let loaded = self.service.inner.stacks.load(&key).await.unwrap().unwrap();
            if loaded.state.stack.operation.is_none() {
                return loaded.state.stack.status.name().to_owned();
            }
        }
    }

    /// The newest events first, as AWS has them; here the oldest first: `logical id status reason`.
    async fn events(&self, stack: &str) -> Vec<String> {
        let answer = self.ok("DescribeStackEvents", json!({"StackName": stack})).await;
        let events = answer["StackEvents"].as_array().unwrap().iter().rev().map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or("").to_owned();
            let line = [text("LogicalResourceId"), text("ResourceStatus"), text("ResourceStatusReason")];
            line.join(" ").trim().to_owned()
        });
        events.collect()
    }

    async fn stack(&self, stack: &str) -> Value {
        self.ok("DescribeStacks", json!({"StackName": stack})).await["Stacks"][0].clone()
    }

    /// What the account holds, names that were made up cut to what is the same each time.
    fn holds(&self) -> Vec<String> {
        self.machine.account.holds()
    }
}

fn submission(template: &str) -> Value {
    json!({"StackName": "s", "TemplateBody": template, "Capabilities": ["CAPABILITY_NAMED_IAM"]})
}

/// A schedule that starts a machine that writes to a group, as an article has it.
const SCHEDULED: &str = "
Resources:
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: rule
      ScheduleExpression: cron(45 21 * * ? *)
      Targets:
        - {Arn: !Ref Machine, Id: machine, RoleArn: !GetAtt Role.Arn}
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: role
      AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: []}
      Policies:
        - {PolicyName: p, PolicyDocument: {Version: 2012-10-17, Statement: []}}
  Group:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: my/loggroup, RetentionInDays: 7}
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: machine
      RoleArn: !GetAtt Role.Arn
      DefinitionString: !Sub '{\"Group\": \"${Group}\", \"Path\": \"$.x\"}'
      LoggingConfiguration:
        Destinations: [{CloudWatchLogsLogGroup: {LogGroupArn: !GetAtt Group.Arn}}]
        Level: ERROR
Outputs:
  Machine: {Value: !Ref Machine, Export: {Name: machine}}
";

/// A task definition in a cluster, and a rule that runs it.
const TASKS: &str = "
Resources:
  Cluster: {Type: AWS::ECS::Cluster, Properties: {ClusterName: cluster}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: family
      Cpu: 256
      ContainerDefinitions:
        - {Name: main, Image: busybox, Memory: '64', DockerLabels: {Team: x}, Environment: [{Name: A, Value: 1}]}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: rule
      ScheduleExpression: rate(1 hour)
      Targets:
        - {Arn: !GetAtt Cluster.Arn, Id: t, RoleArn: r, EcsParameters: {TaskDefinitionArn: !Ref Task, TaskCount: '1'}}
";
