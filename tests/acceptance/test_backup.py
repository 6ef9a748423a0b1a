"""runwright backup of a server under load, and what a server on the restored directory goes on with."""

import json
import os
import pathlib
import shutil
import subprocess
import threading

import pytest

from conftest import BINARY, Server, eventually, finished, role

# Too large to be kept in the store: a file beside it.
OBJECT = b"runwright " * 20_000


def runwright(*arguments, check=True):
    done = subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if check and done.returncode:
        raise AssertionError(f"runwright {arguments}: {done.stdout}{done.stderr}")
    return done


def machines(server):
    """A machine whose executions end at once, and one whose executions wait for half a minute."""
    arn, states = role(server.client("iam"), "backup"), server.client("stepfunctions")
    def machine(name, state):
        definition = {"StartAt": "S", "States": {"S": {**state, "End": True}}}
        return states.create_state_machine(name=name, roleArn=arn, definition=json.dumps(definition))["stateMachineArn"]
    return machine("passes", {"Type": "Pass"}), machine("waits", {"Type": "Wait", "Seconds": 20})


class Load:
    """Clients that start executions and replace objects until they are told to stop; they note what was acknowledged."""

    def __init__(self, server, machine):
        self.server, self.machine, self.stopped = server, machine, threading.Event()
        self.acknowledged, self.failures = [], []
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(4)]

    def run(self, number):
        states, s3, count = self.server.client("stepfunctions"), self.server.client("s3"), 0
        try:
            while not self.stopped.is_set():
                name = f"load-{number}-{count}"
                # The same key again and again: whatever a backup names, its file is about to be removed.
                s3.put_object(Bucket="backup", Key=f"changing-{number}", Body=OBJECT + name.encode())
                states.start_execution(stateMachineArn=self.machine, name=name)
                self.acknowledged.append(name)
                count += 1
        except Exception as error:
            self.failures.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def servers(tmp_path):
    started = []
    def start(name, *flags):
        started.append(Server(tmp_path / name, *flags).start())
        return started[-1]
    yield start
    for server in started:
        server.stop()


def executions(server, machine):
    pages = server.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine)
    return {execution["name"]: execution["status"] for page in pages for execution in page["executions"]}


def test_a_backup_under_load_has_all_that_was_acknowledged(servers, tmp_path):
    server = servers("data")
    passes, waits = machines(server)
    s3, states = server.client("s3"), server.client("stepfunctions")
    s3.create_bucket(Bucket="backup")
    s3.put_object(Bucket="backup", Key="kept", Body=OBJECT)
    waiting = [states.start_execution(stateMachineArn=waits, name=f"w{number}")["executionArn"] for number in range(20)]
    with Load(server, passes) as load:
        eventually(lambda: len(load.acknowledged) >= 100, what="a load")
        before = set(load.acknowledged)
        said = runwright("backup", tmp_path / "backup", "--data-dir", server.data_dir).stdout
        during = len(load.acknowledged) - len(before)
    assert not load.failures
    assert said.startswith(f"{tmp_path / 'backup'}: ") and during > 0, (said, during)
    # Nothing that happens to the server from here on is in it.
    late = states.start_execution(stateMachineArn=passes, name="late")["executionArn"]
    finished(states, late)
    server.kill()

    assert "is whole" in runwright("restore", "--check", tmp_path / "backup").stdout
    runwright("restore", tmp_path / "backup", "--data-dir", tmp_path / "restored")
    restored = servers("restored")
    kept = executions(restored, passes)
    assert before <= kept.keys(), sorted(before - kept.keys())[:5]
    assert "late" not in kept and set(kept.values()) == {"SUCCEEDED"}
    s3 = restored.client("s3")
    assert s3.get_object(Bucket="backup", Key="kept")["Body"].read() == OBJECT
    for listed in s3.list_objects_v2(Bucket="backup")["Contents"]:
        assert s3.get_object(Bucket="backup", Key=listed["Key"])["Body"].read().startswith(OBJECT)
    for execution in waiting:
        assert finished(restored.client("stepfunctions"), execution)["status"] == "SUCCEEDED"
    # The backup itself is as it was: a second restore works as the first.
    assert "is whole" in runwright("restore", "--check", tmp_path / "backup").stdout


