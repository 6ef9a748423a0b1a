"""A Fargate task from a Task state with its group and tags (C), and from a rule with an input transformer (D)."""

import json

import pytest

from conftest import eventually, finished, run_task_state, written
from test_article_0 import execute, machine_of

PATTERN = {"source": ["com.corp.env.my-proj.manage"], "detail-type": ["Management"], "detail": {"subject": ["execute"]}}


def test_group_tags_and_platform_of_article_1(server, batch):
    state = run_task_state(batch, ".sync")
    state["Parameters"] |= {"PlatformVersion": "LATEST", "PropagateTags": "TASK_DEFINITION", "Group.$": "$$.Execution.Name"}
    state["Parameters"]["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] = "ENABLED"
    machine = machine_of(server, batch, "article-1", {"Version": "1.0", "StartAt": "Run", "States": {"Run": state}})
    ended = execute(server, machine, {"commands": ["true"]})
    assert ended["status"] == "SUCCEEDED", ended
    task = json.loads(ended["output"])
    assert task["Group"] == ended["name"]
    described, = server.client("ecs").describe_tasks(cluster=batch["cluster"], tasks=[task["TaskArn"]], include=["TAGS"])["tasks"]
    assert described["tags"] == [{"key": "team", "value": "batch"}]
    assert described["group"] == ended["name"]


def test_data_reaches_the_container_in_its_environment(server, batch):
    state = run_task_state(batch, ".sync")
    state["Parameters"]["Overrides"]["ContainerOverrides"][0]["Environment"] = [{"Name": "WHAT", "Value.$": "$.what"}]
    machine = machine_of(server, batch, "environment", {"StartAt": "Run", "States": {"Run": state}})
    ended = execute(server, machine, {"commands": ["sh", "-c", "echo \"$WHAT\""], "what": "a \"b\" ü"})
    assert ended["status"] == "SUCCEEDED", ended
    assert written(server, batch, json.loads(ended["output"])["TaskArn"]) == ["a \"b\" ü"]


def test_a_task_token_in_the_environment(server, batch):
    state = run_task_state(batch, ".waitForTaskToken")
    state["Parameters"]["Overrides"]["ContainerOverrides"][0]["Environment"] = [{"Name": "TOKEN", "Value.$": "$$.Task.Token"}]
    machine = machine_of(server, batch, "token", {"StartAt": "Run", "States": {"Run": state}})
    states = server.client("stepfunctions")
    run = states.start_execution(stateMachineArn=machine, input=json.dumps({"commands": ["sh", "-c", "echo $TOKEN"]}))["executionArn"]

    def token():
        events = server.client("logs").filter_log_events(logGroupName=batch["group"], logStreamNamePrefix="job/")["events"]
        submitted = [event for event in states.get_execution_history(executionArn=run)["events"] if event["type"] == "TaskSubmitted"]
        if not submitted:
            return None
        task = json.loads(submitted[0]["taskSubmittedEventDetails"]["output"])["Tasks"][0]["TaskArn"].rsplit("/", 1)[-1]
        return next((event["message"] for event in events if event["logStreamName"].endswith(task)), None)
    states.send_task_success(taskToken=eventually(token, what="the token in the log"), output='{"done": true}')
    ended = finished(states, run)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"done": True})


def test_request_response_does_not_wait_for_the_container(server, batch):
    machine = machine_of(server, batch, "no-sync", {"StartAt": "Run", "States": {"Run": run_task_state(batch)}})
    ended = execute(server, machine, {"commands": ["sleep", "3"]})
    output = json.loads(ended["output"])
    assert sorted(output) == ["Failures", "SdkHttpMetadata", "SdkResponseMetadata", "Tasks"]
    assert output["Tasks"][0]["LastStatus"] == "PROVISIONING"


def test_stopping_the_execution_stops_the_task(server, batch):
    machine = machine_of(server, batch, "stopped", {"StartAt": "Run", "States": {"Run": run_task_state(batch, ".sync")}})
    states, ecs = server.client("stepfunctions"), server.client("ecs")
    run = states.start_execution(stateMachineArn=machine, input='{"commands": ["sleep", "600"]}')["executionArn"]
    running = eventually(lambda: ecs.list_tasks(cluster=batch["cluster"], startedBy="AWS Step Functions")["taskArns"], what="the task")
    states.stop_execution(executionArn=run, error="Enough", cause="seen")
    assert finished(states, run)["status"] == "ABORTED"

    def stopped():
        task, = ecs.describe_tasks(cluster=batch["cluster"], tasks=running)["tasks"]
        return task if task["lastStatus"] == "STOPPED" else None
    assert eventually(stopped, 60, "the stop of the task")["stopCode"] == "UserInitiated"


