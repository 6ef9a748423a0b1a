"""Queues, as AWS's SDK and command line use them."""

import concurrent.futures
import json

import pytest
from botocore.exceptions import ClientError


def refused(call, **input):
    with pytest.raises(ClientError) as error:
        call(**input)
    return error.value.response


def aws(server, *arguments):
    # Version 1 of the CLI goes to an old address of SQS unless it is told the endpoint on its command line.
    return server.aws("--endpoint-url", server.endpoint, "sqs", *arguments)


def test_a_message_goes_through_a_queue(server):
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="acceptance")["QueueUrl"]
    assert url == f"{server.endpoint}/000000000000/acceptance"
    attributes = {"kind": {"DataType": "String", "StringValue": "greeting"}, "bytes": {"DataType": "Binary", "BinaryValue": b"\0\1"}}
    # The SDK itself compares the digests of what it sends and receives.
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello, wörld", MessageAttributes=attributes)
    message, = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], AttributeNames=["All"], WaitTimeSeconds=5)["Messages"]
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "hello, wörld")
    assert message["MessageAttributes"] == attributes
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    message, = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")


def test_errors_have_the_codes_of_both_protocols(server):
    sqs = server.client("sqs")
    response = refused(sqs.receive_message, QueueUrl=f"{server.endpoint}/000000000000/none")
    assert response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert response["Error"]["QueryErrorCode"] == "QueueDoesNotExist"
    assert response["Error"]["Message"] == "The specified queue does not exist."
    url = sqs.create_queue(QueueName="acceptance-errors")["QueueUrl"]
    response = refused(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11)
    assert (response["Error"]["Code"], response["Error"]["QueryErrorCode"]) == ("InvalidParameterValue", "InvalidParameterValueException")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid) as error:
        sqs.delete_message(QueueUrl=url, ReceiptHandle="garbage")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_who_waits_is_answered_when_a_message_comes(server):
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="acceptance-polling.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(server.client("sqs").receive_message, QueueUrl=url, WaitTimeSeconds=20)
        sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": str(number), "MessageBody": f"message {number}", "MessageGroupId": "group"} for number in range(3)])
        first = [message["Body"] for message in waiting.result(timeout=15)["Messages"]]
    assert first == ["message 0"]


def test_the_command_line_speaks_to_queues(server):
    created = json.loads(aws(server, "create-queue", "--queue-name", "acceptance-cli").stdout)
    url = created["QueueUrl"]
    aws(server, "send-message", "--queue-url", url, "--message-body", "from the command line")
    received = json.loads(aws(server, "receive-message", "--queue-url", url).stdout)
    assert received["Messages"][0]["Body"] == "from the command line"
    assert url in json.loads(aws(server, "list-queues", "--queue-name-prefix", "acceptance-cli").stdout)["QueueUrls"]
