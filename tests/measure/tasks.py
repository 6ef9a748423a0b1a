"""Tasks through RunTask over HTTP: how many a second, what one that runs holds of ours, and that nothing is left of them.

    tasks.py rate  [--tasks 400]    tasks that run `true`, started by several clients at once
    tasks.py held  [--tasks 50]     resident and proportional memory of the server and of the supervisors of tasks that sleep
    tasks.py leaks [--tasks 1000]   tasks that end, fail, are stopped, cannot start; the server is killed meanwhile; then
                                    everything that a task could leave behind is looked for. Exits with 1 if it finds any.

Needs root: the embedded driver runs the containers. The binary is `--binary`, else the release build.
"""

import argparse
import concurrent.futures
import glob
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import boto3
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUSYBOX = shutil.which("busybox")
PER_REQUEST = 10
CLIENTS = 4
# A server that is killed has so many starts in the leak test.
KILLS = 5
SETTLING_SECONDS = 120


class Server:
    """`runwright serve` on data that outlive it."""

    def __init__(self, binary, data):
        self.binary, self.data, self.port, self.process = binary, data, 0, None

    def start(self):
        command = [self.binary, "serve", "--dev", "--driver", "embedded", "--data-dir", self.data, "--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "listens on http" in line:
                self.port = int(line.split("listens on http://127.0.0.1:")[1].split()[0].strip(",."))
                break
        else:
            sys.exit(f"the server ended with {self.process.wait()}")
        self.drain = subprocess.Popen(["grep", "-E", "ERROR|panicked"], stdin=self.process.stderr, stdout=sys.stderr)
        config = Config(retries={"max_attempts": 10, "mode": "standard"}, max_pool_connections=CLIENTS)
        self.ecs = boto3.client("ecs", endpoint_url=f"http://127.0.0.1:{self.port}", region_name="us-east-1", config=config,
                                aws_access_key_id="test", aws_secret_access_key="test")
        return self

    def end(self, kill=False):
        self.process.kill() if kill else self.process.terminate()
        self.process.wait()
        self.drain.wait()

    def register(self, family, command, image="host", **more):
        container = {"name": "job", "image": image, "command": command, "memory": 64}
        self.ecs.register_task_definition(family=family, networkMode=more.pop("networkMode", "host"),
                                          containerDefinitions=[container], **more)

    def run(self, family, count):
        answer = self.ecs.run_task(taskDefinition=family, count=count)
        assert not answer["failures"], answer["failures"]
        return [task["taskArn"] for task in answer["tasks"]]

    def arns(self, status):
        pages = self.ecs.get_paginator("list_tasks").paginate(desiredStatus=status)
        return [arn for page in pages for arn in page["taskArns"]]

    def tasks(self, arns):
        for first in range(0, len(arns), 100):
            yield from self.ecs.describe_tasks(tasks=arns[first:first + 100])["tasks"]


def spread(total, at_once=PER_REQUEST):
    return [min(at_once, total - begun) for begun in range(0, total, at_once)]


def until(what, seconds=SETTLING_SECONDS, pause=0.1):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > deadline:
            return found
        time.sleep(pause)
    return found


def stopped(server, arns):
    return all(task["lastStatus"] == "STOPPED" for task in server.tasks(arns))


def rate(server, total):
    server.register("true", [BUSYBOX, "true"])
    for warm in (True, False):
        count = PER_REQUEST if warm else total
        began = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            arns = [arn for some in clients.map(lambda count: server.run("true", count), spread(count)) for arn in some]
        accepted = time.perf_counter() - began
        assert until(lambda: stopped(server, arns), 600, 0.05), "tasks do not stop"
        elapsed = time.perf_counter() - began
    codes = {task["containers"][0].get("exitCode") for task in server.tasks(arns)}
    assert codes == {0}, codes
    print(f"{total} tasks of `true` through RunTask over HTTP, {CLIENTS} clients, {PER_REQUEST} a request: accepted in {accepted:.2f} s, "
          f"all stopped after {elapsed:.2f} s: {total / elapsed:.1f} tasks/s (load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors)")


def memory(pid):
    """Resident and proportional memory, and what is the process's own, in KiB."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0, 0
    values = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return values["Rss"], values["Pss"], values["Private_Clean"] + values["Private_Dirty"]


def supervisors(data):
    """Processes of ours for the containers in this directory."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = pathlib.Path(path).read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word in (b"__shim", b"__exec") for word in words) and any(word.startswith(str(data).encode()) for word in words):
            found.append(int(path.split("/")[2]))
    return found


def held(server, total):
    server.register("true", [BUSYBOX, "true"])
    server.register("sleep", [BUSYBOX, "sleep", "600"])
    arns = server.run("true", PER_REQUEST)
    until(lambda: stopped(server, arns))
    before = memory(server.process.pid)
    arns = [arn for count in spread(total) for arn in server.run("sleep", count)]
    assert until(lambda: all(task["lastStatus"] == "RUNNING" for task in server.tasks(arns))), "tasks do not run"
    time.sleep(1)
    own = [memory(pid) for pid in supervisors(server.data)]
    assert len(own) == total, (len(own), total)
    after = memory(server.process.pid)
    resident, proportional, private = (sum(values) / total / 1024 for values in zip(*own))
    growth = (after[0] - before[0]) / total / 1024
    print(f"{total} running tasks: a supervisor holds {resident:.2f} MiB resident, {proportional:.2f} MiB proportional, {private:.2f} MiB of its own; "
          f"the server grew by {growth:.2f} MiB resident a task: {proportional + growth:.2f} MiB a task (proportional + growth)")
    for arn in arns:
        server.ecs.stop_task(task=arn)
    until(lambda: stopped(server, arns))


def remains(data, before):
    """What tasks have left: everything that is there now and was not before."""
    found = {}
    for name, where in (("containers", "containers/containers/*"), ("half-made containers", "containers/making/*"),
                        ("half-removed containers", "containers/removing/*"), ("pins", "containers/images/pins/*"),
                        ("half-made images", "containers/images/tmp/*"), ("volumes", "volumes/**/*"),
                        ("networks", "containers/networks/*/*")):
        found[name] = glob.glob(str(data / where), recursive=True)
    found["control groups"] = groups() - before["groups"]
    found["mounts"] = mounts() - before["mounts"]
    found["interfaces"] = set(os.listdir("/sys/class/net")) - before["interfaces"]
    found["supervisors"] = supervisors(data)
    return {name: sorted(map(str, things))[:5] for name, things in found.items() if things}


def groups():
    return {path for path in glob.glob("/sys/fs/cgroup/**/runwright/*", recursive=True) if os.path.isdir(path)}


def mounts():
    return {line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()}


def files(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


FAMILIES = ("true", "false", "sleep", "missing", "cannot-start", "volume", "isolated", "bridged", "chatty")


def register_all(server):
    server.register("true", [BUSYBOX, "true"])
    server.register("false", [BUSYBOX, "false"])
    server.register("sleep", [BUSYBOX, "sleep", "600"])
    server.register("missing", ["true"], image="127.0.0.1:1/missing")
    server.register("cannot-start", ["/no/such/program"])
    server.register("isolated", [BUSYBOX, "true"], networkMode="none")
    server.register("bridged", [BUSYBOX, "true"], networkMode="bridge")
    server.register("chatty", [BUSYBOX, "seq", "1", "20000"])
    container = {"name": "job", "image": "host", "memory": 64, "command": [BUSYBOX, "touch", "/data/file"],
                 "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}
    server.ecs.register_task_definition(family="volume", networkMode="host", containerDefinitions=[container], volumes=[{"name": "data"}])


def leaks(server, total):
    chance = random.Random(7)
    register_all(server)
    arns = server.run("true", 1) + server.run("bridged", 1)
    until(lambda: stopped(server, arns))
    # What a data directory has once and for all (its bridge) is no task's.
    before = {"groups": groups(), "mounts": mounts(), "interfaces": set(os.listdir("/sys/class/net"))}
    begun = list(arns)
    rounds = spread(total, 5)
    kills = {len(rounds) * place // (KILLS + 1) for place in range(1, KILLS + 1)}
    for place, count in enumerate(rounds):
        family = FAMILIES[place % len(FAMILIES)]
        arns = server.run(family, count)
        begun += arns
        for arn in arns:
            if family == "sleep" or chance.random() < 0.1:
                server.ecs.stop_task(task=arn)
        if place in kills:
            server.end(kill=True)
            server.start()
        # As many as the machine takes at once.
        until(lambda: len(server.arns("RUNNING")) < 40)
    assert until(lambda: not server.arns("RUNNING"), 300), "tasks do not stop"
    assert until(lambda: stopped(server, begun)), [task["lastStatus"] for task in server.tasks(begun)]
    left = until(lambda: not remains(server.data, before)) or remains(server.data, before)
    known = len(server.arns("STOPPED"))
    print(f"{len(begun)} tasks, {KILLS} kills of the server: {known} stopped tasks can be described; the server has {files(server)} open files, "
          f"{memory(server.process.pid)[0] / 1024:.0f} MiB resident")
    if left is not True:
        sys.exit(f"left behind: {left}")
    if known != len(begun):
        sys.exit(f"{len(begun) - known} tasks are not accounted for")
    print("nothing is left behind")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rate", "held", "leaks"])
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--binary", default=os.environ.get("RUNWRIGHT", ROOT / "target/release/runwright"))
    given = parser.parse_args()
    what, total = {"rate": (rate, 400), "held": (held, 50), "leaks": (leaks, 1000)}[given.what]
    if os.geteuid() != 0:
        sys.exit("containers need root")
    with tempfile.TemporaryDirectory() as home:
        server = Server(given.binary, pathlib.Path(home) / "data").start()
        try:
            server.ecs.create_cluster(clusterName="default")
            what(server, given.tasks or total)
        finally:
            server.end()


if __name__ == "__main__":
    main()
