"""Networks of tasks: addresses, ports, and nothing left of them."""

import os
import shutil
import socket
import subprocess

import pytest

from conftest import Server, eventually

HELLO = ["busybox", "nc", "-ll", "-p", "8080", "-e", "echo", "hello"]


@pytest.fixture
def networks(tmp_path):
    """A server of its own, with a task definition for each network mode that says hello at port 8080."""
    if os.geteuid() != 0 or not shutil.which("busybox"):
        pytest.skip("containers need root, and the test needs busybox")
    server = Server(tmp_path / "data").start()
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="default")
    for mode, host_port in (("awsvpc", 8080), ("bridge", 0), ("none", None)):
        ports = [{"containerPort": 8080, "hostPort": host_port}] if host_port is not None else []
        ecs.register_task_definition(family=mode, networkMode=mode, memory="512", containerDefinitions=[
            {"name": "job", "image": "host", "command": HELLO, "stopTimeout": 2, "memory": 64, "portMappings": ports}])
    yield server
    server.stop()


def run(server, mode, command=None):
    """The ARN of a task."""
    more = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}} if mode == "awsvpc" else {}
    override = {"containerOverrides": [{"name": "job", "command": command}]} if command else {}
    return server.client("ecs").run_task(taskDefinition=mode, overrides=override, **more)["tasks"][0]["taskArn"]


def until(server, arn, status):
    def described():
        task = server.client("ecs").describe_tasks(tasks=[arn])["tasks"][0]
        assert status == "STOPPED" or task["lastStatus"] != "STOPPED", task
        return task if task["lastStatus"] == status else None
    return eventually(described, 60, f"the task to be {status}")


def said_at(address, port):
    def said():
        try:
            with socket.create_connection((address, port), 1) as connection:
                return connection.recv(100).decode()
        except OSError:
            return None
    return eventually(said, 20, f"an answer at {address}:{port}")


def address_of(task):
    details = {detail["name"]: detail["value"] for detail in task["attachments"][0]["details"]}
    assert task["attachments"][0]["status"] == "ATTACHED"
    assert set(details) == {"subnetId", "networkInterfaceId", "macAddress", "privateDnsName", "privateIPv4Address"}
    address = details["privateIPv4Address"]
    assert task["containers"][0]["networkInterfaces"] == [
        {"attachmentId": task["attachments"][0]["id"], "privateIpv4Address": address}]
    return address


def test_tasks_are_reached_at_their_addresses(networks):
    server = networks
    arn = run(server, "awsvpc")
    address = address_of(until(server, arn, "RUNNING"))
    assert said_at(address, 8080) == "hello\n"
    ask = f"for i in $(seq 100); do test \"$(busybox nc -w 1 {address} 8080)\" = hello && exit 7; sleep 0.1; done"
    for mode, code in (("awsvpc", 7), ("bridge", 7), ("none", 0)):
        command = ask if code else "test \"$(ls /sys/class/net)\" = lo"
        done = until(server, run(server, mode, ["sh", "-c", command]), "STOPPED")
        assert done["containers"][0]["exitCode"] == code, (mode, done)
    server.client("ecs").stop_task(task=arn)
    until(server, arn, "STOPPED")


def test_ports_of_a_bridge_task_survive_the_server(networks):
    server = networks
    arn = run(server, "bridge")
    task = until(server, arn, "RUNNING")
    [binding] = task["containers"][0]["networkBindings"]
    assert (binding["bindIP"], binding["containerPort"], binding["protocol"]) == ("0.0.0.0", 8080, "tcp")
    assert task["attachments"] == [] and task["containers"][0]["networkInterfaces"] == []
    assert said_at("127.0.0.1", binding["hostPort"]) == "hello\n"
    server.kill()
    assert said_at("127.0.0.1", binding["hostPort"]) == "hello\n"
    server.start()
    assert said_at("127.0.0.1", binding["hostPort"]) == "hello\n"
    assert server.client("ecs").describe_tasks(tasks=[arn])["tasks"][0]["containers"][0]["networkBindings"] == [binding]
    server.client("ecs").stop_task(task=arn)
    until(server, arn, "STOPPED")


def test_a_port_that_another_program_has(networks):
    server = networks
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        server.client("ecs").register_task_definition(family="fixed", networkMode="bridge", containerDefinitions=[
            {"name": "job", "image": "host", "command": HELLO, "memory": 64,
             "portMappings": [{"containerPort": 8080, "hostPort": port}]}])
        task = until(server, run(server, "fixed"), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotStartContainerError: ")
    assert task["stoppedReason"].endswith(f"Bind for 0.0.0.0:{port} failed: port is already allocated")


def test_nothing_is_left(networks):
    server = networks
    arns = [run(server, "awsvpc", ["true"]) for _ in range(5)]
    for arn in arns:
        until(server, arn, "STOPPED")
    kept = server.data_dir / "containers" / "networks"
    assert not any(file for kind in ("names", "addresses", "ports") for file in (kept / kind).iterdir())
    # What a server that was killed at the wrong moment leaves.
    (kept / "names" / "stray").mkdir()
    server.kill()
    server.start()
    eventually(lambda: not (kept / "names" / "stray").exists(), 10, "the stray network to be removed")

    def tables():
        listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout.splitlines()
        return {line for line in listed if "runwright-" in line}
    before = tables()
    server.stop()
    # Other servers may come and go meanwhile.
    assert not before or before - tables()
