"""Breaks client and broker on purpose: the scenario that stands for a fault must fail.

    tests/mutants/run            every mutant that names a scenario
    tests/mutants/run M19 M50    only these

For each the Python package is built with the patch, in build/mutants/scenarios, and the scenario is
run in a process of its own. It must break an invariant that the mutant is known by and leave a
capsule, and another process must replay the capsule to the same fingerprint. Without a fault the
same scenarios must pass. The table is printed, and left as table.md in build/mutants/scenarios, or
in --out DIR.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from run import BUILD, HERE, NONE, ROOT, Mutant, load, patched_files

PLACE = BUILD / "scenarios"
TREE = PLACE / "tree"
RUN_LIMIT_S = 600  # for one scenario, on a busy machine
COLUMNS = ("mutant", "difficulty", "scenario", "killer", "at", "replay", "first finding")
WIDTHS = (6, 10, 10, 17, 15, 16, 0)


@dataclass
class Played:
    """What a scenario came to on one build of the package."""

    mutant: Mutant
    scenario: str
    strict: bool = False
    killer: str = ""
    at: str = ""
    what: str = ""
    replay: str = ""
    trouble: str = ""

    @property
    def is_right(self) -> bool:
        return not self.trouble

    @property
    def cells(self) -> tuple[str, ...]:
        """As the table has them."""
        killer = self.killer or ("passes" if self.is_right else "-")
        difficulty = str(self.mutant.difficulty or "")
        words = f"FAILED: {self.trouble}" if self.trouble else self.what
        played = self.scenario + " strict" * self.strict
        return (self.mutant.id, difficulty, played, killer, self.at, self.replay, words)


def sync() -> None:
    """Brings the copy of the tree that may be patched up to date, and touches nothing else."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        source, copy = ROOT / name, TREE / name
        if source.is_file() and not (copy.exists() and copy.read_bytes() == source.read_bytes()):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def configure() -> None:
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    subprocess.run(
        [
            "cmake", "-S", TREE, "-B", PLACE / "build", "-G", "Ninja",
            # As fast as can be built: pybind11 optimises at link time but for this type.
            "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -DNDEBUG",
            "-DCMAKE_UNITY_BUILD=OFF", "-DMQTTLAB_PYTHON=ON", "-DMQTTLAB_TESTS=OFF",
            f"-DPython_EXECUTABLE={sys.executable}", *launcher,
        ],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def build(mutant: Mutant) -> str:
    """The package with the mutant's patch, under PLACE/ID; what went wrong, if something did."""
    names = patched_files(mutant) if mutant is not NONE else set()
    if mutant is not NONE:
        outside = {**os.environ, "GIT_CEILING_DIRECTORIES": str(PLACE)}
        git = ["git", "apply", "--whitespace=nowarn", str(HERE / mutant.patch)]
        done = subprocess.run(git, cwd=TREE, env=outside, capture_output=True, text=True)
        if done.returncode != 0:
            return (
                f"{mutant.patch} no longer applies; make it anew: {' '.join(done.stderr.split())}"
            )
    try:
        ninja = ["ninja", "-C", str(PLACE / "build"), "_core", "_sim"]
        done = subprocess.run(ninja, capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stdout, file=sys.stderr)
            return "does not compile"
        package = PLACE / mutant.id
        shutil.rmtree(package, ignore_errors=True)
        install = ["cmake", "--install", PLACE / "build", "--prefix", package]
        subprocess.run([*install, "--component", "python"], check=True, stdout=subprocess.DEVNULL)
    finally:
        for name in names:  # with a new time, or it would count as built
            shutil.copyfile(ROOT / name, TREE / name)
    return ""


def mqttlab(package: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """One command on one build, in a process of its own."""
    # Without `site`: the import hook of an editable installation goes before PYTHONPATH.
    path = os.pathsep.join([str(package), *filter(None, sys.path[1:])])
    return subprocess.run(
        [sys.executable, "-S", "-P", "-m", "mqttlab.cli", *words],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=RUN_LIMIT_S,
    )  # fmt: skip


def play(mutant: Mutant, scenario: str, strict: bool) -> Played:
    played = Played(mutant, scenario, strict)
    package = PLACE / mutant.id
    out = package / "out" / scenario
    try:
        ran = mqttlab(package, "run", scenario, "--out", out, *["--strict"] * strict)
        words = " ".join(ran.stderr.split())[-200:] or f"exit code {ran.returncode}"
        if mutant is NONE:
            played.trouble = "" if ran.returncode == 0 else f"fails without a fault: {words}"
            return played
        capsules = sorted(out.glob("*.capsule.json"))
        if ran.returncode != 1 or not capsules:
            played.trouble = f"survived: {words}" if ran.returncode == 0 else words
            return played
        found = json.loads((out / "run.json").read_text())["violations"]  # a capsule has the first
        wanted = mutant.shows or mutant.expected
        killer = next((one for one in found if one["invariant"] in wanted), None)
        if killer is None:
            names = ", ".join(sorted({one["invariant"] for one in found}))
            played.trouble = f"expected {' or '.join(wanted)}, found {names}"
            return played
        played.killer, played.what = killer["invariant"], killer["what"]
        played.at = f"{killer['at_s']:.6f} s"
        again = mqttlab(package, "replay", capsules[0])
        played.replay = "same fingerprint" if again.returncode == 0 else "differs"
        if again.returncode != 0:
            played.trouble = f"replay: {' '.join((again.stdout + again.stderr).split())[-200:]}"
    except subprocess.TimeoutExpired:
        played.trouble = f"hangs: no end within {RUN_LIMIT_S} s"
    finally:
        shutil.rmtree(package / "out", ignore_errors=True)
    return played


def line(cells: tuple[str, ...]) -> str:
    return " ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))


def table(all_played: list[Played]) -> str:
    rows = [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    rows += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in one.cells) + " |"
        for one in all_played
    ]
    return "\n".join(rows) + "\n"


def summary(all_played: list[Played]) -> str:
    faults = [one for one in all_played if one.mutant is not NONE]
    caught = [one for one in faults if one.is_right]
    hard = sum(one.mutant.difficulty == 3 for one in caught)
    failed = sum(not one.is_right for one in all_played)
    words = f"{len(caught)} of {len(faults)} faults caught by their scenarios"
    return f"{words}, {hard} of difficulty 3; {failed} failed"


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Every fault must be caught by the scenario that stands for it, and replay."
    )
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help="mutants; default: all with a scenario"
    )
    parser.add_argument(
        "--out", type=Path, default=PLACE, metavar="DIR", help="of table.md; default: %(default)s"
    )
    arguments = parser.parse_args()
    ids = arguments.ids
    mutants = [mutant for mutant in load(ids) if mutant.scenario or ids]
    if homeless := [mutant.id for mutant in mutants if not mutant.scenario]:
        sys.exit(f"scenarios.py: {', '.join(homeless)}: mutants.toml names no scenario for it")
    sync()
    configure()
    wanted = {mutant.id: [(mutant.scenario, mutant.strict)] for mutant in mutants}
    wanted[NONE.id] = sorted({run for runs in wanted.values() for run in runs})
    runs: list[Future[Played]] = []
    print(line(COLUMNS), flush=True)
    with ThreadPoolExecutor(1) as pool:  # one build goes on while the last one is played
        for mutant in [NONE, *mutants]:
            trouble = build(mutant)
            if trouble and mutant is NONE:
                sys.exit(f"scenarios.py: the tree as it is {trouble}")
            for scenario, strict in wanted[mutant.id]:
                if trouble:
                    runs.append(pool.submit(Played, mutant, scenario, strict, trouble=trouble))
                else:
                    runs.append(pool.submit(play, mutant, scenario, strict))
                runs[-1].add_done_callback(lambda run: print(line(run.result().cells), flush=True))
    all_played = [run.result() for run in runs]
    last = summary(all_played)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "table.md").write_text(f"{table(all_played)}\n{last}\n")
    print(last)
    return 0 if all(one.is_right for one in all_played) else 1


if __name__ == "__main__":
    sys.exit(main())
