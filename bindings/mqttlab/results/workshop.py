"""Makes reference runs again, each in a copy of the repository that lacks its files."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mqttlab.results import reference
from mqttlab.results.reference import Reference

__all__ = ["Remade", "made_again"]

_MEANT = {"mqttlab": [sys.executable, "-m", "mqttlab.cli"], "python": [sys.executable]}
"""The programs of this environment, whatever PATH has."""
_TIMES, _AND_S = 10.0, 60.0  # what a command may take: so many times what it took, and more


@dataclass(frozen=True)
class Remade:
    """What a command has left."""

    folder: Path
    """As the run's own; files that it has not written are missing."""
    trouble: str
    """How it failed, in a line, or ""."""
    took_s: float


@contextmanager
def made_again(run: Reference) -> Iterator[Remade]:
    """Lets a run's command write its files into a place that is gone afterwards.

    Paths in the command are those that it has at the top of the repository.
    """
    with tempfile.TemporaryDirectory(prefix="mqttlab-results-") as scratch:
        there = Path(scratch)
        _furnish(run, there)
        started = time.perf_counter()
        words = run.words()
        try:
            done = subprocess.run(
                [*_MEANT.get(words[0], words[:1]), *words[1:]],
                cwd=there, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", timeout=_limit_s(run),
            )  # fmt: skip
            trouble = "" if done.returncode == 0 else _last_words(done)
        except subprocess.TimeoutExpired as error:
            trouble = (
                f"was ended after {error.timeout:g} s; {reference.MANIFEST} says that it takes "
                f"{run.takes_s:g} s"
            )
        except OSError as error:
            trouble = f"cannot be started: {error.strerror}"
        took_s = time.perf_counter() - started
        yield Remade(there / run.top.resolve().name / run.name, trouble, took_s)


def _limit_s(run: Reference) -> float | None:
    """None: nobody has said how long a run takes that is only recorded."""
    return None if run.recorded else _TIMES * run.takes_s + _AND_S


def _furnish(run: Reference, there: Path) -> None:
    """All that the repository has, but of results only copies of what other runs have left.

    What no run names stays behind: a journal that is found would be taken for measured. So does
    `out`, into which commands write what is not named.
    """
    top = run.top.resolve()
    for path in top.parent.iterdir():
        if path not in (top, top.parent / "out"):
            (there / path.name).symlink_to(path)
    (there / top.name / run.name).mkdir(parents=True)
    for other in reference.load(run.top):
        for name in (*other.files, *other.beside) if other.name != run.name else ():
            if (other.folder / name).is_file():
                copy = there / top.name / other.name / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(other.folder / name, copy)


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    said = done.stderr.split("\n") if done.stderr.strip() else done.stdout.split("\n")
    last = next((line for line in reversed(said) if line.strip()), "no word")
    return f"left with {done.returncode}: {last}"
