"""`mqttlab hunt`: its options, what runs it, and how it goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mqttlab import run_command
from mqttlab.executors import started
from mqttlab.exits import FINDINGS, INTERRUPTED, OK
from mqttlab.hunting import hunt, show

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("scenario", metavar="NAME|FILE.py")
@click.option("--seeds", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--first", type=click.IntRange(0), default=1, show_default=True, help="The lowest.")
@click.option("--jobs", type=click.IntRange(1), help="Runs at a time; default: one per core.")
@click.option("--executor", metavar="WHAT", default="here", show_default=True,
              help="What starts the runs: here, processes (a pool), dask (a local cluster), or "
              "dask://HOST:PORT of a scheduler.")  # fmt: skip
@click.option("--until", metavar="TIME", help="As of `mqttlab run`, as are the next three.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True)
@click.option("--faults", metavar="FILE.toml")
@click.option("--strict", is_flag=True, help="What is only recommended or left open counts, too.")
@click.option("--limit", metavar="TIME", default="10min", show_default=True,
              help="Of wall time: a run that takes longer is ended, and is a finding.")  # fmt: skip
@click.option(
    "--out", metavar="DIR", type=Path, help="Journal and capsules; default out/NAME-hunt."
)
def main(
    scenario: str,
    seeds: int,
    first: int,
    jobs: int | None,
    executor: str,
    until: str | None,
    settings: tuple[str, ...],
    faults: str | None,
    strict: bool,
    limit: str,
    out: Path | None,
) -> int:
    """Run a scenario with many seeds, each in a process of its own, and collect what goes wrong.

    Each finding is told once, with the capsule of its lowest seed. Called again, it goes on where
    it was: DIR has a journal. Exit codes: 0 nothing found, 1 findings, 130 interrupted.
    """
    directory = out or Path("out") / f"{Path(run_command.file_of(scenario)).stem}-hunt"
    with started(executor, jobs) as pool, _progress() as progress:
        found = hunt(
            scenario,
            seeds=range(first, first + seeds),
            jobs=jobs,
            executor=pool,
            until=until,
            parameters=run_command.parameters_of(settings, None),
            faults=faults or (),
            strict=strict,
            directory=directory,
            limit=limit,
            progress=progress,
        )
    show(found, run_command.console())
    if found.interrupted:
        return INTERRUPTED
    return FINDINGS if found.findings else OK


@contextmanager
def _progress() -> Iterator[Callable[[int, int, int], None] | None]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("seeds"), BarColumn(), MofNCompleteColumn(),
               TextColumn("{task.fields[found]} found"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("hunt", total=None, found=0)
        yield lambda done, asked, found: bar.update(task, completed=done, total=asked, found=found)
