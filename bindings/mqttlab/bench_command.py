"""`mqttlab bench live --against NAME`: its options."""

from __future__ import annotations

from pathlib import Path

import click

from mqttlab import bench_live, run_command
from mqttlab.errors import UsageError
from mqttlab.exits import OK

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--against", metavar="NAME", required=True, help="The other broker: mosquitto.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--duration", type=click.FloatRange(0.1), default=2.0, show_default=True,
              help="Seconds of each round.")  # fmt: skip
@click.option("--pattern", "patterns", metavar="NAME", multiple=True,
              help="Rows of this one only; idle: none, only --idle.")  # fmt: skip
@click.option("--qos", "qualities", type=click.IntRange(0, 2), multiple=True, help="The same.")
@click.option("--payload", "payloads", type=int, metavar="BYTES", multiple=True, help="The same.")
@click.option("--idle", type=click.IntRange(0), default=0, help="Connections, for their memory.")
@click.option("--out", metavar="DIR", type=Path, help="Writes table.md and table.json there.")
def main(
    against: str,
    rounds: int,
    duration: float,
    patterns: tuple[str, ...],
    qualities: tuple[int, ...],
    payloads: tuple[int, ...],
    idle: int,
    out: Path | None,
) -> int:
    """CPU time and messages per second of our broker beside another one, load by load."""
    others = sorted(set(bench_live.BROKERS) - {"mqttlab"})
    if against not in others:
        raise UsageError(f"--against {against}: must be {' or '.join(others)}")
    rows = [
        row
        for row in bench_live.ROWS
        if (not patterns or row.pattern in patterns)
        and (not qualities or row.qos in qualities)
        and (not payloads or row.payload_bytes in payloads)
    ]
    if not rows and not (idle and set(patterns) == {"idle"}):
        raise UsageError("--pattern, --qos and --payload leave no row; see --against NAME --help")
    if out:
        run_command.check_writable(out)
    bench_live.show(against, rows, rounds, duration, idle, out, run_command.console())
    return OK
