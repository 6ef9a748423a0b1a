"""Writes a first corpus for each target out of the cases of the crates."""

import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"


def write(target, texts):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(sorted(texts)):
        (folder / f"{number:05}").write_text(text, "utf-8")


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for element in value:
            yield from strings(element)
    elif isinstance(value, dict):
        for member in value.values():
            yield from strings(member)


def main():
    patterns = set()
    for case in json.loads((ROOT / "crates/lang/event-pattern/cases/matching.json").read_text("utf-8")):
        pattern = case.get("pattern_text") or json.dumps(case["pattern"])
        patterns.update(f"{pattern}\n{event}" for event in case["matches"] + case["rejects"])
    write("pattern", patterns)
    definitions, calls, expressions = set(), set(), set()
    files = list((ROOT / "crates/lang/asl/cases").rglob("*.json"))
    files += (ROOT.parent / "shared/conformance/cases/stepfunctions").glob("*.json")
    for file in files:
        for case in json.loads(file.read_text("utf-8")):
            definition = case.get("definition") if isinstance(case, dict) else None
            if not isinstance(definition, dict):
                continue
            definitions.add(json.dumps(definition))
            for text in strings(definition):
                if text.startswith("States."):
                    calls.add(text + "\n" + json.dumps(case.get("input", {})))
                if text.startswith("{%"):
                    expressions.add(text[2:-2].strip())
    suite = json.loads((ROOT / "crates/lang/asl/tests/jsonata-suite/cases.json").read_text("utf-8"))
    expressions |= {case["expr"] for case in suite}
    paths = json.loads((ROOT / "crates/lang/jsonpath/cases/paths.json").read_text("utf-8"))
    write("definition", definitions)
    write("intrinsic", calls)
    write("jsonata", expressions)
    write("path", {case["path"] + "\n" + json.dumps(case.get("document")) for case in paths if "path" in case})


main()
