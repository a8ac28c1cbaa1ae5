"""Many cells over many seeds, each cell in a process of its own, on any executor; resumable."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from mqttlab.errors import Error
from mqttlab.overhead import cell, figures, keep_alive, made_by
from mqttlab.overhead.cell import Cell
from mqttlab.overhead.figures import Figures, KeepAlive, Runs
from mqttlab.overhead.keep_alive import Standby

__all__ = ["Measured", "Study"]

_KINDS: dict[str, type[Cell] | type[Standby]] = {"messages": Cell, "standby": Standby}
"""What there is to measure, by its name in the journal."""


@dataclass(frozen=True)
class Measured:
    """One cell: for each seed, what `cell.measure` returned. `error`: why there is nothing.

    `link_sha256`: of the link file and its recordings, if it is one.
    """

    cell: Cell | Standby
    seeds: tuple[int, ...]
    runs: tuple[list[dict[str, Any]], ...] = ()
    error: str = ""
    link_sha256: str = ""

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        what = next(name for name, kind in _KINDS.items() if isinstance(self.cell, kind))
        data = {"what": what, "cell": self.cell.describe(), "seeds": self.seeds}
        data["link_sha256"] = self.link_sha256
        return {**data, "runs": self.runs, "error": self.error}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Measured:
        """Of what to_data has made. Errors: LookupError for other data."""
        described = _KINDS[data["what"]].read(data["cell"])
        seeds, runs = tuple(data["seeds"]), tuple(data["runs"])
        return cls(described, seeds, runs, data["error"], data["link_sha256"])


class Study:
    """Cells to measure, and the journal of those that have been: one JSON object a line, the first
    of which says by which code. What a link file that has changed since gave is measured again.

    `battery_wh`: of the battery whose days are told. Errors: Error for a journal of other code.
    """

    def __init__(
        self,
        cells: Sequence[Cell | Standby],
        seeds: Sequence[int],
        journal: Path,
        battery_wh: float = 10.0,
    ) -> None:
        self.cells = list(dict.fromkeys(cells))
        self.seeds = tuple(seeds)
        self.journal = journal
        self.battery_wh = battery_wh
        self.measured: dict[Cell | Standby, Measured] = {}
        self._levels: dict[Cell, tuple[Measured, list[Figures]]] = {}
        wanted = set(self.cells)
        for known in _written(journal):
            if known.cell not in wanted or known.seeds != self.seeds or known.error:
                continue
            if known.link_sha256 == _link_sha256(known.cell):
                self.measured[known.cell] = known

    @property
    def open(self) -> list[Cell | Standby]:
        """What has not been measured, in order."""
        return [cell for cell in self.cells if cell not in self.measured]

    def run(self, executor: Executor, told: Callable[[Measured], None]) -> None:
        """Measures what is open; `told` after each cell. An interrupt keeps what there is."""
        with self.journal.open("a", encoding="utf-8") as journal:
            _begin(journal, self.journal)
            waiting: dict[Future[Measured], Cell | Standby] = {
                executor.submit(measured_elsewhere, cell, self.seeds): cell for cell in self.open
            }
            try:
                for done in as_completed(waiting):
                    one = self._of(done, waiting[done])
                    self.measured[one.cell] = one
                    journal.write(json.dumps(one.to_data()) + "\n")
                    journal.flush()
                    told(one)
            finally:
                for future in waiting:
                    future.cancel()

    def _of(self, done: Future[Measured], cell: Cell | Standby) -> Measured:
        """What came of a cell; a worker that was lost costs its cell and no other."""
        lost = done.exception()
        if lost is None:
            return done.result()
        return Measured(cell, self.seeds, error=f"its worker was lost: {lost!r}")

    def levels(self) -> list[Figures]:
        """Of every cell of messages that has been measured, in the study's order."""
        found = []
        for described, runs in self._known():
            if isinstance(described, Cell):
                measured = self.measured[described]
                known = self._levels.get(described)
                if known is None or known[0] is not measured:
                    levels = list(figures.levels(described, runs, self.battery_wh))
                    known = self._levels[described] = measured, levels
                found += known[1]
        return found

    def keep_alives(self) -> list[KeepAlive]:
        """Of all phones that have waited for pushes."""
        return [
            one
            for described, runs in self._known()
            if isinstance(described, Standby)
            for one in figures.keep_alives(described, runs, self.battery_wh)
        ]

    def _known(self) -> Iterator[tuple[Cell | Standby, Runs]]:
        for described in self.cells:
            if described in self.measured and self.measured[described].runs:
                yield described, self.measured[described].runs


def measured_elsewhere(cell: Cell | Standby, seeds: Sequence[int]) -> Measured:
    """One cell in a process of its own, so that one that takes its process down costs no other."""
    asked = Measured(cell, tuple(seeds), link_sha256=_link_sha256(cell))
    order = json.dumps(asked.to_data())
    done = subprocess.run(
        [sys.executable, "-m", "mqttlab.overhead.study"],
        input=order, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    if done.returncode == 0:
        return Measured.from_data(json.loads(done.stdout))
    said = [line for line in done.stderr.splitlines() if line.strip()] or ["no word"]
    return Measured(cell, tuple(seeds), error=f"process left with {done.returncode}: {said[-1]}")


def _written(journal: Path) -> Iterator[Measured]:
    """The whole lines of a journal; an interrupt may have left a part of one at its end."""
    if not journal.exists():
        return
    for number, line in enumerate(journal.read_bytes().splitlines(True), 1):
        if not line.endswith(b"\n"):
            return
        try:
            said = json.loads(line)
            if number == 1:
                _check_code(said["code"], journal)
            else:
                yield Measured.from_data(said)
        except (ValueError, LookupError, TypeError, AttributeError):
            raise Error(
                f"{journal}:{number}: no line of a study's journal; remove it or name another --out"
            ) from None


def _check_code(theirs: Mapping[str, str], journal: Path) -> None:
    """Figures of two kinds of code in one table would be those of neither."""
    ours = made_by.code()
    names = [name for name in ours if theirs.get(name) != ours[name]]
    if not names:
        return
    apart = [f"{name} {theirs.get(name)}, here {ours[name]}" for name in names if name != "sha256"]
    what = ", ".join(apart) or "the package's code has changed since"
    raise Error(
        f"{journal}: was measured by other code ({what}); remove it to measure anew, or name "
        "another --out"
    )


def _begin(journal: TextIO, path: Path) -> None:
    """What was cut off goes, and who measures is said first. Errors: Error if somebody writes."""
    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Error(
            f"{path}: another mqttlab overhead is at it; wait for it or name another --out"
        ) from None
    whole_bytes = path.read_bytes().rfind(b"\n") + 1
    journal.truncate(whole_bytes)
    if whole_bytes == 0:
        journal.write(json.dumps({"code": made_by.code()}) + "\n")
        journal.flush()


def _link_sha256(cell: Cell | Standby) -> str:
    """ "" as well if its file cannot be read: that is told by who measures it."""
    try:
        return made_by.link_sha256(cell.link)
    except (OSError, Error):
        return ""


def _measure(described: Cell | Standby, seed: int) -> list[dict[str, Any]]:
    if isinstance(described, Cell):
        return cell.measure(described, seed)
    return keep_alive.measure(described, seed)


def _main() -> None:
    order = Measured.from_data(json.load(sys.stdin))
    try:
        runs = tuple(_measure(order.cell, seed) for seed in order.seeds)
    except Error as error:
        sys.exit(f"{error}")
    json.dump(replace(order, runs=runs).to_data(), sys.stdout)


if __name__ == "__main__":
    _main()
