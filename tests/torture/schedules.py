#!/usr/bin/env python3
"""Kills a server at random while a thousand schedules fire: each starts its execution, none of them twice.

    schedules.py [--binary PATH] [--schedules N] [--seconds S] [--seed N]

The schedules are due at seconds that chance chooses, each once; meanwhile the server is killed (SIGKILL) and started again, again and
again. Afterwards the executions of the machine are compared with the schedules. Prints what it found and how late
executions started; exits with 1 where one is missing or there is one too many.
"""
import argparse
import collections
import concurrent.futures
import datetime
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import boto3
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/torture"


class Server:
    """`runwright serve` on one data directory and one port, through all its lives."""

    def __init__(self, binary, data_dir):
        self.binary, self.data_dir, self.port, self.process = binary, data_dir, 0, None

    def start(self):
        command = [self.binary, "serve", "--dev", "--data-dir", self.data_dir, "--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(r"listens on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return
        sys.exit(f"the server ended with {self.process.wait()}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def client(self, service):
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{self.port}", region_name="us-east-1", aws_access_key_id="test",
                            aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 1}))


def create(server, machine, number, due):
    """Creates the schedule of that number."""
    server.client("scheduler").create_schedule(
        Name=f"s{number:05}", ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": machine, "RoleArn": ROLE, "Input": json.dumps({"s": number, "due": "<aws.scheduler.scheduled-time>"})})


def executions(server, machine):
    pages = server.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine, maxResults=1000)
    return [execution for page in pages for execution in page["executions"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/runwright")
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20, help="over how many seconds they are due")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="runwright-torture-") as data_dir:
        server = Server(args.binary, data_dir)
        server.start()
        machine = server.client("stepfunctions").create_state_machine(
            name="m", roleArn=ROLE, definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}))["stateMachineArn"]
        # Late enough that all of them are there first.
        first = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(seconds=10 + args.schedules / 100)
        due = [first + datetime.timedelta(seconds=chance.randrange(args.seconds)) for _ in range(args.schedules)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: create(server, machine, number, due[number]), range(args.schedules)))
        assert datetime.datetime.now(datetime.UTC) < first, "the schedules were not created in time"
        time.sleep((first - datetime.datetime.now(datetime.UTC)).total_seconds())
        kills, end = 0, time.monotonic() + args.seconds
        while time.monotonic() < end:
            time.sleep(chance.uniform(0.05, 1.2))
            server.kill()
            server.start()
            kills += 1
        patience = time.monotonic() + 60
        while len(found := executions(server, machine)) < args.schedules and time.monotonic() < patience:
            time.sleep(0.5)
        time.sleep(2)
        found = executions(server, machine)
        states, lateness, times = server.client("stepfunctions"), [], collections.Counter()
        for execution in found:
            number = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])["s"]
            times[number] += 1
            lateness.append((execution["startDate"] - due[number]).total_seconds())
        server.kill()
    lost = [number for number in range(args.schedules) if not times[number]]
    twice = [number for number, count in times.items() if count > 1]
    lateness.sort()
    print(f"{args.schedules} schedules, {kills} kills: {len(lost)} lost, {len(twice)} twice; "
          f"started after {lateness[len(lateness) // 2]:.2f} s (median), {lateness[-1]:.2f} s (last)")
    return 1 if lost or twice else 0


if __name__ == "__main__":
    sys.exit(main())
