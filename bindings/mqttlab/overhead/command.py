"""`mqttlab overhead`: its options, and how the study goes on."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mqttlab import links, units
from mqttlab.errors import Error, UsageError
from mqttlab.executors import started
from mqttlab.exits import INTERRUPTED, OK
from mqttlab.overhead import answers, made_by, page, tables
from mqttlab.overhead.axes import Axes
from mqttlab.overhead.rows import Rows
from mqttlab.overhead.study import Measured, Study

__all__ = ["axes_of", "main"]

_ELSEWHERE = ("jobs", "executor", "out")
_STAMP_BYTES = 32
_MOST_BYTES = 256_000_000  # of a payload: MQTT's packets end at 256 MiB
_TELL_EVERY_S = 60.0
_LOSS = re.compile(r"(?P<share>[^x]+?)(?:x(?P<burst>\d+(?:\.\d+)?))?")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="One axis at a time, from the first of every other.")
@click.option("--link", "named", metavar="PROFILE|FILE", multiple=True,
              help="As `mqttlab links` has them, or a link file.")  # fmt: skip
@click.option("--rtt", "rtts", metavar="TIME", multiple=True,
              help="20ms: a link that has this round-trip time and no other limit.")  # fmt: skip
@click.option("--loss", "losses", metavar="SHARE[xMEAN]", multiple=True,
              help="2%: independent; 2%x4: in bursts of 4 packets in the mean.")  # fmt: skip
@click.option("--payload", "payloads", type=int, metavar="BYTES", multiple=True,
              help="32 or more: a message has a stamp, by which it is known again.")  # fmt: skip
@click.option("--transport", "transports", type=click.Choice(["tcp", "tls", "ws", "wss"]),
              multiple=True)  # fmt: skip
@click.option("--version", "versions", type=click.Choice(["3.1.1", "5"]), multiple=True)
@click.option("--nat", "nats", metavar="TIME", multiple=True,
              help="Idle timeout that keep alives have to cope with.")  # fmt: skip
@click.option("--battery", "battery_wh", type=click.FloatRange(0, min_open=True), default=10.0,
              show_default=True, metavar="WH", help="Whose days are told.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--jobs", type=click.IntRange(1), help="Cells at a time; default: one per core.")
@click.option("--executor", metavar="WHAT", default="here", show_default=True,
              help="here, processes, dask, or dask://HOST:PORT of a scheduler.")  # fmt: skip
@click.option("--out", metavar="DIR", type=Path, default=Path("out/overhead"), show_default=True)
def main(
    quick: bool,
    battery_wh: float,
    seeds: int,
    jobs: int | None,
    executor: str,
    out: Path,
    **axes: Any,
) -> int:
    """Measure what QoS 0, 1 and 2 cost: links x losses x payloads x transports x versions, and
    which keep alive fits.

    Options that are given take the place of the usual values (--link and --rtt: of both). Each may
    be repeated; TIME and SHARE may be several, with commas between them. Called again with the same
    --out it goes on where it was. Leaves answers.md, overhead.html, .csv, .json and .md, and
    keep_alive.csv.
    """
    varied = axes_of(axes)
    try:
        out.mkdir(parents=True, exist_ok=True)
        cells = varied.star() if quick else varied.grid()
        study = Study(cells, range(1, seeds + 1), out / "cells.ndjson", battery_wh)
    except OSError as error:
        raise UsageError(f"--out {str(out)!r}: {error.strerror}; name another DIR") from None
    interrupted = _measure(study, executor, jobs or os.cpu_count() or 1)
    about = {
        "command": shlex.join(["mqttlab", "overhead", *_words(click.get_current_context())]),
        "versions": {name: one for name, one in made_by.code().items() if name != "sha256"},
    }
    tables.write(study, out, about)
    rows = Rows(study)
    answers.write(rows, out / "answers.md", about)
    (out / "overhead.html").write_text(page.render(rows, about), encoding="utf-8")
    failed = [one for one in study.measured.values() if one.error]
    print(f"{len(study.measured)} of {len(study.cells)} cells; {out / 'overhead.html'}")
    if interrupted:
        return INTERRUPTED
    if failed:
        first = failed[0]
        raise Error(
            f"{len(failed)} cells could not be measured; the first: "
            f"{tables.cell_words(first.cell)}: {first.error}; the same command tries them again"
        )
    return OK


def axes_of(options: Mapping[str, Any]) -> Axes:
    """What options, as click has read them, ask for; errors: UsageError."""
    usual = Axes()
    round_trips = [("", _ns("--rtt", text) / 1e6) for text in _parts(options["rtts"])]
    return Axes(
        (*_links(options["named"]), *round_trips) or usual.paths,
        tuple(_loss(text) for text in _parts(options["losses"])) or usual.losses,
        tuple(_payload(size) for size in options["payloads"]) or usual.payloads,
        options["transports"] or usual.transports,
        options["versions"] or usual.versions,
        nats_s=tuple(_ns("--nat", text) / 1e9 for text in _parts(options["nats"])) or usual.nats_s,
    )


def _words(context: click.Context) -> Iterator[str]:
    """The options that were given, less those that no figure depends on."""
    for option in context.command.params:
        name = option.name or ""
        if context.get_parameter_source(name) is ParameterSource.DEFAULT or name in _ELSEWHERE:
            continue
        value = context.params[name]
        if value is True:
            yield option.opts[0]
            continue
        for one in value if isinstance(value, tuple) else (value,):
            yield from (option.opts[0], units.exactly(one) if isinstance(one, float) else f"{one}")


def _parts(texts: Sequence[str]) -> list[str]:
    return [part for text in texts for part in text.split(",")]


def _links(named: Sequence[str]) -> list[tuple[str, float]]:
    for name in named:
        links.make_link(name, name)
    return [(name, 0.0) for name in named]


def _ns(option: str, text: str) -> int:
    where = f"{option} {text!r}"
    if (found := units.duration_ns(text, where)) == 0:
        raise UsageError(f"{where}: must be over 0")
    return found


def _payload(size: int) -> int:
    if size < _STAMP_BYTES:
        raise UsageError(f"--payload {size}: a message's stamp takes {_STAMP_BYTES} bytes; or more")
    if size > _MOST_BYTES:
        raise UsageError(f"--payload {size}: at most {_MOST_BYTES}; a packet ends at 256 MiB")
    return size


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
    """A bar on a terminal, elsewhere a line each minute."""
    if not sys.stderr.isatty():
        yield _lines(study)
        return
    columns = (TextColumn("cells"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("overhead", total=len(study.cells), completed=len(study.measured))
        yield lambda _: bar.advance(task)


def _lines(study: Study) -> Callable[[Measured], None]:
    """How far it is, on stderr, where nobody looks at a terminal."""
    start_s = told_s = monotonic()
    had, failed = len(study.measured), 0

    def tell(one: Measured) -> None:
        nonlocal told_s, failed
        failed += bool(one.error)
        now_s = monotonic()
        if now_s - told_s < _TELL_EVERY_S:
            return
        told_s, done, of = now_s, len(study.measured), len(study.cells)
        left_min = (now_s - start_s) / (done - had) * (of - done) / 60
        text = f"overhead: {done} of {of} cells, {failed} failed, {left_min:.0f} min left"
        print(text, file=sys.stderr, flush=True)

    return tell
