"""mqttlab.hunt: one scenario over many seeds, each run in a process of its own.

What is found is kept once for each invariant (or error, or signal): how many seeds showed it, and
the capsule of the lowest. A directory keeps a journal of the seeds that are done, so that a hunt
that was interrupted goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mqttlab import catalog, isolated, units
from mqttlab.capsule import Capsule, found_again
from mqttlab.errors import UsageError
from mqttlab.faults import Fault
from mqttlab.faults.schedule import load
from mqttlab.hunt_journal import Journal
from mqttlab.origin import Origin
from mqttlab.own_invariants import Rule, rules_of
from mqttlab.parameters import Scenario, bind, mark_of

__all__ = ["Finding", "Hunt", "hunt", "show"]


@dataclass(frozen=True)
class Finding:
    """Something that went wrong, in one seed or more."""

    name: str
    """The invariant; or the class of what was raised, or how the process ended."""
    seeds: tuple[int, ...]
    """Those that showed it, in order."""
    first: Capsule
    """Of the lowest of them."""
    path: Path | None = None
    """Where it is, if the hunt has a directory."""

    @property
    def what(self) -> str:
        """In words, of the first."""
        said = (one["what"] for one in self.first.violations if one["invariant"] == self.name)
        return str(next(said, self.first.error))


@dataclass(frozen=True)
class Hunt:
    """What came of a hunt."""

    scenario: str
    done: int
    """Seeds that were run."""
    asked: int
    """Seeds that were wanted."""
    findings: tuple[Finding, ...]
    """In the order of the seeds that showed them first."""
    interrupted: bool = False
    """By Ctrl-C: what is here is valid."""
    earlier: int = 0
    """How many of the seeds had been done before, as the journal says."""


def hunt(
    scenario: Scenario | str,
    *,
    seeds: int | Iterable[int] = 100,
    jobs: int | None = None,
    executor: Executor | None = None,
    until: float | str | None = None,
    parameters: Mapping[str, object] | None = None,
    tcp: str = "linux-like",
    ipv6: bool = False,
    faults: Sequence[Fault] | str | os.PathLike[str] = (),
    strict: bool = False,
    invariants: Iterable[Rule] = (),
    directory: str | os.PathLike[str] | None = None,
    limit: float | str = "10min",
    progress: Callable[[int, int, int], None] | None = None,
) -> Hunt:
    """Runs a scenario with many seeds and collects what goes wrong.

    `scenario`, `until`, `parameters`, `tcp`, `ipv6`, `faults`, `strict`, `invariants`: as of
    `mqttlab.run`. Others have to find the scenario: a name, a file, or a function at the top of a
    file; so they do invariants.
    `seeds`: how many, from 1; or which. `jobs`: how many at a time; as many as there are cores.
    `executor`: where runs are started, each of which makes a process of its own there; by default
    here. Of dask: `Client.get_executor()`; scenario and package have to be there as well.
    `directory`: keeps the journal, and a capsule for each finding; one with a journal of the same
    hunt is gone on with. `progress`: called with seeds done, seeds asked for, and findings.

    `limit`: of the wall time of a run. One that takes longer is ended, and is a finding, as is one
    that takes its process down. Ctrl-C ends the hunt: what it has is valid.

    Errors: UsageError for wrong arguments.
    """
    order = _order(scenario, until, parameters, tcp, ipv6, faults, strict, invariants)
    wanted = _wanted(seeds)
    limit_s = units.duration_ns(limit, "hunt: limit") / 1e9
    jobs = os.cpu_count() or 1 if jobs is None else units.count(jobs, "hunt: jobs", least=1)
    journal = Journal(order, None if directory is None else Path(directory), wanted)
    earlier = len(journal.done)
    interrupted = False

    def tell() -> None:
        if progress is not None:
            progress(len(journal.done), len(wanted), len(journal.found))

    try:
        with _executor(executor, jobs) as pool:
            tell()
            missing = (seed for seed in wanted if seed not in journal.done)
            for made in _runs(pool, order, missing, jobs, limit_s):
                journal.add(made)
                tell()
    except KeyboardInterrupt:
        interrupted = True
    paths = journal.end()
    found = [
        Finding(name, tuple(sorted(of)), journal.first[name], paths.get(name))
        for name, of in journal.found.items()
    ]
    found.sort(key=lambda finding: (finding.seeds[0], finding.name))
    word = order.scenario.word
    return Hunt(word, len(journal.done), len(wanted), tuple(found), interrupted, earlier)


def _order(
    scenario: Scenario | str,
    until: float | str | None,
    parameters: Mapping[str, object] | None,
    tcp: str,
    ipv6: bool,
    faults: Sequence[Fault] | str | os.PathLike[str],
    strict: bool,
    invariants: Iterable[Rule],
) -> Capsule:
    """A run of the hunt, without its seed. Checks what can be checked before the first."""
    function = catalog.load(scenario) if isinstance(scenario, str) else scenario
    values = bind(function, {} if parameters is None else parameters)
    origin = Origin.of(function)
    if origin is None:
        raise UsageError("hunt: other processes do not find this function; move it into a file")
    mark = mark_of(function)
    limit = mark.until if until is None and mark else until
    if limit is None:
        raise UsageError("hunt: until= is missing; give it, as of mqttlab.run")
    return Capsule(
        scenario=origin,
        seed=0,
        until_s=units.duration_ns(limit, "hunt: until") / 1e9,
        parameters={k: str(v) if isinstance(v, Path) else v for k, v in values.items()},
        tcp=units.text(tcp, "hunt: tcp"),
        ipv6=units.flag(ipv6, "hunt: ipv6"),
        strict=units.flag(strict, "hunt: strict"),
        faults=[fault.to_data() for fault in load(faults)],
        invariants=[
            found_again(rule, "hunt")
            for rule in rules_of(invariants, "hunt: invariants")
            if not mark or rule not in mark.invariants
        ],
    )


def _wanted(seeds: int | Iterable[int]) -> list[int]:
    if isinstance(seeds, int):
        return list(range(1, units.count(seeds, "hunt: seeds", least=1) + 1))
    wanted = [units.count(seed, "hunt: seeds", most=2**63 - 1) for seed in seeds]
    return sorted(set(wanted))


@contextmanager
def _executor(given: Executor | None, jobs: int) -> Iterator[Executor]:
    """The one that was given, or threads of our own, each of which waits for a process."""
    if given is not None:
        yield given
        return
    with ThreadPoolExecutor(jobs) as own:
        try:
            yield own
        except BaseException:
            own.shutdown(wait=False, cancel_futures=True)  # or more would begin meanwhile
            isolated.end_all()
            raise


def _runs(
    pool: Executor, order: Capsule, seeds: Iterator[int], jobs: int, limit_s: float
) -> Iterator[Capsule]:
    """Runs as they end. Twice as many are submitted as run, so that nobody waits for work."""
    data, here = order.to_data(), str(Path.cwd())

    def submit(count: int) -> set[Future[dict[str, Any]]]:
        return {
            pool.submit(_made, {**data, "seed": seed}, here, limit_s)
            for seed in islice(seeds, count)
        }

    open_ = submit(2 * jobs)
    try:
        while open_:
            ended, open_ = wait(open_, return_when=FIRST_COMPLETED)
            open_ |= submit(len(ended))
            for future in ended:
                yield Capsule.from_data(future.result())
    finally:
        for future in open_:
            future.cancel()


def _made(order: dict[str, Any], here: str, limit_s: float) -> dict[str, Any]:
    """One run, wherever this is called."""
    return isolated.made(Capsule.from_data(order), [Path(here)], limit_s).to_data()


def show(found: Hunt, console: Console) -> None:
    """Prints the findings and a last line."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("found", no_wrap=True)
    table.add_column("seeds", justify="right")
    table.add_column("first", justify="right")
    table.add_column("what happened there")
    for finding in found.findings:
        where = f"\nmqttlab replay {quote(str(finding.path))}" if finding.path else ""
        table.add_row(
            finding.name, str(len(finding.seeds)), str(finding.seeds[0]),
            escape(f"{finding.what}{where}"),
        )  # fmt: skip
    if found.findings:
        console.print(table)
    number = len(found.findings) or "no"
    line = f"{found.done} of {found.asked} seeds, {number} finding{'s' if number != 1 else ''}"
    if found.earlier:
        line += f"; {found.earlier} of the seeds had been done before"
    if found.interrupted:
        line += "; interrupted, the same command goes on"
    console.print(line, highlight=False)
