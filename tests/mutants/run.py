"""Breaks client and broker on purpose, one small patch at a time: the oracle must notice each.

    .venv/bin/python tests/mutants/run.py            all mutants; without a fault nothing may break
    .venv/bin/python tests/mutants/run.py M19 N05    only these

Everything is built in build/mutants: the tree once, and for each mutant the files that its patch
touches, in an overlay that lies before the tree in the include path. Results go to
build/mutants/table.md.
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
LIBRARIES = ["wire", "session", "trace", "client", "broker", "oracle"]
INCLUDE = re.compile(rb'^#include "((?:protocol|tests)/[^"]+)"', re.MULTILINE)
RUN_LIMIT_S = 120
RULES = """\
cxx = {cxx} -std=c++20 -O1 -DNDEBUG
rule cc
  command = $cxx $overlay -I{root} -MMD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
rule link
  command = {linker} $in -lcrypto -o $out
"""


@dataclass
class Mutant:
    """One fault. A survivor carries the reason why no invariant has to notice it yet."""

    id: str
    component: str
    fault: str
    expected: list[str] = field(default_factory=list)
    patch: str = ""
    seeds: str = "1-200"
    survives: str = ""

    @property
    def overlay(self) -> Path:
        return BUILD / self.id

    @property
    def probe(self) -> Path:
        return self.overlay / "probe"


@dataclass
class Finding:
    invariant: str
    count: int
    seed: int
    what: str


@dataclass
class Outcome:
    mutant: Mutant
    verdict: str  # passed, failed, skipped
    note: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def killer(self) -> Finding | None:
        return next((f for f in self.findings if f.invariant in self.mutant.expected), None)


def load(ids: list[str]) -> list[Mutant]:
    with open(HERE / "mutants.toml", "rb") as file:
        mutants = [Mutant(**entry) for entry in tomllib.load(file)["mutant"]]
    known = {mutant.id for mutant in mutants}
    if unknown := sorted(set(ids) - known):
        names = ", ".join(sorted(known))
        sys.exit(f"run.py: no mutant {', '.join(unknown)}; mutants.toml has {names}")
    for mutant in mutants:
        mutant.patch = mutant.patch or f"{mutant.id}.patch"
    named = {mutant.patch for mutant in mutants}
    if forgotten := sorted(path.name for path in HERE.glob("*.patch") if path.name not in named):
        sys.exit(f"run.py: {', '.join(forgotten)} in tests/mutants has no entry in mutants.toml")
    return [mutant for mutant in mutants if not ids or mutant.id in ids]


def sources() -> list[str]:
    files = [path for library in LIBRARIES for path in (ROOT / "protocol" / library).glob("*.cc")]
    files += [*HERE.glob("*.cc"), ROOT / "tests/support/memory_world.cc"]
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


def prepare(mutant: Mutant) -> tuple[set[str], str]:
    """Fills the overlay with patched files; returns their names, and what went wrong, if so."""
    shutil.rmtree(mutant.overlay / "protocol", ignore_errors=True)
    mutant.probe.unlink(missing_ok=True)
    patch = HERE / mutant.patch
    if not patch.exists():
        return set(), f"{patch.relative_to(ROOT)} is not there"
    patched = set(re.findall(r"^\+\+\+ b/(\S+)", patch.read_text(), re.MULTILINE))
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


def ninja_file(patched: dict[str, set[str]]) -> str:
    """Builds the unmutated probe, and a probe for each mutant from its patched files."""
    cxx = os.environ.get("CXX", "g++")
    launcher = "ccache " if shutil.which("ccache") else ""
    lines = [RULES.format(cxx=launcher + cxx, linker=cxx, root=ROOT)]
    every = {source: includes(source) | {source} for source in sources()}
    for probe, files in [("base", set()), *patched.items()]:
        objects = []
        for source, seen in every.items():
            changed = probe != "base" and not seen.isdisjoint(files)
            objects.append(f"{probe if changed else 'base'}/{source}.o")
            if probe != "base" and not changed:
                continue
            place = BUILD / probe / source if source in files else ROOT / source
            lines.append(f"build {objects[-1]}: cc {place}\n  overlay = -I{BUILD / probe}\n")
        lines.append(f"build {probe}/probe: link {' '.join(objects)}\n")
    return "".join(lines)


def build(patched: dict[str, set[str]]) -> str:
    """Builds what it can, everything that it can; returns the compiler's words."""
    (BUILD / "build.ninja").write_text(ninja_file(patched))
    done = subprocess.run(["ninja", "-C", str(BUILD), "-k", "0"], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout


def probe(program: Path, seeds: str, until: list[str]) -> tuple[int, list[Finding]]:
    command = [str(program), "--seeds", seeds]
    for invariant in until:
        command += ["--invariant", invariant]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_LIMIT_S)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return done.returncode, [Finding(row[0], int(row[1]), int(row[2]), row[3]) for row in rows]


