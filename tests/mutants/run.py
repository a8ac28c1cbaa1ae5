"""Breaks client and broker on purpose, one small patch at a time: the oracle must notice each.

    .venv/bin/python tests/mutants/run.py            all mutants; without a fault nothing may break
    .venv/bin/python tests/mutants/run.py M19 N05    only these
    .venv/bin/python tests/mutants/run.py --cuts     by exchanges that are cut, not by random worlds
    .venv/bin/python tests/mutants/run.py --cuts none   every cut of the tree as it is, as many as
                                                        results/cuts/counts.csv has

Everything is built in build/mutants: the tree once, and for each mutant the files that its patch
touches, in an overlay that lies before the tree in the include path. Results go to
build/mutants/table.md, and with --cuts to build/mutants/cuts.md.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/mutants"
BUILD = ROOT / "build/mutants"
REPORT = ROOT / "protocol/oracle/report.cc"
COUNTS = ROOT / "results/cuts/counts.csv"
LIBRARIES = ["wire", "session", "trace", "client", "journal", "broker", "oracle"]
PROGRAMS = {"probe": "tests/mutants/*.cc", "cuts": "tests/core/cut_*.cc"}
INCLUDE = re.compile(rb'^#include "((?:protocol|tests)/[^"]+)"', re.MULTILINE)
# Of what gtest says: the oracle's first finding, or else what the story has counted itself.
FOUND = re.compile(r'Which is: "([A-Z][A-Z0-9-]+) at \d+ ns: (.*?)\\n')
COUNTED = re.compile(r": Failure\n(.*?)(?:\nGoogle Test trace:|\n\n)", re.DOTALL)
STORY = re.compile(r"^\[  FAILED  \] EveryByte\.CutAndJudged/(\S+?)_(v[35]\w+),", re.MULTILINE)
FAULT = re.compile(r"cut_test\.cc:\d+: ((?:then )?(?:cut|stall) .*)$", re.MULTILINE)
PLAYED = re.compile(r"^exchange +version .*?^all .*?$", re.MULTILINE | re.DOTALL)
RUN_LIMIT_S = {"probe": 120, "cuts": 600}  # per mutant, on a busy machine
RULES = """\
cxx = {cxx} -std=c++20 -O1 -DNDEBUG '-DMQTTLAB_VERSION="mutant"'
rule cc
  command = $cxx $overlay -I{root} -MMD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
rule link
  command = {linker} $in -lcrypto $libraries -o $out
