"""Queues, as AWS's SDK and command line use them."""

import concurrent.futures
import datetime
import hashlib
import json
import re
import urllib.parse
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from conftest import eventually, finished, role


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


def form(server, path, **parameters):
    """What SDKs of before JSON send, and `curl --aws-sigv4`: a form, answered in XML."""
    request = AWSRequest("POST", server.endpoint + path, data=urllib.parse.urlencode(parameters),
                         headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    credentials = server.client("sqs")._request_signer._credentials
    SigV4Auth(credentials, "sqs", "us-east-1").add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    return answer.status_code, ElementTree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", answer.content))


def test_old_sdks_speak_forms(server):
    status, created = form(server, "/", Action="CreateQueue", Version="2012-11-05", QueueName="acceptance-forms",
                           **{"Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "60", "Tag.1.Key": "a", "Tag.1.Value": "b"})
    url = created.findtext("CreateQueueResult/QueueUrl")
    assert (status, url) == (200, f"{server.endpoint}/000000000000/acceptance-forms")
    path = url.removeprefix(server.endpoint)
    status, sent = form(server, path, Action="SendMessage", MessageBody="a & b", **{
        "MessageAttribute.1.Name": "n", "MessageAttribute.1.Value.DataType": "Number", "MessageAttribute.1.Value.StringValue": "7"})
    assert (status, sent.findtext("SendMessageResult/MD5OfMessageBody")) == (200, hashlib.md5(b"a & b").hexdigest())
    status, received = form(server, path, Action="ReceiveMessage", WaitTimeSeconds="5",
                            **{"AttributeName.1": "All", "MessageAttributeName.1": "All"})
    message, = received.findall("ReceiveMessageResult/Message")
    assert (message.findtext("Body"), message.findtext("MessageAttribute/Value/StringValue")) == ("a & b", "7")
    assert "ApproximateReceiveCount" in [each.findtext("Name") for each in message.findall("Attribute")]
    status, deleted = form(server, path, Action="DeleteMessageBatch", **{
        "DeleteMessageBatchRequestEntry.1.Id": "one", "DeleteMessageBatchRequestEntry.1.ReceiptHandle": message.findtext("ReceiptHandle"),
        "DeleteMessageBatchRequestEntry.2.Id": "two", "DeleteMessageBatchRequestEntry.2.ReceiptHandle": "garbage"})
    assert deleted.findtext("DeleteMessageBatchResult/DeleteMessageBatchResultEntry/Id") == "one"
    assert deleted.findtext("DeleteMessageBatchResult/BatchResultErrorEntry/Code") == "ReceiptHandleIsInvalid"
    assert server.client("sqs").list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}


def test_forms_are_refused_with_the_old_codes(server):
    status, error = form(server, "/000000000000/acceptance-none", Action="ReceiveMessage")
    assert (status, error.findtext("Error/Code")) == (400, "AWS.SimpleQueueService.NonExistentQueue")
    assert error.findtext("Error/Message") == "The specified queue does not exist for this wsdl version."
    status, error = form(server, "/", Action="ListQueues", MaxResults="0")
    assert (status, error.findtext("Error/Code")) == (400, "InvalidParameterValue")
    status, error = form(server, "/", Action="MakeTea")
    assert (status, error.findtext("Error/Code")) == (400, "InvalidAction")


def test_machines_rules_and_schedules_fill_a_fifo_queue(server):
    sqs, states, events, scheduler = (server.client(name) for name in ("sqs", "stepfunctions", "events", "scheduler"))
    filler = role(server.client("iam"), "acceptance-sqs")
    url = sqs.create_queue(QueueName="acceptance-filled.fifo", Attributes={
        "FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "600"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    definition = {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True,
        "Parameters": {"QueueUrl": url, "MessageGroupId": "states", "MessageBody": {"token.$": "$$.Task.Token"}}}}}
    machine = states.create_state_machine(name="acceptance-sqs", roleArn=filler, definition=json.dumps(definition))["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    events.put_rule(Name="acceptance-sqs", EventPattern='{"source": ["acceptance.sqs"]}')
    events.put_targets(Rule="acceptance-sqs", Targets=[
        {"Id": "q", "Arn": arn, "InputPath": "$.detail", "SqsParameters": {"MessageGroupId": "events"}}])
    events.put_events(Entries=[{"Source": "acceptance.sqs", "DetailType": "d", "Detail": '{"from": "events"}'}])
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    scheduler.create_schedule(Name="acceptance-sqs", ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})", FlexibleTimeWindow={"Mode": "OFF"},
                              Target={"Arn": arn, "RoleArn": filler, "Input": '{"from": "scheduler"}', "SqsParameters": {"MessageGroupId": "schedules"}})
    groups = {}
    def filled():
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"])
        groups.update({message["Attributes"]["MessageGroupId"]: json.loads(message["Body"]) for message in answer.get("Messages", [])})
        return len(groups) == 3
    eventually(filled, what="a message of each")
    assert (groups["events"], groups["schedules"]) == ({"from": "events"}, {"from": "scheduler"})
    states.send_task_success(taskToken=groups["states"]["token"], output='"answered"')
    assert finished(states, execution)["output"] == '"answered"'
