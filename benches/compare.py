#!/usr/bin/env python3
"""Measures Runwright and emulators of the same API side by side, with the same client, on the same machine, in turn.

    cargo build --release
    benches/compare.py                                # prints tables in Markdown
    benches/compare.py --write docs/performance.md    # and puts them into the document

MiniStack is installed from PyPI into an environment of its own under target/. fakecloud is built from crates.io by
--install-fakecloud (an hour or more on two cores), or named by --fakecloud; without either, figures that were measured
elsewhere are quoted and marked as quoted.

Runwright keeps everything on disk before it answers; both others keep everything in memory. All servers run at the same
time, one is measured at a time, in turn, and the order repeats (A B A B); a figure is the median of the rounds.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
MINISTACK = "ministack[full]==1.5.33"
FAKECLOUD = "~0.51"
SCENARIOS = ["pass", "choice", "parallel", "map", "wait", "retry", "express", "poll"]
BEGIN, END = "<!-- figures: benches/compare.py -->", "<!-- end of figures -->"

# What fakecloud 0.51 did on two cores when it was measured, for where it cannot be had.
FAKECLOUD_QUOTED = "fakecloud 0.51 is not in this run. Quoted from an earlier one on two cores: about 9,500 starts/s of Pass x 10, " \
    "p99 7 ms, in memory only, 17 KB more resident memory for each finished execution."


# --- Servers -----------------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_listens(process, port):
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    sys.exit(f"{process.args[0]} does not listen")


@contextlib.contextmanager
def running(command, port, **environment):
    """A server; its endpoint and its process."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([str(word) for word in command], env={**os.environ, **environment}, **quiet)
    try:
        wait_until_it_listens(process, port)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def runwright(binary, data_dir):
    port = free_port()
    return running([binary, "serve", "--dev", "--listen", f"127.0.0.1:{port}", "--data-dir", data_dir], port)


def ministack(venv):
    """MiniStack without what it does beside: no log of each request, no MQTT."""
    port = free_port()
    environment = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "LOG_LEVEL": "WARNING", "IOT_MTLS_ENABLED": "0"}
    return running([venv / "bin/ministack"], port, **environment)


def fakecloud(binary):
    port = free_port()
    return running([binary, "--addr", f"127.0.0.1:{port}"], port)


def install_ministack(venv):
    if not (venv / "bin/ministack").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "--quiet", MINISTACK], check=True)
    return venv


def install_fakecloud(root):
    binary = root / "bin/fakecloud"
    if not binary.exists():
        command = ["nice", "cargo", "install", "fakecloud", "--version", FAKECLOUD, "--locked", "--root", root]
        subprocess.run(command, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(root / "build")})
    return binary


# --- Measuring ---------------------------------------------------------------------------------------------------------


