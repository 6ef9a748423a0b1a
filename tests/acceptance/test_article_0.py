"""A CloudFormation schedule that runs a container with a command of its own: requirements B1 to B18."""

import json
import re
import subprocess
import time

import pytest

from conftest import BINARY, Server, eventually, finished, run_task_state, shared, written

STACK = "article-0"
CAPABILITY = ["--capabilities", "CAPABILITY_IAM"]


@pytest.fixture(scope="module")
def template():
    return shared("fixtures/article0.template.yaml")


@pytest.fixture(scope="module")
def deployed(server, template):
    server.aws("cloudformation", "deploy", "--stack-name", STACK, "--template-file", template, *CAPABILITY)
    yield STACK
    server.aws("cloudformation", "delete-stack", "--stack-name", STACK, check=False)


def resources(server, stack):
    found = server.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {resource["LogicalResourceId"]: resource for resource in found}


def test_without_the_capability_it_is_refused(server, template):
    refused = server.aws("cloudformation", "create-stack", "--stack-name", "no-capability", "--template-body",
                         f"file://{template}", check=False)
    assert "InsufficientCapabilitiesException" in refused.stderr
    assert "Requires capabilities : [CAPABILITY_IAM]" in refused.stderr


def test_deploys_unchanged_to_exactly_its_five_resources(server, deployed):
    stack = server.client("cloudformation").describe_stacks(StackName=deployed)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert {name: resource["ResourceType"] for name, resource in resources(server, deployed).items()} == {
        "InvokeStatemachineRole": "AWS::IAM::Role", "StatemachineRole": "AWS::IAM::Role",
        "ScheduledRule": "AWS::Events::Rule", "CloudwatchLogGroup": "AWS::Logs::LogGroup",
        "MYStateMachine": "AWS::StepFunctions::StateMachine"}
    group, = server.client("logs").describe_log_groups(logGroupNamePrefix="my/loggroup")["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("my/loggroup", 7)


def test_creation_follows_the_references(server, deployed):
    events = server.client("cloudformation").describe_stack_events(StackName=deployed)["StackEvents"]
    order = [event["LogicalResourceId"] for event in reversed(events) if event["ResourceStatus"] == "CREATE_COMPLETE"]
    assert order.index("CloudwatchLogGroup") < order.index("MYStateMachine") < order.index("ScheduledRule")
    assert order.index("StatemachineRole") < order.index("MYStateMachine")
    assert order.index("InvokeStatemachineRole") < order.index("ScheduledRule")
    assert order[-1] == deployed


def test_a_second_deploy_has_nothing_to_do(server, deployed, template):
    again = server.aws("cloudformation", "deploy", "--stack-name", STACK, "--template-file", template, *CAPABILITY,
                       "--no-fail-on-empty-changeset")
    assert f"No changes to deploy. Stack {STACK} is up to date" in again.stdout + again.stderr


def test_ref_of_a_state_machine_is_its_arn(server, deployed):
    found = resources(server, deployed)
    machine = found["MYStateMachine"]["PhysicalResourceId"]
    assert re.fullmatch(r"arn:aws:states:us-east-1:\d{12}:stateMachine:MYStateMachine", machine)
    rule = found["ScheduledRule"]["PhysicalResourceId"]
    target, = server.client("events").list_targets_by_rule(Rule=rule)["Targets"]
    assert target["Arn"] == machine
    assert json.loads(target["Input"]) == {"commands": ["put-your-command-here"]}


def test_both_role_arns_of_the_rule_are_kept(server, deployed):
    found = resources(server, deployed)
    rule = server.client("events").describe_rule(Name=found["ScheduledRule"]["PhysicalResourceId"])
    target, = server.client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert rule["RoleArn"] == target["RoleArn"]
    assert rule["RoleArn"].endswith("role/" + found["InvokeStatemachineRole"]["PhysicalResourceId"])
    assert rule["ScheduleExpression"] == "cron(45 21 * * ? *)"


def test_scalars_stay_text_and_a_stray_quote_is_no_error(server, deployed):
    name = resources(server, deployed)["StatemachineRole"]["PhysicalResourceId"]
    iam = server.client("iam")
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Version"] == "2012-10-17"
    policy = iam.get_role_policy(RoleName=name, PolicyName="AdminPolicy")["PolicyDocument"]
    assert policy["Version"] == "2012-10-17"
    assert 'logs:PutDestinationPolicy"' in policy["Statement"][0]["Action"]


def test_the_definition_passes_sub_untouched(server, deployed):
    machine = resources(server, deployed)["MYStateMachine"]["PhysicalResourceId"]
    described = server.client("stepfunctions").describe_state_machine(stateMachineArn=machine)
    parameters = json.loads(described["definition"])["States"]["ECS RunTask"]["Parameters"]
    assert parameters["Overrides"]["ContainerOverrides"][0]["Command.$"] == "$.commands"
    logging = described["loggingConfiguration"]
    assert logging["level"] == "ERROR"
    assert logging["includeExecutionData"] is False
    assert logging["destinations"][0]["cloudWatchLogsLogGroup"]["logGroupArn"].endswith(":log-group:my/loggroup:*")


def test_with_its_placeholders_an_execution_fails_at_the_task_and_says_so_in_the_log(server, deployed):
    machine = resources(server, deployed)["MYStateMachine"]["PhysicalResourceId"]
    states = server.client("stepfunctions")
    started = states.start_execution(stateMachineArn=machine, input='{"commands": ["put-your-command-here"]}')
    ended = finished(states, started["executionArn"])
    assert ended["status"] == "FAILED"
    assert ended["error"].startswith("ECS.")

    def messages():
        found = server.client("logs").filter_log_events(logGroupName="my/loggroup")["events"]
        found = [json.loads(event["message"]) for event in found if event["message"].startswith("{")]
        return found if any(message["type"] == "ExecutionFailed" for message in found) else None
    kinds = [message["type"] for message in eventually(messages, what="the log of the failure")]
    assert kinds == ["TaskFailed", "ExecutionFailed"]


def test_text_without_its_indentation_is_refused_with_a_line(server, template):
    flat = "\n".join(line.strip() for line in template.read_text().splitlines())
    refused = server.aws("cloudformation", "validate-template", "--template-body", flat, check=False)
    assert "ValidationError" in refused.stderr and "Template format error" in refused.stderr


def filled_in(template, batch, schedule="cron(45 21 * * ? *)", commands=("echo", "put-your-command-here")):
    """The template with its placeholders replaced by what is really there."""
    text = template.read_text()
    for placeholder, real in [("your-ecs-cluster-arn", batch["cluster"]), ("your-container-name", "job"),
                              ("your-ecs-taskdefinition-arn", batch["definition"]), ("your-subnet-id", "subnet-1"),
                              ("your-security-group", "sg-1"), ("cron(45 21 * * ? *)", schedule),
                              ("my/loggroup", "my/other-loggroup"), ("MYStateMachine\n      DefinitionString", "MyOther\n      DefinitionString")]:
        assert placeholder in text
        text = text.replace(placeholder, real)
    constant = re.search(r"Input: \|\n(?: {12}.*\n)+", text)[0]
    as_json = json.dumps({"commands": list(commands)}, ensure_ascii=False)
    return text.replace(constant, f"Input: |\n            {as_json}\n")


def test_the_rule_fires_in_its_minute_and_the_container_runs_its_command(server, batch, template, tmp_path):
    now = time.gmtime(time.time() + 65)
    schedule = f"cron({now.tm_min} {now.tm_hour} * * ? *)"
    commands = ["echo", "two words", "\"quoted\"", "it's", "ünïcödé ✓", "", "$HOME"]
    file = tmp_path / "filled-in.yaml"
    file.write_text(filled_in(template, batch, schedule, commands))
    server.aws("cloudformation", "deploy", "--stack-name", "filled-in", "--template-file", file, *CAPABILITY)
    machine = resources(server, "filled-in")["MYStateMachine"]["PhysicalResourceId"]
    states = server.client("stepfunctions")
    found = eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"], 150, "the schedule")
    assert len(found) == 1
    assert re.fullmatch(r"[0-9a-f-]{36}_[0-9a-f-]{36}", found[0]["name"])
    assert time.gmtime(found[0]["startDate"].timestamp())[3:5] == (now.tm_hour, now.tm_min)
    ended = finished(states, found[0]["executionArn"])
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["input"]) == {"commands": commands}
    task = json.loads(ended["output"])
    assert task["Containers"][0]["ExitCode"] == 0
    assert task["Overrides"]["ContainerOverrides"][0]["Command"] == commands
    assert written(server, batch, task["TaskArn"]) == [" ".join(commands[1:])]
    server.aws("cloudformation", "delete-stack", "--stack-name", "filled-in")
    server.aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", "filled-in")
    managed = server.client("events").describe_rule(Name="StepFunctionsGetEventsForECSTaskRule")
    assert managed["ManagedBy"] == "states.amazonaws.com"


