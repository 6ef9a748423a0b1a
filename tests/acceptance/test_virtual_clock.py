"""`serve --clock virtual` and `runwright clock`: a day in seconds, in order, and twice the same."""

import datetime
import json
import subprocess
import tempfile
import urllib.error
import urllib.request

import pytest

from conftest import BINARY, Server, role

START = "2026-10-24T12:00:00Z"
MACHINE = {"StartAt": "Hours", "States": {
    "Hours": {"Type": "Wait", "Seconds": 3 * 3600, "Next": "Fails"},
    "Fails": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:describeStateMachine",
              "Parameters": {"StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:none"}, "End": True,
              "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 600, "MaxAttempts": 2, "BackoffRate": 2.0}],
              "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}]},
    "Done": {"Type": "Succeed"}}}


def clock(server, *arguments, check=True):
    done = subprocess.run([str(BINARY), "clock", *arguments, "--data-dir", str(server.data_dir)], capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, done.stderr
    return done


def deploy(server):
    """A machine that waits three hours and retries for half an hour, started by a rule, a schedule in Berlin and a rate."""
    arn = role(server.client("iam"), "clock")
    machine = server.client("stepfunctions").create_state_machine(
        name="slow", definition=json.dumps(MACHINE), roleArn=arn)["stateMachineArn"]
    events, scheduler = server.client("events"), server.client("scheduler")
    events.put_rule(Name="evening", ScheduleExpression="cron(0 18,20 * * ? *)")
    events.put_targets(Rule="evening", Targets=[{"Id": "1", "Arn": machine, "RoleArn": arn}])
    target = {"Arn": machine, "RoleArn": arn, "Input": "{}"}
    # Clocks in Berlin go back at 3:00 on the 25th: half past two comes twice, and is due the first time only.
    scheduler.create_schedule(Name="berlin", ScheduleExpression="cron(30 2 * * ? *)", ScheduleExpressionTimezone="Europe/Berlin",
                              FlexibleTimeWindow={"Mode": "OFF"}, Target=target)
    scheduler.create_schedule(Name="once", ScheduleExpression="at(2026-10-25T07:00:00)", ActionAfterCompletion="DELETE",
                              FlexibleTimeWindow={"Mode": "OFF"}, Target=target)


def day(data_dir):
    """What a day brings: times and words, without what is made up."""
    server = Server(data_dir, "--clock", f"virtual:{START}").start()
    try:
        deploy(server)
        lines = [json.loads(line) for line in clock(server, "advance", "24h", "--json").stdout.splitlines()]
        for line in lines:
            line.pop("execution", None)
        assert clock(server, "now").stdout == "2026-10-25T12:00:00.000Z\n"
        listed = server.client("scheduler").list_schedules()["Schedules"]
        assert [schedule["Name"] for schedule in listed] == ["berlin"]
        executions = server.client("stepfunctions").list_executions(
            stateMachineArn="arn:aws:states:us-east-1:000000000000:stateMachine:slow")["executions"]
        assert {execution["stopDate"] - execution["startDate"] for execution in executions} == {datetime.timedelta(hours=3, minutes=30)}
        # The time outlasts the server, and goes one way only.
        server.kill()
        server.start()
        assert clock(server, "now", "--json").stdout.split('"time":')[1] == '"2026-10-25T12:00:00.000Z"}\n'
        assert "time does not go back" in clock(server, "set", "2026-10-25T11:59:59Z", check=False).stderr
        # Credentials that clients hold end in their own time.
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "000000000000"}}]}
        mine = server.client("iam").create_role(RoleName="mine", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        session = server.client("sts").assume_role(RoleArn=mine, RoleSessionName="me")["Credentials"]
        assert abs(session["Expiration"] - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(hours=2)
        clock(server, "advance", "2d")
        mine = server.client("sts", key=session["AccessKeyId"], secret=session["SecretAccessKey"], token=session["SessionToken"])
        assert mine.get_caller_identity()["Arn"].endswith("assumed-role/mine/me")
        return lines
    finally:
        server.stop()


def test_a_day_passes_in_seconds_in_order_and_twice_the_same():
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        first, second = day(one), day(other)
    rule, schedule = "arn:aws:events:us-east-1:000000000000:rule/evening", "arn:aws:scheduler:us-east-1:000000000000:schedule/default/"
    expected = [
        ("2026-10-24T18:00:00.000Z", "Schedule", rule), ("2026-10-24T18:00:00.000Z", "Execution", "RUNNING"),
        ("2026-10-24T20:00:00.000Z", "Schedule", rule), ("2026-10-24T20:00:00.000Z", "Execution", "RUNNING"),
        ("2026-10-24T21:30:00.000Z", "Execution", "SUCCEEDED"), ("2026-10-24T23:30:00.000Z", "Execution", "SUCCEEDED"),
        ("2026-10-25T00:30:00.000Z", "Schedule", schedule + "berlin"), ("2026-10-25T00:30:00.000Z", "Execution", "RUNNING"),
        ("2026-10-25T04:00:00.000Z", "Execution", "SUCCEEDED"),
        ("2026-10-25T07:00:00.000Z", "Schedule", schedule + "once"), ("2026-10-25T07:00:00.000Z", "Execution", "RUNNING"),
        ("2026-10-25T10:30:00.000Z", "Execution", "SUCCEEDED"), ("2026-10-25T12:00:00.000Z", "Clock", None),
    ]
    told = [(line["time"], line["event"], line.get("schedule") or line.get("status")) for line in first]
    assert told == expected
    assert second == first


def test_the_machines_clock_is_not_moved(server):
    done = clock(server, "advance", "1h", check=False)
    assert (done.returncode, "start it with --clock virtual" in done.stderr) == (2, True)
    assert clock(server, "now").stdout.startswith(str(datetime.datetime.now(datetime.UTC).year))
    url = f"{server.endpoint}/_runwright/clock"
    with urllib.request.urlopen(url) as answer:
        assert json.load(answer)["virtual"] is False
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, b'{"advance": "1h"}'))
    assert (refused.value.code, "start it with --clock virtual" in json.load(refused.value)["message"]) == (400, True)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, b'{"advance": "1h"}', {"Origin": "https://elsewhere.example"}))
    assert refused.value.code == 403


