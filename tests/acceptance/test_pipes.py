"""Pipes: from a queue through a filter and a template to their targets, as AWS's SDK makes them; and kill -9 on the way."""

import collections
import http.server
import json
import threading

import pytest

from conftest import Server, eventually

ROLE = "arn:aws:iam::000000000000:role/pipe"
MESSAGES = 120
KILLS = 3


def queue(server, name, **attributes):
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def running(server, name):
    """Waits until the pipe runs."""
    pipes = server.client("pipes")
    eventually(lambda: pipes.describe_pipe(Name=name)["CurrentState"] == "RUNNING", what=f"{name} running")
    return pipes


def send(server, url, bodies):
    sqs = server.client("sqs")
    for first in range(0, len(bodies), 10):
        entries = [{"Id": str(at), "MessageBody": body} for at, body in enumerate(bodies[first:first + 10])]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")


def received(server, url, count):
    """The bodies of messages, once there are as many."""
    sqs, bodies = server.client("sqs"), []

    def enough():
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
        bodies.extend(message["Body"] for message in messages)
        return len(bodies) >= count
    eventually(enough, 30, f"{count} messages")
    return bodies


def left(server, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = server.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)


def machine(server, name, kind):
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    return server.client("stepfunctions").create_state_machine(
        name=name, roleArn=ROLE, definition=definition, type=kind)["stateMachineArn"]


def test_messages_are_filtered_and_transformed(server):
    (source, source_arn), (target, target_arn) = queue(server, "pipe-from"), queue(server, "pipe-to")
    created = server.client("pipes").create_pipe(
        Name="acceptance", Source=source_arn, Target=target_arn, RoleArn=ROLE, Tags={"team": "batch"},
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"kind": ["order"]}}'}]}},
        TargetParameters={"InputTemplate": '{"id": <$.body.id>, "pipe": "<aws.pipes.pipe-name>"}'})
    assert (created["CurrentState"], created["DesiredState"]) == ("CREATING", "RUNNING")
    pipes = running(server, "acceptance")
    send(server, source, [json.dumps({"kind": kind, "id": at}) for at, kind in enumerate(["order", "other", "order"])])
    bodies = received(server, target, 2)
    assert sorted(bodies) == ['{"id": 0, "pipe": "acceptance"}', '{"id": 2, "pipe": "acceptance"}']
    eventually(lambda: left(server, source) == 0, what="an empty source")
    assert [pipe["Name"] for pipe in pipes.list_pipes(NamePrefix="accept")["Pipes"]] == ["acceptance"]
    assert pipes.list_tags_for_resource(resourceArn=created["Arn"])["tags"] == {"team": "batch"}
    assert pipes.stop_pipe(Name="acceptance")["CurrentState"] == "STOPPING"
    eventually(lambda: pipes.describe_pipe(Name="acceptance")["CurrentState"] == "STOPPED", what="a stopped pipe")
    assert pipes.delete_pipe(Name="acceptance")["CurrentState"] == "DELETING"

    def is_gone():
        try:
            pipes.describe_pipe(Name="acceptance")
        except pipes.exceptions.NotFoundException:
            return True
    eventually(is_gone, what="a deleted pipe")
    with pytest.raises(pipes.exceptions.ValidationException, match="failed to satisfy constraint"):
        pipes.create_pipe(Name="no name!", Source=source_arn, Target=target_arn, RoleArn=ROLE)


