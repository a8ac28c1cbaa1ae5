"""The second table of `mqttlab bench sim`: what the trace and the oracle cost, each apart.

The field trial runs without a trace, with one, and with the oracle, each time in a process of its
own. The three take turns, and each is compared with the run without in its own round: what the
machine does to one round it does to all three. Only CPU time that the program itself has used
counts (user time), so that others who use the machine count for little.
"""

from __future__ import annotations

import json
import re
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mqttlab.errors import Error, UsageError

__all__ = ["MOST_RATIO", "Ratio", "judge", "most_memory_bytes", "ratios", "show"]

MOST_RATIO = 1.15  # of a run with trace and oracle to one without either
_ROWS = {
    "no trace": (False, False),
    "trace": (True, False),
    "trace and oracle": (True, True),
}


@dataclass(frozen=True)
class Run:
    """One run of the field trial."""

    cpu_s: float  # user time
    events: int
    memory_bytes: int  # of its process, at its highest


@dataclass(frozen=True)
class Ratio:
    """Of CPU times of two runs of a round: the median of all rounds, and its spread."""

    median: float
    least: float
    most: float


def show(devices: int, seed: int, rounds: int, console: Console) -> bool:
    """Measures and prints the three; True if the price of both is within its bound."""
    if not 3 <= devices <= 10_000:
        raise UsageError(f"--trial-devices {devices}: must be from 3 to 10000")
    measured: list[dict[str, Run]] = []
    for number in range(1, rounds + 1):
        with console.status(f"round {number} of {rounds}: the field trial, {devices} devices"):
            measured.append({name: _measure(name, devices, seed) for name in _ROWS})
    title = f"CPU time of the field trial, {devices} devices, {rounds} rounds"
    console.print(f"[bold]{title}[/]", highlight=False)
    found = {name: ratios(measured, name) for name in _ROWS}
    console.print(_table(measured, found))
    failure = judge(found["trace and oracle"])
    console.print(
        f"[bold red]{failure}[/]"
        if failure
        else f"[bold green]Within bounds:[/] trace and oracle cost at most {MOST_RATIO} x.",
        highlight=False,
    )
    return not failure


def ratios(measured: Sequence[dict[str, Run]], name: str) -> Ratio:
    """Of the runs `name` to those without a trace, round by round."""
    found = [round_[name].cpu_s / round_["no trace"].cpu_s for round_ in measured]
    return Ratio(statistics.median(found), min(found), max(found))


def judge(both: Ratio) -> str:
    """What is wrong with the price of trace and oracle, in a sentence, or nothing."""
    if both.median <= MOST_RATIO:
        return ""
    return f"trace and oracle cost {both.median:.2f} x, over {MOST_RATIO} x"


def _table(measured: Sequence[dict[str, Run]], found: dict[str, Ratio]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for column in ("events", "CPU time", "ratio", "lowest", "highest", "memory"):
        table.add_column(column, justify="right")
    for name, ratio in found.items():
        runs = [round_[name] for round_ in measured]
        table.add_row(
            name,
            str(runs[0].events),
            f"{statistics.median(run.cpu_s for run in runs):.2f} s",
            *(f"{value:.3f}" for value in (ratio.median, ratio.least, ratio.most)),
            f"{max(run.memory_bytes for run in runs) / 2**20:.0f} MiB",
        )
    return table


def _measure(name: str, devices: int, seed: int) -> Run:
    """One run in a process of its own."""
    words = [sys.executable, "-m", "mqttlab.bench_watching", name, str(devices), str(seed)]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Error(f"bench: a run ended with {made.returncode}: {made.stderr.strip()[-200:]}")
    return Run(**json.loads(made.stdout))


def most_memory_bytes() -> int:
    """Of this process so far. (getrusage counts what its parent had, too.)"""
    status = Path("/proc/self/status").read_text("ascii", "replace")
    [kib] = re.findall(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(kib) * 1024


def _main(name: str, devices: str, seed: str) -> None:
    import mqttlab

    def cpu_s() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_utime

    before = cpu_s()
    traced, judged = _ROWS[name]
    parameters = {"devices": int(devices)}
    result = mqttlab.run(
        "field_trial", seed=int(seed), parameters=parameters, trace=traced, oracle=judged
    )
    spent = cpu_s() - before
    print(json.dumps({
        "cpu_s": spent, "events": len(result.events), "memory_bytes": most_memory_bytes()
    }))  # fmt: skip


if __name__ == "__main__":
    _main(*sys.argv[1:])
