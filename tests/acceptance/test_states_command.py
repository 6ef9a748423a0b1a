"""`runwright states`: validate, test and graph, as a person at a terminal uses them."""

import json
import subprocess
import time
import xml.etree.ElementTree

from conftest import BINARY

SVG = "{http://www.w3.org/2000/svg}"
MACHINE = {
    "StartAt": "Decide",
    "States": {
        "Decide": {"Type": "Choice", "Default": "Small",
                   "Choices": [{"Variable": "$.count", "NumericGreaterThan": 5, "Next": "Large"}]},
        "Large": {"Type": "Pass", "End": True},
        "Small": {"Type": "Fail", "Error": "TooSmall", "Cause": "it is"},
    },
}


def runwright(*arguments, **more):
    return subprocess.run([str(BINARY), "states", *map(str, arguments)], capture_output=True, text=True, timeout=60, **more)


def test_validate_tells_file_and_line(tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.yaml"
    good.write_text(json.dumps(MACHINE))
    bad.write_text("StartAt: A\nStates:\n  A:\n    Type: Pass\n    Next: B\n  C:\n    Type: Succeed\n")
    done = runwright("validate", good, bad)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{good}: ok", f"{bad}:5:11: error Missing 'Next' target: B (MISSING_TRANSITION_TARGET at /States/A/Next)"]
    assert runwright("validate", good).returncode == 0
    answer = json.loads(runwright("validate", "--output", "json", "-", input=bad.read_text()).stdout)
    assert (answer["file"], answer["result"]) == ("-", "FAIL")


def test_one_state_is_tried_without_a_server(tmp_path):
    file = tmp_path / "machine.json"
    file.write_text(json.dumps(MACHINE))
    done = runwright("test", file, "--state", "Decide", "--input", '{"count": 7}', "--output", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["nextState"] == "Large"
    done = runwright("test", file, "--state", "Small")
    assert done.returncode == 1
    assert done.stdout.startswith("✗ FAILED\n  TooSmall it is\n")


def test_graph_shows_what_happened(server, tmp_path):
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="drawn", definition=json.dumps(MACHINE),
                                          roleArn="arn:aws:iam::000000000000:role/drawn")["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, input='{"count": 1}')["executionArn"]
    while states.describe_execution(executionArn=execution)["status"] == "RUNNING":
        time.sleep(0.05)
    drawn = runwright("graph", "--execution", execution, "--data-dir", server.data_dir)
    assert drawn.returncode == 0, drawn.stderr
    assert "✓ Decide" in drawn.stdout and "✗ Small" in drawn.stdout and "✓ Large" not in drawn.stdout
    svg = tmp_path / "drawn.svg"
    assert runwright("graph", "--execution", execution, "--data-dir", server.data_dir, "--out", svg).returncode == 0
    drawing = xml.etree.ElementTree.parse(svg)
    groups = {group.findtext(f"{SVG}title"): group.get("class") for group in drawing.iter(f"{SVG}g")}
    assert "failed" in groups["Small"] and "succeeded" in groups["Decide"] and "untouched" in groups["Large"]
    missing = runwright("graph", "--execution", f"{execution}-not", "--data-dir", server.data_dir)
    assert missing.returncode == 2 and "ExecutionDoesNotExist" in missing.stderr