@pytest.fixture(scope="module")
def rule(server, batch):
    """Article 2's rule: an InputTransformer sets an environment variable of an ECS target."""
    ecs, events = server.client("ecs"), server.client("events")
    definition = ecs.register_task_definition(
        family="management", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        executionRoleArn=batch["role"], containerDefinitions=[{
            "name": "management", "image": "host", "command": ["sh", "-c", "echo \"python manage.py $MANAGEMENT_COMMAND|\""],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": batch["group"], "awslogs-region": "us-east-1", "awslogs-stream-prefix": "my-proj ManagementTask"}}}],
    )["taskDefinition"]["taskDefinitionArn"]
    events.put_rule(Name="management", EventPattern=json.dumps(PATTERN))
    template = ('{"containerOverrides":[{"name":"management","environment":'
                '[{"name":"MANAGEMENT_COMMAND","value":<detail-command>}]}]}')
    events.put_targets(Rule="management", Targets=[{
        "Id": "task", "Arn": batch["cluster"], "RoleArn": batch["role"],
        "EcsParameters": {"TaskDefinitionArn": definition, "TaskCount": 1, "LaunchType": "FARGATE",
                          "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ["subnet-1"]}}},
        "InputTransformer": {"InputPathsMap": {"detail-command": "$.detail.command"}, "InputTemplate": template}}])
    return "management"


@pytest.mark.parametrize("detail, line", [
    ({"subject": "execute", "command": "showmigrations myapp"}, "python manage.py showmigrations myapp|"),
    ({"subject": "execute", "command": "say \"hi\" 'there'"}, "python manage.py say \"hi\" 'there'|"),
    ({"subject": "execute"}, "python manage.py |"),
])
def test_an_event_starts_one_task_with_its_environment(server, batch, rule, detail, line):
    ecs, events = server.client("ecs"), server.client("events")
    before = set(ecs.list_tasks(cluster=batch["cluster"], family="management", desiredStatus="STOPPED")["taskArns"])
    sent = events.put_events(Entries=[{"Source": "com.corp.env.my-proj.manage", "DetailType": "Management",
                                       "Detail": json.dumps(detail), "Resources": []}])
    assert sent["FailedEntryCount"] == 0

    def stopped():
        return set(ecs.list_tasks(cluster=batch["cluster"], family="management", desiredStatus="STOPPED")["taskArns"]) - before
    arn, = eventually(stopped, 60, "the task")
    task, = ecs.describe_tasks(cluster=batch["cluster"], tasks=[arn])["tasks"]
    assert task["startedBy"] == "events-rule/management"
    assert task["containers"][0]["exitCode"] == 0
    stream = f"my-proj ManagementTask/management/{arn.rsplit('/', 1)[-1]}"
    found = server.client("logs").get_log_events(logGroupName=batch["group"], logStreamName=stream, startFromHead=True)
    assert [event["message"] for event in found["events"]] == [line]


@pytest.mark.parametrize("change", [{"Source": "com.corp.env.my-proj.Manage"}, {"DetailType": "management"},
                                    {"Detail": '{"subject": "list"}'}])
def test_only_events_with_all_three_match(server, rule, change):
    entry = {"Source": "com.corp.env.my-proj.manage", "DetailType": "Management", "Detail": '{"subject": "execute"}', **change}
    event = {"id": "1", "account": "0", "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [],
             "source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
    got = server.client("events").test_event_pattern(EventPattern=json.dumps(PATTERN), Event=json.dumps(event))
    assert got["Result"] is False


def test_fargate_pairs(server):
    ecs = server.client("ecs")

    def register(cpu, memory):
        return ecs.register_task_definition(
            family="pairs", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu=cpu, memory=memory,
            containerDefinitions=[{"name": "c", "image": "host"}])["taskDefinition"]
    assert register("256", "512")["revision"] == 1
    assert register("2048", "4096")["revision"] == 2
    with pytest.raises(ecs.exceptions.ClientException, match="No Fargate configuration exists for given values: 4096 CPU, 4096 memory"):
        register("4096", "4096")


def test_without_overrides_the_definitions_command_runs(server, batch, rule):
    ecs, events = server.client("ecs"), server.client("events")
    definition = ecs.register_task_definition(
        family="migrate", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        executionRoleArn=batch["role"], containerDefinitions=[{
            "name": "job", "image": "host", "command": ["sh", "-c", "echo python manage.py migrate"],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": batch["group"], "awslogs-region": "us-east-1", "awslogs-stream-prefix": "job"}}}],
    )["taskDefinition"]["taskDefinitionArn"]
    events.put_rule(Name="migrate", EventPattern=json.dumps({"source": ["com.corp.migrate"]}))
    events.put_targets(Rule="migrate", Targets=[{
        "Id": "task", "Arn": batch["cluster"], "RoleArn": batch["role"],
        "EcsParameters": {"TaskDefinitionArn": definition, "TaskCount": 1, "LaunchType": "FARGATE",
                          "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ["subnet-1"]}}}}])
    events.put_events(Entries=[{"Source": "com.corp.migrate", "DetailType": "any", "Detail": "{}"}])
    arn, = eventually(lambda: ecs.list_tasks(cluster=batch["cluster"], family="migrate", desiredStatus="STOPPED")["taskArns"])
    assert written(server, batch, arn) == ["python manage.py migrate"]


def test_a_container_that_takes_more_memory_than_it_may_is_killed(server, batch):
    ecs = server.client("ecs")
    definition = ecs.register_task_definition(
        family="greedy", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        containerDefinitions=[{"name": "job", "image": "host", "memory": 32, "command": [
            "sh", "-c", "x=a; while :; do x=$x$x; done"]}])["taskDefinition"]["taskDefinitionArn"]
    started = ecs.run_task(cluster=batch["cluster"], taskDefinition=definition, launchType="FARGATE",
                           networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}})["tasks"][0]["taskArn"]

    def stopped():
        task, = ecs.describe_tasks(cluster=batch["cluster"], tasks=[started])["tasks"]
        return task if task["lastStatus"] == "STOPPED" else None
    container, = eventually(stopped, 60, "the end of the task")["containers"]
    assert container["exitCode"] == 137
    assert container["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_an_image_that_is_nowhere_fails_the_state_as_on_aws(server, batch):
    ecs = server.client("ecs")
    definition = ecs.register_task_definition(
        family="nowhere", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        containerDefinitions=[{"name": "job", "image": "127.0.0.1:1/no/such:image"}])["taskDefinition"]["taskDefinitionArn"]
    state = run_task_state({**batch, "definition": definition}, ".sync")
    ended = execute(server, machine_of(server, batch, "nowhere", {"StartAt": "Run", "States": {"Run": state}}), {"commands": ["true"]})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    task = json.loads(ended["cause"])
    assert task["StopCode"] == "TaskFailedToStart"
    assert task["StoppedReason"].startswith("CannotPullContainerError: ")


def test_a_rule_and_a_pattern_for_the_tasks_own_events(server, batch):
    """Services put their own events on the default bus: a log group receives the stop of each task."""
    events, logs = server.client("events"), server.client("logs")
    logs.create_log_group(logGroupName="/aws/events/stopped-tasks")
    group = logs.describe_log_groups(logGroupNamePrefix="/aws/events/stopped-tasks")["logGroups"][0]["logGroupArn"]
    pattern = {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"], "detail": {"lastStatus": ["STOPPED"]}}
    events.put_rule(Name="stopped-tasks", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="stopped-tasks", Targets=[{"Id": "log", "Arn": group}])
    machine = machine_of(server, batch, "observed", {"StartAt": "Run", "States": {"Run": run_task_state(batch, ".sync")}})
    task = json.loads(execute(server, machine, {"commands": ["true"]})["output"])["TaskArn"]

    def seen():
        found = logs.filter_log_events(logGroupName="/aws/events/stopped-tasks")["events"]
        return [event for event in map(json.loads, (event["message"] for event in found)) if event["resources"] == [task]]
    event, = eventually(seen, what="the event of the task")
    assert event["detail"]["stopCode"] == "EssentialContainerExited"
    assert event["detail"]["containers"][0]["exitCode"] == 0
    events.remove_targets(Rule="stopped-tasks", Ids=["log"])
    events.delete_rule(Name="stopped-tasks")
