"""Tasks through RunTask over HTTP: how many a second, what one that runs holds of ours, and that nothing is left of them.

    tasks.py rate  [--tasks 400]    tasks that run `true`, started by several clients at once
    tasks.py held  [--tasks 50]     resident and proportional memory of the server and of the supervisors of tasks that sleep
    tasks.py leaks [--tasks 1000]   tasks that end, fail, are stopped, cannot start; the server is killed meanwhile; then
                                    everything that a task could leave behind is looked for. Exits with 1 if it finds any.
                                    With --networks every second task has a network of its own, with ports of this machine.
    tasks.py logs  [--tasks 100] [--lines 5000]
                                    containers that write as fast as they can, long lines too, at once: exits with 1 unless
                                    every line is in its stream once and in order

Needs root: the embedded driver runs the containers. The binary is `--binary`, else the release build.
"""

import argparse
import collections
import concurrent.futures
import functools
import glob
import os
import pathlib
import random
import re
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
# What one event takes at most.
EVENT_BYTES = 262118


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
        self.ecs, self.logs = (boto3.client(service, endpoint_url=f"http://127.0.0.1:{self.port}", region_name="us-east-1", config=config,
                                            aws_access_key_id="test", aws_secret_access_key="test") for service in ("ecs", "logs"))
        return self

    def end(self, kill=False):
        self.process.kill() if kill else self.process.terminate()
        self.process.wait()
        self.drain.wait()

    def register(self, family, command, image="host", **more):
        container = {"name": "job", "image": image, "command": command, "memory": more.pop("memory", 64)}
        for name in ("portMappings", "logConfiguration"):
            if name in more:
                container[name] = more.pop(name)
        self.ecs.register_task_definition(family=family, networkMode=more.pop("networkMode", "host"),
                                          containerDefinitions=[container], **more)

    def run(self, family, count):
        network = {"awsvpcConfiguration": {"subnets": [self.subnet()]}} if family.startswith("awsvpc") else None
        answer = self.ecs.run_task(taskDefinition=family, count=count, **({"networkConfiguration": network} if network else {}))
        assert not answer["failures"], answer["failures"]
        return [task["taskArn"] for task in answer["tasks"]]

    @functools.cache
    def subnet(self):
        ec2 = boto3.client("ec2", endpoint_url=f"http://127.0.0.1:{self.port}", region_name="us-east-1",
                           aws_access_key_id="test", aws_secret_access_key="test")
        return ec2.describe_subnets()["Subnets"][0]["SubnetId"]

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


def rate(server, given):
    total = given.tasks
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


def held(server, given):
    total = given.tasks
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
    found["interfaces"] = interfaces(data) - before["interfaces"]
    found["ports"] = ports(data)
    found["supervisors"] = supervisors(data)
    return {name: sorted(map(str, things))[:5] for name, things in found.items() if things}


def groups():
    return {path for path in glob.glob("/sys/fs/cgroup/**/runwright/*", recursive=True) if os.path.isdir(path)}


def mounts():
    return {line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()}


def bridge(data):
    """The bridge of a data directory: the one that says so."""
    for path in glob.glob("/sys/class/net/rwb*/ifalias"):
        if str(data) in pathlib.Path(path).read_text():
            return path.split("/")[4]
    return None


def interfaces(data):
    """Those of this machine that are not another server's."""
    ours = bridge(data)
    masters = {path.split("/")[4]: os.path.basename(os.path.realpath(path)) for path in glob.glob("/sys/class/net/*/master")}
    others = {name for name in os.listdir("/sys/class/net") if name.startswith("rwb") and name != ours}
    return {name for name in os.listdir("/sys/class/net") if name not in others and masters.get(name) not in others}


def ports(data):
    """Ports of this machine that lead to tasks."""
    ours = bridge(data)
    if not ours or not shutil.which("nft"):
        return []
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout.split()
    listed = [subprocess.run(["nft", "list", "table", "ip", table], capture_output=True, text=True).stdout
              for table in tables if table.startswith(f"runwright-{ours[3:]}")]
    return [line.strip() for text in listed for line in text.splitlines() if re.search(r"elements|\d+ : \d+\.", line)]