def test_a_data_directory_is_copied_without_a_server_too(servers, tmp_path):
    server = servers("data")
    passes, _ = machines(server)
    execution = server.client("stepfunctions").start_execution(stateMachineArn=passes, name="e")["executionArn"]
    finished(server.client("stepfunctions"), execution)
    server.stop()
    runwright("backup", tmp_path / "backup", "--data-dir", server.data_dir)
    refused = runwright("backup", tmp_path / "backup", "--data-dir", server.data_dir, check=False)
    assert refused.returncode == 2 and "exists and is not empty" in refused.stderr
    runwright("restore", tmp_path / "backup", "--data-dir", tmp_path / "restored")
    assert executions(servers("restored"), passes) == {"e": "SUCCEEDED"}


def spoil_content(backup):
    file = backup / "store" / "store.sqlite"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def spoil_manifest(change):
    def spoil(backup):
        manifest = json.loads((backup / "manifest.json").read_text())
        change(manifest)
        (backup / "manifest.json").write_text(json.dumps(manifest))
    return spoil


def outside(manifest):
    manifest["files"][0]["path"] = "../../etc/passwd"


DAMAGES = [
    (spoil_content, "the backup is damaged: the checksum of store/store.sqlite is not that of the manifest"),
    (lambda backup: (backup / "connections.key").write_bytes(b"short"), "connections.key has 5 bytes and should have 32"),
    (lambda backup: (backup / "store" / "store.sqlite").unlink(), "the backup is damaged: store/store.sqlite is missing"),
    (lambda backup: (backup / "manifest.json").write_text("{"), "manifest.json is not a manifest"),
    (lambda backup: (backup / "manifest.json").unlink(), "is no backup, or one that was not finished"),
    (spoil_manifest(outside), "which is outside of it"),
    (spoil_manifest(lambda manifest: manifest.update(format=2, program="9.9.9")), "has format 2, made by runwright 9.9.9"),
    (spoil_manifest(lambda manifest: manifest.update(dataFormat=9, program="9.9.9")), "holds data of format 9"),
]


def test_what_is_damaged_or_newer_is_refused_and_leaves_nothing(servers, tmp_path):
    server = servers("data")
    server.stop()
    runwright("backup", tmp_path / "backup", "--data-dir", server.data_dir)
    for number, (spoil, sentence) in enumerate(DAMAGES):
        damaged = tmp_path / f"damaged-{number}"
        shutil.copytree(tmp_path / "backup", damaged)
        spoil(damaged)
        refused = runwright("restore", damaged, "--data-dir", tmp_path / "restored", check=False)
        assert refused.returncode == 2 and sentence in refused.stderr, refused.stderr
        assert not list(tmp_path.glob("restored*"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("precious")
    refused = runwright("restore", tmp_path / "backup", "--data-dir", tmp_path / "full", check=False)
    assert refused.returncode == 2 and "is not empty" in refused.stderr
    assert os.listdir(tmp_path / "full") == ["file"]


def test_a_newer_data_directory_is_refused(servers, tmp_path):
    server = servers("data")
    server.stop()
    (pathlib.Path(server.data_dir) / "format.toml").write_text('format = 7\nwritten-by = "9.9.9"\n')
    refused = runwright("serve", "--data-dir", server.data_dir, "--listen", "127.0.0.1:0", check=False)
    assert refused.returncode == 2 and "has format 7, written by runwright 9.9.9" in refused.stderr
    refused = runwright("backup", tmp_path / "backup", "--data-dir", server.data_dir, check=False)
    assert refused.returncode == 2 and "has format 7" in refused.stderr
