"""A server of this repository's release binary, and clients that talk to it."""

import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

import boto3
import pytest
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
BINARY = pathlib.Path(os.environ.get("RUNWRIGHT", ROOT / "target/release/runwright"))
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
    "Service": ["states.amazonaws.com", "events.amazonaws.com", "ecs-tasks.amazonaws.com"]}}]}


class Server:
    """`runwright serve` on a free port; survives being killed and started again on the same data."""

    def __init__(self, data_dir, *flags):
        self.data_dir, self.flags, self.port, self.process = pathlib.Path(data_dir), flags, None, None

    def start(self):
        listen = f"127.0.0.1:{self.port or 0}"
        command = [BINARY, "serve", "--dev", "--data-dir", self.data_dir, "--listen", listen, *self.flags]
        self.process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(r"listens on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise RuntimeError(f"the server ended with {self.process.wait()}")
        # Whatever else it says is shown where a test fails.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=sys.stderr)
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.drain.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)
            self.drain.wait()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def environment(self):
        """What `runwright env` prints, as a shell would understand it."""
        printed = subprocess.run([BINARY, "env", "--data-dir", self.data_dir], capture_output=True, text=True, check=True)
        words = [word for line in printed.stdout.splitlines() if line.startswith("export ") for word in shlex.split(line)[1:]]
        return {**os.environ, **dict(word.split("=", 1) for word in words), "AWS_PAGER": "", "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull}

    def client(self, service, **more):
        environment = self.environment()
        return boto3.client(service, endpoint_url=self.endpoint, region_name=more.pop("region_name", "us-east-1"),
                            aws_access_key_id=more.pop("key", environment["AWS_ACCESS_KEY_ID"]),
                            aws_secret_access_key=more.pop("secret", environment["AWS_SECRET_ACCESS_KEY"]),
                            aws_session_token=more.pop("token", None),
                            config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False, **more))

    def aws(self, *arguments, check=True):
        """The AWS CLI, as a user of `eval "$(runwright env)"` runs it."""
        aws = pathlib.Path(sys.executable).with_name("aws")
        done = subprocess.run([str(aws if aws.exists() else "aws"), *map(str, arguments)], env=self.environment(),
                              capture_output=True, text=True, timeout=300)
        if check and done.returncode:
            raise AssertionError(f"aws {shlex.join(map(str, arguments))}: {done.stdout}{done.stderr}")
        return done


def eventually(check, seconds=30, what="it"):
    """What `check` returns as soon as that is true; fails where it is not within `seconds`."""
    give_up, pause = time.monotonic() + seconds, 0.01
    while not (result := check()):
        if time.monotonic() > give_up:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return result


def finished(states, execution, seconds=60):
    """The description of an execution that has ended."""
    def ended():
        got = states.describe_execution(executionArn=execution)
        return got if got["status"] != "RUNNING" else None
    return eventually(ended, seconds, f"the end of {execution}")


def role(iam, name):
    """The ARN of a role that every service may assume."""
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]


def shared(path):
    """A file of the folder beside the repository; skips the test where there is none."""
    file = SHARED / path
    if not file.exists():
        pytest.skip(f"needs {path} of the folder shared beside the repository")
    return file


@pytest.fixture(scope="session")
def server():
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    # A task that still runs keeps what it has mounted.
    with tempfile.TemporaryDirectory(prefix="runwright-acceptance-", ignore_cleanup_errors=True) as data_dir:
        server = Server(data_dir).start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def batch(server):
    """A cluster, a task definition with the container `job` on the image `host`, its log group, and a role."""
    iam, ecs, logs = server.client("iam"), server.client("ecs"), server.client("logs")
    arn = role(iam, "acceptance")
    iam.put_role_policy(RoleName="acceptance", PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    logs.create_log_group(logGroupName="/acceptance/jobs")
    cluster = ecs.create_cluster(clusterName="acceptance")["cluster"]["clusterArn"]
    definition = ecs.register_task_definition(
        family="acceptance", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        executionRoleArn=arn, taskRoleArn=arn, tags=[{"key": "team", "value": "batch"}],
        containerDefinitions=[{"name": "job", "image": "host", "command": ["true"], "stopTimeout": 2, "logConfiguration": {
            "logDriver": "awslogs", "options": {"awslogs-group": "/acceptance/jobs", "awslogs-region": "us-east-1",
                                                "awslogs-stream-prefix": "job"}}}],
    )["taskDefinition"]["taskDefinitionArn"]
    return {"role": arn, "cluster": cluster, "definition": definition, "group": "/acceptance/jobs"}


def written(server, batch, task_arn):
    """The lines that the container `job` of a task wrote."""
    stream = f"job/job/{task_arn.rsplit('/', 1)[-1]}"
    events = server.client("logs").get_log_events(logGroupName=batch["group"], logStreamName=stream, startFromHead=True)
    return [event["message"] for event in events["events"]]


def run_task_state(batch, pattern="", **more):
    """A Task state that runs `job` with the command of its input."""
    return {"Type": "Task", "Resource": f"arn:aws:states:::ecs:runTask{pattern}", "Parameters": {
        "LaunchType": "FARGATE", "Cluster": batch["cluster"], "TaskDefinition": batch["definition"],
        "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}},
        "Overrides": {"ContainerOverrides": [{"Name": "job", "Command.$": "$.commands"}]}}, "End": True, **more}
