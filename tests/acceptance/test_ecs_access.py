"""What a person does with running tasks, `runwright ecs`, and that no line of many containers that write at full speed is lost."""

import json
import os
import pty
import re
import select
import subprocess
import time

import pytest

from conftest import BINARY, Server, eventually

# A thousand by hand: RUNWRIGHT_LOGGING_CONTAINERS=1000.
CONTAINERS = int(os.environ.get("RUNWRIGHT_LOGGING_CONTAINERS", "50"))
LINES = 5000
FOREVER = "trap 'echo bye; exit 0' TERM; echo ready; while true; do sleep 0.1; done"


@pytest.fixture
def server(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    server = Server(tmp_path / "data").start()
    server.ecs, server.logs = server.client("ecs"), server.client("logs")
    server.ecs.create_cluster(clusterName="default")
    server.logs.create_log_group(logGroupName="/access")
    yield server
    # Containers outlive their server.
    tasks = server.ecs.list_tasks()["taskArns"]
    for arn in tasks:
        server.ecs.stop_task(task=arn)
    eventually(lambda: all(task["lastStatus"] == "STOPPED" for arn in tasks for task in server.ecs.describe_tasks(tasks=[arn])["tasks"]),
               60, "the tasks to end")
    server.stop()


def register(server, family, *containers):
    """A task definition of this machine's shell; `awslogs` where a container says so."""
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "/access", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}}
    server.ecs.register_task_definition(family=family, networkMode="host", containerDefinitions=[
        {"name": name, "image": "host", "memory": 64, "stopTimeout": 2, "essential": place == 0, "command": ["sh", "-c", script]}
        | ({"logConfiguration": logs} if awslogs else {}) for place, (name, script, awslogs) in enumerate(containers)])


