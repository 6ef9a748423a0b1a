"""Everything that the events of `deliveries.py` are delivered to, and what of them has come there."""

import functools
import json
import threading
import time
import urllib.request

import boto3
from botocore.config import Config

from client import Client, Lost
from stack import EVERYTHING, TRUST

ACCOUNT, REGION = "000000000000", "us-east-1"
OURS = json.dumps({"source": ["torture"]})
# How often a delivery is made for each event: nine by targets of the rule's bus, one of another bus, two by a topic.
DELIVERIES = 12
# Where a repetition cannot be told from another event.
AT_LEAST_ONCE = {"log group", "api destination", "topic to http"}


def arn(service, resource):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


class Targets:
    """Made before the first kill; read after the last."""

    def __init__(self, port, endpoint):
        self.port, self.endpoint = port, endpoint
        self.build_role()
        self.build_queues()
        self.build_topic()
        self.build_others()
        self.build_rules()

    @functools.cache
    def boto(self, service):
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{self.port}", region_name=REGION, aws_access_key_id="test",
                            aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 3}, inject_host_prefix=False))

    def build_role(self):
        iam = self.boto("iam")
        trust = json.loads(json.dumps(TRUST))
        self.role = iam.create_role(RoleName="torture", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName="torture", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))

    def build_queues(self):
        sqs = self.boto("sqs")
        for name in ("queue", "dead", "refused", "crossed", "fanned"):
            sqs.create_queue(QueueName=name)
        sqs.create_queue(QueueName="queue.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})

    def build_topic(self):
        sns = self.boto("sns")
        topic = sns.create_topic(Name="fan")["TopicArn"]
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("sqs", "fanned"), Attributes=raw)
        retries = {"numRetries": 50, "numNoDelayRetries": 0, "minDelayTarget": 1, "maxDelayTarget": 1, "numMinDelayRetries": 50}
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{self.endpoint.url}/topic",
                      Attributes={**raw, "DeliveryPolicy": json.dumps({"healthyRetryPolicy": retries})})
        deadline = time.monotonic() + 30
        while not self.endpoint.confirmations:
            assert time.monotonic() < deadline, "the topic asks for no confirmation"
            time.sleep(0.01)
        urllib.request.urlopen(self.endpoint.confirmations.popleft()).read()

    def build_others(self):
        machine = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}
        made = self.boto("stepfunctions").create_state_machine(name="machine", roleArn=self.role, definition=json.dumps(machine))
        self.machine = made["stateMachineArn"]
        self.boto("logs").create_log_group(logGroupName="/torture")
        events = self.boto("events")
        events.create_event_bus(Name="second")
        key = {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "secret"}}
        connection = events.create_connection(Name="torture", AuthorizationType="API_KEY", AuthParameters=key)["ConnectionArn"]
        self.destinations = {
            name: events.create_api_destination(Name=name, ConnectionArn=connection, HttpMethod="POST", InvocationRateLimitPerSecond=300,
                                                InvocationEndpoint=f"{self.endpoint.url}/{name}")["ApiDestinationArn"]
            for name in ("accepts", "refuses")}

    def build_rules(self):
        dead = lambda name: {"DeadLetterConfig": {"Arn": arn("sqs", name)}}
        to_queues = [
            {"Id": "queue", "Arn": arn("sqs", "queue")},
            {"Id": "missing", "Arn": arn("sqs", "missing"), **dead("dead")},
            {"Id": "fifo", "Arn": arn("sqs", "queue.fifo"), "SqsParameters": {"MessageGroupId": "one"}},
            {"Id": "topic", "Arn": arn("sns", "fan")},
            {"Id": "log", "Arn": arn("logs", "log-group:/torture")},
        ]
        to_others = [
            {"Id": "machine", "Arn": self.machine, "RoleArn": self.role},
            {"Id": "bus", "Arn": arn("events", "event-bus/second"), "RoleArn": self.role},
            {"Id": "accepts", "Arn": self.destinations["accepts"], "RoleArn": self.role},
            {"Id": "refuses", "Arn": self.destinations["refuses"], "RoleArn": self.role, "RetryPolicy": {"MaximumRetryAttempts": 1},
             **dead("refused")},
        ]
        crossed = [{"Id": "queue", "Arn": arn("sqs", "crossed")}]
        events = self.boto("events")
        for bus, rule, targets in (("default", "queues", to_queues), ("default", "others", to_others), ("second", "crossed", crossed)):
            events.put_rule(Name=rule, EventBusName=bus, EventPattern=OURS)
            # A bus hands whole events over.
            targets = [target if target["Id"] == "bus" else {**target, "InputPath": "$.detail"} for target in targets]
            answer = events.put_targets(Rule=rule, EventBusName=bus, Targets=targets)
            assert answer["FailedEntryCount"] == 0, answer

    def readers(self):
        """Who reads what has come, by the name of the target; all of them go on until told to stop."""
        queues = {"queue": "queue", "dead letters": "dead", "fifo queue": "queue.fifo", "topic to queue": "fanned",
                  "other bus": "crossed", "api destination's dead letters": "refused"}
        return {
            **{name: Reader(self.new_messages(queue), is_early=True) for name, queue in queues.items()},
            "state machine": Reader(self.new_executions(set())),
            "log group": Reader(self.new_log_events(set())),
            "api destination": Reader(self.new_requests("accepts")),
            "topic to http": Reader(self.new_requests("topic")),
        }

    def new_messages(self, queue):
        """Receives messages of a queue and deletes them. One whose deletion was lost comes again, as the message that it was."""
        url, known = f"http://127.0.0.1/{ACCOUNT}/{queue}", set()

        def read(client, found):
            # Long enough to be deleted; what a lost answer held is soon there again.
            asked = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "VisibilityTimeout": 5}
            messages = client.call("sqs", "ReceiveMessage", QueueUrl=url, **asked).get("Messages", [])
            found += [identity(one["Body"]) for one in messages if one["MessageId"] not in known]
            known.update(one["MessageId"] for one in messages)
            if messages:
                entries = [{"Id": str(place), "ReceiptHandle": one["ReceiptHandle"]} for place, one in enumerate(messages)]
                client.call("sqs", "DeleteMessageBatch", QueueUrl=url, Entries=entries)
        return read

    def new_executions(self, known):
        def read(client, found):
            token = {}
            while token is not None:
                page = client.call("states", "ListExecutions", stateMachineArn=self.machine, maxResults=1000, **token)
                fresh = [one["executionArn"] for one in page["executions"] if one["executionArn"] not in known]
                known.update(fresh)
                found += [identity(client.call("states", "DescribeExecution", executionArn=one)["input"]) for one in fresh]
                token = {"nextToken": page["nextToken"]} if page.get("nextToken") else None
            time.sleep(0.2)
        return read

    def new_log_events(self, known):
        def read(client, found):
            token = {}
            while token is not None:
                page = client.call("logs", "FilterLogEvents", logGroupName="/torture", **token)
                fresh = {one["eventId"]: identity(one["message"]) for one in page["events"] if one["eventId"] not in known}
                known.update(fresh)
                found += fresh.values()
                token = {"nextToken": page["nextToken"]} if page.get("nextToken") else None
            time.sleep(0.2)
        return read

    def new_requests(self, path):
        read = 0

        def more(_client, found):
            nonlocal read
            fresh = self.endpoint.ids(path)[read:]
            read += len(fresh)
            found += fresh
            time.sleep(0.1)
        return more


def identity(text):
    """The id in an event's detail, or in the event."""
    body = json.loads(text)
    return (body.get("detail") or body)["id"]


class Reader:
    """Reads again and again, in a thread of its own; an early one also while the server is killed."""

    def __init__(self, read, is_early=False):
        self.read, self.found, self.over, self.thread, self.is_early = read, [], threading.Event(), None, is_early

    def start(self, port):
        self.thread = threading.Thread(target=self.go_on, args=(Client(port),), daemon=True)
        self.thread.start()

    def go_on(self, client):
        while not self.over.is_set():
            try:
                self.read(client, self.found)
            except Lost:
                time.sleep(0.05)

    def stop(self):
        self.over.set()
        self.thread.join()
