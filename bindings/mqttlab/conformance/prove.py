"""Is every case able to fail? Each runs against a target that its sabotage makes break the rule."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from mqttlab.conformance.cases import Case
from mqttlab.conformance.runner import Outcome, Settings, run, run_one, token
from mqttlab.conformance.sabotage import KeepOpen, Link, Sabotage, replay
from mqttlab.conformance.scope import Chain
from mqttlab.conformance.target import Target
from mqttlab.conformance.verdicts import Verdict
from mqttlab.conformance.wire import Packet

__all__ = ["Proof", "prove"]

_NO_OCCASION = (Verdict.NOT_CLAIMED, Verdict.NOT_OBSERVABLE)

History = list[tuple[Link, Sequence[Packet | bytes | None]]]


@dataclass
class Proof:
    """What a case's sabotage did."""

    case: Case
    version: str
    before: Verdict  # without it
    after: Verdict | None = None  # with it; None if there was nothing to prove
    observed: str = ""
    changed: int = 0  # packets and ends of connections
    others: list[Proof] = field(default_factory=list)  # of cases that turned red with it
    made: bool = False  # the target gave no occasion; the case's own made one

    @property
    def red(self) -> bool:
        """The case noticed."""
        return self.after is Verdict.FAIL

    @property
    def green(self) -> bool:
        """The case passes without its sabotage, and is not red with it: it proves nothing."""
        return self.after is not None and not self.red


async def prove(
    cases: Sequence[tuple[Case, int]],
    target: Target,
    settings: Settings,
    *,
    others: bool,
    done: Callable[[str], None] = lambda _: None,
    into: list[Proof] | None = None,
) -> list[Proof]:
    """First all cases as they are; then each that passes with its sabotage; with `others`, also
    each other case whose packets that sabotage would have touched. A case to which the target
    gives no occasion is proved on one that its own `occasion` makes. `into`: has the proofs as far
    as they are, should the run be interrupted.
    """
    baseline = [one for one in await run(cases, target, settings) if one.trial]
    proofs = [] if into is None else into
    proofs += [Proof(one.case, one.version, one.verdict) for one in baseline]
    by_name = {(one.case.name, one.version): one for one in proofs}
    gate, runs = asyncio.Semaphore(target.profile.get("at_once", settings.at_once)), 0
    alone = asyncio.Lock()

    async def sabotaged(one: Outcome, sabotage: Sabotage) -> Outcome:
        nonlocal runs
        runs += 1
        mine = replace(settings, token=token(settings, 6000 + runs))
        assert one.trial
        async with alone if one.case.alone else gate:
            return await run_one(one.case, one.trial.version, target, mine, sabotage)

    async def occasion(one: Outcome) -> Outcome:
        assert one.case.occasion
        outcome = await sabotaged(one, one.case.occasion())
        by_name[one.case.name, one.version].made = True
        return outcome

    async def own(one: Outcome) -> None:
        sabotage = one.case.sabotage()
        if by_name[one.case.name, one.version].made:
            assert one.case.occasion
            from_client = one.case.end == "client"
            sabotage = Chain(one.case.occasion(), sabotage, from_client=from_client)
        outcome = await sabotaged(one, sabotage)
        proof = by_name[one.case.name, one.version]
        proof.after = Verdict.FAIL if outcome.departs else outcome.verdict
        proof.observed = outcome.observed
        proof.changed = sabotage.fired
        done(one.case.name)

    async def other(culprit: Outcome, one: Outcome) -> None:
        outcome = await sabotaged(one, _learned(culprit))
        if outcome.verdict is Verdict.FAIL:
            proof = by_name[culprit.case.name, culprit.version]
            proof.others.append(by_name[one.case.name, one.version])

    for index, one in enumerate(baseline):
        if one.verdict in _NO_OCCASION and one.case.occasion:
            baseline[index] = await occasion(one)
    passing = [one for one in baseline if one.verdict is Verdict.PASS and not one.departs]
    histories = {id(one): _history(one) for one in passing}
    async with asyncio.TaskGroup() as tasks:
        for one in passing:
            tasks.create_task(own(one))
    if others:
        async with asyncio.TaskGroup() as tasks:
            for culprit in passing:
                for one in passing:
                    if (
                        one.version == culprit.version
                        and one is not culprit
                        and replay(_learned(culprit), histories[id(one)])
                    ):
                        tasks.create_task(other(culprit, one))
    for proof in proofs:
        proof.others.sort(key=lambda one: one.case.name)
    return proofs


def _history(one: Outcome) -> History:
    assert one.trial
    return [(peer.link, peer.history) for peer in one.trial.peers]


def _learned(culprit: Outcome) -> Sabotage:
    """Its sabotage, as it is for cases that it was not made for."""
    sabotage = culprit.case.sabotage()
    if isinstance(sabotage, KeepOpen):
        assert culprit.trial
        sabotage.learn([peer.link for peer in culprit.trial.peers])
    return sabotage
