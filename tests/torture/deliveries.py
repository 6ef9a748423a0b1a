"""Kills the release binary at random moments while events go to targets of every kind, and checks that each came.

    python tests/torture/deliveries.py --binary target/release/runwright --events 1000 --kills 30

Each event is twelve deliveries: to queues, a FIFO queue, a topic with a queue and an HTTP endpoint, a log group, a state machine,
another bus with a rule of its own, an API destination that fails at first; and to a queue that does not exist and an API
destination that always fails, whose events must come to their dead-letter queues. Messages are received and deleted while the
server is killed. An event is there exactly once; at least once in
the log group and at the endpoints. An attempt to put events whose answer was lost is made anew with ids of its own; its
events may be nowhere or, like the others, everywhere. It prints its seed; `--seed` has the same pauses kept again.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time

from client import Client, Lost
from endpoint import Endpoint
from kills import kill_at_random
from server import Server
from targets import AT_LEAST_ONCE, DELIVERIES, Targets

ROOT = pathlib.Path(__file__).resolve().parents[2]
THREADS = 4
# How long nothing has to come any more until everything is said to have come, and how long all of it may take.
QUIET_SECONDS, PATIENCE_SECONDS = 2, 180


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
    parser.add_argument("--events", type=int, default=1000, help=f"each is {DELIVERIES} deliveries")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--port", type=int, default=4722)
    return parser.parse_args()


def deliver(server, options, seed):
    targets = Targets(options.port, Endpoint())
    client, ledger = Client(options.port), Ledger()
    share = -(-options.events // THREADS)
    # As long as there are kills there are events.
    pause = options.kills * 0.4 / max(1, share / 10)
    readers = targets.readers()
    for reader in readers.values():
        if reader.is_early:
            reader.start(options.port)
    threads = [threading.Thread(target=put, args=(client, ledger, number, share, pause), daemon=True) for number in range(THREADS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    kill_at_random(server, seed, options.kills)
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    found = everything(readers, options.port, ledger)
    print(f"seed {seed}: {options.kills} kills in {took:.0f} s; {ledger.lost} answers were lost; {len(ledger.acknowledged)} events "
          f"acknowledged, {len(ledger.in_doubt)} in doubt; {sum(map(len, found.values()))} deliveries came, the last "
          f"{time.monotonic() - began - took - QUIET_SECONDS:.1f} s after the last event (load {os.getloadavg()[0]:.1f})", flush=True)
    print("  repeated:", {name: len(ids) - len(set(ids)) for name, ids in found.items() if name in AT_LEAST_ONCE})
    wrong = compare(found, ledger)
    return wrong + [f"the server said {count} times: {alarm}" for alarm, count in server.alarms.items() if "panicked" in alarm]


class Ledger:
    """What was acknowledged, and what may have been served."""

    def __init__(self):
        self.lock, self.acknowledged, self.in_doubt, self.lost = threading.Lock(), set(), set(), 0


def put(client, ledger, thread, count, pause):
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
        time.sleep(pause)


def everything(readers, port, ledger):
    """What has come to each target, once nothing comes any more."""
    for reader in readers.values():
        if not reader.is_early:
            reader.start(port)
    deadline, count, quiet_since = time.monotonic() + PATIENCE_SECONDS, -1, time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.1)
        found = [set(reader.found) for reader in readers.values()]
        expected = ledger.acknowledged.union(*found)
        now = sum(len(reader.found) for reader in readers.values())
        if now != count or any(expected - ids for ids in found):
            count, quiet_since = now, time.monotonic()
        elif time.monotonic() - quiet_since > QUIET_SECONDS:
            break
    for reader in readers.values():
        reader.stop()
    return {name: reader.found for name, reader in readers.items()}


def compare(found, ledger):
    wrong = []
    known = ledger.acknowledged | ledger.in_doubt
    accepted = ledger.acknowledged.union(*found.values())
    for name, ids in found.items():
        counts = collections.Counter(ids)
        if name not in AT_LEAST_ONCE:
            wrong += [f"{name}: {one} is there {count} times" for one, count in counts.items() if count > 1]
        wrong += [f"{name}: {one} was acknowledged and is lost" for one in sorted(ledger.acknowledged - counts.keys())]
        wrong += [f"{name}: {one} came to others only" for one in sorted(accepted - ledger.acknowledged - counts.keys())]
        wrong += [f"{name}: {one} was never put" for one in sorted(counts.keys() - known)]
    return wrong


if __name__ == "__main__":
    main()
