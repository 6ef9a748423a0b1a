"""Kills the release binary at random moments under load, and checks that nothing was lost and nothing was done twice.

    python tests/torture/kill.py --binary target/release/runwright --kills 100

It prints its seed; `--seed` has the same requests made and the same pauses kept again. It needs root, for containers.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time

import checks
import turns
from server import Server
from stack import Stack
from witness import Witness
from world import World

ROOT = pathlib.Path(__file__).resolve().parents[2]
# One kill in so many falls into the first moments of a start.
EARLY = 6
CLOSED_WITHIN_SECONDS = 180
RESIDENT_MIB_MAX, OPEN_FILES_MAX, THREADS_MAX = 400, 256, 128


def main():
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("kill.py needs root: it runs containers")
    seed = options.seed if options.seed is not None else time.time_ns() % 10**6
    print(f"seed {seed}: {options.kills} kills of {options.binary}", flush=True)
    data_dir = pathlib.Path(options.data_dir or tempfile.mkdtemp(prefix="runwright-torture-"))
    server = Server(options.binary, data_dir, options.port)
    try:
        wrong = torture(server, options, seed)
    finally:
        if server.process and server.process.poll() is None:
            server.stop()
    for sentence in wrong[:60]:
        print("WRONG", sentence)
    if wrong:
        print(f"{len(wrong)} findings with seed {seed}; the data stay in {data_dir}")
        print(*list(server.said)[-20:], sep="\n  | ")
        sys.exit(1)
    if not options.data_dir:
        shutil.rmtree(data_dir)
    print("0 lost, 0 doubled")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/runwright")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--calm", type=float, default=1, help="seconds of load after the last kill")
    parser.add_argument("--port", type=int, default=4720)
    parser.add_argument("--data-dir", help="keep data here [default: a directory that is removed where all is well]")
    return parser.parse_args()


def torture(server, options, seed):
    chance_of = lambda name: random.Random(f"{seed} {name}")
    witness = Witness()
    server.start()
    server.wait_until_it_listens()
    world = World(seed, options.port, witness)
    stack = Stack(options.port, witness)
    closed = threading.Event()
    workers = [worker(world, stack, activity, closed) for activity in stack.activities.values() for _ in range(2)]
    actors = list(turns.workload(world, stack, chance_of))
    began = time.monotonic()
    for thread in [*workers, *actors]:
        thread.start()
    kills = kill_at_random(server, world, chance_of("kills"), options.kills)
    time.sleep(options.calm)
    world.over.set()
    for actor in actors:
        actor.join(timeout=120)
        if actor.is_alive():
            world.fault(f"{actor.name} waits for something that does not come")
    worked = time.monotonic() - began
    stuck = checks.wait_until_closed(world, stack, CLOSED_WITHIN_SECONDS)
    closed.set()
    time.sleep(2)  # Logs and status changes follow the ends of executions.
    wrong = world.faults + stuck_histories(world, stuck) + checks.everything(world, stack)
    wrong += [f"the server said {count} times: {alarm}" for alarm, count in server.alarms.items()]
    wrong += bounds(server)
    report(server, world, kills, worked)
    return wrong


def kill_at_random(server, world, chance, kills):
    """Kills and starts again; at last the server runs."""
    early = 0
    for _ in range(kills):
        if chance.randrange(EARLY) == 0:
            early += 1
            time.sleep(chance.uniform(0, 0.1))
        else:
            server.wait_until_it_listens()
            time.sleep(chance.uniform(0.05, 2))
        ended = server.kill()
        if ended is not None:
            world.fault(f"the server had ended by itself with {ended}: {list(server.said)[-5:]}")
        server.start()
    server.wait_until_it_listens()
    return f"{kills} kills, {early} of them within 0.1 s of a start"


def worker(world, stack, activity, closed):
    def work():
        while not closed.is_set():
            try:
                turns.worker(world, stack, activity)
            except Exception as error:
                if not closed.is_set():
                    world.fault(f"a worker: {error!r}")
    return threading.Thread(target=work, daemon=True)


def stuck_histories(world, stuck):
    return [f"stuck: {run['executionArn']}: " + json.dumps(checks.whole_history(world, run["executionArn"])[-6:]) for run in stuck[:5]] + \
        ([f"{len(stuck)} executions are stuck"] if stuck else [])


def bounds(server):
    holds = server.holds()
    for what, most in {"resident MiB": RESIDENT_MIB_MAX, "open files": OPEN_FILES_MAX, "threads": THREADS_MAX}.items():
        if holds[what] > most:
            yield f"the server holds {holds[what]} {what}"


def report(server, world, kills, worked):
    machines = {}
    for run in world.executions.values():
        name = run.machine.rsplit(":", 1)[-1]
        machines[name] = machines.get(name, 0) + 1
    print(f"{kills} in {worked:.0f} s; {world.lost} answers were lost")
    print(f"acknowledged: {len(world.executions)} executions {machines}")
    print(f"  {len(world.events)} events, {len(world.objects)} objects, {len(world.lines)} log lines, {len(world.schedules)} schedules; "
          f"in doubt {len(world.events_in_doubt)} events, {len(world.lines_in_doubt)} lines")
    print(f"  {world.done['containers']} containers ran; {world.done['schedule rate(1 minute)']} starts by rate(1 minute); told twice: "
          f"{world.done['events logged twice']} events to a log group, {world.done['status changes told twice']} status changes")
    starts = sorted(server.starts)
    print(f"start to listening: p50 {statistics.median(starts):.0f} ms, max {starts[-1]:.0f} ms of {len(starts)}")
    print(f"at the end: {server.holds()}", flush=True)


if __name__ == "__main__":
    main()
