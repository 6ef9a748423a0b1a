#!/usr/bin/env python3
"""Drives an endpoint through the recordings of AWS that `run.py` of the shared conformance cases leaves out.

    drive.py CASES... [--endpoint URL] [--floor PER_CENT] [--only SUBSTRING] [--show N] [--needs a,b,c]

CASES are files or folders of recordings. Driven are executions that need other services or calls beside them (`setup`
before the start, `actions` while it runs), and whole traces of API calls (`api-trace`), as far as they need nothing but
--needs. Compared is what `run.py` compares, by its own functions: statuses, outputs, errors, causes, histories, answers.

Each case has a region of its own, and names of its own for what it creates, so that cases do not see each other.
Asks for reading are repeated until they answer what was recorded, or ten seconds are over. The last line is
'N passed, N failed'; the exit status is 0 where at least --floor per cent passed.
"""
import argparse
import base64
import concurrent.futures
import importlib.util
import json
import os
import pathlib
import re
import sys
import threading
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "conformance"
REFERENCE = re.compile(r"\$\{(step\[\d+\][^}]*|account|region|endpoint)\}")
PATIENCE = 10.0  # seconds
NAMED = {"CreateStateMachine": "name", "CreateActivity": "name", "CreateLogGroup": "logGroupName", "CreateBucket": "Bucket",
         "CreateTopic": "Name", "CreateQueue": "QueueName"}
READING = ("Describe", "Get", "List")


def load_run():
    spec = importlib.util.spec_from_file_location("run", SHARED / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Unresolved(Exception):
    """A value of an earlier answer that is not there (yet)."""


class Stage:
    """One case: its clients, the answers so far, and what was called to get them."""

    def __init__(self, run, case, args, number):
        self.run, self.args = run, args
        services = set(case.get("services") or []) | {call["service"] for call in case.get("setup") or []}
        self.region = "us-east-1" if "s3" in services else f"case-{number:04}"
        self.case = json.loads(self.with_own_names(case))
        self.tokens = set(case.get("tokens") or []) | {"snf_role_arn", "sfn_role_arn", "activity_arn", "signature"} | set(made_up(self.case))
        self.answers, self.calls, self.clients = {}, {}, {}

    @staticmethod
    def with_own_names(case):
        text = json.dumps(case)
        calls = [*(case.get("steps") or []), *(case.get("setup") or [])]
        names = {call["params"].get(NAMED[call["op"]]) for call in calls if call["op"] in NAMED}
        for name in sorted((name for name in names if isinstance(name, str) and re.fullmatch(r"(/[\w/-]+|[\w-]+)", name, re.ASCII) and len(name) > 11), key=len, reverse=True):
            # As long as the recorded name: lengths of answers are recorded too.
            text = text.replace(name, name[:-6] + uuid.uuid4().hex[:6])
        return text

    def client(self, service, checked=False):
        if (service, checked) not in self.clients:
            self.clients[service, checked] = boto3.client(
                service, endpoint_url=self.args.endpoint, region_name="us-east-1" if service in ("s3", "iam") else self.region,
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=checked, inject_host_prefix=False, read_timeout=90))
        return self.clients[service, checked]

    def call(self, call, number):
        """The answer, or the error with which the call was refused."""
        self.calls[number] = call
        service, params = call["service"], self.resolved(call["params"])
        if service == "iam":
            return self.keep(number, self.identity(call["op"], params))
        if "Body" in params:
            params["Body"] = body(params["Body"])
        if call["op"] == "CreateBucket":
            params.pop("CreateBucketConfiguration", None)
        method = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", call["op"]).lower()
        checked = call.get("raises") == "ParamValidationError"
        try:
            answer = getattr(self.client(service, checked), method)(**params)
        except ParamValidationError:
            # What the SDK itself refused was never asked of AWS.
            return self.keep(number, {"Error": {"Code": "ParamValidationError"}})
        except ClientError as error:
            return self.keep(number, {"Error": self.run.error_of(error)})
        answer.pop("ResponseMetadata", None)
        if "Body" in answer:
            answer["Body"] = answer["Body"].read().decode()
        return self.keep(number, answer)

    def keep(self, number, answer):
        self.answers[number] = answer
        return answer

    def identity(self, operation, params):
        """Every role is one that may do everything; policies of their own are not what these recordings are about."""
        role = self.run.role(self.args)
        if operation == "CreateRole":
            name = f"{params['RoleName'][:50]}-{uuid.uuid4().hex[:8]}"
            answer = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=params["AssumeRolePolicyDocument"])
            policy = json.dumps(self.run.ROLE_POLICY)
            self.client("iam").put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy)
            return {"Role": answer["Role"]}
        if operation == "CreatePolicy":
            return {"Policy": {"Arn": f"arn:aws:iam::{account(role)}:policy/{params['PolicyName']}"}}
        return {}

    def resolved(self, value):
        """The value with `${...}` replaced; an answer that lacks something is asked for again for a while."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self.replaced(value)
            except Unresolved as lacking:
                number = lacking.args[0]
                call = self.calls.get(number)
                if not call or not call["op"].startswith((*READING, "Receive")) or time.monotonic() > until:
                    raise
                time.sleep(0.1)
                self.call(call, number)

    def replaced(self, value):
        if isinstance(value, dict):
            return {self.replaced(key): self.replaced(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.replaced(inner) for inner in value]
        if not isinstance(value, str):
            return value
        whole = REFERENCE.fullmatch(value)
        if whole:
            return self.looked_up(whole[1])
        return REFERENCE.sub(lambda found: as_text(self.looked_up(found[1])), value)

    def looked_up(self, reference):
        fixed = {"account": account(self.run.role(self.args)), "region": self.region, "endpoint": self.args.endpoint}
        if reference in fixed:
            return fixed[reference]
        path, _, how = reference.partition("|")
        number = int(re.match(r"step\[(\d+)\]", path)[1])
        value = self.answers.get(number)
        for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path.partition("]")[2]):
            if isinstance(value, str) and how.startswith("json"):
                value = json.loads(value)
            try:
                value = value[name] if name else value[int(index)]
            except (KeyError, IndexError, TypeError):
                raise Unresolved(number, reference) from None
        if how.startswith("json"):
            value = json.loads(value) if isinstance(value, str) else value
            for name in how.split(".")[1:]:
                value = value[name]
        return value


def made_up(value):
    """Texts that stand as a whole for a value that AWS made up, whatever its type: `<start-date>`. And lengths of answers,
    in which the recording's region is written out."""
    if isinstance(value, dict):
        lengths = [text for name, text in value.items() if name == "Content-Length" and isinstance(text, str)]
        lengths += [text for text in value.get("Content-Length") or [] if isinstance(value.get("Content-Length"), list)]
        return lengths + made_up(list(value.values()))
    if isinstance(value, list):
        return [text for inner in value for text in made_up(inner)]
    return [value] if isinstance(value, str) and re.fullmatch(r"<[^<>]+>", value) else []


