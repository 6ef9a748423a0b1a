"""What a container sees of AWS: credentials of its role, metadata, and an API that an SDK finds with no configuration."""

import json
import os
import shutil
import sys

import pytest

from conftest import Server, eventually, role

SDK = """
import boto3, json, os
identity = boto3.client("sts").get_caller_identity()
s3 = boto3.client("s3")
s3.create_bucket(Bucket=os.environ["BUCKET"])
s3.put_object(Bucket=os.environ["BUCKET"], Key="key", Body=b"from inside")
groups = [group["logGroupName"] for group in boto3.client("logs").describe_log_groups()["logGroups"]]
print(json.dumps({"identity": identity, "groups": groups, "region": boto3.session.Session().region_name}))
"""

# Credentials and metadata as a container without an SDK reads them, in either kind of network.
FETCH = """
set -e
if [ -n "$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" ]; then
    busybox wget -qO- "http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
else
    busybox wget -qO- --header "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"
fi
echo
for path in "" /task /taskWithTags /stats; do busybox wget -qO- "$ECS_CONTAINER_METADATA_URI_V4$path"; echo; done
"""

WATCH = """
for number in $(seq 1 600); do
    if [ -n "$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" ]; then
        busybox wget -qO- "http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" && echo
    else
        busybox wget -qO- --header "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" \
            "$AWS_CONTAINER_CREDENTIALS_FULL_URI" && echo
    fi
    sleep 0.2
done
"""


@pytest.fixture
def inside(tmp_path):
    """A server of its own, with a role for tasks and a task definition for each network mode."""
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    server = Server(tmp_path / "data").start()
    server.role = role(server.client("iam"), "inside")
    server.client("logs").create_log_group(logGroupName="/inside")
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="default")
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "/inside", "awslogs-region": "us-east-1",
                                                "awslogs-stream-prefix": "p"}}
    for mode in ("awsvpc", "host"):
        ecs.register_task_definition(
            family=mode, networkMode=mode, cpu="256", memory="512", taskRoleArn=server.role,
            executionRoleArn=server.role, requiresCompatibilities=["FARGATE"] if mode == "awsvpc" else ["EC2"],
            containerDefinitions=[{"name": "job", "image": "host", "stopTimeout": 2, "logConfiguration": logs}])
    yield server
    for arn in ecs.list_tasks()["taskArns"]:
        server.client("ecs").stop_task(task=arn)
    # What still runs when the server ends would outlive the test, with its network.
    eventually(lambda: not alive(server), 60, "the end of all tasks")
    server.stop()


def alive(server):
    """The tasks that have not stopped."""
    ecs = server.client("ecs")
    arns = [arn for wanted in ("RUNNING", "STOPPED") for arn in ecs.list_tasks(desiredStatus=wanted)["taskArns"]]
    tasks = ecs.describe_tasks(tasks=arns)["tasks"] if arns else []
    return [task["taskArn"] for task in tasks if task["lastStatus"] != "STOPPED"]


def run(server, mode, command, environment=()):
    """The ARN of a task that runs `command` in a container."""
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}} if mode == "awsvpc" else None
    job = {"name": "job", "command": command,
           "environment": [{"name": name, "value": value} for name, value in dict(environment).items()]}
    more = {"networkConfiguration": network} if network else {}
    answer = server.client("ecs").run_task(
        taskDefinition=mode, launchType="FARGATE" if mode == "awsvpc" else "EC2",
        overrides={"containerOverrides": [job]}, tags=[{"key": "team", "value": "batch"}], **more)
    return answer["tasks"][0]["taskArn"]


