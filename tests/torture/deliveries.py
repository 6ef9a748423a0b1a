"""Kills the release binary at random moments while events go to queues, and checks that each is there exactly once.

    python tests/torture/deliveries.py --binary target/release/runwright --events 5000

One rule has two targets: a queue, and a queue that does not exist, whose events must come to its dead-letter queue. So
each event is two deliveries. An attempt to put events whose answer was lost is made anew with ids of its own; its events may
be there, at most once. It prints its seed; `--seed` has the same pauses kept again.
"""

import argparse
import collections
import json
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

from client import Client, Lost
from server import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT, REGION = "000000000000", "us-east-1"
THREADS = 4
# How long nothing has to come any more until everything is said to have come.
QUIET_SECONDS = 5


def main():
    options = arguments()
    seed = options.seed if options.seed is not None else time.time_ns() % 10**6
    data_dir = pathlib.Path(tempfile.mkdtemp(prefix="runwright-deliveries-"))
    server = Server(options.binary, data_dir, options.port)
    server.start()
    server.wait_until_it_listens()
    try:
        wrong = deliver(server, options, seed)
    finally:
        server.stop()
    for sentence in wrong[:40]:
        print("WRONG", sentence)
    if wrong:
        print(*list(server.said)[-20:], sep="\n  | ")
        sys.exit(f"{len(wrong)} findings with seed {seed}; the data stay in {data_dir}")
    shutil.rmtree(data_dir)
    print("0 lost, 0 doubled")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/runwright")
    parser.add_argument("--events", type=int, default=5000, help="each is two deliveries")
    parser.add_argument("--kills", type=int, default=30, help="at most so many")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--port", type=int, default=4722)
    return parser.parse_args()


def deliver(server, options, seed):
    client = Client(options.port)
    arrange(client)
    ledger = Ledger()
    share = options.events // THREADS
    threads = [threading.Thread(target=put, args=(client, ledger, number, share), daemon=True) for number in range(THREADS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    kills = kill_at_random(server, threads, random.Random(seed), options.kills)
    for thread in threads:
        thread.join()
    client = Client(options.port)  # The other one's connection is to a server that was killed.
    found = {name: drain(client, name) for name in ("torture", "dead")}
    print(f"seed {seed}: {kills} kills in {time.monotonic() - began:.0f} s; {ledger.lost} answers were lost; "
          f"{len(ledger.acknowledged)} events acknowledged, {len(ledger.in_doubt)} in doubt", flush=True)
    wrong = [sentence for name, events in found.items() for sentence in compare(name, events, ledger)]
    return wrong + [f"the server said {count} times: {alarm}" for alarm, count in server.alarms.items() if "panicked" in alarm]


class Ledger:
    """What was acknowledged, and what may have been served."""

    def __init__(self):
        self.lock, self.acknowledged, self.in_doubt, self.lost = threading.Lock(), set(), set(), 0


def arrange(client):
    for name in ("torture", "dead"):
        client.call("sqs", "CreateQueue", QueueName=name)
    client.call("events", "PutRule", Name="torture", EventPattern=json.dumps({"source": ["torture"]}))
    answer = client.call("events", "PutTargets", Rule="torture", Targets=[
        {"Id": "queue", "Arn": queue_arn("torture"), "InputPath": "$.detail"},
        {"Id": "missing", "Arn": queue_arn("missing"), "Input": "{}", "DeadLetterConfig": {"Arn": queue_arn("dead")}},
    ])
    assert answer["FailedEntryCount"] == 0, answer


def queue_arn(name):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def put(client, ledger, thread, count):
    done, attempt = 0, 0
    while done < count:
        ids = [f"{thread}-{attempt}-{place}" for place in range(min(10, count - done))]
        attempt += 1
        entries = [{"Source": "torture", "DetailType": "t", "Detail": json.dumps({"id": one})} for one in ids]
        try:
            answer = client.call("events", "PutEvents", Entries=entries)
        except Lost:
            with ledger.lock:
                ledger.in_doubt.update(ids)
                ledger.lost += 1
            time.sleep(0.02)
            continue
        assert answer["FailedEntryCount"] == 0, answer
        with ledger.lock:
            ledger.acknowledged.update(ids)
        done += len(ids)
        time.sleep(0.01)


def kill_at_random(server, threads, chance, kills):
    for number in range(kills):
        server.wait_until_it_listens()
        time.sleep(chance.uniform(0.02, 0.6))
        if not any(thread.is_alive() for thread in threads):
            return number
        server.kill()
        server.start()
    server.wait_until_it_listens()
    return kills


def drain(client, name):
    """The ids of all messages of a queue, until none has come for a while."""
    found, quiet_since = [], time.monotonic()
    url = f"http://127.0.0.1/{ACCOUNT}/{name}"
    while time.monotonic() - quiet_since < QUIET_SECONDS:
        messages = client.call("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        if not messages:
            continue
        quiet_since = time.monotonic()
        entries = [{"Id": str(place), "ReceiptHandle": one["ReceiptHandle"]} for place, one in enumerate(messages)]
        client.call("sqs", "DeleteMessageBatch", QueueUrl=url, Entries=entries)
        bodies = [json.loads(one["Body"]) for one in messages]
        # A dead letter is the event; the other queue's messages are its detail.
        found += [(body.get("detail") or body)["id"] for body in bodies]
    return found


def compare(name, found, ledger):
    counts = collections.Counter(found)
    yield from (f"{name}: {one} is there {count} times" for one, count in counts.items() if count > 1)
    yield from (f"{name}: {one} was acknowledged and is lost" for one in sorted(ledger.acknowledged - counts.keys()))
    yield from (f"{name}: {one} was never put" for one in sorted(counts.keys() - ledger.acknowledged - ledger.in_doubt))


if __name__ == "__main__":
    main()
