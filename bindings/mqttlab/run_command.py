"""What `mqttlab run` has beside `mqttlab.run`: words into values, time passing, errors located."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from mqttlab.errors import Error, UsageError
from mqttlab.parameters import Scenario, bind
from mqttlab.result import Result
from mqttlab.units import Duration

__all__ = [
    "again",
    "check_writable",
    "console",
    "file_of",
    "located",
    "parameters_of",
    "progress",
    "times",
    "watched_by",
]


_PLAIN_WIDTH = 120  # columns of tables that go into a file or a pipe
_CREDENTIALS = re.compile(r"(?:^|(?<=://))[^/]*(?=@)")  # in a URL, or in front of HOST:PORT


def parameters_of(settings: tuple[str, ...], devices: int | None) -> dict[str, object]:
    """--set and --devices as one mapping; texts are converted where the scenario is known."""
    values: dict[str, object] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise UsageError(f"--set {setting!r}: write --set key=value")
        if key in values:
            raise UsageError(f"--set {setting!r}: {key} is set twice; give it once")
        values[key] = value
    if devices is not None:
        if "devices" in values:
            raise UsageError("--devices and --set devices=: give one of them")
        values["devices"] = devices
    return values


def again(
    scenario: str,
    seed: int,
    until: str | None,
    faults: str | None,
    target: str | None,
    cafile: Path | None,
    parameters: Mapping[str, object],
    watched: Sequence[str] = (),
) -> str:
    """The command line that repeats a run; in the place of a target's credentials it says so."""
    words = ["mqttlab", "run", scenario, "--seed", str(seed)]
    words += ["--until", until] if until is not None else []
    words += ["--faults", faults] if faults else []
    words += ["--target", _CREDENTIALS.sub("USER:PASSWORD", target)] if target else []
    words += ["--cafile", str(cafile)] if cafile else []
    words += watched
    for key, value in parameters.items():
        words += ["--set", f"{key}={value}"]
    return shlex.join(words)


def watched_by(*, traced: bool, judged: bool, strict: bool) -> list[str]:
    """The options that say who watches a run."""
    if not traced:
        return ["--no-trace"]
    return ["--strict"] if strict else [] if judged else ["--no-oracle"]


@contextmanager
def located(scenario: str) -> Iterator[None]:
    """What a scenario's own code raises becomes one line with file and line number."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        cause: BaseException = error
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if isinstance(cause, UsageError) and not file_of(scenario).endswith(".py"):
            raise cause from None  # about a parameter: the place in an installed file says nothing
        place = _place(cause, file_of(scenario))
        if isinstance(cause, Error):
            kind = UsageError if isinstance(cause, UsageError) else Error
            raise kind(f"{place}{cause}") from error
        raise Error(f"{place}{type(cause).__name__}: {cause}") from error


@contextmanager
def kept(directory: Path, command: str) -> Iterator[None]:
    """A scenario that raises leaves its report, and a capsule if its run can be made again."""
    from mqttlab import report
    from mqttlab.runner import watching

    made: list[tuple[Result, Exception | None]] = []
    with watching(lambda *one: made.append(one)):
        try:
            yield
        except Exception as error:
            if made and not isinstance(error, UsageError):
                words = f"{type(error).__name__}: {error}"
                page = report.write(made[-1][0], directory, command=command, error=words)
                click.echo(f"report of what there was: {page}")
                if capsule := report.capsule_beside(page, made[-1][0]):
                    click.echo(f"again: mqttlab replay {shlex.quote(str(capsule))}")
            raise


def file_of(scenario: str) -> str:
    """The file's part of FILE.py or FILE.py:function."""
    return scenario.partition(":")[0]


def _place(error: BaseException, path: str) -> str:
    """ "my.py:12: " for the innermost line of the scenario's file in a traceback, or ""."""
    frames = traceback.extract_tb(error.__traceback__)
    if path.endswith(".py"):
        here = [f for f in frames if Path(f.filename).resolve() == Path(path).resolve()]
    else:
        here = [f for f in frames if Path(f.filename).parent.name == "scenarios"]
    return f"{here[-1].filename}:{here[-1].lineno}: " if here else ""


@contextmanager
def _bar(what: str) -> Iterator[Callable[[float, float], None] | None]:
    """A bar of the run's time on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.fields[reached]}"),
        TextColumn("wall"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("run", total=None, reached="")
        yield lambda now, until: bar.update(
            task, completed=now, total=until, reached=f"{now:.0f} of {until:.0f} s"
        )


def times(function: Scenario, given: Mapping[str, object]) -> str:
    """The parameters that make a scenario shorter, as `--set` takes them."""
    return ", ".join(
        f"{key}={value:g}s"
        for key, value in bind(function, given).items()
        if isinstance(value, Duration)
    )


@contextmanager
def progress(shorter: str | None) -> Iterator[Callable[[float, float], None] | None]:
    """Shows how a run goes on, on a terminal.

    `shorter`: of a run in real time, the parameters that would make it so; None: a simulated one.
    In real time one line says first how long it may take.
    """
    with _bar("virtual time" if shorter is None else "time") as bar:
        if shorter is None:
            yield bar
            return
        told = False

        def tell(now: float, until: float) -> None:
            nonlocal told
            if not told:
                less = f"; shorter with --set: {shorter}" if shorter else ""
                click.echo(
                    f"mqttlab: in real time, {until:g} s at the most (--until){less}; "
                    "Ctrl-C ends it, and what there is is valid",
                    err=True,
                )
            told = True
            if bar is not None:
                bar(now, until)

        yield tell


def check_writable(directory: Path) -> None:
    """Before minutes of work, not after. Leaves the directory behind."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise UsageError(
            f"--out {str(directory)!r}: cannot write there: {error.strerror}; name another DIR"
        ) from None


class _Console(Console):
    """A console whose reader may leave early (`| head`): the verdict stays the exit code."""

    def on_broken_pipe(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def console() -> Console:
    """For what a command has to say: as wide as the terminal, or as a file can be."""
    return _Console() if sys.stdout.isatty() else _Console(width=_PLAIN_WIDTH)
