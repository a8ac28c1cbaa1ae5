"""Each statement of MQTT: where it is enforced, which tests name it, and whether one of them fails
when the check is taken out.

    .venv/bin/python tests/statements/run.py                      every row
    .venv/bin/python tests/statements/run.py --sample 60 --seed 1    rows drawn by the seed
    .venv/bin/python tests/statements/run.py 5:MQTT-3.3.2-8 3:MQTT-3.1.2-24
    .venv/bin/python tests/statements/run.py --list        citations; do all faults compile?

Exit status 1 if a row is neither enforced and tested nor explained, or a sabotage is not noticed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from citations import AREAS, HERE, ROOT, Row, rows, sites, tests
from instrument import instrumented, made_by_hand, sabotage

BUILD = ROOT / "build/statements"
TREE = BUILD / "tree"
RUN_LIMIT_S = 60
JOBS = os.cpu_count() or 1
STATES = {
    "shown": "enforced, tested, and the sabotage was noticed",
    "enforced": "enforced and tested; not drawn this time",
    "explained": "not enforced here, for the reason given",
    "UNNOTICED": "the named tests pass without the check",
    "FIXED": "cited where nothing can be taken out, and no fault made by hand",
    "UNTESTED": "enforced, but no test names it",
    "MISSING": "enforced nowhere",
    "OUTDATED": "explained, and yet enforced and tested",
}


@dataclass
class Finding:
    row: Row
    places: list[str]
    tests: dict[str, list[str]]
    switched: bool
    reason: str = ""
    state: str = ""
    by: str = field(default="")  # the test that noticed, or how its program ended

    def judge(self) -> None:
        if self.reason:
            self.state = "OUTDATED" if self.places and self.tests else "explained"
        elif not self.places:
            self.state = "MISSING"
        elif not self.tests:
            self.state = "UNTESTED"
        else:
            self.state = "enforced" if self.switched else "FIXED"


def explanations() -> dict[str, str]:
    with open(HERE / "explained.toml", "rb") as file:
        entries = tomllib.load(file)["reason"]
    out = {row: entry["why"] for entry in entries for row in entry["rows"]}
    if unknown := sorted(out.keys() - rows().keys()):
        sys.exit(f"explained.toml: no statement {', '.join(unknown)}")
    return out


def findings() -> list[Finding]:
    places = defaultdict(list)
    by_hand = made_by_hand()
    literal = set()
    for site in sites():
        for key in site.keys:
            if site.inside_function or key in by_hand:
                places[key].append(f"{site.file}:{site.line}")
            if site.literal:
                literal.add(key)
    switched = set().union(*(copy.switched for copy in instrumented().values()), literal, by_hand)
    reasons = explanations()
    out = []
    for key, row in rows().items():
        if row.observable == "not-observable":
            continue
        named = tests().get(key, {})
        found = Finding(row, places[key], named, key in switched, reasons.get(key, ""))
        found.judge()
        out.append(found)
    return out


def write(path: Path, text: str) -> None:
    """Leaves a file that is the same alone, so that it is not compiled again."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def lay_out() -> None:
    """The instrumented copy of what is built."""
    wanted = {TREE / name for name in instrumented()}
    folders = ["protocol", *(f"tests/{area}" for area in [*AREAS, "support"])]
    files = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in (".h", ".cc", ".txt")]
    for path in [ROOT / "CMakeLists.txt", ROOT / "tests/CMakeLists.txt", *files]:
        name = str(path.relative_to(ROOT))
        copy = instrumented().get(name)
        write(TREE / name, copy.text() if copy else path.read_text())
        wanted.add(TREE / name)
    for path in TREE.rglob("*.[hc]*"):
        if path.is_file() and path not in wanted:
            path.unlink()
    write(BUILD / "off.h", (HERE / "off.h").read_text())


def compile_handmade() -> None:
    """Faults made by hand are code that nothing else compiles: each folder's files with any, as
    one source, so that it takes seconds.
    """
    lay_out()
    folders = defaultdict(list)
    for name in sabotage():
        folders[Path(name).parent].append(f'#include "{name}"\n')
    compiler = ["g++", "-std=c++20", "-fsyntax-only", "-w", "-x", "c++", '-DMQTTLAB_VERSION=""']
    compiler += ["-I.", "-include", str(BUILD / "off.h"), "-"]

    def compile(includes: list[str]) -> str:
        source = "".join(includes)
        done = subprocess.run(compiler, cwd=TREE, input=source, capture_output=True, text=True)
        return "" if done.returncode == 0 else errors_in(done.stderr)

    with ThreadPoolExecutor(JOBS) as pool:
        if errors := [text for text in pool.map(compile, folders.values()) if text]:
            sys.exit("\n".join([*errors, "sabotage.toml: a fault does not fit the code any more"]))