@pytest.mark.parametrize("commands", [
    ["sh", "-c", "printf '%s|' \"$@\"; echo", "sh", "a b", "c\"d", "e'f", "", "ü", "*", "\\"], ["true"], []])
def test_the_command_arrives_element_by_element(server, batch, commands):
    machine = machine_of(server, batch, f"command-{abs(hash(tuple(commands)))}", {
        "StartAt": "Run", "States": {"Run": run_task_state(batch, ".sync")}})
    ended = execute(server, machine, {"commands": commands})
    assert ended["status"] == "SUCCEEDED", ended
    task = json.loads(ended["output"])
    if "-c" in commands:
        assert written(server, batch, task["TaskArn"]) == ["a b|c\"d|e'f||ü|*|\\|"]


def test_a_container_that_exits_with_3_fails_the_state(server, batch):
    machine = machine_of(server, batch, "exits-with-3", {
        "StartAt": "Run", "States": {"Run": run_task_state(batch, ".sync")}})
    ended = execute(server, machine, {"commands": ["sh", "-c", "exit 3"]})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(ended["cause"])["Containers"][0]["ExitCode"] == 3


def test_a_path_in_the_wrong_case_fails_as_aws_does(server, batch):
    state = run_task_state(batch, ".sync")
    state["Parameters"]["Overrides"]["ContainerOverrides"][0]["Command.$"] = "$.Commands"
    machine = machine_of(server, batch, "wrong-case", {"StartAt": "Run", "States": {"Run": state}})
    ended = execute(server, machine, {"commands": ["true"]})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert ended["cause"].endswith("The JSONPath '$.Commands' specified for the field 'Command.$' could not be found in "
                                   "the input '{\"commands\":[\"true\"]}'")
    history = server.client("stepfunctions").get_execution_history(executionArn=ended["executionArn"])["events"]
    assert [event["type"] for event in history] == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


