"""Many cells over many seeds, each cell in a process of its own, on any executor; resumable."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mqttlab.errors import Error
from mqttlab.overhead import cell, figures, keep_alive
from mqttlab.overhead.cell import Cell
from mqttlab.overhead.figures import Figures, KeepAlive, Runs
from mqttlab.overhead.keep_alive import Standby

__all__ = ["Measured", "Study"]

_KINDS: dict[str, type[Cell] | type[Standby]] = {"messages": Cell, "standby": Standby}
"""What there is to measure, by its name in the journal."""


@dataclass(frozen=True)
class Measured:
    """One cell: for each seed, what `cell.measure` returned. `error`: why there is nothing."""

    cell: Cell | Standby
    seeds: tuple[int, ...]
    runs: tuple[list[dict[str, Any]], ...] = ()
    error: str = ""

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        what = next(name for name, kind in _KINDS.items() if isinstance(self.cell, kind))
        data = {"what": what, "cell": self.cell.describe(), "seeds": self.seeds}
        return {**data, "runs": self.runs, "error": self.error}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Measured:
        """Of what to_data has made. Errors: LookupError for other data."""
        described = _KINDS[data["what"]].read(data["cell"])
        return cls(described, tuple(data["seeds"]), tuple(data["runs"]), data["error"])


class Study:
    """Cells to measure, and the journal of those that have been: one JSON object a line.

    `battery_wh`: of the battery whose days are told.
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
        wanted = set(self.cells)
        for known in _written(journal):
            if known.cell in wanted and known.seeds == self.seeds and not known.error:
                self.measured[known.cell] = known

    @property
    def open(self) -> list[Cell | Standby]:
        """What has not been measured, in order."""
        return [cell for cell in self.cells if cell not in self.measured]

    def run(self, executor: Executor, told: Callable[[Measured], None]) -> None:
        """Measures what is open; `told` after each cell. An interrupt keeps what there is."""
        waiting: list[Future[Measured]] = [
            executor.submit(measured_elsewhere, cell, self.seeds) for cell in self.open
        ]
        try:
            with self.journal.open("a", encoding="utf-8") as journal:
                journal.truncate(_whole_bytes(self.journal))
                for done in as_completed(waiting):
                    one = done.result()
                    self.measured[one.cell] = one
                    journal.write(json.dumps(one.to_data()) + "\n")
                    journal.flush()
                    told(one)
        finally:
            for future in waiting:
                future.cancel()

    def levels(self) -> list[Figures]:
        """Of every cell of messages that has been measured, in the study's order."""
        return [
            one
            for described, runs in self._known()
            if isinstance(described, Cell)
            for one in figures.levels(described, runs, self.battery_wh)
        ]

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
    order = json.dumps(Measured(cell, tuple(seeds)).to_data())
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
    for number, line in enumerate(journal.read_text(encoding="utf-8").splitlines(True), 1):
        if not line.endswith("\n"):
            return
        try:
            yield Measured.from_data(json.loads(line))
        except (ValueError, LookupError, TypeError):
            raise Error(
                f"{journal}:{number}: no line of a study's journal; remove it or name another --out"
            ) from None


def _whole_bytes(journal: Path) -> int:
    """Of its whole lines."""
    return journal.read_bytes().rfind(b"\n") + 1


def _measure(described: Cell | Standby, seed: int) -> list[dict[str, Any]]:
    if isinstance(described, Cell):
        return cell.measure(described, seed)
    return keep_alive.measure(described, seed)


def _main() -> None:
    order = Measured.from_data(json.load(sys.stdin))
    runs = tuple(_measure(order.cell, seed) for seed in order.seeds)
    json.dump(replace(order, runs=runs).to_data(), sys.stdout)


if __name__ == "__main__":
    _main()