def run(server, family):
    arn = server.ecs.run_task(taskDefinition=family)["tasks"][0]["taskArn"]
    eventually(lambda: server.ecs.describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"] == "RUNNING")
    return arn


def ecs(server, *words, **more):
    command = [str(BINARY), "ecs", "--data-dir", str(server.data_dir), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)


def test_ps_shows_tasks(server):
    register(server, "two", ("app", FOREVER, False), ("side", "exit 3", False))
    arn = run(server, "two")
    eventually(lambda: "side exited 3" in ecs(server, "ps").stdout)
    head, line = ecs(server, "ps").stdout.splitlines()
    assert head.split() == ["TASK", "CLUSTER", "DEFINITION", "STATUS", "CREATED", "CONTAINERS"]
    assert line.startswith(arn.rsplit("/")[-1][:12]) and line.endswith("app running, side exited 3")
    assert line.index("default") == head.index("CLUSTER") and line.index("two:1") == head.index("DEFINITION")
    assert json.loads(ecs(server, "ps", "--json").stdout)[0]["taskArn"] == arn
    server.ecs.stop_task(task=arn, reason="enough")
    eventually(lambda: len(ecs(server, "ps").stdout.splitlines()) == 1)
    eventually(lambda: "STOPPED" in ecs(server, "ps", "-a").stdout)
    assert ecs(server, "ps", "--all").stdout.rstrip().endswith("- enough")


def test_logs_are_followed_to_the_end(server):
    register(server, "both", ("shipped", FOREVER, True), ("kept", "echo one; echo two >&2; printf three; sleep 600", False))
    arn = run(server, "both")
    id = arn.rsplit("/")[-1]
    eventually(lambda: ecs(server, "logs", id[:8]).stdout.count("|") == 3)
    assert sorted(ecs(server, "logs", arn).stdout.splitlines()) == ["kept    | one", "kept    | two", "shipped | ready"]
    assert ecs(server, "logs", id, "--container", "kept").stdout == "one\ntwo\n"
    following = subprocess.Popen([str(BINARY), "ecs", "--data-dir", str(server.data_dir), "logs", "-f", "-c", "shipped", id],
                                 stdout=subprocess.PIPE, text=True)
    assert following.stdout.readline() == "ready\n"
    server.ecs.stop_task(task=arn)
    assert following.communicate(timeout=60)[0] == "bye\n"
    assert following.returncode == 0


def test_exec_is_the_command(server):
    register(server, "one", ("app", FOREVER, False))
    id = run(server, "one").rsplit("/")[-1]
    done = ecs(server, "exec", id[:6], "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert ecs(server, "exec", "-i", id, "--", "cat", input="piped\n" * 20000).stdout == "piped\n" * 20000
    assert ecs(server, "exec", "-e", "A=b c", id, "--", "sh", "-c", "echo $A").stdout == "b c\n"
    assert ecs(server, "exec", id, "--", "sh", "-c", "kill -9 $$").returncode == 137
    assert ecs(server, "exec", id, "--", "no-such-program").returncode == 127
    for words, reason in ((("exec", "nope", "--", "true"), "neither a task's ARN nor"), (("exec", "0" * 32, "--", "true"), "there is no task"),
                          (("exec", "-c", "other", id, "--", "true"), "has no container other"), (("exec", "-t", id, "--", "true"), "not a terminal")):
        refused = ecs(server, *words, stdin=subprocess.DEVNULL)
        assert refused.returncode == 125 and reason in refused.stderr, (words, refused)


def test_exec_ends_with_its_person(server):
    register(server, "one", ("app", FOREVER, False))
    id = run(server, "one").rsplit("/")[-1]
    mark = f"{time.time_ns() % 10**9}.5"
    person = subprocess.Popen([str(BINARY), "ecs", "--data-dir", str(server.data_dir), "exec", id, "--", "sleep", mark])
    eventually(lambda: subprocess.run(["pgrep", "-f", f"^sleep {mark}"], stdout=subprocess.DEVNULL).returncode == 0)
    person.kill()
    person.wait()
    eventually(lambda: subprocess.run(["pgrep", "-f", f"^sleep {mark}"], stdout=subprocess.DEVNULL).returncode == 1)


def test_exec_ends_with_its_server(server):
    register(server, "one", ("app", FOREVER, False))
    id = run(server, "one").rsplit("/")[-1]
    mark = f"{time.time_ns() % 10**9}.3"
    runs = lambda: subprocess.run(["pgrep", "-f", f"^sleep {mark}"], stdout=subprocess.DEVNULL).returncode == 0
    person = subprocess.Popen([str(BINARY), "ecs", "--data-dir", str(server.data_dir), "exec", id, "--", "sleep", mark],
                              stderr=subprocess.DEVNULL)
    eventually(runs)
    server.kill()
    eventually(lambda: not runs())
    assert person.wait(timeout=30) == 125
    # The task itself is taken over.
    server.start()
    assert ecs(server, "exec", id, "--", "true").returncode == 0


def is_in_front(pattern):
    """Whether a process with such a command line has its terminal's foreground."""
    for pid in subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True).stdout.split():
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        if fields[2] == fields[5]:
            return True
    return False


def test_exec_on_a_terminal(server):
    register(server, "one", ("app", FOREVER, False))
    id = run(server, "one").rsplit("/")[-1]
    person, terminal = pty.fork()
    if person == 0:
        os.execv(BINARY, [str(BINARY), "ecs", "--data-dir", str(server.data_dir), "exec", "-it", id, "--", "sh"])
    seen = b""

    def shows(pattern):
        nonlocal seen
        deadline = time.monotonic() + 30
        while not re.search(pattern, seen) and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                seen += os.read(terminal, 4096)
        assert re.search(pattern, seen), seen
        seen = b""

    shows(rb"[#$] $")
    mark = f"{time.time_ns() % 10**9}.7"
    os.write(terminal, f"tty; sleep {mark}\n".encode())
    shows(rb"/dev/pts/\d+\r\n")
    # Before the shell has given it the terminal, the key would be the shell's.
    eventually(lambda: is_in_front(f"^sleep {mark}"))
    os.write(terminal, b"\x03")
    shows(rb"[#$] $")
    os.write(terminal, b"exit 9\n")
    assert os.waitstatus_to_exitcode(os.waitpid(person, 0)[1]) == 9
    os.close(terminal)


def test_no_line_of_many_containers_is_lost(server):
    register(server, "loud", ("app", f"seq 1 {LINES}; head -c 300000 /dev/zero | tr '\\0' x; echo; echo last", True))
    arns = []
    while len(arns) < CONTAINERS:
        count = min(10, CONTAINERS - len(arns))
        arns += [task["taskArn"] for task in server.ecs.run_task(taskDefinition="loud", count=count)["tasks"]]

    def stopped():
        some = (server.ecs.describe_tasks(tasks=arns[first:first + 100])["tasks"] for first in range(0, len(arns), 100))
        return all(task["lastStatus"] == "STOPPED" for tasks in some for task in tasks)

    eventually(stopped, 60 + CONTAINERS)
    # AWS's longest event: a longer line goes on in the next one.
    longest = 256 * 1024 - 26
    expected = [str(number) for number in range(1, LINES + 1)] + ["x" * longest, "x" * (300000 - longest), "last"]
    for arn in arns:
        name, token, lines = f"p/app/{arn.rsplit('/')[-1]}", None, []
        while True:
            more = {"nextToken": token} if token else {}
            page = server.logs.get_log_events(logGroupName="/access", logStreamName=name, startFromHead=True, **more)
            lines += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == token:
                break
            token = page["nextForwardToken"]
        assert lines == expected, (arn, len(lines))
