"""Runs cases against a target, side by side, and says what came of each."""

from __future__ import annotations

import asyncio
import contextlib
import string
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mqttlab.conformance.cases import NAMES, VERSIONS, Case, key_of, statements
from mqttlab.conformance.client_trial import ClientTrial
from mqttlab.conformance.sabotage import Sabotage
from mqttlab.conformance.target import Target
from mqttlab.conformance.times import LIVE, Times
from mqttlab.conformance.trial import BaseTrial, Entry, Fault, Trial
from mqttlab.conformance.verdicts import Ending, NotObservable, TargetError, Verdict
from mqttlab.errors import Error

__all__ = ["INTERRUPTED", "Outcome", "Ran", "Settings", "attempt", "run", "run_one", "token"]

INTERRUPTED = "interrupted"  # what is observed of a case that was not run to its end
_TIDYING_S = 2.0  # for what an interrupted case leaves on the target
_ENDING_S = 0.3  # between the end of a target's connections and that of the target
_CLIENTS = 16  # where threads share them, one thread may hang, and the others serve theirs
_TRIES = 4  # times patience: until it serves
_PROBE = 36**3 - 1  # no case has this number
_DIGITS = string.digits + string.ascii_lowercase


@dataclass(frozen=True)
class Settings:
    """How a run is done."""

    times: Times = LIVE
    strict: bool = False
    at_once: int = 24
    token: str = "r0"  # of this run, in client ids and topics: three letters and digits at most


@dataclass(frozen=True)
class Outcome:
    """What came of one case under one version."""

    case: Case
    version: str  # "3.1.1" or "5.0"
    verdict: Verdict
    observed: str
    seconds: float
    log: tuple[Entry, ...] = ()
    faults: tuple[Fault, ...] = ()
    departs: bool = False  # from what the standard recommends; the verdict is a pass
    trial: BaseTrial | None = field(default=None, repr=False, compare=False)

    @property
    def keys(self) -> list[str]:
        """The statements that it judges."""
        return list(self.case.keys_in(VERSIONS[self.version]))


@dataclass(frozen=True)
class Ran:
    """A whole run, or what there was of it when it was interrupted."""

    outcomes: list[Outcome]
    took_s: float  # on the target's clock
    wall_s: float
    interrupted: bool = False


def attempt(cases: Sequence[tuple[Case, int]], target: Target, settings: Settings) -> Ran:
    """Runs the cases where the target is. After Ctrl-C those without an outcome are not tested."""
    outcomes: dict[int, Outcome] = {}
    ends: list[float] = []

    async def timed() -> list[Outcome]:
        loop = asyncio.get_running_loop()
        ends.append(loop.time())
        try:
            return await run(cases, target, settings, outcomes)
        finally:
            with contextlib.suppress(Error):  # virtual time may be over, after an interrupt
                ends.append(loop.time())

    began, interrupted = time.monotonic(), False
    try:
        found = target.complete(timed())
    except KeyboardInterrupt:
        interrupted = True
        for index, (case, version) in enumerate(cases):
            if index not in outcomes:
                name = NAMES[version]
                outcomes[index] = Outcome(case, name, Verdict.NOT_TESTED, INTERRUPTED, 0.0)
        found = _in_order(outcomes)
    return Ran(found, ends[-1] - ends[0] if ends else 0.0, time.monotonic() - began, interrupted)


async def run(
    cases: Sequence[tuple[Case, int]],
    target: Target,
    settings: Settings,
    outcomes: dict[int, Outcome] | None = None,
) -> list[Outcome]:
    """The outcomes in the order of `cases`, pairs of a case and a protocol level. Cases run side
    by side but for those that say `alone`; what a crash or a hang of the target interrupted runs
    again, one by one, so that it is put down to its case. `outcomes`: gets them, as they come.
    """
    gate = asyncio.Semaphore(target.profile.get("at_once", settings.at_once))
    outcomes = {} if outcomes is None else outcomes

    async def one(index: int) -> None:
        case, version = cases[index]
        async with gate:
            outcomes[index] = await run_one(
                case, version, target, replace(settings, token=token(settings, index))
            )

    serves = bool(target.restart) and await _serving(cases, target, settings)
    async with asyncio.TaskGroup() as tasks:
        for index, (case, _) in enumerate(cases):
            if not case.alone:
                tasks.create_task(one(index))
    for index, (case, _) in enumerate(cases):
        if case.alone:
            await one(index)
    if serves:
        await _again(cases, outcomes, target, settings, one)
    return _in_order(outcomes)


def _in_order(outcomes: Mapping[int, Outcome]) -> list[Outcome]:
    return [*(outcomes[index] for index in sorted(outcomes)), *_elsewhere(outcomes.values())]


async def _again(
    cases: Sequence[tuple[Case, int]],
    outcomes: dict[int, Outcome],
    target: Target,
    settings: Settings,
    one: Callable[[int], Awaitable[None]],
) -> None:
    """After a crash or a hang: what it may have been, each against a target that serves; those
    that passed last. If no case does it alone, those that it ended stay errors.
    """
    if not (lost := await _lost(*cases[0], target, settings)):
        return
    last = replace(outcomes[len(cases) - 1], verdict=Verdict.ERROR, observed=lost)
    ended = {i: one for i, one in outcomes.items() if one.verdict is Verdict.ERROR}

    async def ends_it(index: int) -> bool:
        nonlocal lost
        if lost and target.restart:
            await asyncio.to_thread(target.restart)
            await _serving(cases, target, settings)
        await one(index)
        if lost := await _lost(*cases[index], target, settings):
            outcomes[index] = replace(outcomes[index], verdict=Verdict.ERROR, observed=lost)
        return bool(lost)

    for passed in (False, True):
        suspects = [i for i, o in outcomes.items() if (o.verdict is Verdict.PASS) is passed]
        if any([await ends_it(index) for index in suspects]):  # all of them: each has its verdict
            return
    outcomes |= ended or {len(cases) - 1: last}


