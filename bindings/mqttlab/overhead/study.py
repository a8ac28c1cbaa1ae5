"""Many cells over many seeds, each cell in a process of its own, on any executor; resumable."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from mqttlab.client_options import Transport
from mqttlab.errors import Error
from mqttlab.overhead.cell import LAYERS, LEVELS, Cell, Session
from mqttlab.overhead.estimate import Estimate

__all__ = ["PERCENTILES", "Axes", "Figures", "Measured", "Study", "figures"]

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Axes:
    """What is varied. `losses`: (share lost, mean burst or 0) pairs."""

    links: tuple[str, ...] = ("gprs", "umts", "lte", "wifi")
    losses: tuple[tuple[float, float], ...] = (
        (0.0, 0), (0.01, 0), (0.02, 0), (0.05, 0), (0.1, 0), (0.02, 4), (0.05, 4), (0.1, 4),
    )  # fmt: skip
    payloads: tuple[int, ...] = (32, 256, 1024)
    transports: tuple[Transport, ...] = ("tcp", "tls", "ws", "wss")
    versions: tuple[str, ...] = ("3.1.1", "5")
    sessions: tuple[Session, ...] = ("long", "per-message")

    def cells(self) -> list[Cell]:
        """Every combination; a connection per message without loss only, where it is exact."""
        return [
            Cell(link, 0.0, loss, burst, payload, transport, version, session)
            for link, (loss, burst), payload, transport, version, session in product(
                self.links, self.losses, self.payloads, self.transports, self.versions,
                self.sessions,
            )
            if session == "long" or loss == 0
        ]  # fmt: skip

    def star(self) -> list[Cell]:
        """One axis at a time, from the first value of every other."""
        base = Cell(
            self.links[0], 0.0, *self.losses[0], self.payloads[0], self.transports[0],
            self.versions[0], "long",
        )  # fmt: skip
        cells = [base]
        cells += [replace(base, link=one) for one in self.links]
        cells += [replace(base, loss=loss, burst=burst) for loss, burst in self.losses]
        cells += [replace(base, payload_bytes=one) for one in self.payloads]
        cells += [replace(base, version=one) for one in self.versions]
        for carrier, session in product(self.transports, self.sessions):
            cells.append(replace(base, transport=carrier, session=session))
        return list(dict.fromkeys(cells))


@dataclass(frozen=True)
class Measured:
    """One cell: for each seed, what `cell.measure` returned. `error`: why there is nothing."""

    cell: Cell
    seeds: tuple[int, ...]
    runs: tuple[list[dict[str, Any]], ...] = ()
    error: str = ""

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        data = {"cell": self.cell.describe(), "seeds": self.seeds, "runs": self.runs}
        return {**data, "error": self.error}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Measured:
        """Of what to_data has made."""
        cell = Cell.read(data["cell"])
        return cls(cell, tuple(data["seeds"]), tuple(data["runs"]), data["error"])


@dataclass(frozen=True)
class Figures:
    """What a cell cost at one level: means over seeds, by name of the table's column."""

    cell: Cell
    qos: int
    values: Mapping[str, Estimate]


class Study:
    """Cells to measure, and the journal of those that have been: one JSON object a line."""

    def __init__(self, cells: Sequence[Cell], seeds: Sequence[int], journal: Path) -> None:
        self.cells = list(cells)
        self.seeds = tuple(seeds)
        self.journal = journal
        self.measured: dict[Cell, Measured] = {}
        for line in _lines(journal):
            known = Measured.from_data(line)
            if known.cell in self.cells and known.seeds == self.seeds and not known.error:
                self.measured[known.cell] = known

    @property
    def open(self) -> list[Cell]:
        """What has not been measured, in order."""
        return [cell for cell in self.cells if cell not in self.measured]

    def run(self, executor: Executor, told: Callable[[Measured], None]) -> None:
        """Measures what is open; `told` after each cell. An interrupt keeps what there is."""
        waiting: list[Future[Measured]] = [
            executor.submit(measured_elsewhere, cell, self.seeds) for cell in self.open
        ]
        try:
            with self.journal.open("a", encoding="utf-8") as journal:
                for done in as_completed(waiting):
                    one = done.result()
                    self.measured[one.cell] = one
                    journal.write(json.dumps(one.to_data()) + "\n")
                    journal.flush()
                    told(one)
        finally:
            for future in waiting:
                future.cancel()

    def figures(self) -> list[Figures]:
        """Of every cell that has been measured, in the study's order."""
        known = [self.measured[cell] for cell in self.cells if cell in self.measured]
        return [one for measured in known if measured.runs for one in figures(measured)]


def measured_elsewhere(cell: Cell, seeds: Sequence[int]) -> Measured:
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


def figures(measured: Measured) -> Iterator[Figures]:
    """The means over seeds, level by level."""
    for qos in LEVELS:
        rows = [run[qos] for run in measured.runs]
        values = {name: Estimate.of(row[name] for row in rows) for name in (*LAYERS, "bytes")}
        values["packets"] = Estimate.of(row["packets"] for row in rows)
        values["copies"] = Estimate.of(row["copies"] / row["published"] for row in rows)
        values["lost"] = Estimate.of(1 - row["delivered"] / row["published"] for row in rows)
        for what in ("delivered", "acknowledged"):
            for share in PERCENTILES:
                times = [_percentile(row[f"{what}_s"], share) for row in rows]
                values[f"{what}_p{share}_s"] = Estimate.of(times)
        for name in ("setup_bytes", "setup_packets"):
            values[name] = Estimate.of(row.get(name, float("nan")) for row in rows)
        yield Figures(measured.cell, qos, values)


def _percentile(times_s: Sequence[float], share: int) -> float:
    """The nearest rank, so that a percentile is a time that was measured."""
    if not times_s:
        return float("nan")
    return float(np.percentile(times_s, share, method="inverted_cdf"))


def _lines(journal: Path) -> Iterable[dict[str, Any]]:
    """The whole lines of a journal; an interrupt may have left a part of one at its end."""
    if not journal.exists():
        return
    for number, line in enumerate(journal.read_text(encoding="utf-8").splitlines(True), 1):
        if not line.endswith("\n"):
            return
        try:
            yield json.loads(line)
        except ValueError:
            raise Error(
                f"{journal}:{number}: no line of a study's journal; remove it or name another --out"
            ) from None


def _main() -> None:
    from mqttlab.overhead.cell import measure

    order = Measured.from_data(json.load(sys.stdin))
    runs = tuple(measure(order.cell, seed) for seed in order.seeds)
    json.dump(replace(order, runs=runs).to_data(), sys.stdout)


if __name__ == "__main__":
    _main()
