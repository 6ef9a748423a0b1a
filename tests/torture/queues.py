"""Kills the release binary at random moments while messages go through queues and topics, and checks what SQS and SNS promise.

    python tests/torture/queues.py --binary target/release/runwright --kills 40

A queue: what was acknowledged is received at least once, and once its deletion was acknowledged never again. A FIFO queue, whose
senders try again under the same deduplication id: each message once and in the order of its group, none before the ones
ahead of it are deleted. A topic with two queues, and a FIFO topic with a FIFO queue: each message in each queue once.
It prints its seed; `--seed` has the same pauses kept again.
"""

import argparse
import collections
import itertools
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

from client import Client, Lost, Refused
from kills import kill_at_random
from server import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT, REGION = "000000000000", "us-east-1"
SNS = "2010-03-31"
# A message whose receiver heard nothing is seen again after so long.
HIDDEN_SECONDS = "2"
GROUPS = ("a", "b", "c")
PATIENCE_SECONDS = 120
PAUSE_SECONDS = 0.01


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/runwright")
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--port", type=int, default=4723)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else time.time_ns() % 10**6
    data_dir = pathlib.Path(tempfile.mkdtemp(prefix="runwright-queues-"))
    server = Server(options.binary, data_dir, options.port)
    server.start()
    server.wait_until_it_listens()
    try:
        wrong = torture(server, options, seed)
    finally:
        server.stop()
    wrong += [f"the server said {count} times: {alarm}" for alarm, count in server.alarms.items() if "panicked" in alarm]
    for sentence in wrong[:40]:
        print("WRONG", sentence)
    if wrong:
        print(*list(server.said)[-20:], sep="\n  | ")
        sys.exit(f"{len(wrong)} findings with seed {seed}; the data stay in {data_dir}")
    shutil.rmtree(data_dir)
    print("0 lost, 0 doubled, 0 out of order")


def torture(server, options, seed):
    world = World(options.port)
    arrange(Client(options.port))
    plain, fifo = Plain(world), Fifo(world)
    topic = Topic(world, "t", ("t1", "t2"))
    ordered = OrderedTopic(world)
    senders = [plain.send, plain.send_batches, topic.publish, ordered.publish] + [lambda *of, group=group: fifo.send(*of, group) for group in GROUPS]
    receivers = [plain.receive] * 2 + [fifo.receive] * 2
    threads = [world.thread(work, seed + number, world.sending) for number, work in enumerate(senders)]
    others = [world.thread(work, seed + number, world.receiving) for number, work in enumerate(receivers)]
    began = time.monotonic()
    kill_at_random(server, seed, options.kills)
    world.sending.clear()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    for queue in (plain, fifo):
        until(lambda: not queue.missing())
    world.receiving.clear()
    for thread in others:
        thread.join()
    findings = [*world.wrong, *plain.check(), *fifo.check(), *topic.check(), *ordered.check()]
    print(f"seed {seed}: {options.kills} kills in {took:.0f} s; {world.lost} answers were lost; acknowledged: {len(plain.sent)} messages of a "
          f"queue ({len(plain.deleted)} deletions), {sum(fifo.sent.values())} of a FIFO queue, {len(topic.published)} of a topic, "
          f"{ordered.sent} of a FIFO topic (load {os.getloadavg()[0]:.1f})", flush=True)
    return findings


class World:
    """What all threads share."""

    def __init__(self, port):
        self.port, self.lock, self.wrong, self.lost = port, threading.Lock(), [], 0
        self.sending, self.receiving = threading.Event(), threading.Event()
        self.sending.set()
        self.receiving.set()

    def thread(self, work, seed, goes_on):
        """Does `work` again and again."""
        def go_on():
            client, chance = Client(self.port), random.Random(seed)
            while goes_on.is_set():
                work(client, chance)
                time.sleep(PAUSE_SECONDS)
        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        return thread

    def try_once(self, call, *arguments, **parameters):
        """The answer, or `None` where it was lost."""
        try:
            return call(*arguments, **parameters)
        except Lost:
            with self.lock:
                self.lost += 1
            time.sleep(0.02)
            return None

    def insist(self, call, *arguments, **parameters):
        """The answer, whatever it takes."""
        while (answer := self.try_once(call, *arguments, **parameters)) is None:
            pass
        return answer


