"""A disk that is full, cannot be written, or has lost or changed bytes: a clear sentence, and nothing lost in silence.

What is in the data directory is found by looking, so that nothing here depends on how the store divides its files.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

from conftest import BINARY, Server, eventually, finished, role

PAGE = 8192
EXECUTIONS = 120


@pytest.fixture(autouse=True)
def root():
    if os.geteuid() != 0:
        pytest.skip("mounting and other users need root")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 48 MiB."""
    yield from mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=48m", "tmpfs")


def mounted(folder, *arguments):
    folder.mkdir()
    done = subprocess.run(["mount", *arguments, folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder):
    """Takes all the room there is."""
    file = os.open(folder / "filling", os.O_CREAT | os.O_WRONLY)
    for size in (1 << 20, 1 << 12, 1 << 8):
        try:
            while True:
                os.write(file, b"\xff" * size)
        except OSError:
            pass
    os.close(file)


def start(data_dir, **popen):
    """A server that should not start: its exit code and what it says, without colours."""
    command = [BINARY, "serve", "--dev", "--data-dir", data_dir, "--listen", "127.0.0.1:0"]
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True, errors="replace", **popen)
    try:
        said = process.communicate(timeout=20)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate()[1]
        raise AssertionError(f"it started:\n{said}") from None
    return process.returncode, re.sub(r"\x1b\[[0-9;]*m", "", said)


def refusal(data_dir, *words, **popen):
    """The last line of what a refused start says; what was found before it decided may stand above."""
    code, said = start(data_dir, **popen)
    print(said)
    assert code == 2, said
    line = said.strip().splitlines()[-1]
    assert line.startswith("runwright: ") and "panicked" not in line and "RUST_BACKTRACE" not in line
    for word in (str(data_dir), *words):
        assert word in line, line
    return line


def no_room(data_dir):
    line = refusal(data_dir)
    assert "disk is full" in line or "No space left" in line, line


def machine(server, definition):
    arn = role(server.client("iam"), "disk")
    return server.client("stepfunctions").create_state_machine(name="disk", roleArn=arn, definition=json.dumps(definition))["stateMachineArn"]


PASS = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
WAIT = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Pass"}, **PASS["States"]}}


def test_a_full_disk_refuses_writes_loses_nothing_and_may_be_freed(small_disk):
    server = Server(small_disk / "data").start()
    try:
        states = server.client("stepfunctions")
        arn = machine(server, WAIT)
        begin = lambda name, seconds, pad=0: states.start_execution(
            stateMachineArn=arn, name=name, input=json.dumps({"seconds": seconds, "pad": "x" * pad}))["executionArn"]
        # Some end while the disk is full, some after that.
        waiting = [begin(f"waiting-{number}", 2 + 4 * (number % 2)) for number in range(40)]
        fill(small_disk)
        kept, refused = [], None
        for number in range(4000):
            try:
                kept.append(begin(f"more-{number}", 1, 20000))
            except ClientError as error:
                refused = error.response
                break
        assert refused, "a full disk refused nothing"
        assert refused["ResponseMetadata"]["HTTPStatusCode"] >= 500
        assert "disk" in refused["Error"]["Message"] and "full" in refused["Error"]["Message"], refused["Error"]
        # Reads go on.
        assert states.describe_execution(executionArn=waiting[0])["status"] in ("RUNNING", "SUCCEEDED")
        time.sleep(3)
        (small_disk / "filling").unlink()
        again = eventually(lambda: attempt(lambda: begin("again", 0)), 30, "a start on the freed disk")
        for execution in [*waiting, *kept, again]:
            assert finished(states, execution, 60)["status"] == "SUCCEEDED", execution
        for execution in [*waiting, *kept]:
            assert len(states.get_execution_history(executionArn=execution)["events"]) == 6
    finally:
        server.stop()


def attempt(call):
    try:
        return call()
    except ClientError:
        return None


def test_a_start_on_a_full_disk(small_disk):
    """Either it serves what it has, or it says why not; when there is room it has everything."""
    server = Server(small_disk / "data").start()
    arns = filled(server)
    server.kill()
    fill(small_disk)
    for _ in range(3):
        try:
            server.start()
        except RuntimeError:
            no_room(server.data_dir)
        else:
            check(server, arns)
            server.kill()
    no_room(small_disk / "another")
    (small_disk / "filling").unlink()
    server.start()
    check(server, arns)
    server.stop()


def test_a_read_only_file_system(small_disk):
    server = Server(small_disk / "data").start()
    arns = filled(server)
    server.stop()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    refusal(server.data_dir, "ead-only")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    server.start()
    check(server, arns)
    server.stop()


def test_a_directory_of_another_user(tmp_path):
    server = Server(tmp_path / "data").start()
    arns = filled(server)
    server.stop()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder != pathlib.Path("/") and not folder.stat().st_mode & 0o001:
            folder.chmod(0o711)
    other = shutil.copy(BINARY, tmp_path / "runwright")
    said = subprocess.run([str(other), "serve", "--data-dir", str(server.data_dir), "--listen", "127.0.0.1:0"], user=65534, group=65534,
                          extra_groups=[], capture_output=True, text=True, timeout=20, env={"HOME": "/nonexistent", "PATH": os.environ["PATH"]})
    print(said.stderr)
    assert said.returncode == 2 and "ermission denied" in said.stderr and str(server.data_dir) in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1
    server.start()
    check(server, arns)
    server.stop()