def build(areas: set[str]) -> None:
    lay_out()
    options = ["-DMQTTLAB_SIM=OFF", "-DMQTTLAB_LIVE=OFF", "-DMQTTLAB_TESTS=ON"]
    options += ["-DCMAKE_BUILD_TYPE=Debug"]
    flags = f"-DCMAKE_CXX_FLAGS=-g0 -O0 -w -include {BUILD / 'off.h'}"
    out = BUILD / "cmake"
    configure = ["cmake", "-S", str(TREE), "-B", str(out), "-G", "Ninja", *options, flags]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    targets = [f"test_{area}" for area in sorted(areas)]
    built = subprocess.run(["ninja", "-C", str(out), *targets], capture_output=True, text=True)
    if built.returncode:
        sys.exit(f"{errors_in(built.stdout)}\nrun.py: the instrumented copy does not build")


def errors_in(said: str) -> str:
    """Of a compiler, the lines that count."""
    return "\n".join(
        [line for line in said.splitlines() if "error" in line or "FAILED" in line][:20]
    )


def run(area: str, names: list[str], off: str) -> str:
    """Runs tests with rows off. Empty if all pass, else the first that failed."""
    patterns = [pattern for name in names for pattern in (name, f"*/{name}/*")]
    command = [str(BUILD / f"cmake/tests/test_{area}"), f"--gtest_filter={':'.join(patterns)}"]
    command += ["--gtest_brief=1", "--gtest_fail_fast"]
    environment = {**os.environ, "MQTTLAB_OFF": off}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=RUN_LIMIT_S,
            errors="replace", cwd=BUILD,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "does not end"
    if done.returncode == 0:
        return ""
    lines = [line.split("] ")[-1] for line in done.stdout.splitlines() if "[  FAILED" in line]
    return lines[0].split(",")[0].split(" (")[0] if lines else f"aborts ({done.returncode})"


def prove(finding: Finding) -> None:
    """A test that fails says more than a program that aborts, which is looked for only then."""
    finding.state = "UNNOTICED"
    for area, names in finding.tests.items():
        noticed = run(area, names, finding.row.key)
        if noticed and not failed(noticed):
            each = (run(area, [name], finding.row.key) for name in names)
            noticed = next(filter(failed, each), noticed)
        if noticed:
            finding.state, finding.by = "shown", f"{area}: {noticed}"
        if failed(noticed):
            return


def failed(noticed: str) -> bool:
    return "." in noticed  # a test's name


def baseline(drawn: list[Finding]) -> None:
    names: dict[str, set[str]] = defaultdict(set)
    for finding in drawn:
        for area, found in finding.tests.items():
            names[area].update(found)
    for area, found in names.items():
        if noticed := run(area, sorted(found), ""):
            sys.exit(f"run.py: {area}: {noticed}, with every check in place")


def table(found: list[Finding]) -> str:
    lines = ["| row | state | requirement | where | by |", "| --- | --- | --- | --- | --- |"]
    for f in found:
        by = f.reason or f.by or ", ".join(t for names in f.tests.values() for t in names[:2])
        where = " ".join(place.removeprefix("protocol/") for place in f.places)
        requirement = f.row.requirement.replace("|", "\\|")
        lines.append(f"| {f.row.key} | {f.state} | {requirement} | {where} | {by} |")
    return "\n".join([*lines, "", counts(found), ""])


def counts(found: list[Finding]) -> str:
    lines = []
    for version, digit in (("3.1.1", "3:M"), ("5.0, numbered", "5:M"), ("5.0, unnumbered", "5:U")):
        mine = [f for f in found if f.row.key.startswith(digit)]
        states = Counter(f.state for f in mine)
        parts = [f"{states[state]} {state}" for state in STATES if states[state]]
        lines.append(f"{version}: {len(mine)} rows: {', '.join(parts)}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("rows", nargs="*")
    parser.add_argument("--sample", type=int, help="how many rows to take out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    if unknown := [row for row in arguments.rows if row not in rows()]:
        parser.error(f"no row {', '.join(unknown)}; rows are 3:MQTT-..., 5:MQTT-..., 5:U-...")
    found = findings()
    drawn = [f for f in found if f.state == "enforced"]
    if arguments.rows:
        found = drawn = [f for f in found if f.row.key in arguments.rows]
    elif arguments.sample:
        drawn = random.Random(arguments.seed).sample(drawn, min(arguments.sample, len(drawn)))
    if arguments.list:
        compile_handmade()
    else:
        build({area for finding in drawn for area in finding.tests})
        baseline(drawn)
        with ThreadPoolExecutor(JOBS) as pool:
            list(pool.map(prove, [f for f in drawn if f.state == "enforced"]))
    BUILD.mkdir(parents=True, exist_ok=True)
    write(BUILD / "table.md", table(found))
    for finding in found:
        if finding.state.isupper() or arguments.rows:
            print(f"{finding.state:9} {finding.row.key:22} {finding.row.requirement}")
            print(f"{'':9} {' '.join(finding.places)}; {finding.by or dict(finding.tests)}")
    for state, meaning in STATES.items():
        if any(f.state == state for f in found):
            print(f"  {state}: {meaning}")
    print(counts(found), f"\ntable: {(BUILD / 'table.md').relative_to(ROOT)}", sep="")
    return int(any(finding.state.isupper() for finding in found))


if __name__ == "__main__":
    shutil.which("ninja") or sys.exit("run.py needs ninja")
    sys.exit(main())