"""


@dataclass
class Mutant:
    """One fault. A survivor carries the reason why random worlds need not show it; `cuts`: the
    invariants of which cut exchanges must break one, where random worlds break none."""

    id: str
    component: str
    fault: str
    expected: list[str] = field(default_factory=list)
    patch: str = ""
    seeds: str = "1-200"
    survives: str = ""
    cuts: list[str] = field(default_factory=list)
    difficulty: int = 0
    """Of a fault of the catalogue. 1: any single fault of the world shows it; 2: it takes a chosen
    instant or configuration; 3: two faults, a race, a wrap-around or a long time."""
    scenario: str = ""
    """The one that stands for the fault (scenarios.py), and by which invariants it shows it there,
    if not by the `expected` ones."""
    shows: list[str] = field(default_factory=list)
    strict: bool = False
    """It shows it only where what the standard leaves open counts, too."""

    @property
    def overlay(self) -> Path:
        return BUILD / self.id


NONE = Mutant("none", "-", "the tree as it is must break nothing")


@dataclass
class Finding:
    invariant: str
    where: str
    what: str


@dataclass
class Outcome:
    mutant: Mutant
    verdict: str  # passed, failed, skipped
    note: str
    killer: Finding | None = None


def load(ids: list[str]) -> list[Mutant]:
    with open(HERE / "mutants.toml", "rb") as file:
        mutants = [Mutant(**entry) for entry in tomllib.load(file)["mutant"]]
    known = {mutant.id for mutant in mutants}
    if unknown := sorted(set(ids) - known - {NONE.id}):
        names = ", ".join(sorted(known))
        sys.exit(f"run.py: no mutant {', '.join(unknown)}; mutants.toml has {names}")
    for mutant in mutants:
        mutant.patch = mutant.patch or f"{mutant.id}.patch"
    named = {mutant.patch for mutant in mutants}
    if forgotten := sorted(path.name for path in HERE.glob("*.patch") if path.name not in named):
        sys.exit(f"run.py: {', '.join(forgotten)} in tests/mutants has no entry in mutants.toml")
    return [mutant for mutant in mutants if not ids or mutant.id in ids]


def sources(program: str) -> list[str]:
    files = [path for library in LIBRARIES for path in (ROOT / "protocol" / library).glob("*.cc")]
    files += [*ROOT.glob(PROGRAMS[program]), ROOT / "tests/support/memory_world.cc"]
    return sorted(str(path.relative_to(ROOT)) for path in files)


def includes(file: str) -> set[str]:
    """Files of the tree that a file of the tree includes, directly or not."""
    found: set[str] = set()
    queue = [file]
    while queue:
        for match in INCLUDE.findall((ROOT / queue.pop()).read_bytes()):
            name = match.decode()
            if name not in found:
                found.add(name)
                queue.append(name)
    return found


def patched_files(mutant: Mutant) -> set[str]:
    """Names of the files that a patch changes, from the tree's root."""
    text = (HERE / mutant.patch).read_text()
    return set(re.findall(r"^\+\+\+ b/(\S+)", text, re.MULTILINE))


def prepare(mutant: Mutant, program: str) -> tuple[set[str], str]:
    """Fills the overlay with patched files; returns their names, and what went wrong, if so."""
    shutil.rmtree(mutant.overlay / "protocol", ignore_errors=True)
    (mutant.overlay / program).unlink(missing_ok=True)
    patch = HERE / mutant.patch
    if not patch.exists():
        return set(), f"{patch.relative_to(ROOT)} is not there"
    patched = patched_files(mutant)
    if not patched:
        return set(), f"{mutant.patch} changes no file"
    for name in patched:
        if not name.startswith("protocol/") or not (ROOT / name).exists():
            return set(), f"{mutant.patch} patches {name}, which is no file of protocol/"
        (mutant.overlay / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, mutant.overlay / name)
    # Otherwise git would take the paths for those of the repository around the overlay.
    outside = {**os.environ, "GIT_CEILING_DIRECTORIES": str(BUILD)}
    git = ["git", "apply", "--whitespace=nowarn", str(patch)]
    done = subprocess.run(git, cwd=mutant.overlay, env=outside, capture_output=True, text=True)
    if done.returncode != 0:
        why = " ".join(done.stderr.split())
        return set(), f"{mutant.patch} no longer applies; make it anew: {why}"
    return patched, ""


def ninja_file(patched: dict[str, set[str]], program: str) -> str:
    """Builds the unmutated program, and one for each mutant from its patched files."""
    cxx = os.environ.get("CXX", "g++")
    launcher = "ccache " if shutil.which("ccache") else ""
    lines = [RULES.format(cxx=launcher + cxx, linker=cxx, root=ROOT)]
    every = {source: includes(source) | {source} for source in sources(program)}
    for id, files in [("base", set()), *patched.items()]:
        objects = []
        for source, seen in every.items():
            changed = id != "base" and not seen.isdisjoint(files)
            objects.append(f"{id if changed else 'base'}/{source}.o")
            if id != "base" and not changed:
                continue
            place = BUILD / id / source if source in files else ROOT / source
            lines.append(f"build {objects[-1]}: cc {place}\n  overlay = -I{BUILD / id}\n")
        lines.append(f"build {id}/{program}: link {' '.join(objects)}\n")
        if program == "cuts":
            lines.append("  libraries = -lgtest_main -lgtest -pthread\n")
    return "".join(lines)


