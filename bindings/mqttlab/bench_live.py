"""`mqttlab bench live`: load on real sockets, and our broker beside another under the same load.

Both brokers have the same limits, queues apart. They take turns, round by round, on a core of
their own while the generator has another; the cheapest round of each counts: whatever else the
machine does only ever adds time.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import mqttlab
from mqttlab import machine, programs
from mqttlab.bench_brokers import BROKERS, certificate, serve, stripped_bytes, version_of
from mqttlab.errors import Error, UsageError

__all__ = ["BROKERS", "ROWS", "Comparison", "Footprint", "Row", "compare", "load", "serve", "show"]

GENERATOR = "mqttlab-bench"
# So that at most 200 KiB wait for the one subscriber of a fan-in: no broker need drop anything.
IN_FLIGHT = {"point-to-point": 20, "fan-out": 20, "fan-in": 2}


@dataclass(frozen=True)
class Row:
    """One kind of load."""

    pattern: str
    qos: int
    payload_bytes: int

    @property
    def arguments(self) -> list[str]:
        """For the generator."""
        words = ["--pattern", self.pattern, "--qos", str(self.qos)]
        words += ["--payload", str(self.payload_bytes)]
        return [*words, "--in-flight", str(IN_FLIGHT[self.pattern])]


ROWS = tuple(itertools.starmap(Row, itertools.product(IN_FLIGHT, (0, 1, 2), (64, 1024))))


@dataclass(frozen=True)
class Comparison:
    """One row for two brokers, the first one ours. CPU time is per delivery."""

    row: Row
    cpu_us: tuple[float, float]
    per_s: tuple[float, float]
    generator_cpu_us: tuple[float, float]

    @property
    def cpu_ratio(self) -> float:
        """Of our CPU time to theirs: 0.5 is half of it."""
        return self.cpu_us[0] / self.cpu_us[1]


def load(port: int, arguments: Sequence[str], pid: int | None = None) -> dict[str, Any]:
    """Runs the generator; its results. `pid`: the broker's, to measure it."""
    command = [programs.path_of(GENERATOR), "--json", "--port", str(port), *arguments]
    command += ["--broker-pid", str(pid)] if pid is not None else []
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise Error(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    outcome: dict[str, Any] = json.loads(done.stdout)
    if done.returncode == 1:
        wrong = {key: outcome[key] for key in ("lost", "duplicates", "strangers")}
        raise Error(f"{' '.join(command)}: {wrong}")
    return outcome


@contextmanager
def _cores_apart(pids: Sequence[int]) -> Iterator[None]:
    """Brokers on one core, the generator, a child of this process, on the others."""
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        broker = min(before)
        for pid in pids:
            os.sched_setaffinity(pid, {broker})
        os.sched_setaffinity(0, before - {broker})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def compare(row: Row, other: str, rounds: int, duration_s: float) -> Comparison:
    """Our broker and another one, in turn, so often."""
    arguments = [*row.arguments, "--duration", str(duration_s)]
    results: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    with serve("mqttlab") as ours, serve(other) as theirs, _cores_apart([ours[1], theirs[1]]):
        for _ in range(rounds):
            for (port, pid), outcomes in zip((ours, theirs), results, strict=True):
                outcomes.append(load(port, arguments, pid))
    cpu = [min(one["broker_cpu_us"] for one in of) for of in results]
    per_s = [max(one["delivered_per_s"] for one in of) for of in results]
    generator = [min(one["generator_cpu_us"] for one in of) for of in results]
    return Comparison(row, (cpu[0], cpu[1]), (per_s[0], per_s[1]), (generator[0], generator[1]))


@dataclass(frozen=True)
class Footprint:
    """What a small machine needs for a broker. Sizes in bytes."""

    broker: str
    program_bytes: int
    """Of its file, stripped."""
    transport: str
    resident_bytes: dict[int, int]
    """By the number of connections that do nothing; from 0 on."""

    @property
    def bytes_per_connection(self) -> float:
        """Of the largest number."""
        count = max(self.resident_bytes)
        return (self.resident_bytes[count] - self.resident_bytes[0]) / count


def idle(connections: int, other: str) -> list[Footprint]:
    """Of each broker, over TCP and over TLS, with none, 1,000 and so many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < connections + 64:
        raise UsageError(f"--idle {connections}: this process may open {hard} files; ulimit -n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    counts = sorted({min(1_000, connections), connections})
    try:
        with certificate() as files:
            return [
                Footprint(name, stripped_bytes(name), transport, _resident_bytes(name, counts, tls))
                for transport, tls in (("tcp", None), ("tls", files))
                for name in ("mqttlab", other)
            ]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _resident_bytes(
    name: str, counts: Sequence[int], tls: tuple[Path, Path] | None
) -> dict[int, int]:
    found: dict[int, int] = {}
    for count in counts:
        words = ["--pattern", "idle", "--idle", str(count), "--duration", "1"]
        words += ["--cafile", str(tls[0]), "--connect-timeout", "300"] if tls else []
        with serve(name, tls) as (port, pid):
            resident = load(port, words, pid)["broker_resident_bytes"]
        found.setdefault(0, resident["before"])
        found[count] = resident["connected"]
    return found


def show(
    other: str,
    rows: Sequence[Row],
    rounds: int,
    duration_s: float,
    connections: int,
    out: Path | None,
    console: Console,
) -> None:
    """Measures and prints the table, and writes it to `out` as Markdown and JSON."""
    results = []
    for number, row in enumerate(rows, 1):
        label = f"{number} of {len(rows)}: {row.pattern} QoS {row.qos} {row.payload_bytes} B"
        with console.status(label):
            results.append(compare(row, other, rounds, duration_s))
    footprints: list[Footprint] = []
    if connections:
        with console.status(f"{connections:,} idle connections"):
            footprints = idle(connections, other)
    tables = _tables(results, footprints, other)
    for table in tables:
        console.print(_shown(table))
        console.print(table.legend)
    if out:
        command = f"mqttlab bench live --against {other}"
        command += f" --rounds {rounds} --duration {duration_s:g}" if rows else " --pattern idle"
        command += f" --idle {connections}" if connections else ""
        document: dict[str, Any] = {
            "command": command,
            "versions": {"mqttlab": mqttlab.__version__, other: version_of(other)},
            "machine": machine.machine(),
            "rows": [asdict(one) | {"cpu_ratio": one.cpu_ratio} for one in results],
            "footprints": [asdict(one) for one in footprints],
        }
        _write(out, document, tables)


@dataclass(frozen=True)
class _Table:
    """Words come first, figures after them."""

    columns: Sequence[str]
    words: int
    rows: Sequence[Sequence[str]]
    legend: str


LOAD_LEGEND = (
    "µs: CPU time of the broker per delivery. /s: deliveries per second. "
    "gen. µs: CPU time of the generator per delivery with either, on a core of its own."
)
IDLE_LEGEND = (
    "Program: its file, stripped. Resident: memory with so many connections that do nothing. "
    "B each: what each of the most has added."
)


def _tables(
    results: Sequence[Comparison], footprints: Sequence[Footprint], other: str
) -> list[_Table]:
    tables = []
    if results:
        cpu, per_s = ([f"{unit} mqttlab", f"{unit} {other}", "ratio"] for unit in ("µs", "/s"))
        columns = ["pattern", "QoS", "bytes", *cpu, *per_s, "gen. µs", "gen. µs"]
        tables.append(_Table(columns, 1, [_cells(one) for one in results], LOAD_LEGEND))
    if footprints:
        counts = footprints[0].resident_bytes
        resident = [f"resident with {count:,}" for count in counts]
        columns = ["broker", "transport", "program", *resident, "B each"]
        rows = [
            [one.broker, one.transport, _kib(one.program_bytes)]
            + [_kib(size) for size in one.resident_bytes.values()]
            + [f"{one.bytes_per_connection:,.0f}"]
            for one in footprints
        ]
        tables.append(_Table(columns, 2, rows, IDLE_LEGEND))
    return tables


def _kib(size: int) -> str:
    return f"{size / 1024:,.0f} KiB"


def _cells(one: Comparison) -> list[str]:
    return [
        one.row.pattern,
        str(one.row.qos),
        str(one.row.payload_bytes),
        *(f"{value:.2f}" for value in one.cpu_us),
        f"{one.cpu_ratio:.2f}",
        *(f"{value:,.0f}" for value in one.per_s),
        f"{one.per_s[0] / one.per_s[1]:.2f}",
        *(f"{value:.2f}" for value in one.generator_cpu_us),
    ]


def _shown(of: _Table) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(of.columns):
        table.add_column(column, no_wrap=True, justify="left" if number < of.words else "right")
    for row in of.rows:
        table.add_row(*row)
    return table


def _write(out: Path, document: dict[str, Any], tables: Sequence[_Table]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.json").write_text(json.dumps(document, indent=2) + "\n")
    on = document["machine"]
    lines = [f"`{document['command']}` on {on['cpu']}, {on['cores']} cores."]
    for table in tables:
        rule = "| --- " * table.words + "| ---: " * (len(table.columns) - table.words) + "|"
        lines += ["", table.legend, "", f"| {' | '.join(table.columns)} |", rule]
        lines += [f"| {' | '.join(row)} |" for row in table.rows]
    (out / "table.md").write_text("\n".join(lines) + "\n")
