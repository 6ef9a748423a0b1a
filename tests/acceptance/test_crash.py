"""kill -9 at any moment: nothing acknowledged is lost, and no container runs twice."""

import collections
import json
import os
import random
import time

import pytest

from conftest import Server, eventually, role, run_task_state

EXECUTIONS = 50
KILLS = 20


@pytest.fixture
def crashing(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    server = Server(tmp_path / "data").start()
    yield server
    server.stop()


def prepared(server):
    """A machine whose executions wait, run a container that leaves a mark of its own, and report its exit code."""
    server.client("logs").create_log_group(logGroupName="/crash")
    ecs, arn = server.client("ecs"), role(server.client("iam"), "crash")
    batch = {"role": arn, "cluster": ecs.create_cluster(clusterName="crash")["cluster"]["clusterArn"]}
    batch["definition"] = ecs.register_task_definition(
        family="crash", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512", executionRoleArn=arn,
        containerDefinitions=[{"name": "job", "image": "host", "logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": "/crash", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "job"}}}],
    )["taskDefinition"]["taskDefinitionArn"]
    task = run_task_state(batch, ".sync", ResultSelector={"Code.$": "$.Containers[0].ExitCode"})
    definition = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Run"}, "Run": task}}
    return server.client("stepfunctions").create_state_machine(
        name="crash", roleArn=arn, definition=json.dumps(definition))["stateMachineArn"]


def test_every_execution_ends_and_every_container_runs_once(crashing):
    seed = int(os.environ.get("RUNWRIGHT_SEED", time.time_ns() % 10**6))
    print(f"seed {seed}")
    chance, machine = random.Random(seed), prepared(crashing)
    acknowledged, kills, started = {}, 0, 0
    while kills < KILLS or started < EXECUTIONS:
        pause_until = time.monotonic() + chance.uniform(0.02, 0.6)
        while time.monotonic() < pause_until:
            if started < EXECUTIONS:
                # The container writes one line and sleeps, so that many are running whenever the server dies.
                command = ["sh", "-c", f"echo ran-{started}; sleep {chance.choice([0, 0.2, 0.7, 1.5])}; exit 0"]
                answer = crashing.client("stepfunctions").start_execution(
                    stateMachineArn=machine, name=f"e{started}", input=json.dumps({"commands": command}))
                acknowledged[f"e{started}"] = answer["executionArn"]
                started += 1
            else:
                time.sleep(0.01)
        if kills < KILLS:
            crashing.kill()
            kills += 1
            crashing.start()
    states = crashing.client("stepfunctions")

    def all_ended():
        running = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING", maxResults=1000)["executions"]
        return not running
    eventually(all_ended, 120, "the end of all executions")
    described = {name: states.describe_execution(executionArn=arn) for name, arn in acknowledged.items()}
    wrong = {name: (got["status"], got.get("error"), got.get("cause")) for name, got in described.items()
             if got["status"] != "SUCCEEDED" or json.loads(got["output"]) != {"Code": 0}}
    assert not wrong, f"seed {seed}: {wrong}"
    for arn in acknowledged.values():
        check_history(states, arn)
    check_containers(crashing)
    print(f"{kills} kills, {len(acknowledged)} executions: all succeeded, every container ran once")


def check_history(states, arn):
    """As if nothing had happened: each event once, in order."""
    events = states.get_execution_history(executionArn=arn)["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events] == [
        "ExecutionStarted", "WaitStateEntered", "WaitStateExited", "TaskStateEntered", "TaskScheduled", "TaskStarted",
        "TaskSubmitted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"], arn


def check_containers(server):
    """One task per execution, and the line that each wrote exactly once."""
    ecs, logs = server.client("ecs"), server.client("logs")
    tasks = [arn for page in ecs.get_paginator("list_tasks").paginate(cluster="crash", desiredStatus="STOPPED")
             for arn in page["taskArns"]]
    assert len(tasks) == EXECUTIONS
    assert ecs.list_tasks(cluster="crash")["taskArns"] == []
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/crash")
    lines = collections.Counter(event["message"] for page in pages for event in page["events"])
    assert lines == {f"ran-{number}": 1 for number in range(EXECUTIONS)}


def test_what_was_acknowledged_is_there_after_a_kill(crashing):
    """Resources of every service, created and then killed at once."""
    iam, logs, events = crashing.client("iam"), crashing.client("logs"), crashing.client("events")
    names = []
    for number in range(40):
        name = f"kept-{number}"
        role(iam, name)
        logs.create_log_group(logGroupName=name)
        events.put_rule(Name=name, ScheduleExpression="rate(1 day)")
        names.append(name)
        if number % 10 == 9:
            crashing.kill()
            crashing.start()
    assert {found["RoleName"] for found in iam.list_roles()["Roles"]} >= set(names)
    assert {found["logGroupName"] for found in logs.describe_log_groups(logGroupNamePrefix="kept-")["logGroups"]} == set(names)
    assert {found["Name"] for found in events.list_rules(NamePrefix="kept-")["Rules"]} == set(names)


def test_two_servers_on_one_data_directory_are_refused(crashing):
    second = Server(crashing.data_dir)
    with pytest.raises(RuntimeError):
        second.start()
    assert crashing.client("sts").get_caller_identity()["Arn"].endswith(":root")
