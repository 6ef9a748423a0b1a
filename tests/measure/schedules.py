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
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/torture"))
from schedules import ROLE, Server, create, executions  # noqa: E402

WANTED_SECONDS = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/runwright")
    parser.add_argument("--schedules", type=int, default=10_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="runwright-schedules-") as data_dir:
        server = Server(args.binary, data_dir)
        server.start()
        machine = server.client("stepfunctions").create_state_machine(
            name="m", roleArn=ROLE, definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}))["stateMachineArn"]
        began = time.monotonic()
        now = datetime.datetime.now(datetime.UTC)
        due = now.replace(second=0, microsecond=0) + datetime.timedelta(minutes=2 + args.schedules // 12_000)
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            jobs = [pool.submit(create_some, server.port, machine, numbers, due) for numbers in chunks(args.schedules)]
            for job in jobs:
                job.result()
        print(f"{args.schedules} schedules created in {time.monotonic() - began:.1f} s")
        if (left := (due - datetime.datetime.now(datetime.UTC)).total_seconds()) < 0:
            sys.exit("they were due before all of them were there")
        time.sleep(left)
        patience = time.monotonic() + 120
        while len(found := executions(server, machine)) < args.schedules and time.monotonic() < patience:
            time.sleep(1)
        server.kill()
    late = sorted((execution["startDate"] - due).total_seconds() for execution in found)
    print(f"{len(late)} executions started {late[len(late) // 2]:.2f} s (median), {late[int(len(late) * 0.99)]:.2f} s (p99), "
          f"{late[-1]:.2f} s (last) after their minute; wanted: all within {WANTED_SECONDS} s")
    return 0 if len(late) == args.schedules and late[-1] <= WANTED_SECONDS else 1


def chunks(count, size=500):
    return [range(first, min(first + size, count)) for first in range(0, count, size)]


def create_some(port, machine, numbers, due):
    server = Server(None, None)
    server.port = port
    client = server.client("scheduler")
    server.client = lambda _: client
    for number in numbers:
        create(server, machine, number, due)


if __name__ == "__main__":
    sys.exit(main())