def body(value):
    if isinstance(value, dict) and "__bytes_utf8__" in value:
        return value["__bytes_utf8__"].encode()
    if isinstance(value, dict) and "__bytes_base64__" in value:
        return base64.b64decode(value["__bytes_base64__"])
    return value if isinstance(value, (str, bytes)) else json.dumps(value)


def account(arn):
    return arn.split(":")[4]


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value)


def until_equal(stage, ask, compare, repeat):
    """The first difference, or None; where `repeat`, an answer that differs is asked for again for a while."""
    until = time.monotonic() + PATIENCE
    while True:
        difference = compare(ask())
        if difference is None or not repeat or time.monotonic() > until:
            return difference
        time.sleep(0.1)


def trace(stage):
    """An `api-trace`: every answer that was recorded must come again."""
    starts = any(step["op"] == "StartExecution" for step in stage.case["steps"])
    topic_consumer(stage, stage.case["steps"] if starts else [], None)
    for number, step in enumerate(stage.case["steps"]):
        wanted = [expected["aws"] for expected in step.get("expect") or []]
        repeat = step["op"].startswith(READING) and "Task" not in step["op"] and not step.get("raises")
        difference = until_equal(stage, lambda: stage.call(step, number), lambda answer: step_differs(stage, step, wanted, answer),
                                 repeat and bool(wanted))
        if difference:
            return f"step {number} {step['op']}: {difference}"
    return derived_differs(stage)


def derived_differs(stage):
    """What the recording made of several answers: its parts must be those of the answers here."""
    for derived in stage.case.get("derived_expect") or []:
        for source in derived["from"]:
            want, got = nested(derived["aws"], source["at"]), nested(stage.answers[source["step"]], source["path"])
            if difference := stage.run.differs(plain(want), got, stage.tokens, derived["snapshot_key"]):
                return difference
    return None


def nested(value, path):
    for name in path:
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError):
            return None
    return value


def step_differs(stage, step, wanted, answer):
    error = answer.get("Error") if set(answer) == {"Error"} else None
    if step.get("raises"):
        if error is None or error["Code"] != step["raises"]:
            return f"want {step['raises']}, got {json.dumps(answer, default=str)[:300]}"
        if error["Code"] == "ParamValidationError":
            return None
        return first(stage.run.differs(want.get("Error", {}), error, stage.tokens, "error") for want in wanted)
    if error is not None:
        return f"refused: {error}"
    return first(stage.run.differs(plain(want), as_then(want, answer), stage.tokens) for want in wanted)


