"""The examples, as their READMEs run them, and what a person and a program see of a run."""

import json
import os
import subprocess
import sys

import pytest

from conftest import BINARY, ROOT


def run(*arguments):
    return subprocess.run([BINARY, "run", *map(str, arguments)], capture_output=True, text=True, timeout=120, cwd=ROOT)


@pytest.fixture(autouse=True)
def root():
    if os.geteuid() != 0:
        pytest.skip("containers need root")


def test_nightly_batch():
    done = run("examples/nightly-batch/template.yaml", "--fire", "NightlyRule")
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ["│ collecting orders on Linux", "│ 42 orders collected", "│ report for \"all regions\" is ready ✓", "SUCCEEDED"]:
        assert line in done.stdout, done.stdout
    assert "\x1b[" not in done.stdout


def test_tests_of_a_night():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/testing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, env={**os.environ, "RUNWRIGHT": str(BINARY)})
    assert done.returncode == 0, done.stdout + done.stderr


def test_on_demand_command():
    done = run("examples/on-demand-command/template.yaml", "--fire", "OnDemandRule", "--event", "examples/on-demand-command/event.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "│ asked to: rebuild the index of \"orders & returns\"" in done.stdout


def test_json_for_programs():
    done = run("examples/nightly-batch/template.yaml", "--execute", "TwoSteps", "--output", "json",
               "--input", '{"collect": ["echo", "one"], "report": ["sh", "-c", "exit 4"]}')
    assert done.returncode == 1, done.stdout + done.stderr
    happenings = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [happening["event"] for happening in happenings]
    assert kinds[0] == "ready" and kinds[-1] == "finished" and "deployed" in kinds
    entered = [happening["state"] for happening in happenings if happening["event"] == "stateEntered"]
    assert entered == ["Collect", "Report"]
    assert [happening["line"] for happening in happenings if happening["event"] == "output"] == ["one"]
    assert happenings[-1]["status"] == "FAILED" and happenings[-1]["error"] == "States.TaskFailed"


def test_an_event_that_does_not_match_is_refused():
    done = run("examples/on-demand-command/template.yaml", "--fire", "OnDemandRule", "--event",
               '{"Source": "someone.else", "DetailType": "Maintenance", "Detail": {"subject": "execute"}}')
    assert done.returncode == 2
    assert "The event does not match the pattern of the rule OnDemandRule." in done.stderr


def test_parameters_and_their_mistakes():
    done = run("examples/nightly-batch/template.yaml", "--parameter", "Nothing=1")
    assert done.returncode == 2
    assert "Parameters: [Nothing] do not exist in the template" in done.stderr
    done = run("examples/nightly-batch/template.yaml", "--fire", "NoRule")
    assert done.returncode == 2
    assert "no AWS::Events::Rule called NoRule (it has: " in done.stderr


def test_another_rule_of_the_same_machine_has_other_commands():
    done = run("examples/nightly-batch/template.yaml", "--fire", "WeeklyRule")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "│ collecting a week of orders" in done.stdout and "│ the week in one line" in done.stdout
