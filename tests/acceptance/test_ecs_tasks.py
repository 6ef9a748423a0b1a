"""Tasks of more than one container, and everything by which a task can end: through ECS, Step Functions and EventBridge."""

import json
import os
import time

import pytest

from conftest import Server, eventually, finished, run_task_state, written
from test_article_0 import execute, machine_of


def network(batch):
    given = run_task_state(batch)["Parameters"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    return {"awsvpcConfiguration": {name[0].lower() + name[1:]: value for name, value in given.items()}}


def logged(batch, **container):
    """A container on the image `host` whose output goes to the group of `batch`."""
    return {"image": "host", "stopTimeout": 2, "logConfiguration": {"logDriver": "awslogs", "options": {
        "awslogs-group": batch["group"], "awslogs-region": "us-east-1", "awslogs-stream-prefix": "job"}}, **container}


def register(server, batch, family, *containers, **more):
    return server.client("ecs").register_task_definition(
        family=family, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        executionRoleArn=batch["role"], containerDefinitions=list(containers), **more)["taskDefinition"]["taskDefinitionArn"]


def started(server, batch, definition, **more):
    task, = server.client("ecs").run_task(cluster=batch["cluster"], taskDefinition=definition, launchType="FARGATE",
                                          networkConfiguration=network(batch), **more)["tasks"]
    return task["taskArn"]


def described(server, batch, arn):
    task, = server.client("ecs").describe_tasks(cluster=batch["cluster"], tasks=[arn])["tasks"]
    return task


def when(server, batch, arn, wanted, seconds=60):
    """The task as soon as `wanted` accepts it."""
    def found():
        task = described(server, batch, arn)
        return task if wanted(task) else None
    return eventually(found, seconds, "the state of the task")


def stopped(server, batch, arn, seconds=60):
    return when(server, batch, arn, lambda task: task["lastStatus"] == "STOPPED", seconds)


def test_a_container_waits_for_another_and_reads_what_it_left(server, batch):
    definition = register(
        server, batch, "waits",
        logged(batch, name="job", command=["cat", "/shared/note"], dependsOn=[{"containerName": "first", "condition": "SUCCESS"}],
               mountPoints=[{"sourceVolume": "shared", "containerPath": "/shared", "readOnly": True}]),
        logged(batch, name="first", essential=False, command=["sh", "-c", "sleep 0.5; echo left >/shared/note"],
               mountPoints=[{"sourceVolume": "shared", "containerPath": "/shared"}]),
        volumes=[{"name": "shared"}])
    task = stopped(server, batch, started(server, batch, definition))
    assert [container["exitCode"] for container in task["containers"]] == [0, 0], task
    assert written(server, batch, task["taskArn"]) == ["left"]


def test_a_container_whose_dependency_failed_is_never_started(server, batch):
    definition = register(
        server, batch, "waits-in-vain",
        logged(batch, name="job", command=["true"], dependsOn=[{"containerName": "first", "condition": "SUCCESS"}]),
        logged(batch, name="first", essential=False, command=["sh", "-c", "exit 4"]))
    task = stopped(server, batch, started(server, batch, definition))
    assert (task["stopCode"], task["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    job, first = task["containers"]
    assert first["exitCode"] == 4
    assert job["reason"] == ("CannotStartContainerError: dependency graph: failed to resolve container ordering dependency "
                             "[first(host) (STOPPED->RUNNING) - Exit: 4] for target [job(host) (NONE->RUNNING)] as dependency did "
                             "not exit successfully.")


def test_a_health_check_is_executed_in_the_container(server, batch):
    definition = register(
        server, batch, "healthy",
        logged(batch, name="job", command=["true"], dependsOn=[{"containerName": "service", "condition": "HEALTHY"}]),
        logged(batch, name="service", stopTimeout=2, command=["sh", "-c", "touch /tmp/ready; exec sleep 600"],
               healthCheck={"command": ["CMD-SHELL", "test -f /tmp/ready"], "interval": 5}))
    arn = started(server, batch, definition)
    task = stopped(server, batch, arn)
    assert task["healthStatus"] == "HEALTHY"
    # Nothing in the container handles the signal to end, and process 1 is not ended by one that it does not handle.
    assert [container["exitCode"] for container in task["containers"]] == [0, 137], task


def test_an_unhealthy_task_goes_on(server, batch):
    definition = register(server, batch, "unhealthy", logged(
        batch, name="job", command=["sleep", "600"], healthCheck={"command": ["CMD", "false"], "interval": 5, "retries": 1}))
    arn = started(server, batch, definition)
    task = when(server, batch, arn, lambda task: task.get("healthStatus") == "UNHEALTHY")
    assert task["lastStatus"] == "RUNNING"
    server.client("ecs").stop_task(cluster=batch["cluster"], task=arn, reason="seen enough")
    task = stopped(server, batch, arn)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "seen enough")


def test_a_container_is_restarted_after_it_has_run_for_its_period(server, batch):
    definition = register(server, batch, "restarted", logged(
        batch, name="job", restartPolicy={"enabled": True, "restartAttemptPeriod": 60},
        command=["sh", "-c", "if test -e /shared/again; then echo again; exit 3; fi; touch /shared/again; echo once; sleep 61"],
        mountPoints=[{"sourceVolume": "shared", "containerPath": "/shared"}]), volumes=[{"name": "shared"}])
    task = stopped(server, batch, started(server, batch, definition), 90)
    assert task["containers"][0]["exitCode"] == 3
    assert written(server, batch, task["taskArn"]) == ["once", "again"]


@pytest.fixture(scope="module")
def with_a_folder(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    folder = tmp_path_factory.mktemp("folder")
    server = Server(tmp_path_factory.mktemp("data"), "--allow-bind", folder).start()
    server.client("ecs").create_cluster(clusterName="default")
    yield server, folder
    server.stop()


def run_with_folder(server, path, command):
    ecs = server.client("ecs")
    ecs.register_task_definition(family="folder", volumes=[{"name": "in", "host": {"sourcePath": str(path)}}], containerDefinitions=[
        {"name": "job", "image": "host", "memory": 64, "command": command,
         "mountPoints": [{"sourceVolume": "in", "containerPath": "/in"}]}])
    task, = ecs.run_task(taskDefinition="folder")["tasks"]
    return stopped(server, {"cluster": "default"}, task["taskArn"])


def test_a_folder_of_this_machine_is_mounted_and_stays(with_a_folder):
    server, folder = with_a_folder
    (folder / "in").mkdir()
    (folder / "in" / "question").write_text("6 * 7")
    task = run_with_folder(server, folder / "in", ["sh", "-c", "echo $(($(cat /in/question))) >/in/answer"])
    assert task["containers"][0]["exitCode"] == 0, task
    assert (folder / "in" / "answer").read_text() == "42\n"


def test_a_folder_that_is_not_there_is_made(with_a_folder):
    server, folder = with_a_folder
    assert run_with_folder(server, folder / "new" / "one", ["touch", "/in/x"])["containers"][0]["exitCode"] == 0
    assert (folder / "new" / "one" / "x").exists()


def test_a_link_does_not_lead_out_of_what_is_allowed(with_a_folder):
    server, folder = with_a_folder
    (folder / "link").symlink_to("/etc")
    task = run_with_folder(server, folder / "link" / "ssl", ["true"])
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotCreateVolumeError: ")


def test_other_folders_are_refused_when_they_are_registered(with_a_folder):
    ecs = with_a_folder[0].client("ecs")
    with pytest.raises(ecs.exceptions.ClientException, match="host.sourcePath '/etc' of volume 'in' is not allowed"):
        ecs.register_task_definition(family="etc", volumes=[{"name": "in", "host": {"sourcePath": "/etc"}}], containerDefinitions=[
            {"name": "job", "image": "host", "memory": 64}])


def run_state(server, batch, name, commands=("true",), change=lambda parameters: None, pattern=".sync", **more):
    """Executes one Task state that runs the container `job`."""
    state = run_task_state(batch, pattern, **more)
    change(state["Parameters"])
    machine = machine_of(server, batch, name, {"StartAt": "Run", "States": {"Run": state}})
    return execute(server, machine, {"commands": commands if isinstance(commands, str) else list(commands)})


def test_an_override_of_a_container_that_is_not_there(server, batch):
    def change(parameters):
        parameters["Overrides"]["ContainerOverrides"][0]["Name"] = "X"
    ended = run_state(server, batch, "no-such-container", change=change)
    assert (ended["status"], ended["error"]) == ("FAILED", "ECS.InvalidParameterException")
    assert ended["cause"].startswith("Override for container named X is not a container in the TaskDefinition. (Service: AmazonECS; ")


def test_a_task_without_a_network_configuration(server, batch):
    ended = run_state(server, batch, "no-network", change=lambda parameters: parameters.pop("NetworkConfiguration"))
    assert (ended["status"], ended["error"]) == ("FAILED", "ECS.InvalidParameterException")
    assert ended["cause"].startswith("Network Configuration must be provided when networkMode 'awsvpc' is specified.")


def test_overrides_that_are_too_long(server, batch):
    ended = run_state(server, batch, "too-long", commands=["echo", "x" * 8192])
    assert (ended["status"], ended["error"]) == ("FAILED", "ECS.InvalidParameterException")
    assert ended["cause"].startswith("Container Overrides length must be at most 8192")


def test_a_command_that_is_no_list(server, batch):
    ended = run_state(server, batch, "no-list", commands="true")
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    assert "could not be used to start the Task" in ended["cause"]


def test_a_sidecar_that_was_killed_fails_the_state(server, batch):
    definition = register(server, batch, "sidecar", logged(batch, name="job", command=["sleep", "0.5"]), logged(
        batch, name="side", essential=False, stopTimeout=2, command=["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]))

    def change(parameters):
        parameters["TaskDefinition"] = definition
        del parameters["Overrides"]
    ended = run_state(server, batch, "sidecar", change=change)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    task = json.loads(ended["cause"])
    assert {one["Name"]: one["ExitCode"] for one in task["Containers"]} == {"job": 0, "side": 137}
    assert task["StopCode"] == "EssentialContainerExited"


def test_a_failure_is_caught_and_the_execution_succeeds(server, batch):
    run = run_task_state(batch, ".sync", Next="Success", Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "Error"}])
    del run["End"]
    machine = machine_of(server, batch, "caught", {"StartAt": "Run", "States": {
        "Run": run, "Success": {"Type": "Pass", "End": True}, "Error": {"Type": "Pass", "End": True}}})
    ended = execute(server, machine, {"commands": ["sh", "-c", "exit 9"]})
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert output["Error"] == "States.TaskFailed"
    assert json.loads(output["Cause"])["Containers"][0]["ExitCode"] == 9


def test_a_timeout_stops_the_task_and_is_not_caught_as_its_failure(server, batch):
    ended = run_state(server, batch, "timeout", ["sleep", "600"], TimeoutSeconds=2,
                      Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "Run"}])
    assert (ended["status"], ended["error"]) in [("FAILED", "States.Timeout"), ("TIMED_OUT", "States.Timeout")], ended
    history = server.client("stepfunctions").get_execution_history(executionArn=ended["executionArn"])["events"]
    submitted = next(event for event in history if event["type"] == "TaskSubmitted")
    arn = json.loads(submitted["taskSubmittedEventDetails"]["output"])["Tasks"][0]["TaskArn"]
    assert stopped(server, batch, arn)["stopCode"] == "UserInitiated"


def test_a_task_that_somebody_stops_fails_the_state(server, batch):
    machine = machine_of(server, batch, "stopped-by-a-user", {"StartAt": "Run", "States": {"Run": run_task_state(batch, ".sync")}})
    states, ecs = server.client("stepfunctions"), server.client("ecs")
    run = states.start_execution(stateMachineArn=machine, input='{"commands": ["sleep", "600"]}')["executionArn"]

    def running():
        arns = ecs.list_tasks(cluster=batch["cluster"], startedBy="AWS Step Functions")["taskArns"]
        tasks = ecs.describe_tasks(cluster=batch["cluster"], tasks=arns)["tasks"] if arns else []
        return [task for task in tasks if task["lastStatus"] == "RUNNING"
                and task["overrides"]["containerOverrides"][0]["command"] == ["sleep", "600"]]
    task, *_ = eventually(running, what="the task")
    ecs.stop_task(cluster=batch["cluster"], task=task["taskArn"], reason="maintenance")
    ended = finished(states, run)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(ended["cause"])
    assert (cause["StopCode"], cause["StoppedReason"]) == ("UserInitiated", "maintenance")


def test_the_output_has_what_the_recordings_have(server, batch):
    ended = run_state(server, batch, "output", ["true"])
    task = json.loads(ended["output"])
    assert set(task) >= {
        "Attachments", "Attributes", "AvailabilityZone", "ClusterArn", "Connectivity", "ConnectivityAt", "Containers", "Cpu",
        "CreatedAt", "DesiredStatus", "EnableExecuteCommand", "EphemeralStorage", "ExecutionStoppedAt", "Group",
        "InferenceAccelerators", "LastStatus", "LaunchType", "Memory", "Overrides", "PlatformVersion", "PullStartedAt",
        "PullStoppedAt", "StartedAt", "StartedBy", "StopCode", "StoppedAt", "StoppedReason", "StoppingAt", "Tags", "TaskArn",
        "TaskDefinitionArn", "Version"}
    assert "PlatformFamily" not in task and task["Version"] == 5
    assert task["StartedBy"] == "AWS Step Functions"
    attachment, = task["Attachments"]
    assert (attachment["Type"], attachment["Status"]) == ("eni", "DELETED")
    names = [detail["Name"] for detail in attachment["Details"]]
    assert names[0] == "subnetId" and {"networkInterfaceId", "macAddress", "privateDnsName", "privateIPv4Address"} <= set(names)
    for when in ["CreatedAt", "ConnectivityAt", "PullStartedAt", "PullStoppedAt", "StartedAt", "StoppingAt", "ExecutionStoppedAt", "StoppedAt"]:
        assert isinstance(task[when], int) and abs(task[when] / 1000 - time.time()) < 600
    override, = task["Overrides"]["ContainerOverrides"]
    assert override == {"Command": ["true"], "Environment": [], "EnvironmentFiles": [], "Name": "job", "ResourceRequirements": []}
    container, = task["Containers"]
    assert (container["GpuIds"], container["ManagedAgents"], container["ExitCode"]) == ([], [], 0)


@pytest.mark.parametrize("command, line", [(None, "--arg1 1 --arg2 2"), (["--arg1", "100", "--arg2", "200"], "--arg1 100 --arg2 200")])
def test_an_override_with_only_a_name_changes_nothing(server, batch, command, line):
    definition = register(server, batch, "arguments", logged(
        batch, name="job", entryPoint=["sh", "-c", "echo \"$@\"", "sh"], command=["--arg1", "1", "--arg2", "2"]))

    def change(parameters):
        parameters["TaskDefinition"] = definition
        parameters["Overrides"] = {"ContainerOverrides": [{"Name": "job"}]}
        if command:
            parameters["Overrides"]["ContainerOverrides"][0]["Command"] = command
    ended = run_state(server, batch, f"arguments-{bool(command)}", change=change)
    assert ended["status"] == "SUCCEEDED", ended
    assert written(server, batch, json.loads(ended["output"])["TaskArn"]) == [line]


def test_placeholders_make_a_machine_whose_executions_fail(server, batch):
    def change(parameters):
        parameters["Cluster"] = "arn:aws:ecs:us-east-1:000000000000:cluster/<CLUSTER>"
    ended = run_state(server, batch, "placeholders", change=change)
    assert (ended["status"], ended["error"]) == ("FAILED", "ECS.ClusterNotFoundException")


@pytest.fixture(scope="module")
def on_request(server, batch):
    """A rule whose target runs the container `job` with what the event says."""
    events = server.client("events")
    pattern = {"source": ["acceptance.overrides"]}
    events.put_rule(Name="on-request", EventPattern=json.dumps(pattern))

    def put(detail, **target):
        parameters = {"TaskDefinitionArn": batch["definition"], "LaunchType": "FARGATE",
                      "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": network(batch)["awsvpcConfiguration"]["subnets"]}}}
        events.put_targets(Rule="on-request", Targets=[{
            "Id": "task", "Arn": batch["cluster"], "RoleArn": batch["role"], "EcsParameters": parameters, **target}])
        ecs = server.client("ecs")

        def all_tasks():
            return set(ecs.list_tasks(cluster=batch["cluster"], startedBy="events-rule/on-request", desiredStatus="STOPPED")["taskArns"])
        before = all_tasks()
        events.put_events(Entries=[{"Source": "acceptance.overrides", "DetailType": "Request", "Detail": json.dumps(detail)}])
        arn, = eventually(lambda: all_tasks() - before, what="the task")
        return stopped(server, batch, arn)
    yield put
    events.remove_targets(Rule="on-request", Ids=["task"])
    events.delete_rule(Name="on-request")


def test_a_rule_gives_a_container_its_command(server, batch, on_request):
    command = ["sh", "-c", "echo \"$0 $1\"", "a b", "ü"]
    task = on_request({}, Input=json.dumps({"containerOverrides": [{"name": "job", "command": command}], "cpu": "512", "memory": "1024"}))
    assert written(server, batch, task["taskArn"]) == ["a b ü"]
    assert (task["cpu"], task["memory"]) == ("512", "1024")
    assert task["overrides"]["containerOverrides"][0]["command"] == command


def test_an_event_gives_a_container_its_command_as_a_list(server, batch, on_request):
    task = on_request({"command": ["sh", "-c", "echo from the event"]}, InputTransformer={
        "InputPathsMap": {"command": "$.detail.command"},
        "InputTemplate": '{"containerOverrides": [{"name": "job", "command": <command>}]}'})
    assert written(server, batch, task["taskArn"]) == ["from the event"]


def test_an_input_without_overrides_runs_the_definition_as_it_is(server, batch, on_request):
    task = on_request({"containerOverrides": [{"name": "nobody"}]})
    assert task["containers"][0]["exitCode"] == 0
