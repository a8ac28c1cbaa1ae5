"""A user's own test file passes on client and broker as they are, and must fail on a fault.

    tests/mutants/run            after the scenarios
    .venv/bin/python tests/mutants/users_file.py

Twelve lines, twenty seeds and a schedule of Hypothesis, run by `pytest -n 2` in an environment that
has the faulty package; the line that pytest prints must replay the failure there.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from run import NONE, Mutant, load
from scenarios import PLACE, RUN_LIMIT_S, build, configure, sync

FAULT = "M19"
FILE = '''
import pytest
from hypothesis import given, settings
from mqttlab.strategies import faults

@pytest.mark.mqttlab(seeds=20, until="5min")
@settings(max_examples=10)
@given(schedule=faults(devices=["meter"], within="30s"))
async def test_readings_arrive_whatever_happens(lab, schedule):
    lab.plan(schedule)
    lab.broker()
    async with lab.device("meter", via=lab.link("umts")).client(clean_session=False) as meter:
        for reading in range(10):
            await meter.publish("site/meter", str(reading), qos=1)
'''.lstrip()  # fmt: skip


def environment(mutant: Mutant) -> Path:
    """The Python of a virtual environment in which `mqttlab` is the mutant's package."""
    place = PLACE / mutant.id / "env"
    venv.create(place, symlinks=True)
    # As lines of a .pth file folders are only added: the import hook of an editable installation
    # that lies in the second is not run.
    paths = f"{PLACE / mutant.id}\n{sysconfig.get_path('purelib')}\n"
    site = place / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "mutant.pth").write_text(paths)
    return place / "bin" / "python"


def run(python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A module of Python, where the user's file is."""
    return subprocess.run(
        [python, "-m", *words], cwd=python.parent, capture_output=True, text=True,
        timeout=RUN_LIMIT_S,
    )  # fmt: skip


def tested(mutant: Mutant) -> str:
    """What pytest says of the file on the mutant's package."""
    if trouble := build(mutant):
        sys.exit(f"users_file.py: {mutant.id}: {trouble}")
    python = environment(mutant)
    (python.parent / "test_readings.py").write_text(FILE)
    done = run(python, "pytest", "-n2", "-p", "no:cacheprovider", "test_readings.py")
    words = done.stdout + done.stderr
    print(f"{mutant.id}: {words.strip().splitlines()[-1].strip('= ')}", flush=True)
    if done.returncode != (0 if mutant is NONE else 1):
        sys.exit(f"users_file.py: {mutant.id}: pytest leaves with {done.returncode}\n{words}")
    return words


def main() -> None:
    sync()
    configure()
    tested(NONE)
    [mutant] = load([FAULT])
    said = tested(mutant)
    again = re.findall(r"^again: mqttlab (replay .*)$", said, re.MULTILINE)
    if not again:
        sys.exit(f"users_file.py: no line that replays the failure\n{said}")
    python = PLACE / mutant.id / "env" / "bin" / "python"
    replayed = run(python, "mqttlab.cli", *again[0].split())
    words = replayed.stdout + replayed.stderr
    if replayed.returncode or f"reproduced: {mutant.expected[0]} broken" not in words:
        sys.exit(f"users_file.py: 'mqttlab {again[0]}' does not reproduce it\n{words}")
    print(f"{mutant.id}: mqttlab {again[0]}: the same fingerprint, {mutant.expected[0]} broken")


if __name__ == "__main__":
    main()
