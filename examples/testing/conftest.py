"""A server whose clock stands, and what a test does with it."""

import json
import os
import pathlib
import re
import subprocess
import urllib.error
import urllib.request

import boto3
import pytest

TEMPLATE = pathlib.Path(__file__).parent.parent / "nightly-batch" / "template.yaml"


class Stack:
    """The nightly batch on a server of its own, on Friday the 20th of November 2026, at noon."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        cloudformation = self.client("cloudformation")
        subnet = self.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        cloudformation.create_stack(StackName="nightly", TemplateBody=TEMPLATE.read_text(), Capabilities=["CAPABILITY_IAM"],
                                    Parameters=[{"ParameterKey": "Subnet", "ParameterValue": subnet}])
        cloudformation.get_waiter("stack_create_complete").wait(StackName="nightly", WaiterConfig={"Delay": 1})
        self.machine = cloudformation.describe_stack_resource(
            StackName="nightly", LogicalResourceId="TwoSteps")["StackResourceDetail"]["PhysicalResourceId"]

    def client(self, service):
        return boto3.client(service, endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")

    def advance(self, by):
        """Lets so much time pass, and says what happened."""
        request = urllib.request.Request(f"{self.endpoint}/_runwright/clock", json.dumps({"advance": by}).encode())
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)["happened"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def executions(self):
        return self.client("stepfunctions").list_executions(stateMachineArn=self.machine)["executions"]

    def output(self):
        """The lines that containers wrote."""
        events = self.client("logs").filter_log_events(logGroupName="/batch/jobs")["events"]
        return [event["message"] for event in events]


@pytest.fixture
def stack(tmp_path):
    command = [os.environ.get("RUNWRIGHT", "runwright"), "serve", "--dev", "--clock", "virtual:2026-11-20T12:00:00Z",
               "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield Stack(next(found[1] for line in server.stderr if (found := re.search(r"listens on (http://\S+)", line))))
        finally:
            server.terminate()
            server.stderr.read()