def bench(binary, *arguments):
    """What `runwright bench` measured. Errors of a server are figures, not the end of the comparison."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [binary, "bench", *arguments, "--json", out.name]
        ended = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        text = pathlib.Path(out.name).read_text()
        if not text:
            sys.exit(f"{' '.join(map(str, command))}\n{ended.stdout}{ended.stderr}")
        return json.loads(text)


def measure(options, servers):
    """{(scenario, server): rows of all rounds}."""
    rows = {}
    for round_ in range(options.rounds):
        for scenario in options.scenario or SCENARIOS:
            for name, (endpoint, pid, data_dir) in servers.items():
                print(f"round {round_ + 1}: {scenario} on {name}", file=sys.stderr)
                document = bench(
                    options.runwright, "--endpoint", endpoint, "--pid", pid, "--data-dir", data_dir,
                    "--scenario", scenario, "--seconds", options.seconds,
                )
                rows.setdefault((scenario, name), []).extend(document["scenarios"])
    return rows


def of(rows, *path):
    """The median of a figure over the rounds; None where a round has none."""
    values = []
    for row in rows:
        for name in path:
            row = row and row.get(name)
        values.append(row)
    return statistics.median(values) if values and None not in values else None


# --- Tables ------------------------------------------------------------------------------------------------------------


def figure(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(header, rows, words=1):
    """In Markdown; the first columns hold words."""
    cells = [header] + [[cell if isinstance(cell, str) else figure(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    left = [at < words for at in range(len(header))]
    rule = ["-" * width if to_left else "-" * (width - 1) + ":" for width, to_left in zip(widths, left)]
    pad = lambda cell, width, to_left: cell.ljust(width) if to_left else cell.rjust(width)
    lines = [cells[0], rule, *cells[1:]]
    return "\n".join("| " + " | ".join(map(pad, line, widths, left)) + " |" for line in lines)


def comparison(rows, scenarios, names):
    header = ["", "server", "starts/s", "ratio", "ack. p50 ms", "p99 ms", "to SUCCEEDED p50 ms", "p99 ms", "errors"]
    lines = []
    for scenario in scenarios:
        ours = of(rows.get((scenario, names[0]), []), "starts_per_second")
        for name in names:
            its = rows.get((scenario, name), [])
            starts = of(its, "starts_per_second")
            ratio = f"{ours / starts:.1f}x" if name != names[0] and ours and starts else ""
            lines.append([
                its[0]["title"] if its and name == names[0] else scenario if name == names[0] else "", name, starts, ratio,
                of(its, "acknowledged", "p50"), of(its, "acknowledged", "p99"),
                of(its, "finished", "p50"), of(its, "finished", "p99"), str(sum(row["errors"] for row in its)),
            ])
    return table(header, lines, words=2)


def costs(rows, scenarios, names):
    header = ["", "server", "transitions/s", "CPU us/execution", "CPU us/transition", "flushes/s", "transitions/flush",
              "raw syncs/s growing", "reused", "resident MiB before", "after"]
    lines = []
    for scenario in scenarios:
        for name in names:
            its = rows.get((scenario, name), [])
            mib = [value and value / 2**20 for value in (of(its[:1], "server", "resident_before"), of(its[-1:], "server", "resident_after"))]
            lines.append([
                its[0]["title"] if its and name == names[0] else scenario if name == names[0] else "", name, of(its, "transitions_per_second"),
                of(its, "server", "cpu_per_execution"), of(its, "server", "cpu_per_transition"),
                of(its, "disk", "flushes_per_second"), of(its, "disk", "transitions_per_flush"),
                of(its, "raw", "growing"), of(its, "raw", "recycled"), *mib,
            ])
    return table(header, lines, words=2)


def memory(options):
    """Resident memory after many finished executions, and waiting ones across a SIGKILL, on a server that knows nothing else."""
    print(f"{options.finished} finished executions, {options.waiting} waiting ones", file=sys.stderr)
    document = bench(
        options.runwright, "--data-dir", options.data_dir, "--scenario", "pass", "--warm-up", 0,
        "--count", options.finished, "--waiting", options.waiting,
    )
    return document["scenarios"][0], document["recovery"]


def memory_lines(row, recovery):
    mib = lambda value: figure(value and value / 2**20)
    server = row["server"] or {}
    each = (recovery["resident_with"] - recovery["resident_without"]) / recovery["waiting"] if recovery["resident_with"] else None
    return "\n".join([
        f"* {row['starts']:,} executions of Pass x 10, started at {figure(row['starts_per_second'])}/s: "
        f"{mib(server.get('resident_before'))} MiB resident before, {mib(server.get('resident_after'))} MiB after.",
        f"* {recovery['waiting']:,} more that wait: {mib(recovery['resident_with'])} MiB, {figure(each)} bytes each; "
        f"{recovery['cpus_while_waiting']:.2f} CPUs busy while they wait.",
        f"* SIGKILL, and a new process on the same data: first answer after {recovery['seconds_to_first_answer']:.3f} s, "
        f"{mib(recovery['resident_after_start'])} MiB resident, {recovery['waiting_after_start']:,} of {recovery['waiting']:,} executions wait.",
    ])


def in_process(options):
    """The output of `cargo bench -p states`, and the transitions a second of Pass x 10 in it."""
    print("the engine without HTTP", file=sys.stderr)
    command = ["cargo", "bench", "--quiet", "-p", "states", "--bench", "engine", "--", str(options.data_dir)]
    command += ["--million"] if options.million else []
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = re.search(r"^Pass x 10 +\d+ +(\d+)", text, re.MULTILINE)
    return text.strip(), float(found[1]) if found else None


def targets(rows, finished, transitions, names):
    """What is to be reached, and whether it was."""
    ours = lambda scenario, *path: of(rows.get((scenario, names[0]), []), *path)
    theirs = lambda scenario: of(rows.get((scenario, "MiniStack"), []), "starts_per_second")
    ratio = lambda scenario: ours(scenario, "starts_per_second") / theirs(scenario) if ours(scenario, "starts_per_second") and theirs(scenario) else None
    resident = (finished or {}).get("server") or {}
    resident = resident.get("resident_after")
    wanted = [
        ("Pass x 10 over HTTP, starts/s", ours("pass", "starts_per_second"), ">=", 10_000),
        ("Pass x 10 over HTTP, times MiniStack's starts/s", ratio("pass"), ">=", 25),
        ("Pass x 10 over HTTP, acknowledged p99, ms", ours("pass", "acknowledged", "p99"), "<", 20),
        ("Start, poll and result by 8 clients, times MiniStack's", ratio("poll"), ">=", 50),
        ("Resident memory after 100,000 finished executions, MB", resident and resident / 1e6, "<", 150),
        ("In process, Pass x 10, durable transitions/s", transitions, ">=", 200_000),
    ]
    lines = []
    for what, value, relation, bound in wanted:
        passed = value is not None and (value >= bound if relation == ">=" else value < bound)
        lines.append([what, f"{relation} {bound:,}", value, "not measured" if value is None else "pass" if passed else "**fail**"])
    return table(["target", "wanted", "measured", ""], lines)


def about(load_before):
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    load = lambda average: " ".join(f"{value:.2f}" for value in average)
    return (
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, commit {commit}; {os.cpu_count()} CPUs ({model}), Linux {platform.release()}; "
        f"load average {load(load_before)} before, {load(os.getloadavg())} after."
    )


# --- The whole ---------------------------------------------------------------------------------------------------------


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--runwright", type=pathlib.Path, default=target / "release/runwright", metavar="FILE", help="the binary")
    parser.add_argument("--data-dir", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()), metavar="DIR", help="on the disk to measure")
    parser.add_argument("--rounds", type=int, default=2, help="how often everything is measured")
    parser.add_argument("--seconds", type=float, default=5, help="how long each measurement lasts")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="only these")
    parser.add_argument("--finished", type=int, default=100_000, metavar="COUNT", help="finished executions whose memory is measured")
    parser.add_argument("--waiting", type=int, default=100_000, metavar="COUNT", help="waiting executions that a kill -9 meets")
    parser.add_argument("--million", action="store_true", help="in process, also a store with a million finished executions")
    parser.add_argument("--only-http", action="store_true", help="without memory, recovery, and the engine in process")
    parser.add_argument("--ministack", type=pathlib.Path, default=target / "bench/ministack", metavar="DIR", help="its environment; made where it is not there")
    parser.add_argument("--fakecloud", type=pathlib.Path, metavar="FILE", help="its binary")
    parser.add_argument("--install-fakecloud", action="store_true", help="build it from crates.io under target/bench/fakecloud")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE", help="put the tables between the marks of this document")
    options = parser.parse_args()
    if options.install_fakecloud:
        options.fakecloud = install_fakecloud(target / "bench/fakecloud")
    return options


def main():
    options = arguments()
    load_before = os.getloadavg()
    venv = install_ministack(options.ministack)
    data_dir = pathlib.Path(tempfile.mkdtemp(prefix="runwright-compare-", dir=options.data_dir))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, data_dir, ignore_errors=True)
        servers = {"Runwright": stack.enter_context(runwright(options.runwright, data_dir))}
        servers["MiniStack"] = stack.enter_context(ministack(venv))
        if options.fakecloud:
            servers["fakecloud"] = stack.enter_context(fakecloud(options.fakecloud))
        rows = measure(options, {name: (*server, data_dir) for name, server in servers.items()})
    names, scenarios = list(servers), options.scenario or SCENARIOS
    finished, transitions, parts = None, None, []
    if not options.only_http:
        finished, recovery = memory(options)
        text, transitions = in_process(options)
        parts = ["### Memory and recovery", memory_lines(finished, recovery), "### In process, without HTTP", f"```text\n{text}\n```"]
    report = "\n\n".join([
        about(load_before),
        "### Targets", targets(rows, finished, transitions, names),
        f"### Over HTTP, in turn, {options.rounds} rounds of {options.seconds:g} s", comparison(rows, scenarios, names),
        *([] if options.fakecloud else [FAKECLOUD_QUOTED]),
        "### What it costs", costs(rows, scenarios, names), *parts,
    ])
    print(report)
    if options.write:
        before, rest = options.write.read_text().split(BEGIN)
        options.write.write_text(f"{before}{BEGIN}\n\n{report}\n\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