def written(server, arn):
    """What the container has written, line by line."""
    logs, stream = server.client("logs"), f"p/job/{arn.rsplit('/', 1)[-1]}"
    try:
        events = logs.get_log_events(logGroupName="/inside", logStreamName=stream, startFromHead=True)["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in events]


def ended(server, arn):
    """What the container wrote, once it has ended well."""
    def stopped():
        task = server.client("ecs").describe_tasks(tasks=[arn])["tasks"][0]
        return task if task["lastStatus"] == "STOPPED" else None
    task = eventually(stopped, 60, "the end of the task")
    lines = written(server, arn)
    assert task["containers"][0].get("exitCode") == 0, (task["stoppedReason"], task["containers"], lines)
    return lines


@pytest.mark.parametrize("mode", ["awsvpc", "host"])
def test_an_sdk_is_the_tasks_role_with_no_configuration(inside, mode):
    arn = run(inside, mode, [sys.executable, "-c", SDK], {"BUCKET": f"inside-{mode}"})
    found = json.loads(ended(inside, arn)[-1])
    task_id = arn.rsplit("/", 1)[-1]
    assert found["identity"]["Arn"] == f"arn:aws:sts::000000000000:assumed-role/inside/{task_id}"
    assert found["identity"]["UserId"].endswith(f":{task_id}")
    assert found["groups"] == ["/inside"]
    assert found["region"] == "us-east-1"
    body = inside.client("s3").get_object(Bucket=f"inside-{mode}", Key="key")["Body"].read()
    assert body == b"from inside"


@pytest.mark.parametrize("mode", ["awsvpc", "host"])
def test_a_container_reads_credentials_and_metadata(inside, mode):
    if not shutil.which("busybox"):
        pytest.skip("needs busybox")
    arn = run(inside, mode, ["sh", "-c", FETCH])
    credentials, container, task, tagged, stats = map(json.loads, ended(inside, arn))
    assert credentials["RoleArn"] == inside.role and credentials["AccessKeyId"].startswith("ASIA")
    identity = inside.client("sts", key=credentials["AccessKeyId"], secret=credentials["SecretAccessKey"],
                             token=credentials["Token"]).get_caller_identity()
    assert identity["Arn"].endswith(f":assumed-role/inside/{arn.rsplit('/', 1)[-1]}")
    described = inside.client("ecs").describe_tasks(tasks=[arn])["tasks"][0]
    assert container["Name"] == "job" and container["KnownStatus"] == "RUNNING"
    assert container["DockerId"] == described["containers"][0]["runtimeId"]
    assert container["LogOptions"]["awslogs-stream"] == f"p/job/{arn.rsplit('/', 1)[-1]}"
    assert task["TaskARN"] == arn and task["Family"] == mode and task["Revision"] == "1"
    assert task["Containers"][0]["ContainerARN"] == container["ContainerARN"]
    assert stats["id"] == container["DockerId"] and stats["memory_stats"]["usage"] > 0
    assert "TaskTags" not in task and tagged["TaskTags"] == {"team": "batch"}


@pytest.mark.parametrize("mode", ["awsvpc", "host"])
def test_a_running_container_gets_credentials_after_the_server_was_killed(inside, mode):
    if not shutil.which("busybox"):
        pytest.skip("needs busybox")
    arn = run(inside, mode, ["sh", "-c", WATCH])

    def keys():
        return {json.loads(line)["AccessKeyId"] for line in written(inside, arn) if line.startswith("{")}
    before = eventually(keys, 30, "the first credentials")
    inside.kill()
    inside.start()
    # The new server makes a session of its own: its key is another one.
    after = eventually(lambda: keys() - before, 30, "credentials after the restart")
    assert after


def test_no_task_gets_the_credentials_of_another(inside):
    if not shutil.which("busybox"):
        pytest.skip("needs busybox")
    victim = run(inside, "awsvpc", ["sh", "-c", "echo $AWS_CONTAINER_CREDENTIALS_RELATIVE_URI; sleep 60"])
    path = eventually(lambda: written(inside, victim), 30, "the path of the credentials")[0]
    ask = f"busybox wget -qO- http://169.254.170.2{path} || echo refused; " \
          f"busybox wget -qO- http://127.0.0.1:{inside.port}{path} || echo refused"
    thieves = [run(inside, mode, ["sh", "-c", ask]) for mode in ("awsvpc", "host")]
    for thief in thieves:
        lines = [line for line in ended(inside, thief) if not line.startswith("wget:")]
        assert lines == ["refused", "refused"]


def test_a_role_that_cannot_be_assumed_is_refused(inside):
    missing = "arn:aws:iam::000000000000:role/missing"
    ecs = inside.client("ecs")
    with pytest.raises(ecs.exceptions.ClientException) as refused:
        ecs.run_task(taskDefinition="host", launchType="EC2", overrides={"taskRoleArn": missing})
    assert refused.value.response["Error"]["Message"] == (
        f"ECS was unable to assume the role '{missing}' that was provided for this task. Please verify that the role "
        "being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass "
        "this role.")