def files(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


FAMILIES = ("true", "false", "sleep", "missing", "cannot-start", "volume", "isolated", "bridged", "chatty")


NETWORK_FAMILIES = ("awsvpc", "awsvpc-sleep", "bridge-ports", "bridge-sleep", "awsvpc-cannot-start")


def register_networks(server):
    mappings = [{"containerPort": 80, "hostPort": 0, "protocol": protocol} for protocol in ("tcp", "udp")]
    server.register("awsvpc", [BUSYBOX, "true"], networkMode="awsvpc")
    server.register("awsvpc-sleep", [BUSYBOX, "sleep", "600"], networkMode="awsvpc")
    server.register("bridge-ports", [BUSYBOX, "true"], networkMode="bridge", portMappings=mappings)
    server.register("bridge-sleep", [BUSYBOX, "sleep", "600"], networkMode="bridge", portMappings=mappings)
    server.register("awsvpc-cannot-start", ["/no/such/program"], networkMode="awsvpc")


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


def leaks(server, given):
    total, chance = given.tasks, random.Random(7)
    register_all(server)
    register_networks(server)
    families = [family for pair in zip(FAMILIES * 5, NETWORK_FAMILIES * 9) for family in pair] if given.networks else FAMILIES
    arns = server.run("true", 1) + server.run("bridged", 1)
    until(lambda: stopped(server, arns))
    # What a data directory has once and for all (its bridge) is no task's.
    before = {"groups": groups(), "mounts": mounts(), "interfaces": interfaces(server.data)}
    files_before, memory_before = files(server), memory(server.process.pid)[0]
    begun = list(arns)
    rounds = spread(total, 5)
    kills = {len(rounds) * place // (KILLS + 1) for place in range(1, KILLS + 1)}
    for place, count in enumerate(rounds):
        family = families[place % len(families)]
        arns = server.run(family, count)
        begun += arns
        for arn in arns:
            if family.endswith("sleep") or chance.random() < 0.1:
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
    print(f"{len(begun)} tasks, {KILLS} kills of the server: {known} stopped tasks can be described; the server has {files(server)} open files "
          f"(before: {files_before}), {memory(server.process.pid)[0] / 1024:.0f} MiB resident (before: {memory_before / 1024:.0f})")
    if left is not True:
        sys.exit(f"left behind: {left}")
    if known != len(begun):
        sys.exit(f"{len(begun) - known} tasks are not accounted for")
    print("nothing is left behind")


def loud_script(lines):
    """Counts as fast as it can, writes a line that takes three events, and counts on where it counted to standard error."""
    return f"{BUSYBOX} seq 1 {lines}; {BUSYBOX} head -c 600000 /dev/zero | {BUSYBOX} tr '\\0' x; echo; {BUSYBOX} seq 1 {lines} >&2"


def messages(server, stream):
    token, all_of_them = None, []
    while True:
        page = server.logs.get_log_events(logGroupName="/loud", logStreamName=stream, startFromHead=True,
                                          **({"nextToken": token} if token else {}))
        if page["nextForwardToken"] == token:
            return all_of_them
        token = page["nextForwardToken"]
        all_of_them += [event["message"] for event in page["events"]]


def is_whole(found, lines):
    """Whether everything is there once; standard output and standard error each in its order."""
    numbers = [str(number) for number in range(1, lines + 1)]
    long = [message for message in found if message.startswith("x")]
    counted = [message for message in found if not message.startswith("x")]
    return ([len(message) for message in long] == [EVENT_BYTES, EVENT_BYTES, 600000 - 2 * EVENT_BYTES]
            and collections.Counter(counted) == collections.Counter(numbers * 2)
            and [message for message in counted if message == numbers[0] or message == numbers[-1]].count(numbers[0]) == 2)


def logs(server, given):
    total, lines = given.tasks, given.lines
    server.logs.create_log_group(logGroupName="/loud")
    options = {"awslogs-group": "/loud", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "loud"}
    server.register("loud", ["/bin/sh", "-c", loud_script(lines)], memory=16,
                    logConfiguration={"logDriver": "awslogs", "options": options})
    before, peak, at_once = memory(server.process.pid)[0], 0, 0

    def look():
        nonlocal peak, at_once
        peak, at_once = max(peak, memory(server.process.pid)[0]), max(at_once, len(supervisors(server.data)))
    began, arns = time.perf_counter(), []
    for count in spread(total):
        arns += server.run("loud", count)
        look()
    while not stopped(server, arns):
        look()
        time.sleep(0.2)
        if time.perf_counter() - began > 1800:
            sys.exit("tasks do not stop")
    elapsed = time.perf_counter() - began
    broken = [arn for arn in arns if not is_whole(messages(server, f"loud/job/{arn.rsplit('/', 1)[-1]}"), lines)]
    events = total * (2 * lines + 3)
    print(f"{total} containers, up to {min(at_once, total)} at once, {events} events in {elapsed:.1f} s: {events / elapsed:.0f} events/s; the server was at "
          f"{before / 1024:.0f} MiB resident before and at most at {peak / 1024:.0f} (load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors)")
    if broken:
        sys.exit(f"{len(broken)} streams are not what was written: {broken[:5]}")
    print("nothing is lost, nothing is there twice")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rate", "held", "leaks", "logs"])
    parser.add_argument("--lines", type=int, default=5000)
    parser.add_argument("--networks", action="store_true")
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--binary", default=os.environ.get("RUNWRIGHT", ROOT / "target/release/runwright"))
    given = parser.parse_args()
    what, total = {"rate": (rate, 400), "held": (held, 50), "leaks": (leaks, 1000), "logs": (logs, 100)}[given.what]
    given.tasks = given.tasks or total
    if os.geteuid() != 0:
        sys.exit("containers need root")
    with tempfile.TemporaryDirectory() as home:
        server = Server(given.binary, pathlib.Path(home) / "data").start()
        try:
            server.ecs.create_cluster(clusterName="default")
            what(server, given)
        finally:
            server.end()


if __name__ == "__main__":
    main()
