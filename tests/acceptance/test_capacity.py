"""What fits on the machine, and what waits for room."""

import os

import pytest

from conftest import Server, eventually

FLAGS = ["--capacity-cpus", "0.5", "--capacity-memory", "1GiB"]


@pytest.fixture
def small(tmp_path):
    """Starts servers that have half a processor for tasks, a quarter of one for each of the family `job`."""
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    started = []

    def start(*flags):
        server = Server(tmp_path / f"data-{len(started)}", *FLAGS, *flags).start()
        started.append(server)
        ecs = server.client("ecs")
        ecs.create_cluster(clusterName="default")
        ecs.register_task_definition(family="job", networkMode="none", cpu="256", memory="256", containerDefinitions=[
            {"name": "job", "image": "host", "command": ["sleep", "1000"], "stopTimeout": 2}])
        return server
    yield start
    for server in started:
        # Containers outlive their server.
        ecs = server.client("ecs")
        for arn in ecs.list_tasks()["taskArns"]:
            ecs.stop_task(task=arn)
            until(ecs, arn, "STOPPED")
        server.stop()


def status(ecs, arn):
    return ecs.describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"]


def until(ecs, arn, wanted):
    eventually(lambda: status(ecs, arn) == wanted, 60, f"the task to be {wanted}")


def test_what_does_not_fit_is_a_failure(small):
    ecs = small().client("ecs")
    answer = ecs.run_task(taskDefinition="job", count=3)
    assert [failure["reason"] for failure in answer["failures"]] == ["RESOURCE:CPU"]
    first, second = (task["taskArn"] for task in answer["tasks"])
    until(ecs, first, "RUNNING")
    assert ecs.run_task(taskDefinition="job")["failures"][0]["reason"] == "RESOURCE:CPU"
    # Room is given back by those that have stopped.
    ecs.stop_task(task=first)
    until(ecs, first, "STOPPED")
    assert not ecs.run_task(taskDefinition="job")["failures"]
    ecs.register_task_definition(family="large", networkMode="none", memory="1025", containerDefinitions=[
        {"name": "job", "image": "host"}])
    assert ecs.run_task(taskDefinition="large")["failures"][0]["reason"] == "RESOURCE:MEMORY"


def test_the_queue_keeps_its_order_through_a_kill(small):
    server = small("--placement", "queue")
    ecs = server.client("ecs")
    answer = ecs.run_task(taskDefinition="job", count=4)
    assert not answer["failures"]
    first, second, third, fourth = (task["taskArn"] for task in answer["tasks"])
    until(ecs, first, "RUNNING")
    until(ecs, second, "RUNNING")
    assert [status(ecs, task) for task in (third, fourth)] == ["PROVISIONING"] * 2
    server.kill()
    server.start()
    assert [status(ecs, task) for task in (third, fourth)] == ["PROVISIONING"] * 2
    ecs.stop_task(task=first)
    until(ecs, third, "RUNNING")
    assert status(ecs, fourth) == "PROVISIONING"
    # One that waits can be stopped, and nothing of it was ever started.
    ecs.stop_task(task=fourth)
    until(ecs, fourth, "STOPPED")
    assert "startedAt" not in ecs.describe_tasks(tasks=[fourth])["tasks"][0]


def test_a_subnet_has_to_be_there(server, batch):
    def run(**network):
        return server.client("ecs").run_task(cluster=batch["cluster"], taskDefinition=batch["definition"],
                                             networkConfiguration={"awsvpcConfiguration": network})
    ecs = server.client("ecs")
    missing = "subnet-0123456789abcdef0"
    with pytest.raises(ecs.exceptions.InvalidParameterException, match=f"The subnet ID '{missing}' does not exist"):
        run(subnets=[missing])
    subnet = server.client("ec2").describe_subnets()["Subnets"][0]
    with pytest.raises(ecs.exceptions.InvalidParameterException, match="sg-0123456789abcdef0"):
        run(subnets=[subnet["SubnetId"]], securityGroups=["sg-0123456789abcdef0"])
    task = run(subnets=[subnet["SubnetId"]])["tasks"][0]
    assert task["availabilityZone"] == subnet["AvailabilityZone"]
    eventually(lambda: ecs.describe_tasks(cluster=batch["cluster"], tasks=[task["taskArn"]])["tasks"][0]["lastStatus"] == "STOPPED",
               60, "the task to end")