async def _serving(cases: Sequence[tuple[Case, int]], target: Target, settings: Settings) -> bool:
    """Waits for a target that was just started, as some listen before they serve. Does it?"""
    for _ in range(_TRIES):
        if not await _lost(*cases[0], target, settings):
            return True
    return False


async def _lost(case: Case, version: int, target: Target, settings: Settings) -> str:
    """Why the target serves nobody, or not everybody; "" if it does."""
    if (code := await _exit_code(target)) is not None:
        return f"the target has exited with {code}"
    trial = Trial(case, version, target, settings.times, token(settings, _PROBE))
    asked = (trial.connect(str(number)) for number in range(_CLIENTS))
    said = await asyncio.gather(*asked, return_exceptions=True)
    await _tidied(trial)
    return next((str(one) for one in said if isinstance(one, TargetError)), "")


async def _exit_code(target: Target) -> int | None:
    """Of a target that was started and has ended, or is just ending."""
    if target.process is None:
        return None
    with contextlib.suppress(subprocess.TimeoutExpired):
        return await asyncio.to_thread(target.process.wait, _ENDING_S)
    return None


def _elsewhere(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Malformed packets that no case was looking for: a failure of the statement all the same."""
    failed = {key for one in outcomes if one.verdict is Verdict.FAIL for key in one.keys}
    found: dict[str, Outcome] = {}
    for one in outcomes:
        for fault in one.faults:
            if one.verdict is Verdict.FAIL and fault.text.partition(" ")[2] in one.observed:
                continue  # this is what the case was looking for
            key = key_of(VERSIONS[one.version], fault.statement)
            if key in statements() and key not in failed and key not in found:
                case = replace(one.case, name=f"{one.case.name}.malformed", keys=(key,))
                found[key] = replace(
                    one, case=case, verdict=Verdict.FAIL, observed=f"malformed {fault.text}"
                )
    return list(found.values())


def token(settings: Settings, index: int) -> str:
    """A name that no other case of this run has."""
    return settings.token + "".join(_DIGITS[index // 36**n % 36] for n in (2, 1, 0))


async def run_one(
    case: Case,
    version: int,
    target: Target,
    settings: Settings,
    sabotage: Sabotage | None = None,
) -> Outcome:
    """One case. `settings.token`: of this run and case."""
    name = f"{case.name} {NAMES[version]}"
    outcome: Outcome = await target.at(name, _run_one(case, version, target, settings, sabotage))
    return outcome


async def _run_one(
    case: Case, version: int, target: Target, settings: Settings, sabotage: Sabotage | None
) -> Outcome:
    kind: Any = ClientTrial if case.end == "client" else Trial
    trial: BaseTrial = kind(
        case,
        version,
        target,
        settings.times,
        settings.token,
        strict=settings.strict,
        sabotage=sabotage or Sabotage(),
    )
    trial.began = trial.now
    verdict, observed = Verdict.PASS, ""
    limit_s = settings.times.limit_s
    try:
        if case.takes_s and settings.times.clock == "real":
            raise NotObservable(f"it takes {case.takes_s / 3600:.0f} hours: virtual time has them")
        async with asyncio.timeout(limit_s + case.takes_s):
            await case.run(trial)
        observed = "; ".join(trial.notes)
    except asyncio.CancelledError:
        await _tidied(trial, _TIDYING_S)
        raise
    except Ending as ending:
        verdict, observed = ending.verdict, str(ending)
    except TimeoutError:
        verdict, observed = Verdict.ERROR, f"no verdict within {limit_s + case.takes_s:g} s"
    except TargetError as error:
        verdict, observed = Verdict.ERROR, str(error)
    except Exception as error:  # a case's own mistake must not end the run, and never look green
        verdict, observed = Verdict.ERROR, f"the case itself: {type(error).__name__}: {error}"
    strength = case.strength_in(NAMES[version])
    departs = verdict is Verdict.FAIL and strength != "MUST" and not settings.strict
    if departs:
        verdict, observed = Verdict.PASS, f"departs from a {strength}: {observed}"
    if trial.broken:
        verdict, observed = Verdict.ERROR, f"the sabotage itself: {trial.broken!r}"
    seconds = trial.now - trial.began
    addresses = set(trial.addresses)  # what tidies up connects as well, and is not the case's
    await _tidied(trial)
    trial.addresses = addresses
    if trial.crash:
        verdict, observed = Verdict.ERROR, trial.crash
    log = tuple(trial.log)
    name = NAMES[version]
    faults = tuple(trial.faults)
    return Outcome(case, name, verdict, observed, seconds, log, faults, departs, trial)


async def _tidied(trial: BaseTrial, within_s: float | None = None) -> None:
    """Whatever becomes of it, the run goes on."""
    within_s = trial.times.limit_s if within_s is None else within_s
    try:
        async with asyncio.timeout(within_s):
            await trial.tidy()
    except TimeoutError:
        trial.crash = trial.crash or f"not tidied up within {within_s:g} s"
    except Exception as error:
        trial.crash = trial.crash or f"tidying up: {type(error).__name__}: {error}"
