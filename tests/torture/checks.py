"""What must hold when everything has ended: nothing acknowledged is lost, nothing was done twice.

Each check yields sentences about what is wrong.
"""

import collections
import concurrent.futures
import itertools
import json
import time

from client import Refused

# What an event that ends an execution is called, by the execution's status.
ENDS = {"SUCCEEDED": "ExecutionSucceeded", "FAILED": "ExecutionFailed", "ABORTED": "ExecutionAborted", "TIMED_OUT": "ExecutionTimedOut"}
ENDED_TASKS = {"TaskSucceeded", "TaskFailed", "TaskTimedOut", "ActivitySucceeded", "ActivityFailed", "ActivityTimedOut"}


def wait_until_closed(world, stack, seconds):
    """Executions that are still running after so long; none where all is well."""
    give_up = time.monotonic() + seconds
    while True:
        running = [found for name in stack.machines if name != "express" for found in listed(world, stack.machines[name], "RUNNING")]
        if not running or time.monotonic() > give_up:
            return running
        time.sleep(0.25)


def everything(world, stack):
    """All that is wrong."""
    wrong = []
    for check in (executions, children, containers, events, schedules, objects, lines):
        found = list(itertools.islice(check(world, stack), 50))
        wrong += [f"{check.__name__}: {sentence}" for sentence in found]
    return wrong


def executions(world, stack):
    """Every acknowledged execution is there, once, and became what it must."""
    lists = {arn: [found for found in listed(world, arn)] for name, arn in stack.machines.items() if name != "express"}
    statuses = collections.defaultdict(list)
    for found in itertools.chain.from_iterable(lists.values()):
        statuses[found["executionArn"]].append(found["status"])
    for arn, status in statuses.items():
        if len(status) > 1:
            yield f"{arn} is listed {len(status)} times"
        if status == ["RUNNING"]:
            yield f"{arn} is stuck"
    known = [*world.executions, *(arn for arn in statuses if arn not in world.executions)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda arn: list(one_execution(world, arn, statuses.get(arn))), known):
            yield from found


def one_execution(world, arn, listed_as):
    expected = world.executions.get(arn)
    try:
        described = world.client.call("states", "DescribeExecution", executionArn=arn)
    except Refused as refused:
        yield f"{arn} was acknowledged and is lost: {refused}"
        return
    if listed_as != [described["status"]]:
        yield f"{arn} is described as {described['status']} and listed as {listed_as}"
    if expected:
        yield from as_expected(described, expected)
    if world.described.get(arn, described) != described:
        yield f"{arn} was described as {world.described[arn]}, and is {described}"
    history = whole_history(world, arn)
    seen, kept = world.histories.get(arn, []), [(event["id"], event["type"], event["timestamp"]) for event in history]
    if kept[:len(seen)] != seen:
        yield f"{arn}: its history was seen to begin with {seen}, and begins with {kept[:len(seen)]}"
    yield from (f"{arn}: {sentence}" for sentence in history_faults(history, described["status"], described.get("redriveCount", 0)))


def as_expected(described, expected):
    arn = expected.arn
    if described["status"] != expected.status or described.get("error") != expected.error:
        yield f"{arn} is {described['status']} ({described.get('error')}: {described.get('cause')}), not {expected.status}"
    elif expected.output is not None and json.loads(described["output"]) != expected.output and expected.machine.rsplit(":", 1)[-1] != "objects":
        yield f"{arn} put out {described['output']}, not {json.dumps(expected.output)}"
    if described.get("redriveCount", 0) != expected.redrives:
        yield f"{arn} was redriven {described.get('redriveCount')} times, not {expected.redrives}"


def history_faults(events, status, redrives):
    """Whether a history is one that an execution without interruptions can have."""
    types = [event["type"] for event in events]
    if [event["id"] for event in events] != list(range(1, len(events) + 1)):
        yield f"ids {[event['id'] for event in events]}"
    if types[:1] != ["ExecutionStarted"] or types.count("ExecutionStarted") != 1:
        yield f"begins with {types[:3]}, with {types.count('ExecutionStarted')} starts"
    ends = [kind for kind in types if kind in ENDS.values()]
    if len(ends) != redrives + 1 or types.count("ExecutionRedriven") != redrives or types[-1] != ENDS.get(status):
        yield f"a {status} execution, redriven {redrives} times, has the ends {ends} and ends with {types[-1]}"
    if any(event["previousEventId"] >= event["id"] for event in events):
        yield "an event follows a later one"
    stamps = [event["timestamp"] for event in events]
    if stamps != sorted(stamps):
        yield "times run backwards"
    if status == "SUCCEEDED" and not redrives:
        entered = collections.Counter(event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event)
        exited = collections.Counter(event["stateExitedEventDetails"]["name"] for event in events if "stateExitedEventDetails" in event)
        if entered != exited:
            yield f"entered {entered}, exited {exited}"
    scheduled, ended = types.count("TaskScheduled") + types.count("ActivityScheduled"), sum(kind in ENDED_TASKS for kind in types)
    if ended > scheduled or (status == "SUCCEEDED" and ended != scheduled):
        yield f"{scheduled} tasks were scheduled and {ended} ended"


