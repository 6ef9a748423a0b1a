#!/usr/bin/env python3
"""How late schedules fire that are all due at the same minute.

    schedules.py [--binary PATH] [--schedules N]

Creates N schedules (10,000) that start executions, due at the next full minute that leaves time to create them, on one server over
HTTP. Prints how late the executions started: the median, the 99th percentile, and the last one.
"""
import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import sys
import tempfile
import time

import boto3
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/torture"))
from server import Server  # noqa: E402

ROLE = "arn:aws:iam::000000000000:role/measure"
PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
WANTED_SECONDS = 5


def client(service, port):
    return boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="test",
                        aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 1}))


def create(port, machine, numbers, due):
    """Creates the schedules of these numbers."""
    scheduler = client("scheduler", port)
    for number in numbers:
        scheduler.create_schedule(
            Name=f"s{number:05}", ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})", FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": machine, "RoleArn": ROLE, "Input": json.dumps({"s": number, "due": "<aws.scheduler.scheduled-time>"})})


def executions(states, machine):
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, maxResults=1000)
    return [execution for page in pages for execution in page["executions"]]


def measure(port, count):
    """When the executions of so many schedules of one minute started, after it."""
    states = client("stepfunctions", port)
    machine = states.create_state_machine(name="m", roleArn=ROLE, definition=json.dumps(PASS))["stateMachineArn"]
    began = time.monotonic()
    now = datetime.datetime.now(datetime.UTC)
    due = now.replace(second=0, microsecond=0) + datetime.timedelta(minutes=2 + count // 12_000)
    chunks = [range(first, min(first + 500, count)) for first in range(0, count, 500)]
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        for job in [pool.submit(create, port, machine, numbers, due) for numbers in chunks]:
            job.result()
    print(f"{count} schedules created in {time.monotonic() - began:.1f} s")
    if (left := (due - datetime.datetime.now(datetime.UTC)).total_seconds()) < 0:
        sys.exit("they were due before all of them were there")
    time.sleep(left)
    patience = time.monotonic() + 120
    while len(found := executions(states, machine)) < count and time.monotonic() < patience:
        time.sleep(1)
    return sorted((execution["startDate"] - due).total_seconds() for execution in found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/runwright")
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--port", type=int, default=4726)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="runwright-schedules-") as data_dir:
        server = Server(args.binary, data_dir, args.port)
        server.start()
        server.wait_until_it_listens()
        try:
            late = measure(args.port, args.schedules)
        finally:
            server.kill()
    print(f"{len(late)} executions started {late[len(late) // 2]:.2f} s (median), {late[int(len(late) * 0.99)]:.2f} s (p99), "
          f"{late[-1]:.2f} s (last) after their minute; wanted: all within {WANTED_SECONDS} s; load {os.getloadavg()[0]:.1f}")
    return 0 if len(late) == args.schedules and late[-1] <= WANTED_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
