"""What all parts of the workload share: the client, what was acknowledged, and what went wrong.

A thread of the workload writes down what it was answered only after the answer has come; what it writes here must be
there at the end, however often the server was killed since.
"""

import collections
import dataclasses
import json
import threading
import time
import traceback

from client import Client, Lost, Refused

# Longer than any restart; an answer that takes longer than this is missing.
PATIENCE_SECONDS = 60


@dataclasses.dataclass
class Execution:
    """An execution that was acknowledged, or that follows from something that was, and what must become of it."""

    arn: str
    machine: str
    status: str = "SUCCEEDED"
    # The output that it must have; `None`: any.
    output: object = None
    error: str | None = None
    # Marks of its containers: the attempts that must have run, each once.
    attempts: tuple = ()
    redrives: int = 0


class World:
    """One run: its seed, its server's client, and the ledger of acknowledgements."""

    def __init__(self, seed, port, witness):
        self.seed, self.client, self.witness = seed, Client(port), witness
        self.over, self.lock = threading.Event(), threading.Lock()
        self.executions, self.faults = {}, []
        # Counts of what was done, for the report.
        self.done, self.lost = collections.Counter(), 0
        # Acknowledged events, by their id: the kind of target that each must have reached once.
        self.events, self.events_in_doubt = {}, {}
        self.objects, self.lines, self.lines_in_doubt = {}, [], set()
        self.tasks, self.schedules = set(), {}
        # What a read answered: terminal descriptions and beginnings of histories. A crash must not undo them.
        self.described, self.histories = {}, {}

    def ask(self, service, operation, **request):
        """The answer, and how many attempts without one went before it."""
        lost, give_up = 0, time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self.client.call(service, operation, **request)
                self.note(operation)
                return answer, lost
            except Lost as error:
                lost += 1
                self.lost += 1
                if time.monotonic() > give_up:
                    raise RuntimeError(f"no answer to {operation} for {PATIENCE_SECONDS} s: {error}") from error
                time.sleep(0.02)
            except Refused as refused:
                refused.lost = lost
                raise

    def start(self, machine, name, value, **expected):
        """Starts an execution by name, again after each lost answer: there must be one."""
        expected = Execution(execution_arn(machine, name), machine, **expected)
        lost = 0
        try:
            answer, lost = self.ask("states", "StartExecution", stateMachineArn=machine, name=name, input=json.dumps(value))
            if answer["executionArn"] != expected.arn:
                self.fault(f"StartExecution of {name} answered {answer}")
        except Refused as refused:
            # It was started by an attempt whose answer was lost, and has ended since.
            if refused.code != "ExecutionAlreadyExists":
                raise
            self.note("StartExecution")
        self.executions[expected.arn] = expected
        return expected.arn

    def finished(self, arn, seconds=PATIENCE_SECONDS):
        """The description of an execution that has ended; it is written down as seen."""
        give_up, pause = time.monotonic() + seconds, 0.02
        while True:
            described, _ = self.ask("states", "DescribeExecution", executionArn=arn)
            if described["status"] != "RUNNING":
                return described
            if time.monotonic() > give_up:
                return None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    def note(self, what):
        with self.lock:
            self.done[what] += 1

    def fault(self, text):
        with self.lock:
            self.faults.append(text)


def execution_arn(machine, name):
    return machine.replace(":stateMachine:", ":execution:") + ":" + name


class Actor(threading.Thread):
    """Takes one kind of turn again and again. What it does depends on the seed and on its own name alone."""

    def __init__(self, world, turn, chance, pause):
        super().__init__(name=turn.__name__, daemon=True)
        self.world, self.turn, self.chance, self.pause = world, turn, chance, pause

    def run(self):
        number = 0
        while not self.world.over.is_set():
            try:
                self.turn(self.world, self.chance, number)
            except Exception:
                self.world.fault(f"{self.name}, turn {number}: {traceback.format_exc()}")
                time.sleep(0.5)
            number += 1
            time.sleep(self.chance.uniform(0, 2 * self.pause))