def children(world, stack):
    """Each nested start and each item of a distributed Map made one execution."""
    parents = collections.Counter()
    for found in listed(world, stack.machines["mixed"]):
        value = json.loads(world.client.call("states", "DescribeExecution", executionArn=found["executionArn"])["input"])
        if "parent" in value:
            parents[value["parent"]] += 1
    wanted = collections.Counter(name_of(arn) for arn, run in world.executions.items() if run.machine == stack.machines["nested"])
    yield from differences("the parent", wanted, parents)
    answerers = len(listed(world, stack.machines["answerer"]))
    if answerers != (started := sum(run.machine == stack.machines["answered"] for run in world.executions.values())):
        yield f"{started} executions started {answerers} children that answer"
    for arn, run in world.executions.items():
        if run.machine != stack.machines["distributed"]:
            continue
        map_run, = world.client.call("states", "ListMapRuns", executionArn=arn)["mapRuns"]
        counts = world.client.call("states", "DescribeMapRun", mapRunArn=map_run["mapRunArn"])["itemCounts"]
        made = sum(1 for _ in pages(world, "ListExecutions", "executions", mapRunArn=map_run["mapRunArn"]))
        if not counts["succeeded"] == counts["total"] == made == len(run.output):
            yield f"{arn}: {len(run.output)} items, {made} children, counted {counts}"


def containers(world, stack):
    """Each attempt ran one container: by ECS's account, by the container's own, and by its log."""
    tasks = described_tasks(world, stack)
    by_token, wanted, stopped = collections.Counter(), collections.Counter(), set()
    tokens = {}
    for task in tasks:
        tokens[task["taskArn"]] = token = token_of(task)
        by_token[token] += 1
        if task["lastStatus"] != "STOPPED":
            yield f"{task['taskArn']} is {task['lastStatus']}"
    for arn, run in world.executions.items():
        if run.machine == stack.machines["containers"]:
            stopped |= {f"{name_of(arn)}/0"} if run.status == "ABORTED" else set()
            wanted.update(f"{name_of(arn)}/{attempt}" for attempt in run.attempts)
    wanted.update(f"{name}/0" for name in world.tasks)
    wanted.update(f"{event}/0" for event, kind in world.events.items() if kind == "task")
    may_be = stopped | {f"{event}/0" for event, kind in world.events_in_doubt.items() if kind == "task"}
    yield from differences("tasks of", wanted, by_token, may_be)
    marks = world.witness.marks
    for word in ("begins", "ends"):
        marked = collections.Counter({mark.rsplit(" ", 1)[0]: count for mark, count in marks.items() if mark.endswith(word)})
        yield from differences(f"it was marked that it {word}:", wanted, marked, may_be)
    world.done["containers"] = sum(count for mark, count in marks.items() if mark.endswith("begins"))
    for task in tasks:
        token = tokens[task["taskArn"]]
        if token not in stopped:
            yield from log_faults(world, task, token)


def log_faults(world, task, token):
    """The container's lines, each once and in order."""
    count = int(environment_of(task).get("COUNT", "3"))
    expected = [f"{token} line {number}" for number in range(count)]
    stream = f"job/job/{task['taskArn'].rsplit('/', 1)[-1]}"
    found = messages(world, "/torture/jobs", stream)
    if found != expected:
        yield f"{token} wrote {count} lines; its log has {len(found)}, {len(set(found))} different: {found[:5]}"


def events(world, stack):
    """Each acknowledged event reached the target of each rule that it matched, once; one in doubt at most once."""
    wanted = collections.Counter(event for event, kind in world.events.items() if kind == "machine")
    may_be = {event for event, kind in world.events_in_doubt.items() if kind == "machine"}
    for machine in ("evented", "evented-too"):
        found = collections.Counter(
            json.loads(world.client.call("states", "DescribeExecution", executionArn=run["executionArn"])["input"])["id"]
            for run in listed(world, stack.machines[machine]))
        yield from differences(f"executions of {machine} for", wanted, found, may_be)
    logged = collections.Counter()
    changes = collections.Counter()
    for stream in pages(world, "DescribeLogStreams", "logStreams", "logs", logGroupName="/torture/events"):
        for message in messages(world, "/torture/events", stream["logStreamName"]):
            detail = json.loads(message)["detail"]
            if "id" in detail:
                logged[detail["id"]] += 1
            else:
                changes[(detail["name"], detail["status"])] += 1
    wanted = {event for event, kind in world.events.items() if kind == "log"}
    yield from (f"the event {event} is missing in the log group" for event in wanted - set(logged))
    world.done["events logged twice"] = sum(count - 1 for count in logged.values())
    ends = {(name_of(arn), status) for arn, run in world.executions.items() if run.machine == stack.machines["waits"]
            for status in ("RUNNING", "SUCCEEDED")}
    yield from (f"the status change {change} was not told" for change in ends - set(changes))
    world.done["status changes told twice"] = sum(count - 1 for count in changes.values())


