"""`mqttlab bench sim`: what MQTT, its hosts and the trace cost beside the simulator itself.

Each size runs twice in the same process: mqttlab with its trace on, and bare ns-3 sockets that move
the same bytes over the same topology, TCP profile and loss. Wall time, so other work on the machine
shows; the fastest of several rounds counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from mqttlab.errors import UsageError

if TYPE_CHECKING:
    from mqttlab._sim import BenchResult

__all__ = ["MOST_GROWTH", "MOST_RATIO", "SIZES", "judge", "show"]

SIZES = (100, 300, 1000)
MOST_RATIO = 1.5  # of mqttlab to bare ns-3, at every size
MOST_GROWTH = 1.5  # of a message's cost, from the cheapest size to the dearest


def show(sizes: Sequence[int], seed: int, console: Console) -> bool:
    """Measures and prints each size; True if cost and growth are within bounds."""
    from mqttlab import _sim

    for devices in sizes:
        if not 1 <= devices <= 10_000:
            raise UsageError(f"--devices {devices}: must be from 1 to 10000")
    results: list[BenchResult] = []
    for devices in sizes:
        with console.status(f"{devices} devices"):
            results.append(_sim.run_bench(devices, seed))
    console.print("[bold]Wall time per delivered QoS 1 message, trace on[/]", highlight=False)
    console.print(_table(results))
    failures = judge(results)
    for failure in failures:
        console.print(f"[bold red]{failure}[/]", highlight=False)
    if not failures:
        console.print(
            f"[bold green]Within bounds:[/] ratio at most {MOST_RATIO}, growth at most "
            f"{MOST_GROWTH} x.",
            highlight=False,
        )
    return not failures


def judge(results: Sequence[BenchResult]) -> list[str]:
    """One sentence for each bound that is broken."""
    failures = [
        f"{one.devices} devices: {one.ratio:.2f} x bare ns-3, over {MOST_RATIO} x"
        for one in results
        if one.ratio > MOST_RATIO
    ]
    costs = [one.us_per_message for one in results]
    if costs and max(costs) > MOST_GROWTH * min(costs):
        failures.append(
            f"cost is not flat: {max(costs) / min(costs):.2f} x from the cheapest size to the "
            f"dearest, over {MOST_GROWTH} x"
        )
    return failures


def _table(results: Sequence[BenchResult]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("devices", "messages", "mqttlab", "bare ns-3", "ratio"):
        table.add_column(column, justify="right")
    for one in results:
        table.add_row(
            str(one.devices),
            str(one.messages),
            f"{one.us_per_message:.1f} µs",
            f"{one.raw_us_per_message:.1f} µs",
            f"{one.ratio:.2f}",
        )
    return table