def as_then(want, answer):
    """The answer as it was before the summer of 2024, where the recording is older: without `encryptionConfiguration`."""
    if isinstance(want, dict) and "encryptionConfiguration" not in want:
        return {name: value for name, value in answer.items() if name != "encryptionConfiguration"}
    return answer


def plain(want):
    return {key: value for key, value in want.items() if key != "ResponseMetadata"} if isinstance(want, dict) else want


def first(differences):
    return next((difference for difference in differences if difference), None)


def execution(stage):
    """An execution with what it needs; its end, its history and its log events must be those that were recorded."""
    for call in stage.case.get("setup") or []:
        answer = stage.call(call, call["id"])
        if set(answer) == {"Error"} and not call.get("raises"):
            return f"setup {call['op']}: {answer['Error']}"
        activity_consumer(stage, call, answer)
    topic_consumer(stage, stage.case.get("setup") or [], stage.case.get("actions"))
    # Calls made while it runs, of which later ones may tell what the definition says.
    started = start(stage)
    if isinstance(started, str):
        return started
    arn, got = started
    for call in stage.case.get("actions") or []:
        if call["op"] == "StopExecution" and arn and not call.get("raises"):
            call = {**call, "params": {"executionArn": arn}}
        answer = stage.call(call, call["id"])
        if set(answer) == {"Error"} and answer["Error"]["Code"] != call.get("raises"):
            return f"action {call['op']}: {answer['Error']}"
    return compared(stage, arn, got)


def activity_consumer(stage, call, answer):
    """A recorded machine that works on an activity is one that is started with the activity's ARN."""
    definition = call["params"].get("definition") or ""
    if call["op"] == "CreateStateMachine" and "getActivityTask" in definition:
        activities = [answer["activityArn"] for answer in stage.answers.values() if "activityArn" in answer]
        stage.client("stepfunctions").start_execution(
            stateMachineArn=answer["stateMachineArn"], input=json.dumps({"ActivityArn": activities[0]}))


def topic_consumer(stage, calls, others):
    """Whoever read the recorded topic's queue gave the token of each message back: so it is done here, beside the calls."""
    if others or not any(call["op"] == "Subscribe" for call in calls):
        return

    def consume():
        sqs, states, until = stage.client("sqs"), stage.client("stepfunctions"), time.monotonic() + PATIENCE
        while time.monotonic() < until:
            urls = [answer["QueueUrl"] for answer in list(stage.answers.values()) if "QueueUrl" in answer]
            for message in sqs.receive_message(QueueUrl=urls[0], WaitTimeSeconds=1).get("Messages", []) if urls else []:
                token = json.loads(json.loads(message["Body"])["Message"])["TaskToken"]
                states.send_task_success(taskToken=token, output=json.dumps(recorded_output(stage.case)))
                return
            time.sleep(0.05)
    threading.Thread(target=consume, daemon=True).start()


def recorded_output(value):
    """The output of the execution that was recorded, wherever it stands."""
    if isinstance(value, dict):
        if "executionSucceededEventDetails" in value:
            return value["executionSucceededEventDetails"]["output"]
        value = list(value.values())
    found = [recorded_output(inner) for inner in value] if isinstance(value, list) else []
    return next((output for output in found if output is not None), None)


def start(stage):
    case, client = stage.case, stage.client("stepfunctions")
    definition = stage.resolved(case.get("definition_raw") or case["definition"])
    more = {"loggingConfiguration": stage.resolved(case["loggingConfiguration"])} if case.get("loggingConfiguration") else {}
    machine = client.create_state_machine(name=f"c-{uuid.uuid4().hex}", roleArn=stage.run.role(stage.args), definition=as_text(definition),
                                          type=case.get("type") or "STANDARD", **more)["stateMachineArn"]
    given = {} if case.get("input_omitted") else {"input": as_text(stage.resolved(case.get("input_raw") or json.dumps(case["input"])))}
    if case.get("start") == "StartSyncExecution":
        return None, client.start_sync_execution(stateMachineArn=machine, **given)
    arn = client.start_execution(stateMachineArn=machine, **given)["executionArn"]
    return arn, None


def compared(stage, arn, got):
    case, want = stage.case, stage.case["expect"]
    if case.get("type") != "EXPRESS":
        got, history = ended(stage, arn)
        if isinstance(got, str):
            return got
        difference = outcome_differs(stage, want, got) or history_differs(stage, want, history)
        if difference:
            return difference
    return logged_differs(stage, want, arn)


def ended(stage, arn):
    client, until = stage.client("stepfunctions"), time.monotonic() + 60
    while (got := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
        if time.monotonic() > until:
            return "still RUNNING after a minute", None
        time.sleep(0.05)
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=True)
    return got, [event for page in pages for event in page["events"]]


