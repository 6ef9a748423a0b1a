"""Topics whose messages reach queues and an HTTP endpoint, published by an SDK and by a state machine."""

import http.server
import json
import queue
import threading
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from conftest import eventually, finished, role


class Subscriber:
    """An HTTP endpoint on a free port, which keeps what it is sent and answers with the statuses it is told, then 200."""

    def __init__(self):
        self.requests, self.statuses = queue.Queue(), queue.Queue()
        subscriber = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                try:
                    status = subscriber.statuses.get_nowait()
                except queue.Empty:
                    status = 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                subscriber.requests.put((dict(self.headers.items()), body))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/in"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        headers, body = self.requests.get(timeout=30)
        return {name.lower(): value for name, value in headers.items()}, body


@pytest.fixture
def subscriber():
    subscriber = Subscriber()
    yield subscriber
    subscriber.server.shutdown()


def new_queue(sqs, name, **attributes):
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def received(sqs, url, count=1):
    """So many messages of a queue, deleted."""
    found = []

    def enough():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, AttributeNames=["All"],
                                           MessageAttributeNames=["All"]).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(message)
        return len(found) >= count
    eventually(enough, what=f"{count} messages of {url}")
    return found


def followed(url):
    """The text behind a link, as a browser gets it: nothing is signed."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def test_queues_get_what_their_filter_policies_want(server):
    sns, sqs = server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="acceptance-queues")["TopicArn"]
    whole, whole_arn = new_queue(sqs, "acceptance-whole")
    raw, raw_arn = new_queue(sqs, "acceptance-raw")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=whole_arn)
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=raw_arn, Attributes={
        "RawMessageDelivery": "true", "FilterPolicy": json.dumps({"kind": ["order"]})})["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="nothing")
    attributes = {"kind": {"DataType": "String", "StringValue": "order"}, "data": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"}}
    published = sns.publish(TopicArn=topic, Message="one", Subject="subject", MessageAttributes=attributes)["MessageId"]
    batch = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
        {"Id": "a", "Message": "two", "MessageAttributes": attributes}, {"Id": "b", "Message": "three"}])
    assert [entry["Id"] for entry in batch["Successful"]] == ["a", "b"] and not batch.get("Failed")

    messages = received(sqs, raw, 2)
    assert sorted(message["Body"] for message in messages) == ["one", "two"]
    assert messages[0]["MessageAttributes"]["data"]["BinaryValue"] == b"\x02\x03\x04"
    envelopes = [json.loads(message["Body"]) for message in received(sqs, whole, 4)]
    one = next(envelope for envelope in envelopes if envelope["MessageId"] == published)
    assert (one["Type"], one["TopicArn"], one["Subject"], one["Message"]) == ("Notification", topic, "subject", "one")
    assert one["MessageAttributes"] == {"kind": {"Type": "String", "Value": "order"}, "data": {"Type": "Binary", "Value": "AgME"}}

    assert sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]["FilterPolicyScope"] == "MessageAttributes"
    with pytest.raises(ClientError) as refused:
        sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue='{"key":[["value"]]}')
    assert refused.value.response["Error"] == {
        "Type": "Sender", "Code": "InvalidParameter",
        "Message": "Invalid parameter: FilterPolicy: Match value must be String, number, true, false, or null\n at [Source: "
                   '(String)"{"key":[["value"]]}"; line: 1, column: 10]'}
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.publish(TopicArn=topic + "-not", Message="m")


def test_a_fifo_topic_keeps_the_order_of_its_groups(server):
    sns, sqs = server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="acceptance.fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"})["TopicArn"]
    url, arn = new_queue(sqs, "acceptance-topic.fifo", FifoQueue="true")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    numbers = [sns.publish(TopicArn=topic, Message=f"m{n}", MessageGroupId="g")["SequenceNumber"] for n in (0, 1, 2, 0, 3)]
    assert numbers[3] == numbers[0] and sorted(set(numbers)) == [*numbers[:3], numbers[4]]
    assert [message["Body"] for message in received(sqs, url, 4)] == ["m0", "m1", "m2", "m3"]


def test_an_http_endpoint_follows_the_links(server, subscriber):
    sns = server.client("sns")
    topic = sns.create_topic(Name="acceptance-http")["TopicArn"]
    policy = {"healthyRetryPolicy": {"numRetries": 3, "numNoDelayRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 1}}
    answer = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=subscriber.url, Attributes={"DeliveryPolicy": json.dumps(policy)})
    assert answer["SubscriptionArn"] == "pending confirmation"
    headers, body = subscriber.next()
    assert headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    arn = followed(json.loads(body)["SubscribeURL"]).partition("<SubscriptionArn>")[2].partition("<")[0]
    attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (attributes["PendingConfirmation"], attributes["ConfirmationWasAuthenticated"]) == ("false", "false")

    for status in (500, 503):
        subscriber.statuses.put(status)
    sns.publish(TopicArn=topic, Message="hello")
    for _ in range(3):
        headers, body = subscriber.next()
        assert (headers["x-amz-sns-message-type"], headers["x-amz-sns-subscription-arn"]) == ("Notification", arn)
    assert json.loads(body)["Message"] == "hello"

    followed(json.loads(body)["UnsubscribeURL"])
    headers, _ = subscriber.next()
    assert headers["x-amz-sns-message-type"] == "UnsubscribeConfirmation"
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    with pytest.raises(urllib.error.HTTPError) as refused:
        followed(f"{server.endpoint}/?Action=ListTopics&Version=2010-03-31")
    assert refused.value.code == 403


def test_a_state_machine_publishes(server):
    states, sns, sqs = server.client("stepfunctions"), server.client("sns"), server.client("sqs")
    topic = sns.create_topic(Name="acceptance-states")["TopicArn"]
    url, arn = new_queue(sqs, "acceptance-states")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    message = {"TopicArn": topic, "Message": {"token.$": "$$.Task.Token", "input.$": "$"}}
    definition = {"StartAt": "Say", "States": {
        "Say": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sns:publish", "Parameters": {"TopicArn": topic, "Message": "first"},
                "ResultPath": None, "Next": "Ask"},
        "Ask": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish.waitForTaskToken", "Parameters": message, "End": True}}}
    machine = states.create_state_machine(name="acceptance-sns", roleArn=role(server.client("iam"), "acceptance-sns"),
                                          definition=json.dumps(definition))["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"]
    texts = [json.loads(message["Body"])["Message"] for message in received(sqs, url, 2)]
    assert "first" in texts
    asked = json.loads(next(text for text in texts if text != "first"))
    assert asked["input"] == {"a": 1}
    states.send_task_success(taskToken=asked["token"], output='"done"')
    assert finished(states, execution)["output"] == '"done"'