def test_a_stack_with_a_service_is_created_while_the_clock_stands(tmp_path):
    server = Server(tmp_path, "--clock", f"virtual:{START}").start()
    try:
        container = {"Name": "job", "Image": "host", "Essential": True, "Memory": 64, "Command": ["sleep", "1000"], "StopTimeout": 2}
        template = {"Resources": {
            "Cluster": {"Type": "AWS::ECS::Cluster"},
            "Definition": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Family": "f", "ContainerDefinitions": [container]}},
            "Service": {"Type": "AWS::ECS::Service", "Properties": {
                "Cluster": {"Ref": "Cluster"}, "TaskDefinition": {"Ref": "Definition"}, "DesiredCount": 1}}}}
        cloudformation = server.client("cloudformation")
        cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(template))
        cloudformation.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
        assert clock(server, "now").stdout == START.replace("Z", ".000Z\n")
        cloudformation.delete_stack(StackName="s")
        cloudformation.get_waiter("stack_delete_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    finally:
        server.stop()


def test_messages_are_hidden_by_the_clock_and_waited_for_by_the_machines(tmp_path):
    server = Server(tmp_path, "--clock", f"virtual:{START}").start()
    try:
        sqs, scheduler = server.client("sqs"), server.client("scheduler")
        queues = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("q", "dead")]
        arn = role(server.client("iam"), "messages")
        dead = {"Arn": "arn:aws:sqs:us-east-1:000000000000:dead"}
        for name, target in (("told", "arn:aws:sqs:us-east-1:000000000000:q"), ("lost", "arn:aws:states:us-east-1:000000000000:stateMachine:none")):
            scheduler.create_schedule(Name=name, ScheduleExpression="at(2026-10-24T18:00:00)", FlexibleTimeWindow={"Mode": "OFF"},
                                      Target={"Arn": target, "RoleArn": arn, "Input": json.dumps(name), "DeadLetterConfig": dead})
        assert "Messages" not in sqs.receive_message(QueueUrl=queues[0], WaitTimeSeconds=1)
        clock(server, "advance", "6h")
        assert [message["Body"] for message in sqs.receive_message(QueueUrl=queues[0], VisibilityTimeout=3600)["Messages"]] == ['"told"']
        assert "Messages" not in sqs.receive_message(QueueUrl=queues[0])
        clock(server, "advance", "61m")
        assert len(sqs.receive_message(QueueUrl=queues[0])["Messages"]) == 1
        letter = sqs.receive_message(QueueUrl=queues[1], MessageAttributeNames=["All"])["Messages"][0]
        assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "StateMachineDoesNotExist"
        assert letter["MessageAttributes"]["SCHEDULED_TIME"]["StringValue"] == "2026-10-24T18:00:00Z"
    finally:
        server.stop()


def test_the_next_times_of_what_is_there(server):
    server.client("events").put_rule(Name="next", ScheduleExpression="cron(0 2 ? * MON-FRI *)", State="DISABLED")
    done = subprocess.run([str(BINARY), "events", "next", "next", "-n", "2", "--from", "2026-11-20T12:00:00Z", "--data-dir", str(server.data_dir)],
                          capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("2026-11-23T02:00:00Z\n2026-11-24T02:00:00Z\n", 0), done.stderr
    assert "disabled" in done.stderr


def test_containers_run_in_real_time_while_the_clock_stands(tmp_path):
    server = Server(tmp_path, "--clock", f"virtual:{START}").start()
    try:
        ecs = server.client("ecs")
        ecs.create_cluster(clusterName="c")
        ecs.register_task_definition(family="f", containerDefinitions=[{
            "name": "job", "image": "host", "essential": True, "memory": 64, "command": ["sleep", "0.3"]}])
        task = ecs.run_task(cluster="c", taskDefinition="f")["tasks"][0]["taskArn"]
        lines = [json.loads(line) for line in clock(server, "advance", "1h", "--json").stdout.splitlines()]
        told = [(line["time"], line["event"], line.get("status")) for line in lines]
        assert told == [("2026-10-24T12:00:00.000Z", "Task", "RUNNING"), ("2026-10-24T12:00:00.000Z", "Task", "STOPPED"),
                        ("2026-10-24T13:00:00.000Z", "Clock", None)], told
        assert lines[1]["exitCodes"] == [0] and lines[1]["task"] == task
    finally:
        server.stop()