def build(patched: dict[str, set[str]], program: str) -> str:
    """Builds what it can, everything that it can; returns the compiler's words."""
    (BUILD / "build.ninja").write_text(ninja_file(patched, program))
    done = subprocess.run(["ninja", "-C", str(BUILD), "-k", "0"], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout


def run_worlds(program: Path, mutant: Mutant) -> tuple[int, list[Finding]]:
    command = [str(program), "--seeds", mutant.seeds]
    for invariant in mutant.expected:
        command += ["--invariant", invariant]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_LIMIT_S["probe"])
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return done.returncode, [Finding(row[0], f"seed {row[2]}", row[3]) for row in rows]


def judge_worlds(mutant: Mutant, program: Path) -> Outcome:
    code, findings = run_worlds(program, mutant)
    killer = next((f for f in findings if f.invariant in mutant.expected), None)
    found = ", ".join(f.invariant for f in findings) or "nothing"
    if code not in (0, 1):
        return Outcome(mutant, "failed", f"the probe ended with exit code {code}")
    if killer:
        return Outcome(mutant, "passed", killer.what, killer)
    if mutant.survives and not findings:
        return Outcome(mutant, "skipped", f"survives: {mutant.survives}")
    if mutant.survives:
        return Outcome(mutant, "failed", f"is listed as a survivor, but broke {found}")
    if mutant.id != NONE.id:
        wanted = " or ".join(mutant.expected)
        note = f"survived seeds {mutant.seeds}: expected {wanted}, found {found}"
        return Outcome(mutant, "failed", note)
    if not findings:
        return Outcome(mutant, "passed", f"silent over seeds {mutant.seeds}")
    return Outcome(mutant, "failed", f"broke {found}; {findings[0].where}: {findings[0].what}")


