#!/usr/bin/env python3
"""Kills a server at random while a thousand schedules fire: each reaches its target, none of them twice.

    schedules.py [--binary PATH] [--schedules N] [--seconds S] [--kills N] [--seed N]

The schedules are due at seconds that chance chooses, each once; meanwhile the server is killed (SIGKILL) and started again, again and
again. Two in four start an execution, one sends a message to a queue, one to a queue that is not there, so that it comes to a dead-letter
queue. Afterwards what came is compared with the schedules. Prints what it found and how late executions started; exits
with 1 where one is missing or there is one too many.
"""
import argparse
import collections
import concurrent.futures
import datetime
import json
import os
import pathlib
import random
import sys
import tempfile
import time

import boto3
from botocore.config import Config

from server import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT, REGION = "000000000000", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/torture"
CLIENTS = 8
QUIET_SECONDS, PATIENCE_SECONDS = 2, 60


class World:
    """The server, its clients, and what the schedules start."""

    def __init__(self, server, port):
        self.server, self.port = server, port
        self.scheduler, self.states, self.sqs = (self.client(name) for name in ("scheduler", "stepfunctions", "sqs"))
        definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
        self.machine = self.states.create_state_machine(name="m", roleArn=ROLE, definition=definition)["stateMachineArn"]
        self.queues = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("queue", "dead")}
        self.known, self.found, self.lateness = set(), [], []

    def client(self, service):
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{self.port}", region_name=REGION, aws_access_key_id="test",
                            aws_secret_access_key="test",
                            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=CLIENTS))

    def create(self, number, due):
        """Creates the schedule of that number."""
        queue = lambda name: f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        dead = {"DeadLetterConfig": {"Arn": queue("dead")}}
        target = [{"Arn": self.machine}, {"Arn": self.machine}, {"Arn": queue("queue")}, {"Arn": queue("missing"), **dead}][number % 4]
        self.scheduler.create_schedule(Name=f"s{number:05}", ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
                                       FlexibleTimeWindow={"Mode": "OFF"},
                                       Target={**target, "RoleArn": ROLE, "Input": json.dumps({"s": number})})

    def look(self, due):
        """Adds what has come since the last look."""
        pages = self.states.get_paginator("list_executions").paginate(stateMachineArn=self.machine, maxResults=1000)
        fresh = [one for page in pages for one in page["executions"] if one["executionArn"] not in self.known]
        for execution in fresh:
            self.known.add(execution["executionArn"])
            number = json.loads(self.states.describe_execution(executionArn=execution["executionArn"])["input"])["s"]
            self.found.append(number)
            self.lateness.append((execution["startDate"] - due[number]).total_seconds())
        for url in self.queues.values():
            while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                self.found += [json.loads(one["Body"])["s"] for one in messages]
                entries = [{"Id": str(place), "ReceiptHandle": one["ReceiptHandle"]} for place, one in enumerate(messages)]
                self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def kill_until(server, chance, kills, end):
    """So many kills, spread over the time until then."""
    for left in range(kills, 0, -1):
        server.wait_until_it_listens()
        time.sleep(chance.uniform(0, 2 * max(0, end - time.monotonic()) / left))
        server.kill()
        server.start()
    server.wait_until_it_listens()


def fire(server, args):
    chance = random.Random(args.seed)
    world = World(server, args.port)
    # Late enough that all of them are there first.
    first = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(seconds=4 + args.schedules // 50)
    due = [first + datetime.timedelta(seconds=chance.randrange(args.seconds)) for _ in range(args.schedules)]
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(world.create, range(args.schedules), due))
    spare = (first - datetime.datetime.now(datetime.UTC)).total_seconds()
    assert spare > 0, "the schedules were not created in time"
    time.sleep(spare)
    kill_until(server, chance, args.kills, time.monotonic() + args.seconds)
    world = refreshed(world)
    patience, quiet_since, count = time.monotonic() + PATIENCE_SECONDS, time.monotonic(), -1
    while time.monotonic() < patience and (len(set(world.found)) < args.schedules or time.monotonic() - quiet_since < QUIET_SECONDS):
        world.look(due)
        if len(world.found) != count:
            count, quiet_since = len(world.found), time.monotonic()
        time.sleep(0.1)
    return world


def refreshed(world):
    """With connections to the server that lives now."""
    world.scheduler, world.states, world.sqs = (world.client(name) for name in ("scheduler", "stepfunctions", "sqs"))
    return world


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/runwright")
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20, help="over how many seconds they are due")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=4725)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="runwright-torture-") as data_dir:
        server = Server(args.binary, data_dir, args.port)
        server.start()
        server.wait_until_it_listens()
        try:
            world = fire(server, args)
        finally:
            server.kill()
    times = collections.Counter(world.found)
    lost = [number for number in range(args.schedules) if not times[number]]
    twice = [number for number, count in times.items() if count > 1]
    world.lateness.sort()
    print(f"{args.schedules} schedules, {args.kills} kills: {len(lost)} lost, {len(twice)} twice; executions started after "
          f"{world.lateness[0]:.2f} s (first), {world.lateness[len(world.lateness) // 2]:.2f} s (median), {world.lateness[-1]:.2f} s (last) (load {os.getloadavg()[0]:.1f})")
    if lost or twice:
        print("lost:", lost[:20], "twice:", twice[:20])
    return 1 if lost or twice else 0


if __name__ == "__main__":
    sys.exit(main())
