#!/usr/bin/env python3
"""Measures event matching beside AWS's event-ruler: the same rules, the same events, one thread each, in turn.

    benches/peers/matching.py                                   # prints the table
    benches/peers/matching.py --write docs/performance.md       # and puts it into the document
    benches/peers/matching.py --rules 300 --only wildcard       # a part of it

Needs cargo, a JDK of 17 or later and Maven, which fetches event-ruler. The categories are those of event-ruler's own
benchmark, the events are of that benchmark's form and size, made here from a seed: lots of a town, with a street address
and a polygon of some ten corners. Both sides are given each event as text, so a figure includes reading it. For each category
both processes are alive and measured by turns, A B A B; a figure is the median of the rounds, in events a second of the
CPU time of the matching thread. Turns are not counted until they get no faster, because Java compiles in them. Both
must find as many matches. Where they do not, event-ruler with a machine for each rule is the judge: where that finds as many
as Runwright, the row says how many too many or too few event-ruler found with the rules together.
"""

import argparse
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "benches/peers"
BEGIN, END = "<!-- figures: benches/peers/matching.py -->", "<!-- end of matching figures -->"
EVENTS = 10_000
STREETS = ["MAIN", "OAK", "PARK", "ELM", "LAKE", "HILL", "RIVER", "MAPLE", "CEDAR", "VALE", "MILL", "ROSE", "KING", "QUAY"]
ENDINGS = ["LAND", "TON", "WOOD", "FIELD", "SIDE", "GATE", "BURY", "FORD", "VIEW", "DALE"]
KINDS = ["ST", "AVE", "WAY", "RD", "LN", "CT"]


# --- Events and rules --------------------------------------------------------------------------------------------------


def street(chance):
    return f"{chance.choice(STREETS)}{chance.choice(ENDINGS)} {chance.randrange(1, 1000)}"


def lot(chance):
    return f"{chance.randrange(10_000):04}{chance.randrange(1000):03}"


def longitude(chance):
    return repr(-122 - chance.random())


def latitude(chance):
    return repr(37 + chance.random())


def corner(chance):
    return f'{{"x":{longitude(chance)},"y":{latitude(chance)},"z":0.0}}'


def event(chance):
    number, odd = lot(chance), chance.choice("EO")
    first = corner(chance)
    corners = ",".join([first] + [corner(chance) for _ in range(chance.randrange(7, 11))] + [first])
    kind = "Polygon" if chance.random() < 0.98 else "MultiPolygon"
    house = chance.randrange(1, 5000)
    return (
        f'{{"type":"Feature","properties":{{"MAPBLKLOT":"{number}","BLKLOT":"{number}","BLOCK_NUM":"{number[:4]}",'
        f'"LOT_NUM":"{number[4:]}","FROM_ST":"{house}","TO_ST":"{house}","STREET":"{street(chance)}",'
        f'"ST_TYPE":"{chance.choice(KINDS)}","ODD_EVEN":"{odd}"}},'
        f'"geometry":{{"type":"{kind}","firstCoordinates":{first},"coordinates":[[{corners}]]}}}}'
    )


def property_rule(name, entry):
    return f'{{"properties":{{"{name}":[{entry}]}}}}'


def operator(name, value):
    return f'{{"{name}":{value}}}'


def quoted(text):
    return f'"{text}"'


def any_case(chance, text):
    return "".join(letter.lower() if chance.random() < 0.5 else letter for letter in text)


def wildcard(chance):
    name, number = street(chance).split(" ")
    digits = lot(chance)
    return chance.choice(
        [
            property_rule("MAPBLKLOT", operator("wildcard", quoted(f"{digits[:4]}*{digits[6]}"))),
            property_rule("MAPBLKLOT", operator("wildcard", quoted(f"{digits[:3]}*{digits[4]}*{digits[6]}"))),
            property_rule("STREET", operator("wildcard", quoted(f"{name[:2]}*{name[-2:]} {number}"))),
            property_rule("STREET", operator("wildcard", quoted(f"*{name[-4:]} {number[:2]}*"))),
        ]
    )


def between(chance, millionths):
    top = chance.randrange(10**6 - millionths) / 10**6
    return f'{{"numeric":[">=",{-122 - top - millionths / 10**6:.6f},"<",{-122 - top:.6f}]}}'


