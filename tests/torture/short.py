"""The runs that need no containers, short and side by side: what `.ci/run` has time for.

    python tests/torture/short.py [--binary target/release/runwright] [--seed N]
"""

import argparse
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNS = {
    "deliveries.py": ("--events", "100", "--kills", "6"),
    "queues.py": ("--kills", "6"),
    "schedules.py": ("--schedules", "60", "--seconds", "3", "--kills", "4"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/runwright")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument("--port", type=int, default=4722, help="the first of three")
    options = parser.parse_args()
    began, here = time.monotonic(), pathlib.Path(__file__).parent
    running = {
        name: subprocess.Popen([sys.executable, here / name, "--binary", options.binary, "--seed", str(options.seed),
                                "--port", str(options.port + place), *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for place, (name, more) in enumerate(RUNS.items())}
    failed = []
    for name, process in running.items():
        print(f"{name}: {process.communicate()[0].rstrip()}")
        if process.returncode:
            failed.append(name)
    print(f"{time.monotonic() - began:.0f} s")
    if failed:
        sys.exit(f"failed with seed {options.seed}: {', '.join(failed)}")


if __name__ == "__main__":
    main()
