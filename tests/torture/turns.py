"""The workload: what each thread does in a turn.

A turn's requests depend on the seed and the turn's number alone. Where an answer was lost, a request that may be repeated is
repeated unchanged; one that may not is made anew, and the lost one is in doubt: it may have been served, at most once.
"""

import datetime
import json
import time

from botocore.exceptions import BotoCoreError, ClientError

from client import Lost, Refused
from stack import mixed_output
from world import Actor, execution_arn


def workload(world, stack, chance_of):
    """All threads, each with chances of its own."""
    for turn, threads, pause in TURNS:
        for number in range(threads):
            actor = Actor(world, _on(turn, stack, number), chance_of(f"{turn.__name__} {number}"), pause)
            actor.name = f"{turn.__name__}-{number}"
            yield actor


def _on(turn, stack, thread):
    def taken(world, chance, number):
        turn(world, stack, chance, f"{turn.__name__}-{thread}-{number}")
    return taken


def mixed(world, stack, chance, name):
    value = {"turns": chance.randint(0, 6), "items": [chance.choice("abcdef") for _ in range(chance.randint(0, 8))]}
    world.start(stack.machines["mixed"], name, value, output=mixed_output(value))


def waits(world, stack, chance, name):
    value = {"seconds": chance.randint(1, 3)}
    world.start(stack.machines["waits"], name, value, output=value)


def nested(world, stack, chance, name):
    value = {"turns": chance.randint(0, 3), "items": ["x"] * chance.randint(0, 3)}
    world.start(stack.machines["nested"], name, value, output=mixed_output(value))


def distributed(world, stack, chance, name):
    items = [chance.randint(0, 99) for _ in range(chance.randint(1, 12))]
    arn = world.start(stack.machines["distributed"], name, {"items": items}, output=items)
    world.finished(arn)


def containers(world, stack, chance, name):
    failures = int(chance.random() < 0.2)
    value = {"count": str(chance.choice([0, 3, 3, 200])), "sleep": str(chance.choice([0, 0.2, 0.7, 1.5])), "failures": str(failures)}
    arn = world.start(stack.machines["containers"], name, value, output={"code": 0}, attempts=tuple(range(failures + 1)))
    world.finished(arn)


def tasks(world, stack, chance, name):
    """A task without an execution: a repetition with the same token finds the first one's."""
    answer, _ = world.ask("ecs", "RunTask", cluster=stack.cluster, taskDefinition=stack.task_definition, launchType="FARGATE",
                          clientToken=name, networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
                          overrides={"containerOverrides": [{"name": "job", "environment": [{"name": "TOKEN", "value": name}]}]})
    if answer["failures"] or len(answer["tasks"]) != 1:
        world.fault(f"{name}: RunTask answered {answer}")
    world.tasks.add(name)


def stopped_containers(world, stack, chance, name):
    """Stopped while its container runs, starts, or has not been asked for."""
    value = {"count": "1", "sleep": "60", "failures": "0"}
    arn = world.start(stack.machines["containers"], name, value, status="ABORTED", error="Torture.Stop")
    time.sleep(chance.uniform(0, 1.5))
    world.ask("states", "StopExecution", executionArn=arn, error="Torture.Stop", cause=name)


def stops(world, stack, chance, name):
    arn = world.start(stack.machines["stops"], name, {}, status="ABORTED", error="Torture.Stop")
    time.sleep(chance.uniform(0, 0.3))
    world.ask("states", "StopExecution", executionArn=arn, error="Torture.Stop", cause=name)


def callbacks(world, stack, chance, name):
    """A worker reads the token from the message's input, and answers; a second answer must change nothing."""
    fails, output = chance.random() < 0.3, {"answer": name}
    expected = {"status": "FAILED", "error": "Torture.No"} if fails else {"output": output}
    world.start(stack.machines["callbacks"], name, {}, **expected)
    mail = _read(world, execution_arn(stack.machines["mailbox"], f"{name}-mail"))
    token = json.loads(mail["input"])["token"]
    answer = {"taskToken": token, "error": "Torture.No", "cause": name} if fails else {"taskToken": token, "output": json.dumps(output)}
    _answer(world, "SendTaskFailure" if fails else "SendTaskSuccess", answer)
    if chance.random() < 0.3:
        try:
            world.ask("states", "SendTaskSuccess", taskToken=token, output='"second"')
            world.fault(f"{name}: a second answer with the same token was accepted")
        except Refused as refused:
            if refused.code != "TaskTimedOut":
                raise


def answered(world, stack, chance, name):
    world.start(stack.machines["answered"], name, {}, output={"from": "child"})


def work(world, stack, chance, name):
    arn = world.start(stack.machines["work"], name, {"name": name}, output={"done": name})
    world.finished(arn)


def redrives(world, stack, chance, name):
    arn = world.start(stack.machines["redrives"], name, {}, output={"done": name}, redrives=1)
    failed = world.finished(arn)
    if failed and failed["status"] == "FAILED":
        world.ask("states", "RedriveExecution", executionArn=arn, clientToken=name)
        world.finished(arn)


def express(world, stack, chance, name):
    answer, _ = world.ask("states", "StartSyncExecution", stateMachineArn=stack.machines["express"], input=json.dumps({"n": name}))
    if answer["status"] != "SUCCEEDED" or json.loads(answer["output"]) != {"n": name}:
        world.fault(f"{name}: StartSyncExecution answered {answer}")


