"""Makes the run of a capsule again, and says whether it is the same one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from mqttlab.capsule import Capsule
from mqttlab.faults import Fault
from mqttlab.isolated import elsewhere, made
from mqttlab.origin import Origin, locate
from mqttlab.result import Result
from mqttlab.runner import run, watching

__all__ = ["Replay", "again", "replay", "show"]


@dataclass(frozen=True)
class Replay:
    """A run made again."""

    capsule: Capsule
    again: Capsule
    """Of the run that was made now."""
    differences: tuple[str, ...]
    """Between then and now, in words: what the capsule has beyond what this version knows,
    versions, and the scenario's file."""
    result: Result | None = None
    """None: it was made in another process."""

    @property
    def reproduced(self) -> bool:
        """Whether it is the same run, and ended in the same way."""
        then, now = self.capsule, self.again
        return (now.fingerprint, _kind(now.error)) == (then.fingerprint, _kind(then.error))


def _kind(error: str) -> str:
    """ "ValueError" of "ValueError: boom"."""
    return error.partition(":")[0]


def replay(
    capsule: Capsule | str | os.PathLike[str],
    *,
    pcap: str | os.PathLike[str] | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Replay:
    """Makes the run of a capsule again; one of a test by pytest, in a process of its own.

    `pcap`, `progress`: as of `mqttlab.run`; of no use to a test.
    The scenario's file is looked for here, where the capsule is, and in the folders above both.
    Errors: UsageError if capsule or scenario cannot be read; mqttlab.Error if nothing comes of it.
    """
    beside = []
    if not isinstance(capsule, Capsule):
        beside = [Path(capsule).parent]
        capsule = Capsule.read(capsule)
    if capsule.test:
        return _by_pytest(capsule, beside)
    if not capsule.fingerprint:
        return Replay(capsule, made(capsule, beside), tuple(capsule.unread))
    now, changed, result = again(capsule, beside, pcap=pcap, progress=progress)
    return Replay(capsule, now, tuple(_differences(capsule, now, changed)), result)


def again(
    capsule: Capsule,
    beside: list[Path],
    *,
    pcap: str | os.PathLike[str] | None = None,
    ndjson: str | os.PathLike[str] | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> tuple[Capsule, str, Result]:
    """Makes a run in this process: its capsule, what has changed in the scenario's file, and it.

    `pcap`, `ndjson`, `progress`: as of `mqttlab.run`.
    """
    scenario, changed = capsule.scenario.load(beside)
    faults = [Fault.from_data(one, f"fault {n}") for n, one in enumerate(capsule.faults, 1)]
    rules = [Origin.from_data(one).load(beside)[0] for one in capsule.invariants]
    kept: list[tuple[Result, Exception | None]] = []
    with watching(lambda *made: kept.append(made)):
        try:
            run(
                scenario,
                seed=capsule.seed,
                until=capsule.until_s,
                parameters=capsule.parameters,
                tcp=capsule.tcp,
                ipv6=capsule.ipv6,
                strict=capsule.strict,
                faults=faults,
                invariants=rules,
                pcap=pcap,
                ndjson=ndjson,
                progress=progress,
            )
        except Exception:
            if not kept:
                raise
    result, error = kept[-1]
    if result.ending == "interrupted":
        raise KeyboardInterrupt
    words = f"{type(error).__name__}: {error}" if error else ""
    return Capsule.of(result, error=words), changed, result


def _differences(then: Capsule, now: Capsule, changed: str) -> Iterator[str]:
    yield from then.unread
    if changed:
        yield changed
    for name in dict.fromkeys((*then.versions, *now.versions)):
        was, is_now = then.versions.get(name, "none"), now.versions.get(name, "none")
        if was != is_now:
            yield f"{name} was {was}, is {is_now}"


def _by_pytest(capsule: Capsule, beside: list[Path]) -> Replay:
    """Lets pytest run the test with the arguments that it had."""
    file = locate(capsule.scenario.file, beside)
    node = f"{file}::{capsule.test.partition('::')[2]}"
    pytest = [sys.executable, "-m", "pytest", "-q", node, *(["-n0"] if find_spec("xdist") else [])]
    now = elsewhere(
        capsule, lambda order, made: [*pytest, f"--mqttlab-order={order}", f"--mqttlab-made={made}"]
    )
    changed = f"{file} has changed since" if now.scenario.sha256 != capsule.scenario.sha256 else ""
    return Replay(capsule, now, tuple(_differences(capsule, now, changed)))


def show(found: Replay, console: Console) -> None:
    """Prints what came of it, the verdict last."""
    now = found.again
    for violation in now.violations:
        rules = f" [{' '.join(violation['statements'])}]" if violation["statements"] else ""
        console.print(
            f"{violation['at_s']:10.3f} s  [bold]{violation['invariant']}[/]  "
            + escape(f"{violation['what']}{rules}"),
            highlight=False,
            soft_wrap=True,
        )
    if now.error:
        console.print(escape(now.error), highlight=False, soft_wrap=True)
    for difference in found.differences:
        console.print(f"differs: {escape(difference)}", highlight=False, soft_wrap=True)
    console.print(escape(_verdict(found)), highlight=False, soft_wrap=True)


def _verdict(found: Replay) -> str:
    then, now = found.capsule, found.again
    broken = ", ".join(f"{name} broken {count} x" for name, count in now.broken.items())
    ends = broken or ("nothing is broken" if not now.error else "it ended as above")
    if found.reproduced:
        print_ = now.fingerprint[:16]
        return f"reproduced: {ends}" + (f", fingerprint {print_}" if print_ else "")
    if now.fingerprint != then.fingerprint:
        why = f"fingerprint {now.fingerprint[:16] or 'none'}, was {then.fingerprint[:16] or 'none'}"
    else:
        why = f"it ended otherwise: {then.error or 'nothing was raised'}"
    return f"not reproduced: {ends}, {why}"