def numeric(chance):
    return chance.choice(
        [
            f'{{"numeric":["=",{longitude(chance)}]}}',
            f'{{"numeric":["<=",-122.99{chance.randrange(10**6):06}]}}',
            between(chance, 200_000),
            between(chance, 1000),
        ]
    )


def anything_but(chance, values):
    name, make = chance.choice([("STREET", street), ("MAPBLKLOT", lot)])
    return property_rule(name, operator("anything-but", values(chance, make)))


def some(chance, make):
    return "[" + ",".join(quoted(make(chance)) for _ in range(3)) + "]"


def inside(name):
    def values(chance, make):
        texts = [make(chance) for _ in range(3)]
        cut = {"prefix": lambda text: text[:6], "suffix": lambda text: text[-4:]}.get(name, lambda text: text)
        return operator(name, "[" + ",".join(quoted(cut(text)) for text in texts) + "]")

    return values


def starred(chance, make):
    text = make(chance)
    return operator("wildcard", quoted(f"{text[:2]}*{text[3:]}"))


def complex_arrays(chance):
    axis = f'"coordinates":{{"x":[{numeric(chance)}]}}'
    kind = chance.choice(["Polygon", "MultiPolygon"])
    return chance.choice([f'{{"geometry":{{{axis}}}}}', f'{{"geometry":{{"type":["{kind}"],{axis}}}}}'])


def envelope(chance):
    # Rules of the kind that buses have: an exact field, and one that is looked at more closely.
    return (
        f'{{"type":["Feature"],"properties":{{"ST_TYPE":["{chance.choice(KINDS)}"],"STREET":[{{"prefix":"{street(chance)[:9]}"}}],'
        f'"ODD_EVEN":[{{"anything-but":"{chance.choice("EO")}"}}]}}}}'
    )


def texts(name, shape):
    def rule(chance):
        field, make = chance.choice([("STREET", street), ("MAPBLKLOT", lot)])
        value, entry = shape(chance, make(chance)), None
        entry = quoted(value) if name is None else name.format(quoted(value))
        return property_rule(field, entry)

    return rule


CATEGORIES = {
    "EXACT": texts(None, lambda _, text: text),
    "WILDCARD": wildcard,
    "PREFIX": texts('{{"prefix":{}}}', lambda _, text: text[:6]),
    "PREFIX_EIC": texts('{{"prefix":{{"equals-ignore-case":{}}}}}', lambda chance, text: any_case(chance, text[:6])),
    "SUFFIX": texts('{{"suffix":{}}}', lambda _, text: text[-5:]),
    "SUFFIX_EIC": texts('{{"suffix":{{"equals-ignore-case":{}}}}}', lambda chance, text: any_case(chance, text[-5:])),
    "EQUALS_IGNORE_CASE": texts('{{"equals-ignore-case":{}}}', any_case),
    "NUMERIC": lambda chance: f'{{"geometry":{{"type":["Polygon"],"firstCoordinates":{{"x":[{numeric(chance)}]}}}}}}',
    "ANYTHING_BUT": lambda chance: anything_but(chance, some),
    "ANYTHING_BUT_IGNORE_CASE": lambda chance: anything_but(chance, inside("equals-ignore-case")),
    "ANYTHING_BUT_PREFIX": lambda chance: anything_but(chance, inside("prefix")),
    "ANYTHING_BUT_SUFFIX": lambda chance: anything_but(chance, inside("suffix")),
    "ANYTHING_BUT_WILDCARD": lambda chance: anything_but(chance, starred),
    "COMPLEX_ARRAYS": complex_arrays,
    "FIELDS": envelope,
}


def combined(chance):
    return CATEGORIES[chance.choice(list(CATEGORIES))](chance)


def rules(category, count):
    chance = random.Random(f"{category} {count}")
    make = combined if category == "COMBO" else CATEGORIES[category]
    return [make(chance) for _ in range(count)]


# --- Both sides --------------------------------------------------------------------------------------------------------


def build(target):
    """Builds both programs and returns the commands that start them."""
    subprocess.run(["cargo", "build", "--release", "-q", "-p", "event-pattern", "--example", "peer"], cwd=ROOT, check=True)
    ours = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/examples/peer"
    maven = ["mvn", "-q", "-B", f"-Dpeers.target={target}", "compile", "dependency:copy-dependencies", f"-DoutputDirectory={target}/lib"]
    subprocess.run(maven, cwd=HERE, check=True)
    java = ["java", "-Xms1g", "-Xmx4g", "-XX:+UseSerialGC", "-cp", f"{target}/classes:{target}/lib/*", "RulerPeer"]
    return [str(ours)], java