def judge(mutant: Mutant, trouble: str) -> Outcome:
    if trouble:
        return Outcome(mutant, "failed", trouble)
    if not mutant.probe.exists():
        return Outcome(mutant, "failed", "does not compile")
    try:
        code, findings = probe(mutant.probe, mutant.seeds, mutant.expected)
    except subprocess.TimeoutExpired:
        return Outcome(mutant, "failed", f"hangs: no end within {RUN_LIMIT_S} s")
    outcome = Outcome(mutant, "passed", "", findings)
    others = ", ".join(f.invariant for f in findings)
    if code not in (0, 1):
        outcome.verdict, outcome.note = "failed", f"the probe ended with exit code {code}"
    elif outcome.killer:
        outcome.note = outcome.killer.what
    elif mutant.survives and not findings:
        outcome.verdict, outcome.note = "skipped", f"survives: {mutant.survives}"
    elif mutant.survives:
        outcome.verdict, outcome.note = "failed", f"is listed as a survivor, but broke {others}"
    else:
        wanted = " or ".join(mutant.expected)
        found = others or "nothing"
        outcome.verdict = "failed"
        outcome.note = f"survived seeds {mutant.seeds}: expected {wanted}, found {found}"
    return outcome


def unmutated() -> Outcome:
    base = Mutant("none", "-", "the tree as it is must break nothing")
    if not (BUILD / "base/probe").exists():
        return Outcome(base, "failed", "the unmutated probe does not compile")
    _, findings = probe(BUILD / "base/probe", base.seeds, [])
    if not findings:
        return Outcome(base, "passed", f"silent over seeds {base.seeds}")
    worst = findings[0]
    note = f"broke {worst.invariant} at seed {worst.seed} ({worst.count} findings): {worst.what}"
    return Outcome(base, "failed", note, findings)


def table(outcomes: list[Outcome]) -> str:
    rows = [
        "| mutant | component | fault | killed by | seed | first finding |",
        "| --- | --- | --- | --- | ---: | --- |",
    ]
    for outcome in outcomes:
        killer, mutant = outcome.killer, outcome.mutant
        by, seed = (killer.invariant, str(killer.seed)) if killer else (outcome.verdict, "")
        cells = [mutant.id, mutant.component, mutant.fault, by, seed, outcome.note]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def line(outcome: Outcome) -> str:
    killer, mutant = outcome.killer, outcome.mutant
    by = f"{killer.invariant} (seed {killer.seed})" if killer else outcome.verdict
    return f"{outcome.verdict:7}  {mutant.id:5} {mutant.component:16} {by:28} {outcome.note}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Every deliberate fault must break an invariant that it is meant to."
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="mutants to run; default: all")
    mutants = load(parser.parse_args().ids)
    if not shutil.which("ninja"):
        sys.exit("run.py: ninja is missing; install ninja-build")
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "base/probe").unlink(missing_ok=True)
    prepared = {mutant.id: prepare(mutant) for mutant in mutants}
    words = build({id: files for id, (files, trouble) in prepared.items() if not trouble})
    if words:
        print(words, file=sys.stderr)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [pool.submit(unmutated)]
        runs += [pool.submit(judge, mutant, prepared[mutant.id][1]) for mutant in mutants]
        outcomes = []
        for run in runs:
            outcomes.append(run.result())
            print(line(outcomes[-1]), flush=True)
    (BUILD / "table.md").write_text(table(outcomes))
    counts = Counter(outcome.verdict for outcome in outcomes)
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
