"""`mqttlab bench sim`: what MQTT, its hosts and the trace cost beside the simulator itself.

Each size runs twice in the same process: mqttlab with its trace on, and bare ns-3 sockets that move
the same bytes over the same topology, TCP profile and loss. All sizes take turns over several
rounds, and the fastest round of each counts: whatever else the machine does only ever adds time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from mqttlab.errors import UsageError

__all__ = ["MOST_GROWTH", "MOST_RATIO", "SIZES", "Cost", "judge", "show"]

SIZES = (100, 300, 1000)
MOST_RATIO = 1.5  # of mqttlab to bare ns-3, at every size
MOST_GROWTH = 1.5  # of a message's cost, from the cheapest size to the dearest


@dataclass(frozen=True)
class Cost:
    """Wall time of one delivered QoS 1 message among so many devices."""

    devices: int
    messages: int  # delivered in one round
    us: float
    bare_us: float  # of bare ns-3

    @property
    def ratio(self) -> float:
        """How many times bare ns-3."""
        return self.us / self.bare_us


def show(sizes: Sequence[int], seed: int, transport: str, rounds: int, console: Console) -> bool:
    """Measures and prints each size; True if cost and growth are within bounds.

    Bare ns-3 moves bytes over TCP: what TLS and WebSocket cost on top of that has no bound.
    """
    for devices in sizes:
        if not 1 <= devices <= 10_000:
            raise UsageError(f"--devices {devices}: must be from 1 to 10000")
    results = _measure(sizes, seed, transport, rounds, console)
    title = f"Wall time per delivered QoS 1 message over {transport}, trace on"
    console.print(f"[bold]{title}[/]", highlight=False)
    console.print(_table(results))
    if transport != "tcp":
        return True
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


def _measure(
    sizes: Sequence[int], seed: int, transport: str, turns: int, console: Console
) -> list[Cost]:
    from mqttlab import _sim

    rounds: list[list[Cost]] = []
    for number in range(1, turns + 1):
        rounds.append([])
        for devices in sizes:
            with console.status(f"round {number} of {turns}: {devices} devices"):
                one = _sim.run_bench(devices, seed, transport=transport)
            cost = Cost(devices, one.messages, one.us_per_message, one.raw_us_per_message)
            rounds[-1].append(cost)
    return [
        Cost(of[0].devices, of[0].messages, min(c.us for c in of), min(c.bare_us for c in of))
        for of in zip(*rounds, strict=True)
    ]


def judge(results: Sequence[Cost]) -> list[str]:
    """One sentence for each bound that is broken."""
    failures = [
        f"{one.devices} devices: {one.ratio:.2f} x bare ns-3, over {MOST_RATIO} x"
        for one in results
        if one.ratio > MOST_RATIO
    ]
    costs = [one.us for one in results]
    if costs and max(costs) > MOST_GROWTH * min(costs):
        failures.append(
            f"cost is not flat: {max(costs) / min(costs):.2f} x from the cheapest size to the "
            f"dearest, over {MOST_GROWTH} x"
        )
    return failures


def _table(results: Sequence[Cost]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("devices", "messages", "mqttlab", "bare ns-3", "ratio"):
        table.add_column(column, justify="right")
    for one in results:
        table.add_row(
            str(one.devices),
            str(one.messages),
            f"{one.us:.1f} µs",
            f"{one.bare_us:.1f} µs",
            f"{one.ratio:.2f}",
        )
    return table
