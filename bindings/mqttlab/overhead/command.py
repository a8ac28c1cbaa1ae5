"""`mqttlab overhead`: its options, and how the study goes on."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import mqttlab
from mqttlab import links, units
from mqttlab.client_options import Transport
from mqttlab.errors import Error, UsageError
from mqttlab.executors import started
from mqttlab.exits import INTERRUPTED, OK
from mqttlab.overhead import page, tables
from mqttlab.overhead.study import Axes, Measured, Study

__all__ = ["main"]

_LOSS = re.compile(r"(?P<share>[^x]+?)(?:x(?P<burst>\d+(?:\.\d+)?))?")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="One axis at a time, from the first of every other.")
@click.option("--link", "named", metavar="PROFILE|FILE", multiple=True,
              help="As `mqttlab links` has them, or a link file.")  # fmt: skip
@click.option("--loss", "losses", metavar="SHARE[xMEAN]", multiple=True,
              help="2%: independent; 2%x4: in bursts of 4 packets in the mean.")  # fmt: skip
@click.option("--payload", "payloads", type=click.IntRange(32), metavar="BYTES", multiple=True)
@click.option("--transport", "transports", type=click.Choice(["tcp", "tls", "ws", "wss"]),
              multiple=True)  # fmt: skip
@click.option("--version", "versions", type=click.Choice(["3.1.1", "5"]), multiple=True)
@click.option("--seeds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--jobs", type=click.IntRange(1), help="Cells at a time; default: one per core.")
@click.option("--executor", metavar="WHAT", default="here", show_default=True,
              help="here, processes, dask, or dask=ADDRESS of a scheduler.")  # fmt: skip
@click.option("--out", metavar="DIR", type=Path, default=Path("out/overhead"), show_default=True)
def main(
    quick: bool,
    named: tuple[str, ...],
    losses: tuple[str, ...],
    payloads: tuple[int, ...],
    transports: tuple[Transport, ...],
    versions: tuple[str, ...],
    seeds: int,
    jobs: int | None,
    executor: str,
    out: Path,
) -> int:
    """Measure what QoS 0, 1 and 2 cost: links x losses x payloads x transports x versions.

    Options that are given take the place of the usual values. Called again with the same --out it
    goes on where it was. Leaves overhead.html, .csv, .json and .md there.
    """
    for name in named:
        links.make_link(name, name)
    usual = Axes()
    axes = Axes(
        named or usual.links,
        tuple(_loss(text) for text in losses) or usual.losses,
        payloads or usual.payloads,
        transports or usual.transports,
        versions or usual.versions,
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        study = Study(
            axes.star() if quick else axes.cells(), range(1, seeds + 1), out / "cells.ndjson"
        )
    except OSError as error:
        raise UsageError(f"--out {str(out)!r}: {error.strerror}; name another DIR") from None
    interrupted = _measure(study, executor, jobs or os.cpu_count() or 1)
    about = {
        "command": shlex.join(["mqttlab", "overhead", *_words(sys.argv)]),
        "versions": {"mqttlab": mqttlab.__version__},
    }
    tables.write(study, out, about)
    (out / "overhead.html").write_text(page.render(study, about), encoding="utf-8")
    failed = [one for one in study.measured.values() if one.error]
    print(f"{len(study.measured)} of {len(study.cells)} cells; {out / 'overhead.html'}")
    if interrupted:
        return INTERRUPTED
    if failed:
        raise Error(f"{len(failed)} cells could not be measured; the first: {failed[0].error}")
    return OK


def _words(argv: Sequence[str]) -> list[str]:
    """The options as they were given."""
    return list(argv[argv.index("overhead") + 1 :]) if "overhead" in argv else []


def _loss(text: str) -> tuple[float, float]:
    """ "2%x4" as (0.02, 4)."""
    found = _LOSS.fullmatch(text.strip())
    where = f"--loss {text!r}"
    if found is None:
        raise UsageError(f"{where}: write 2%, or 2%x4 for bursts of 4 packets in the mean")
    share = units.fraction(found["share"], where)
    burst = float(found["burst"] or 0)
    if share > 0.5 or (burst and (burst < 1 or share == 0)):
        raise UsageError(f"{where}: at most half of the packets, in bursts of 1 or more")
    return share, burst


def _measure(study: Study, executor: str, jobs: int) -> bool:
    """True if it was interrupted."""
    with _progress(study) as told, started(executor, jobs) as pool:
        try:
            if pool is not None:
                study.run(pool, told)
            else:  # threads that each wait for a process
                with ThreadPoolExecutor(jobs) as threads:
                    study.run(threads, told)
        except KeyboardInterrupt:
            return True
    return False


@contextmanager
def _progress(study: Study) -> Iterator[Callable[[Measured], None]]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("cells"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("overhead", total=len(study.cells), completed=len(study.measured))
        yield lambda _: bar.advance(task)