class Side:
    def __init__(self, command, rules, events, patience, *more):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([*command, rules, events, *more], stdin=pipe, stdout=pipe, text=True)
        # Some rules take event-ruler minutes or gigabytes to compile.
        timer = threading.Timer(patience, self.process.kill)
        timer.start()
        self.is_ready = self.process.stdout.readline().strip() == "ready"
        timer.cancel()

    def measure(self, seconds):
        print(seconds, file=self.process.stdin, flush=True)
        events, cpu, matches = self.process.stdout.readline().split()
        return int(events) / float(cpu), int(matches)

    def warm(self, seconds):
        """Until a turn is hardly faster than the best before, or for twelve turns."""
        best = 0
        for turn in range(12):
            rate, _ = self.measure(seconds)
            if turn > 1 and rate < best * 1.03:
                return
            best = max(best, rate)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compare(commands, category, count, events, options, folder):
    path = folder / "rules"
    path.write_text("\n".join(rules(category, count)) + "\n")
    sides = [Side(command, path, events, options.patience) for command in commands]
    if not sides[0].is_ready:
        sys.exit(f"{commands[0]} does not start")
    sides = [side for side in sides if side.is_ready]
    for side in sides:
        side.warm(options.warm)
    rates, matches = ([], []), [0, 0]
    for _ in range(options.rounds):
        for number, side in enumerate(sides):
            rate, matches[number] = side.measure(options.seconds)
            rates[number].append(rate)
    for side in sides:
        side.end()
    ours, theirs = matches if len(sides) == 2 else (matches[0], matches[0])
    if ours != theirs:
        judge = Side(commands[1], path, events, options.patience, "apart")
        _, judged = judge.measure(0)
        judge.end()
        if judged != ours:
            sys.exit(f"{category}, {count} rules: {ours} matches, of event-ruler {theirs}, with its rules apart {judged}")
    return [statistics.median(found) if found else 0 for found in rates], ours, theirs - ours


def table(commands, options, folder):
    chance = random.Random(1)
    texts = [event(chance) for _ in range(options.events)]
    size = sum(map(len, texts)) // len(texts)
    before = os.getloadavg()
    lines = ["| category | rules | matches per event | Runwright, events/s | event-ruler, events/s | ratio |", "|---|---:|---:|---:|---:|---:|"]
    for count in options.rules:
        # With many rules some categories take milliseconds for an event.
        used = texts if count < 10_000 else texts[: max(1, len(texts) // 20)]
        events = folder / "events"
        events.write_text("\n".join(used) + "\n")
        for category in [*CATEGORIES, "COMBO"]:
            if options.only and not any(one.upper() in category for one in options.only):
                continue
            rates, matches, wrong = compare(commands, category, count, events, options, folder)
            theirs = f"{rates[1]:,.0f} | {rates[0] / rates[1]:.1f}" if rates[1] else f"not ready after {options.patience:.0f} s | -"
            theirs += f" ({wrong:+,} wrong matches)" if wrong else ""
            lines.append(f"| {category} | {count:,} | {matches / len(used):,.2f} | {rates[0]:,.0f} | {theirs} |")
            print(lines[-1], file=sys.stderr, flush=True)
    load = f"load average {' '.join(f'{one:.2f}' for one in before)} before, {' '.join(f'{one:.2f}' for one in os.getloadavg())} after"
    return "\n".join([f"{len(texts):,} events of {size} bytes (a twentieth of them with 10,000 rules and more); event-ruler 2.0.1; {load}.", "", *lines])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rules", type=int, nargs="+", default=[5, 300, 20_000])
    parser.add_argument("--only", nargs="+", help="parts of categories' names")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one turn")
    parser.add_argument("--warm", type=float, default=2.0, help="seconds of a turn before those that count")
    parser.add_argument("--patience", type=float, default=120, help="seconds in which a side must have compiled the rules")
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "peers"
    with tempfile.TemporaryDirectory() as folder:
        figures = table(build(target), options, pathlib.Path(folder))
    print(figures)
    if options.write:
        text = options.write.read_text()
        block = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
        options.write.write_text(block.sub(lambda _: f"{BEGIN}\n\n{figures}\n\n{END}", text))


if __name__ == "__main__":
    main()