def judge_cuts(mutant: Mutant, program: Path) -> Outcome:
    command = [str(program), "--gtest_fail_fast", "--gtest_brief=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_LIMIT_S["cuts"])
    story = STORY.search(done.stdout)
    if done.returncode not in (0, 1) or (done.returncode == 1 and not story):
        return Outcome(mutant, "failed", f"cuts ended with exit code {done.returncode}")
    if not story and mutant.id == NONE.id:
        return judge_counts(done.stdout)
    if not story:
        return Outcome(mutant, "failed" if mutant.cuts else "skipped", "no cut shows it")
    # The innermost comes first; a second cut names the first one next.
    faults = FAULT.findall(done.stdout)
    fault = f"{faults[1]} {faults[0]}" if "then" in "".join(faults[:1]) else "".join(faults[:1])
    where = f"{story[1]} on {story[2]}, {fault or 'uncut'}"
    found, counted = FOUND.search(done.stdout), COUNTED.search(done.stdout)
    what = found[2] if found else " ".join(counted[1].split()) if counted else "failed"
    killer = Finding(found[1] if found else "its own count", where, what)
    wrong = mutant.id == NONE.id or (mutant.cuts and killer.invariant not in mutant.cuts)
    return Outcome(mutant, "failed" if wrong else "passed", what, killer)


def judge_counts(printed: str) -> Outcome:
    """How many cuts were played, in build/mutants/counts.csv, and whether that is as recorded."""
    played = PLAYED.search(printed)
    if not played:
        return Outcome(NONE, "failed", "cuts printed no table of what they played")
    rows = [line.split() for line in played[0].splitlines()]
    rows[-1].insert(1, "")  # all versions
    made = BUILD / COUNTS.name
    made.write_text("".join(",".join(row) + "\n" for row in rows))
    if "CUT_STRIDE" in os.environ or COUNTS.read_text() == made.read_text():
        return Outcome(NONE, "passed", "no cut shows it")
    took, kept = made.relative_to(ROOT), COUNTS.relative_to(ROOT)
    note = f"{took} is not {kept}: if it is meant, copy it, then mqttlab results --record cuts"
    return Outcome(NONE, "failed", note)


def judge(mutant: Mutant, program: str, trouble: str) -> Outcome:
    path = (BUILD / "base" if mutant.id == NONE.id else mutant.overlay) / program
    if trouble:
        return Outcome(mutant, "failed", trouble)
    if not path.exists():
        return Outcome(mutant, "failed", "does not compile")
    try:
        return (judge_cuts if program == "cuts" else judge_worlds)(mutant, path)
    except subprocess.TimeoutExpired:
        return Outcome(mutant, "failed", f"hangs: no end within {RUN_LIMIT_S[program]} s")


def table(outcomes: list[Outcome]) -> str:
    rows = [
        "| mutant | component | fault | killed by | where | first finding |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for outcome in outcomes:
        killer, mutant = outcome.killer, outcome.mutant
        by, where = (killer.invariant, killer.where) if killer else (outcome.verdict, "")
        cells = [mutant.id, mutant.component, mutant.fault, by, where, outcome.note]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def line(outcome: Outcome) -> str:
    killer, mutant = outcome.killer, outcome.mutant
    by = f"{killer.invariant} ({killer.where})" if killer else outcome.verdict
    return f"{outcome.verdict:7}  {mutant.id:5} {mutant.component:16} {by:28} {outcome.note}"


def summary(outcomes: list[Outcome], program: str) -> str:
    if outcomes[0].mutant is NONE and len(outcomes) == 1:
        return f"without a fault: {outcomes[0].verdict}"
    if program == "cuts":
        killed = [outcome.mutant for outcome in outcomes if outcome.killer]
        only = ", ".join(mutant.id for mutant in killed if mutant.survives) or "none"
        return f"cuts kill {len(killed)} of {len(outcomes) - 1}; random worlds do not kill: {only}"
    counts = Counter(outcome.verdict for outcome in outcomes)
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    return f"{counts['passed']} passed, {counts['failed']} failed{skipped}"


def unshown(outcomes: list[Outcome]) -> list[str]:
    """Invariants that the standard demands (MUST) and no mutant has been killed by."""
    entry = r'^    {"([A-Z0-9-]+)", "[^"]+", Strength::must,'
    names = re.findall(entry, REPORT.read_text(), re.MULTILINE)
    shown = {outcome.killer.invariant for outcome in outcomes if outcome.killer}
    return [name for name in names if name not in shown]


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Every deliberate fault must break an invariant that it is meant to."
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="mutants to run; default: all")
    parser.add_argument(
        "--cuts", action="store_true", help="cut exchanges instead of random worlds"
    )
    arguments = parser.parse_args()
    program = "cuts" if arguments.cuts else "probe"
    mutants = load(arguments.ids)
    if not shutil.which("ninja"):
        sys.exit("run.py: ninja is missing; install ninja-build")
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "base" / program).unlink(missing_ok=True)
    prepared = {mutant.id: prepare(mutant, program) for mutant in mutants}
    words = build({id: files for id, (files, trouble) in prepared.items() if not trouble}, program)
    if words:
        print(words, file=sys.stderr)
    prepared[NONE.id] = (set(), "")
    outcomes = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [pool.submit(judge, m, program, prepared[m.id][1]) for m in [NONE, *mutants]]
        for run in runs:
            outcomes.append(run.result())
            print(line(outcomes[-1]), flush=True)
    last = summary(outcomes, program)
    unseen = [] if arguments.ids or arguments.cuts else unshown(outcomes)
    if unseen:
        last += f"; no fault breaks {', '.join(unseen)}"
    name = "cuts.md" if arguments.cuts else "table.md"
    (BUILD / name).write_text(f"{table(outcomes)}\n{last}\n")
    print(last)
    return 1 if unseen or any(outcome.verdict == "failed" for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