def outcome_differs(stage, want, got):
    for name in ("status", "error", "cause", "output"):
        if name in want:
            value = got.get(name)
            inner = stage.run.parsed(value)
            value = inner if name == "output" and not isinstance(want[name], str) else value
            if difference := stage.run.differs(want[name], value, stage.tokens, name):
                return difference
    return None


def history_differs(stage, want, history):
    if "history" not in want or stage.case.get("history_order") == "parallel-sorted":
        return None
    if stage.case.get("history_order"):
        kinds = lambda events: sorted(event["type"] for event in events)
        return stage.run.differs(kinds(want["history"]), kinds(history), stage.tokens, "history types")
    return stage.run.differs(want["history"], history, stage.tokens, "history")


def logged_differs(stage, want, arn):
    """What the log group has of the execution: all of it, or the last event."""
    all_events, last = want.get("cloudwatch_logs_events"), want.get("cloudwatch_logs_last_event")
    if all_events is None and last is None:
        return None
    destination = stage.resolved(stage.case["loggingConfiguration"])["destinations"][0]["cloudWatchLogsLogGroup"]["logGroupArn"]
    group = destination.split(":log-group:")[1].removesuffix(":*")

    def ask():
        logs, events = stage.client("logs"), []
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
            page = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
            events += [stage.run.parsed(event["message"]) for event in page["events"]]
        return [event for event in events if isinstance(event, dict) and event.get("execution_arn") == arn]

    def compare(events):
        if all_events is not None:
            return stage.run.differs(all_events, events, stage.tokens | {"timestamp"}, "logged")
        return stage.run.differs(last, events[-1] if events else None, stage.tokens | {"timestamp"}, "logged last")

    return until_equal(stage, ask, compare, True)


def drive(run, case, args, number):
    stage = Stage(run, case, args, number)
    try:
        return {"api-trace": trace, "sfn-execution": execution}[case["kind"]](stage)
    except ClientError as error:
        return f"raised {run.error_of(error)}"
    except Unresolved as lacking:
        return f"step {lacking.args[0]} has no {lacking.args[1]}"
    except (BotoCoreError, KeyError, TypeError, ValueError, IndexError) as error:
        return f"{type(error).__name__}: {error}"


def is_driven(case, served):
    """Recorded on AWS, in need of nothing that is not served, and not driven by `run.py`."""
    needs = set(case.get("needs") or ["none"])
    own_answers = {f"${{step[{call['id']}]" for call in case.get("actions") or []}
    if any(reference in json.dumps(case.get("definition")) for reference in own_answers):
        # A definition that is told by what its own execution logged: its trace of calls is driven instead.
        return False
    if not str(case.get("evidence", "aws")).startswith("aws") or not needs <= served:
        return False
    return case["kind"] == "api-trace" or case["kind"] == "sfn-execution" and (needs != {"none"} or bool(case.get("actions")))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+")
    parser.add_argument("--endpoint", default=os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"))
    parser.add_argument("--floor", type=float, default=100, help="per cent that must pass")
    parser.add_argument("--only", help="only names with this substring")
    parser.add_argument("--show", type=int, default=20, help="how many failures to print")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--needs", default="none,activity,s3,states,logs,stop-execution", help="services that there are")
    args = parser.parse_args()
    if not (SHARED / "run.py").exists():
        sys.exit(f"{SHARED} is not there: the recordings are not part of this repository")
    run = load_run()
    args.timeout, args.loose = 60, False
    served = set(args.needs.split(","))
    chosen = [case for case in cases_in(args.cases) if is_driven(case, served) and (not args.only or args.only in case["name"])]
    groups, failures = {}, []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        verdicts = pool.map(lambda numbered: drive(run, numbered[1], args, numbered[0]), enumerate(chosen))
        for case, verdict in zip(chosen, verdicts):
            tally = groups.setdefault((case["kind"], ",".join(case.get("needs") or ["none"])), [0, 0])
            tally[verdict is not None] += 1
            if verdict is not None:
                failures.append(f"FAIL {case['kind']} {case['name']}: {verdict[:500]}")
    print(*failures[: args.show], sep="\n")
    for (kind, needs), (passed, failed) in sorted(groups.items()):
        print(f"{kind:16} {needs:24} {passed:5} passed {failed:5} failed")
    passed, total = len(chosen) - len(failures), len(chosen)
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(0 if total and 100 * passed / total >= args.floor else 1)


def cases_in(paths):
    for path in map(pathlib.Path, paths):
        for file in [path] if path.is_file() else sorted(path.rglob("*.json")):
            found = json.loads(file.read_text())
            for case in found if isinstance(found, list) else [found]:
                if isinstance(case, dict) and case.get("kind") in ("api-trace", "sfn-execution"):
                    yield case


if __name__ == "__main__":
    main()
