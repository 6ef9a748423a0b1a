#!/usr/bin/env python3
"""Measures events: PutEvents over HTTP, one matching rule, one SQS target; everything durable before it is answered.

    cargo build --release
    benches/events.py                        # as fast as it can, then 1,000 events a second with their latencies
    benches/events.py --seconds 20 --rate 2000

The client is in Python, on the same machine: it takes its share of the CPUs, which is printed beside the server's.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/torture"))

from client import Client  # noqa: E402
from server import Server  # noqa: E402

ACCOUNT, REGION, BATCH = "000000000000", "us-east-1", 10
DETAIL = {"order": 4711, "customer": "c-" + "0" * 32, "items": [{"sku": f"sku-{n}", "count": n} for n in range(8)], "note": "x" * 300}


def main():
    options = arguments()
    data_dir = pathlib.Path(tempfile.mkdtemp(prefix="runwright-events-", dir=options.data_dir))
    server = Server(options.binary, data_dir, options.port)
    server.start()
    server.wait_until_it_listens()
    try:
        client = Client(options.port)
        arrange(client)
        print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, an event of about {len(json.dumps(DETAIL)) + 200} bytes")
        if not options.only_rate:
            throughput(client, server, options)
        latency(client, server, options)
    finally:
        server.stop()
        shutil.rmtree(data_dir)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/runwright")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--rate", type=int, default=1000, help="events a second whose latencies are measured")
    parser.add_argument("--only-rate", action="store_true")
    parser.add_argument("--port", type=int, default=4724)
    parser.add_argument("--data-dir", help="the disk [default: the directory of temporary files]")
    return parser.parse_args()


def arrange(client):
    client.call("sqs", "CreateQueue", QueueName="bench")
    client.call("events", "PutRule", Name="bench", EventPattern=json.dumps({"source": ["bench"]}))
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:bench"
    client.call("events", "PutTargets", Rule="bench", Targets=[{"Id": "1", "Arn": arn}])


def url():
    return f"http://127.0.0.1/{ACCOUNT}/bench"


def put(client):
    detail = json.dumps({**DETAIL, "sent": time.time()})
    answer = client.call("events", "PutEvents", Entries=[{"Source": "bench", "DetailType": "t", "Detail": detail}] * BATCH)
    assert answer["FailedEntryCount"] == 0, answer


def arrived(client):
    answer = client.call("sqs", "GetQueueAttributes", QueueUrl=url(), AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def throughput(client, server, options):
    """As many threads as there are put events one batch after the other; then all must have come."""
    put(client)
    until(lambda: arrived(client) == BATCH)
    counts, over = [0] * options.threads, time.monotonic() + options.seconds

    def work(thread):
        while time.monotonic() < over:
            put(client)
            counts[thread] += BATCH

    began, before = time.monotonic(), cpu(server)
    run([threading.Thread(target=work, args=(thread,)) for thread in range(options.threads)])
    accepted, events = time.monotonic() - began, sum(counts)
    until(lambda: arrived(client) == events + BATCH)
    took = time.monotonic() - began
    ours, client_cpu = (after - earlier for after, earlier in zip(cpu(server), before))
    print(f"PutEvents, {options.threads} clients: {events / accepted:,.0f} events/s accepted, {events / took:,.0f} events/s delivered "
          f"({events} events; the last came {took - accepted:.2f} s after the last answer)")
    print(f"  CPU: the server {ours / events * 1e6:.0f} us an event ({ours / took:.2f} CPUs), this client {client_cpu / took:.2f} CPUs")
    client.call("sqs", "PurgeQueue", QueueUrl=url())


def latency(client, server, options):
    """A batch each so many milliseconds; others receive, and see how old each message is."""
    while client.call("sqs", "ReceiveMessage", QueueUrl=url(), MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
        pass
    ages, over, lock = [], threading.Event(), threading.Lock()

    def receive():
        while not over.is_set():
            messages = client.call("sqs", "ReceiveMessage", QueueUrl=url(), MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
            now = time.time()
            with lock:
                ages.extend(now - json.loads(one["Body"])["detail"]["sent"] for one in messages)
            if messages:
                entries = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(messages)]
                client.call("sqs", "DeleteMessageBatch", QueueUrl=url(), Entries=entries)

    batches = int(options.seconds * options.rate / BATCH)
    began, next_batch, place = time.monotonic(), threading.Lock(), iter(range(batches))

    def send():
        while True:
            with next_batch:
                number = next(place, None)
            if number is None:
                return
            time.sleep(max(0, began + number * BATCH / options.rate - time.monotonic()))
            put(client)

    receivers = [threading.Thread(target=receive) for _ in range(4)]
    for receiver in receivers:
        receiver.start()
    run([threading.Thread(target=send) for _ in range(4)])
    took = time.monotonic() - began
    until(lambda: len(ages) >= batches * BATCH)
    over.set()
    for receiver in receivers:
        receiver.join()
    ages.sort()
    at = lambda part: ages[min(int(len(ages) * part), len(ages) - 1)] * 1000
    print(f"{len(ages)} events at {batches * BATCH / took:,.0f} a second, from before PutEvents until a client has the message: "
          f"p50 {at(.5):.1f} ms, p99 {at(.99):.1f} ms, max {ages[-1] * 1000:.0f} ms")


def run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def until(holds, seconds=120):
    give_up = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > give_up:
            sys.exit("what was waited for has not come")
        time.sleep(0.005)


def cpu(server):
    """Seconds of CPU time of the server, and of this process."""
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    own = os.times()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), own.user + own.system


if __name__ == "__main__":
    main()