def test_two_servers(tmp_path):
    first = Server(tmp_path / "data").start()
    arns = filled(first)
    line = refusal(first.data_dir, "in use", f"process {first.process.pid}")
    assert "--data-dir" in line
    check(first, arns)
    first.stop()


def test_a_newer_format(tmp_path):
    server = Server(tmp_path / "data").start()
    server.stop()
    database, = [file for file in files(server.data_dir) if sqlite(file)]
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    refusal(server.data_dir, "99", database.name)


def filled(server):
    """Executions that have ended, of all sizes."""
    states, arn = server.client("stepfunctions"), machine(server, PASS)
    arns = [states.start_execution(stateMachineArn=arn, name=f"e{number}", input=json.dumps({"n": "x" * (number * 37 % 4000)}))["executionArn"]
            for number in range(EXECUTIONS)]
    for execution in arns:
        finished(states, execution)
    return arns


def check(server, arns):
    missing = damage(server, arns)
    assert not missing, missing


def damage(server, arns):
    """Which executions are not wholly there, and what is answered in their place."""
    states, found = server.client("stepfunctions"), {}
    for number, arn in enumerate(arns):
        try:
            described = states.describe_execution(executionArn=arn)
            assert described["input"] == json.dumps({"n": "x" * (number * 37 % 4000)}) and described["status"] == "SUCCEEDED", described
            events = states.get_execution_history(executionArn=arn)["events"]
            assert [event["id"] for event in events] == [1, 2, 3, 4], events
        except ClientError as error:
            found[arn] = error.response["Error"]["Code"]
    return found


def files(data_dir):
    """The store's files, without those of containers, keys and objects."""
    return sorted(file for file in (data_dir / "store").rglob("*") if file.is_file())


def sqlite(file):
    return file.read_bytes()[:15] == b"SQLite format 3"


def flip(place, length):
    def change(file):
        size = file.stat().st_size
        at = max(0, place(size))
        with open(file, "r+b") as opened:
            opened.seek(at)
            old = opened.read(length)
            opened.seek(at)
            opened.write(bytes(byte ^ 0xFF for byte in old))
    return change


def end_of_what_was_written(file):
    """A file may end with zeros that were never used: the last byte that is not zero is the end."""
    return len(file.read_bytes().rstrip(b"\0"))


CHANGES = {
    "last page": flip(lambda size: size - PAGE, PAGE),
    "a page in the middle": flip(lambda size: size // 2 // PAGE * PAGE, PAGE),
    "the first bytes": flip(lambda size: 0, 64),
    "the last bytes written": lambda file: flip(lambda size: end_of_what_was_written(file) - 40, 32)(file),
    "bytes before the last ones written": lambda file: flip(lambda size: end_of_what_was_written(file) * 3 // 4, 32)(file),
    "cut by a page": lambda file: os.truncate(file, max(0, file.stat().st_size - PAGE)),
    "cut to a half": lambda file: os.truncate(file, file.stat().st_size // 2),
    "cut in what was written": lambda file: os.truncate(file, end_of_what_was_written(file) // 2),
    "emptied": lambda file: os.truncate(file, 0),
    "removed": os.remove,
}


@pytest.fixture(scope="module", params=["clean", "killed"])
def stopped(request, tmp_path_factory):
    """A data directory after a clean stop or a kill, and what was acknowledged in it."""
    folder = tmp_path_factory.mktemp("damage")
    server = Server(folder / "data").start()
    arns = filled(server)
    server.stop() if request.param == "clean" else server.kill()
    return request.param, server.data_dir, arns


@pytest.mark.parametrize("change", CHANGES)
def test_damaged_files(stopped, change, tmp_path):
    """Everything is there, or somebody is told: at the start, or by the answer about what cannot be read."""
    how, original, arns = stopped
    silent = []
    newest = max((file for file in files(original) if file.suffix == ".journal"), default=None)
    for file in files(original):
        data_dir = tmp_path / "data"
        shutil.rmtree(data_dir, ignore_errors=True)
        shutil.copytree(original, data_dir, ignore=shutil.ignore_patterns("*.sock"))
        CHANGES[change](data_dir / file.relative_to(original))
        server = Server(data_dir)
        try:
            server.start()
        except RuntimeError:
            refusal(data_dir, "store")
            continue
        found = damage(server, arns)
        server.stop()
        print(f"{how}: {file.name}: {change}: starts; {collections.Counter(found.values())}")
        lost = [arn for arn, code in found.items() if code == "ExecutionDoesNotExist"]
        # After a kill, damage at the end of the newest segment looks like the torn write that a kill may leave.
        if lost and not (how == "killed" and file == newest):
            silent.append(f"{file.name}: {change}: {len(lost)} executions are lost and nobody said so")
    assert not silent, silent