def schedules(world, stack):
    """Each schedule for one moment started one execution; the rate, at most one in each minute."""
    found = collections.Counter(
        json.loads(world.client.call("states", "DescribeExecution", executionArn=run["executionArn"])["input"])["id"]
        for run in listed(world, stack.machines["timed"]))
    yield from differences("executions at the time of", collections.Counter(world.schedules), found, exactly=set(world.schedules))
    times = [json.loads(world.client.call("states", "DescribeExecution", executionArn=run["executionArn"])["input"])["time"]
             for run in listed(world, stack.machines["clocked"])]
    if len(times) != len(set(times)):
        yield f"a rate fired twice: {sorted(times)}"
    world.done["schedule rate(1 minute)"] = len(times)


def objects(world, stack):
    for key, known in world.objects.items():
        try:
            body = world.client.get_object("torture", key)
        except Refused as refused:
            body = None
            if known["kept"] is not None or refused.code != "NoSuchKey":
                yield f"the object {key} is lost: {refused.code}"
        if body not in [known["kept"], *known["in_doubt"]]:
            yield f"the object {key} has {len(body)} bytes that nobody put there last"
    for arn, run in world.executions.items():
        if run.machine == stack.machines["objects"] and run.output["body"] not in world.client.get_object("torture", run.output["key"]).decode():
            yield f"{arn} put no object"


def lines(world, stack):
    found = messages(world, "/torture/lines", "lines")
    yield from differences("the line", collections.Counter(world.lines), collections.Counter(found), world.lines_in_doubt)
    kept = [line for line in found if line not in world.lines_in_doubt]
    if kept != world.lines and collections.Counter(kept) == collections.Counter(world.lines):
        yield "lines are in another order than they were written"


def differences(what, wanted, found, may_be=(), exactly=None):
    """Where a count is not the one that is wanted. What is in doubt may be there once."""
    for key in wanted:
        if found[key] != (1 if exactly is not None else wanted[key]):
            yield f"{what} {key}: {found[key]} instead of {wanted[key] if exactly is None else 1}"
    for key in found:
        if key not in wanted and (key not in may_be or found[key] > 1):
            yield f"{what} {key}: {found[key]} instead of {'at most one' if key in may_be else 'none'}"


def name_of(arn):
    return arn.rsplit(":", 1)[-1]


def listed(world, machine, status=None):
    more = {"statusFilter": status} if status else {}
    return list(pages(world, "ListExecutions", "executions", stateMachineArn=machine, maxResults=1000, **more))


def pages(world, operation, member, service="states", **request):
    token = {}
    while True:
        page = world.client.call(service, operation, **request, **token)
        yield from page[member]
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}


def whole_history(world, arn):
    return list(pages(world, "GetExecutionHistory", "events", executionArn=arn, maxResults=1000))


def messages(world, group, stream):
    """A stream's messages from its beginning."""
    found, token = [], {}
    while True:
        page = world.client.call("logs", "GetLogEvents", logGroupName=group, logStreamName=stream, startFromHead=True, **token)
        found += [event["message"] for event in page["events"]]
        if token.get("nextToken") == page["nextForwardToken"]:
            return found
        token = {"nextToken": page["nextForwardToken"]}


def described_tasks(world, stack):
    arns = [arn for status in ("RUNNING", "STOPPED")
            for arn in pages(world, "ListTasks", "taskArns", "ecs", cluster=stack.cluster, desiredStatus=status)]
    return [task for at in range(0, len(arns), 100)
            for task in world.client.call("ecs", "DescribeTasks", cluster=stack.cluster, tasks=arns[at:at + 100])["tasks"]]


def environment_of(task):
    return {variable["name"]: variable["value"]
            for container in task["overrides"].get("containerOverrides", []) for variable in container.get("environment", [])}


def token_of(task):
    environment = environment_of(task)
    return f"{environment.get('TOKEN')}/{environment.get('ATTEMPT', '0')}"