def test_several_calls_in_a_row_need_result_path_null(server, batch):
    def two(**first):
        return {"StartAt": "First", "States": {
            "First": {**run_task_state(batch, ".sync"), "End": None, "Next": "Second", **first}, "Second": run_task_state(batch, ".sync")}}
    for name, extra, status in [("with-null", {"ResultPath": None}, "SUCCEEDED"), ("without-null", {}, "FAILED")]:
        definition = two(**extra)
        del definition["States"]["First"]["End"]
        ended = execute(server, machine_of(server, batch, name, definition), {"commands": ["true"]})
        assert ended["status"] == status, ended
        assert ended.get("error") == (None if extra else "States.Runtime")


def test_tasks_run_side_by_side(server, batch):
    branch = {"StartAt": "Run", "States": {"Run": run_task_state(batch, ".sync", ResultSelector={"Code.$": "$.Containers[0].ExitCode"})}}
    second = json.loads(json.dumps(branch).replace('"Run"', '"RunToo"'))
    machine = machine_of(server, batch, "side-by-side", {"StartAt": "Both", "States": {
        "Both": {"Type": "Parallel", "Branches": [branch, second], "End": True}}})
    ended = execute(server, machine, {"commands": ["true"]})
    assert json.loads(ended["output"]) == [{"Code": 0}, {"Code": 0}]


def test_a_successful_execution_at_level_error_writes_no_log(server, batch):
    logs, states = server.client("logs"), server.client("stepfunctions")
    logs.create_log_group(logGroupName="/acceptance/machine")
    arn = logs.describe_log_groups(logGroupNamePrefix="/acceptance/machine")["logGroups"][0]["arn"]
    machine = states.create_state_machine(
        name="quiet", roleArn=batch["role"], definition=json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}),
        loggingConfiguration={"level": "ERROR", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]})
    ended = execute(server, machine["stateMachineArn"], {})
    assert ended["status"] == "SUCCEEDED"
    events = logs.filter_log_events(logGroupName="/acceptance/machine")["events"]
    assert [event for event in events if event["message"].startswith("{")] == []


def test_run_fires_the_rule_of_the_filled_in_template(batch_directory, template):
    server, batch, data_dir = batch_directory
    server.stop()
    file = data_dir / "filled-in.yaml"
    file.write_text(filled_in(template, batch, commands=["echo", "fired by hand"]))
    done = subprocess.run([BINARY, "run", file, "--data-dir", server.data_dir, "--fire", "ScheduledRule"], text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "│ fired by hand" in done.stdout and "SUCCEEDED" in done.stdout


@pytest.fixture
def batch_directory(tmp_path):
    """A data directory of its own with a cluster and a task definition in it."""
    server = Server(tmp_path / "data").start()
    from conftest import role
    arn = role(server.client("iam"), "run")
    server.client("logs").create_log_group(logGroupName="/run")
    ecs = server.client("ecs")
    cluster = ecs.create_cluster(clusterName="run")["cluster"]["clusterArn"]
    definition = ecs.register_task_definition(
        family="run", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512", executionRoleArn=arn,
        containerDefinitions=[{"name": "job", "image": "host", "logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": "/run", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "run"}}}],
    )["taskDefinition"]["taskDefinitionArn"]
    yield server, {"cluster": cluster, "definition": definition, "role": arn}, tmp_path
    server.stop()


def machine_of(server, batch, name, definition):
    return server.client("stepfunctions").create_state_machine(
        name=name, roleArn=batch["role"], definition=json.dumps(definition))["stateMachineArn"]


def execute(server, machine, value):
    states = server.client("stepfunctions")
    started = states.start_execution(stateMachineArn=machine, input=json.dumps(value))
    return finished(states, started["executionArn"])