def url(name):
    return f"http://127.0.0.1/{ACCOUNT}/{name}"


def arn(service, name):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def arrange(client):
    fifo, hidden = {"FifoQueue": "true"}, {"VisibilityTimeout": HIDDEN_SECONDS}
    for name, attributes in (("plain", hidden), ("q.fifo", {**fifo, **hidden}), ("t1", {}), ("t2", {}), ("o.fifo", fifo)):
        client.call("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
    attribute = lambda place, key, value: {f"Attributes.entry.{place}.key": key, f"Attributes.entry.{place}.value": value}
    client.query("sns", SNS, "CreateTopic", Name="t")
    client.query("sns", SNS, "CreateTopic", Name="o.fifo", **attribute(1, "FifoTopic", "true"))
    for topic, queue in (("t", "t1"), ("t", "t2"), ("o.fifo", "o.fifo")):
        client.query("sns", SNS, "Subscribe", TopicArn=arn("sns", topic), Protocol="sqs", Endpoint=arn("sqs", queue),
                     **attribute(1, "RawMessageDelivery", "true"))


def receive(client, name):
    return client.call("sqs", "ReceiveMessage", QueueUrl=url(name), MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])


def delete(client, name, message):
    client.call("sqs", "DeleteMessage", QueueUrl=url(name), ReceiptHandle=message["ReceiptHandle"])
    return True


class Plain:
    """A standard queue. Each attempt to send has messages of its own."""

    def __init__(self, world):
        self.world, self.sent, self.received, self.deleted, self.numbers = world, set(), set(), {}, itertools.count()

    def send(self, client, _chance):
        body = f"one-{next(self.numbers)}"
        if self.world.try_once(client.call, "sqs", "SendMessage", QueueUrl=url("plain"), MessageBody=body):
            self.sent.add(body)

    def send_batches(self, client, chance):
        bodies = [f"some-{next(self.numbers)}" for _ in range(chance.randint(1, 10))]
        entries = [{"Id": str(place), "MessageBody": body} for place, body in enumerate(bodies)]
        answer = self.world.try_once(client.call, "sqs", "SendMessageBatch", QueueUrl=url("plain"), Entries=entries)
        if answer:
            self.sent.update(bodies[int(one["Id"])] for one in answer["Successful"])

    def receive(self, client, chance):
        asked = time.monotonic()
        for message in self.world.try_once(receive, client, "plain") or []:
            body = message["Body"]
            self.received.add(body)
            if self.deleted.get(body, asked) < asked:
                self.world.wrong.append(f"queue: {body} was deleted, and is received again")
            # Some are looked at only; some by somebody who then goes away.
            fate = chance.random()
            if fate < 0.1:
                self.world.try_once(client.call, "sqs", "ChangeMessageVisibility", QueueUrl=url("plain"), VisibilityTimeout=0,
                                    ReceiptHandle=message["ReceiptHandle"])
            elif fate > 0.2 and self.world.try_once(delete, client, "plain", message):
                self.deleted[body] = time.monotonic()

    def missing(self):
        return self.sent - self.received

    def check(self):
        return [f"queue: {body} was acknowledged and is lost" for body in sorted(self.missing())]