def test_a_stack_has_a_pipe_from_an_enrichment_to_executions(server):
    template = {"Parameters": {"Size": {"Type": "Number", "Default": 2}}, "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Pipe": {"Type": "AWS::Pipes::Pipe", "Properties": {
            "Name": "stacked", "RoleArn": ROLE, "Source": {"Fn::GetAtt": ["Queue", "Arn"]}, "Tags": {"a": "1"},
            "SourceParameters": {"SqsQueueParameters": {"BatchSize": {"Ref": "Size"}}},
            "Enrichment": machine(server, "enriches", "EXPRESS"), "EnrichmentParameters": {"InputTemplate": '{"n": <$.body>}'},
            "Target": machine(server, "takes", "STANDARD"),
            "TargetParameters": {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}}}}},
        "Outputs": {"Url": {"Value": {"Ref": "Queue"}}, "Pipe": {"Value": {"Fn::GetAtt": ["Pipe", "Arn"]}}}}
    stacks = server.client("cloudformation")

    def ends(status):
        stack = stacks.describe_stacks(StackName="piped")["Stacks"][0]
        assert stack["StackStatus"] in (status, status.replace("COMPLETE", "IN_PROGRESS")), stack
        return stack if stack["StackStatus"] == status else None
    stacks.create_stack(StackName="piped", TemplateBody=json.dumps(template))
    stack = eventually(lambda: ends("CREATE_COMPLETE"), what="the stack")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    described = server.client("pipes").describe_pipe(Name="stacked")
    assert (described["Arn"], described["CurrentState"]) == (outputs["Pipe"], "RUNNING")
    assert described["Tags"]["a"] == "1" and described["Tags"]["aws:cloudformation:stack-name"] == "piped"
    assert described["SourceParameters"]["SqsQueueParameters"]["BatchSize"] == 2
    send(server, outputs["Url"], ["1", "2"])
    states, target = server.client("stepfunctions"), described["Target"]
    inputs = []

    def all_started():
        found = states.list_executions(stateMachineArn=target)["executions"]
        inputs[:] = [json.loads(states.describe_execution(executionArn=one["executionArn"])["input"]) for one in found]
        return sum(map(len, inputs)) >= 2
    eventually(all_started, what="executions")
    assert sorted(event["n"] for events in inputs for event in events) == [1, 2]
    stacks.delete_stack(StackName="piped")
    eventually(lambda: not server.client("pipes").list_pipes(NamePrefix="stacked")["Pipes"], what="a deleted pipe")


@pytest.fixture
def endpoint():
    """An HTTP endpoint that answers with what it was asked."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = json.dumps({"path": self.path, "key": self.headers["X-Key"], "body": json.loads(body)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listener.server_port}"
    listener.shutdown()


def test_an_api_destination_enriches(server, endpoint):
    events = server.client("events")
    connection = events.create_connection(Name="pipe", AuthorizationType="API_KEY", AuthParameters={
        "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}})["ConnectionArn"]
    destination = events.create_api_destination(
        Name="pipe", ConnectionArn=connection, InvocationEndpoint=f"{endpoint}/orders/*", HttpMethod="POST")["ApiDestinationArn"]
    (source, source_arn), (target, target_arn) = queue(server, "asks"), queue(server, "answers")
    server.client("pipes").create_pipe(
        Name="enriched", Source=source_arn, Target=target_arn, RoleArn=ROLE, Enrichment=destination,
        EnrichmentParameters={"InputTemplate": '{"n": <$.body.n>}', "HttpParameters": {"PathParameterValues": ["$.body.n"]}})
    running(server, "enriched")
    send(server, source, ['{"n": 7}'])
    body, = received(server, target, 1)
    assert json.loads(body) == {"path": "/orders/7", "key": "secret", "body": {"n": 7}}
    server.client("pipes").delete_pipe(Name="enriched")


def test_a_killed_server_loses_nothing_and_doubles_nothing(tmp_path):
    server = Server(tmp_path / "data").start()
    try:
        # What was received when the server died is visible again after a second.
        (source, source_arn), (target, target_arn) = queue(server, "from", VisibilityTimeout="1"), queue(server, "to")
        template = {"InputTemplate": "<$.body>"}
        server.client("pipes").create_pipe(Name="p", Source=source_arn, Target=target_arn, RoleArn=ROLE, TargetParameters=template)
        running(server, "p")
        path = [url.split("/", 3)[3] for url in (source, target)]
        for kill in range(KILLS):
            share = MESSAGES // KILLS
            send(server, f"{server.endpoint}/{path[0]}", [str(kill * share + at) for at in range(share)])
            server.kill()
            server.start()
        bodies = received(server, f"{server.endpoint}/{path[1]}", MESSAGES)
        eventually(lambda: left(server, f"{server.endpoint}/{path[0]}") == 0, what="an empty source")
        # All are taken out of sight: what is visible now would be another one.
        assert collections.Counter(bodies) == collections.Counter(map(str, range(MESSAGES)))
        messages = server.client("sqs").receive_message(QueueUrl=f"{server.endpoint}/{path[1]}").get("Messages", [])
        assert not messages
    finally:
        server.stop()
