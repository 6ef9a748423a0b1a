"""The resources that the workload runs on: machines, rules, schedules, a task definition. Made once, before the first kill."""

import json

import boto3
from botocore.config import Config

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
    "Service": ["states.amazonaws.com", "events.amazonaws.com", "scheduler.amazonaws.com", "ecs-tasks.amazonaws.com"]}}]}
NETWORK = {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}}
# Lines with numbers, some pauses; the first $FAILURES attempts end with 1.
WORK = 'for ((i = 0; i < COUNT; i++)); do echo "$TOKEN/$ATTEMPT line $i"; done; sleep $SLEEP; CODE=$((ATTEMPT < FAILURES))'


class Stack:
    """Names and ARNs of everything; `machines` by their short names."""

    def __init__(self, port, witness):
        self.port, self.witness, self.machines, self.activities = port, witness, {}, {}
        self.build()

    def boto(self, service):
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{self.port}", region_name="us-east-1",
                            aws_access_key_id="test", aws_secret_access_key="test",
                            config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False, read_timeout=75))

    def build(self):
        iam = self.boto("iam")
        self.role = iam.create_role(RoleName="torture", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.put_role_policy(RoleName="torture", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        self.boto("s3").create_bucket(Bucket="torture")
        logs = self.boto("logs")
        for group in ("/torture/jobs", "/torture/events", "/torture/lines"):
            logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName="/torture/lines", logStreamName="lines")
        self.build_tasks()
        states = self.boto("stepfunctions")
        for name in ("work", "redrive"):
            self.activities[name] = states.create_activity(name=name)["activityArn"]
        for name, definition in self.definitions():
            kind = "EXPRESS" if name == "express" else "STANDARD"
            made = states.create_state_machine(name=name, roleArn=self.role, type=kind, definition=json.dumps(definition))
            self.machines[name] = made["stateMachineArn"]
        self.build_rules()

    def build_tasks(self):
        ecs = self.boto("ecs")
        self.cluster = ecs.create_cluster(clusterName="torture")["cluster"]["clusterArn"]
        self.task_definition = ecs.register_task_definition(
            family="torture", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
            executionRoleArn=self.role, containerDefinitions=[{
                "name": "job", "image": "host", "stopTimeout": 2, "command": self.witness.script(WORK),
                "environment": [{"name": name, "value": value} for name, value in
                                {"COUNT": "3", "SLEEP": "0", "FAILURES": "0", "ATTEMPT": "0"}.items()],
                "logConfiguration": {"logDriver": "awslogs", "options": {
                    "awslogs-group": "/torture/jobs", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "job"}}}],
        )["taskDefinition"]["taskDefinitionArn"]

    def build_rules(self):
        events = self.boto("events")
        machine = lambda name: {"Arn": self.machines[name], "RoleArn": self.role, "Id": name}
        of_kind = lambda kind: json.dumps({"source": ["torture"], "detail-type": [kind]})
        task = {"TaskDefinitionArn": self.task_definition, "LaunchType": "FARGATE",
                "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ["subnet-1"]}}}
        overrides = '{"containerOverrides": [{"name": "job", "environment": [{"name": "TOKEN", "value": "<id>"}]}]}'
        group = "arn:aws:logs:us-east-1:000000000000:log-group:/torture/events"
        for rule, pattern, target in [
            ("first", of_kind("machine"), {**machine("evented"), "InputPath": "$.detail"}),
            ("second", of_kind("machine"), {**machine("evented-too"), "InputPath": "$.detail"}),
            ("task", of_kind("task"), {"Id": "task", "Arn": self.cluster, "RoleArn": self.role, "EcsParameters": task,
                                       "InputTransformer": {"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": overrides}}),
            ("log", of_kind("log"), {"Id": "log", "Arn": group}),
            ("ends", json.dumps({"source": ["aws.states"], "detail": {"stateMachineArn": [self.machines["waits"]]}}),
             {"Id": "log", "Arn": group}),
        ]:
            events.put_rule(Name=rule, EventPattern=pattern)
            events.put_targets(Rule=rule, Targets=[target])
        events.put_rule(Name="clock", ScheduleExpression="rate(1 minute)")
        events.put_targets(Rule="clock", Targets=[machine("clocked")])

    def definitions(self):
        """In the order of their making: later ones may name earlier ones."""
        one = lambda state: {"StartAt": "Only", "States": {"Only": {**state, "End": True}}}
        echo = {"StartAt": "Echo", "States": {"Echo": {"Type": "Pass", "End": True}}}
        for name in ("express", "mailbox", "evented", "evented-too", "clocked", "timed"):
            yield name, echo
        yield "mixed", MIXED
        yield "waits", one({"Type": "Wait", "SecondsPath": "$.seconds"})
        yield "stops", one({"Type": "Wait", "Seconds": 100000})
        yield "containers", one(self.container_state())
        yield "work", one({"Type": "Task", "Resource": self.activities["work"], "TimeoutSeconds": 4, "Retry": TIMEOUTS})
        yield "redrives", one({"Type": "Task", "Resource": self.activities["redrive"], "TimeoutSeconds": 4, "Retry": TIMEOUTS,
                               "Parameters": {"name.$": "$$.Execution.Name", "redrive.$": "$$.Execution.RedriveCount"}})
        child = lambda name, suffix, value, **more: one({
            "Type": "Task", "Resource": f"arn:aws:states:::states:startExecution{suffix}", **more,
            "Parameters": {"StateMachineArn": self.machines[name], "Input": value}})
        named = child("mailbox", ".waitForTaskToken", {"token.$": "$$.Task.Token"})
        named["States"]["Only"]["Parameters"]["Name.$"] = "States.Format('{}-mail', $$.Execution.Name)"
        yield "callbacks", named
        yield "answerer", {"StartAt": "Answer", "States": {
            "Answer": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess", "End": True,
                       "Parameters": {"TaskToken.$": "$.token", "Output": {"from": "child"}},
                       # A repetition after a crash finds the token used.
                       "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Answered"}]},
            "Answered": {"Type": "Succeed"}}}
        yield "answered", child("answerer", ".waitForTaskToken", {"token.$": "$$.Task.Token"})
        yield "nested", child("mixed", ".sync:2", {"turns.$": "$.turns", "items.$": "$.items", "parent.$": "$$.Execution.Name"},
                              OutputPath="$.Output")
        yield "distributed", one({"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **echo}})
        yield "objects", one({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putObject", "ResultPath": None,
                              "Parameters": {"Bucket": "torture", "Key.$": "$.key", "Body.$": "$.body"}})

    def container_state(self):
        variable = lambda name, value: {"Name": name, "Value.$": value}
        return {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "ResultSelector": {"code.$": "$.Containers[0].ExitCode"},
                "Parameters": {
                    "LaunchType": "FARGATE", "Cluster": self.cluster, "TaskDefinition": self.task_definition,
                    "NetworkConfiguration": NETWORK, "Overrides": {"ContainerOverrides": [{"Name": "job", "Environment": [
                        variable("TOKEN", "$$.Execution.Name"), variable("ATTEMPT", "States.Format('{}', $$.State.RetryCount)"),
                        variable("COUNT", "$.count"), variable("SLEEP", "$.sleep"), variable("FAILURES", "$.failures")]}]}},
                "Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}]}


# A worker whose answer a kill took away holds its task until that times out.
TIMEOUTS = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 99, "BackoffRate": 1}]
KEPT = {"turns.$": "$.turns", "items.$": "$.items"}
# A loop of Choice and Pass, then a Parallel with a Map in a branch and a Wait in another.
MIXED = {"StartAt": "Begin", "States": {
    "Begin": {"Type": "Pass", "Parameters": {"count": 0, **KEPT}, "Next": "Again"},
    "Again": {"Type": "Choice", "Default": "Fan", "Choices": [
        {"Variable": "$.count", "NumericLessThanPath": "$.turns", "Next": "Count"}]},
    "Count": {"Type": "Pass", "Parameters": {"count.$": "States.MathAdd($.count, 1)", **KEPT}, "Next": "Again"},
    "Fan": {"Type": "Parallel", "End": True, "Branches": [
        {"StartAt": "Number", "States": {"Number": {"Type": "Pass", "OutputPath": "$.count", "End": True}}},
        {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemsPath": "$.items", "End": True, "MaxConcurrency": 3,
            "ItemProcessor": {"StartAt": "Say", "States": {"Say": {"Type": "Pass", "End": True, "Parameters": {
                "item.$": "States.Format('item {}', $)"}}}}}}},
        {"StartAt": "Pause", "States": {
            "Pause": {"Type": "Wait", "Seconds": 1, "Next": "Over"},
            "Over": {"Type": "Pass", "Result": "waited", "End": True}}},
    ]}}}


def mixed_output(value):
    """What `MIXED` makes of its input."""
    return [value["turns"], [{"item": f"item {item}"} for item in value["items"]], "waited"]