def events(world, stack, chance, name):
    """Each attempt has ids of its own, so that it is known which attempts were served."""
    kinds = [chance.choices(["machine", "log", "task"], [8, 4, 1])[0] for _ in range(chance.randint(1, 5))]
    attempt = 0
    while True:
        ids = {f"{name}-{attempt}-{place}": kind for place, kind in enumerate(kinds)}
        entries = [{"Source": "torture", "DetailType": kind, "Detail": json.dumps({"id": event})} for event, kind in ids.items()]
        try:
            answer = world.client.call("events", "PutEvents", Entries=entries)
        except Lost:
            world.lost += 1
            world.events_in_doubt.update(ids)
            attempt += 1
            time.sleep(0.02)
            continue
        if answer["FailedEntryCount"]:
            world.fault(f"{name}: PutEvents answered {answer}")
        world.events.update(ids)
        world.note("PutEvents")
        return


def schedules(world, stack, chance, name):
    """A schedule for one moment, some seconds ahead."""
    scheduler = stack.boto("scheduler")
    while True:
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
        try:
            scheduler.create_schedule(
                Name=name, ClientToken=name, FlexibleTimeWindow={"Mode": "OFF"}, ScheduleExpression=at.strftime("at(%Y-%m-%dT%H:%M:%S)"),
                Target={"Arn": stack.machines["timed"], "RoleArn": stack.role, "Input": json.dumps({"id": name})})
        except ClientError as error:
            # With the same token and another time, the one that was made before its answer was lost is found.
            if error.response["Error"]["Code"] != "ConflictException":
                raise
        except BotoCoreError:
            world.lost += 1
            time.sleep(0.02)
            continue
        world.schedules[name] = at.timestamp()
        world.note("CreateSchedule")
        return


def objects(world, stack, chance, name):
    """A new object, or a newer content of one that is there."""
    key = name if chance.random() < 0.7 else f"again-{name.split('-')[1]}"
    body = (name.encode() + b"\n") * chance.choice([0, 1, 20, 2000, 40000])
    doubted = world.objects.setdefault(key, {"kept": None, "in_doubt": []})
    while True:
        try:
            # Until it is acknowledged, either content may be there.
            doubted["in_doubt"].append(body)
            world.client.put_object("torture", key, body)
            break
        except Lost:
            world.lost += 1
            time.sleep(0.02)
    doubted.update(kept=body, in_doubt=[])
    world.note("PutObject")


def put_objects(world, stack, chance, name):
    world.start(stack.machines["objects"], name, {"key": name, "body": name}, output={"key": name, "body": name})


def lines(world, stack, chance, name):
    attempt = 0
    while True:
        texts = [f"{name}-{attempt}-{number}" for number in range(chance.randint(1, 4))]
        now = int(time.time() * 1000)
        try:
            world.client.call("logs", "PutLogEvents", logGroupName="/torture/lines", logStreamName="lines",
                              logEvents=[{"timestamp": now, "message": text} for text in texts])
        except Lost:
            world.lost += 1
            world.lines_in_doubt.update(texts)
            attempt += 1
            time.sleep(0.02)
            continue
        world.lines.extend(texts)
        world.note("PutLogEvents")
        return


def look(world, stack, chance, name):
    """Reads what was acknowledged. What was answered once must never be undone."""
    known = list(world.executions)
    if not known:
        return
    arn = chance.choice(known[-300:])
    expected = world.executions[arn]
    described, _ = world.ask("states", "DescribeExecution", executionArn=arn)
    if described["status"] != "RUNNING" and not expected.redrives:
        before = world.described.setdefault(arn, described)
        if before != described:
            world.fault(f"{arn} was described as {before}, then as {described}")
    history, _ = world.ask("states", "GetExecutionHistory", executionArn=arn, maxResults=200)
    seen = [(event["id"], event["type"], event["timestamp"]) for event in history["events"]]
    before = world.histories.get(arn, [])
    if seen[:len(before)] != before:
        world.fault(f"{arn}: its history began with {before}, then with {seen}")
    world.histories[arn] = seen


def worker(world, stack, activity):
    """Takes an activity's tasks until the run is closed; a first attempt of a redrive fails."""
    try:
        answer, _ = world.ask("states", "GetActivityTask", activityArn=activity)
        if not answer.get("taskToken"):
            return
        task = json.loads(answer["input"])
        if task.get("redrive") == 0:
            _answer(world, "SendTaskFailure", {"taskToken": answer["taskToken"], "error": "Torture.First", "cause": task["name"]}, late=True)
        else:
            _answer(world, "SendTaskSuccess", {"taskToken": answer["taskToken"], "output": json.dumps({"done": task["name"]})}, late=True)
    except Refused as refused:
        world.fault(f"a worker was answered {refused}")


def _answer(world, operation, answer, late=False):
    """Answers a token. Where an answer to this was lost, or the task has timed out, it may be closed."""
    try:
        world.ask("states", operation, **answer)
    except Refused as refused:
        if refused.code != "TaskTimedOut" or not (refused.lost or late):
            raise


def _read(world, arn):
    """The description of an execution that is about to be."""
    give_up = time.monotonic() + 60
    while True:
        try:
            return world.ask("states", "DescribeExecution", executionArn=arn)[0]
        except Refused as refused:
            if refused.code != "ExecutionDoesNotExist" or time.monotonic() > give_up:
                raise
            time.sleep(0.05)


# Turn, threads, mean pause in seconds between its turns.
TURNS = [
    (mixed, 2, 0.05), (waits, 1, 0.1), (nested, 1, 0.3), (distributed, 1, 0.5), (containers, 4, 0.05),
    (tasks, 1, 0.8), (stopped_containers, 1, 1.5), (stops, 1, 0.2), (callbacks, 1, 0.2), (answered, 1, 0.3),
    (work, 2, 0.1), (redrives, 1, 0.3), (express, 1, 0.1), (events, 1, 0.15), (schedules, 1, 1.0), (objects, 1, 0.2), (put_objects, 1, 0.5), (lines, 1, 0.2),
    (look, 1, 0.05),
]