class Fifo:
    """A FIFO queue with a sender for each group, who tries again until it is told that it has sent."""

    def __init__(self, world):
        self.world, self.sent = world, collections.Counter()
        # Of each message, when its deletion was acknowledged; and those whose deletion was asked for.
        self.deleted, self.asked = {}, set()

    def send(self, client, _chance, group):
        number = self.sent[group]
        self.world.insist(client.call, "sqs", "SendMessage", QueueUrl=url("q.fifo"), MessageBody=f"{group}-{number}", MessageGroupId=group,
                          MessageDeduplicationId=f"{group}-{number}")
        self.sent[group] += 1

    def receive(self, client, chance):
        began, before = time.monotonic(), set()
        stops = set()
        for message in self.world.try_once(receive, client, "q.fifo") or []:
            body = message["Body"]
            group, number = body.split("-")
            if self.deleted.get(body, began) < began:
                self.world.wrong.append(f"FIFO queue: {body} was deleted, and is received again")
            previous = f"{group}-{int(number) - 1}"
            if int(number) and previous not in self.asked | before:
                self.world.wrong.append(f"FIFO queue: {body} is received before {previous} is deleted")
            before.add(body)
            # Who does not delete one leaves the ones behind it alone.
            if group in stops or chance.random() < 0.05:
                stops.add(group)
                continue
            self.asked.add(body)
            if self.world.try_once(delete_in_time, client, "q.fifo", message):
                self.deleted[body] = time.monotonic()
            else:
                stops.add(group)

    def missing(self):
        return {f"{group}-{number}" for group in GROUPS for number in range(self.sent[group])} - self.asked

    def check(self):
        return [f"FIFO queue: {body} was acknowledged and is lost" for body in sorted(self.missing())]


def delete_in_time(client, name, message):
    """Whether the message is deleted; it is not where somebody may have received it again meanwhile."""
    try:
        return delete(client, name, message)
    except Refused:
        return None


class Topic:
    """A topic whose messages go to several queues. Each attempt to publish has a message of its own."""

    def __init__(self, world, name, queues):
        self.world, self.name, self.queues, self.published, self.numbers = world, name, queues, set(), itertools.count()

    def publish(self, client, _chance):
        body = f"m-{next(self.numbers)}"
        if self.world.try_once(client.query, "sns", SNS, "Publish", TopicArn=arn("sns", self.name), Message=body):
            self.published.add(body)

    def check(self):
        found = {queue: drained(self.world.port, queue, self.published) for queue in self.queues}
        everywhere = set().union(*found.values())
        for queue, bodies in found.items():
            counts = collections.Counter(bodies)
            yield from (f"topic: {body} is {count} times in {queue}" for body, count in counts.items() if count > 1)
            yield from (f"topic: {body} was acknowledged and is not in {queue}" for body in sorted(self.published - counts.keys()))
            yield from (f"topic: {body} is not in {queue}, but elsewhere" for body in sorted(everywhere - self.published - counts.keys()))


class OrderedTopic:
    """A FIFO topic with a FIFO queue, whose publisher tries again until it is told that it has published."""

    def __init__(self, world):
        self.world, self.sent = world, 0

    def publish(self, client, _chance):
        self.world.insist(client.query, "sns", SNS, "Publish", TopicArn=arn("sns", "o.fifo"), Message=str(self.sent), MessageGroupId="g",
                          MessageDeduplicationId=str(self.sent))
        self.sent += 1

    def check(self):
        expected = [str(number) for number in range(self.sent)]
        found = drained(self.world.port, "o.fifo", set(expected))
        if found != expected:
            place = next((place for place, pair in enumerate(zip(found, expected)) if pair[0] != pair[1]), min(len(found), len(expected)))
            yield f"FIFO topic: of {len(expected)} messages {len(found)} came; from {place} on {found[place:place + 5]} for {expected[place:place + 5]}"


def drained(port, name, expected):
    """The bodies of all messages of a queue, once those that are expected are among them and nothing comes any more."""
    client, bodies, deadline = Client(port), [], time.monotonic() + PATIENCE_SECONDS
    while True:
        messages = receive(client, name)
        bodies += [message["Body"] for message in messages]
        if messages:
            entries = [{"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]} for place, message in enumerate(messages)]
            client.call("sqs", "DeleteMessageBatch", QueueUrl=url(name), Entries=entries)
        elif not expected - set(bodies) or time.monotonic() > deadline:
            return bodies


def until(holds):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
