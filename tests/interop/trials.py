"""The trials over many seeds, each in a process of its own, and a table of what was found.

`python tests/interop/trials.py --of gmqtt --seeds 200 --jobs 2 --out results/peers/gmqtt`. Exit
status 1: something was found that is not the other program's, or not known of it, or an invariant
was never put to the test. A peer that spins ends it: amqtt 0.12.1 does at seed 153.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import amqtt_trial
import gmqtt_trial
import mqttlab
from mqttlab.result import Violation
from trouble import Known


@dataclass(frozen=True)
class Trial:
    """Of a program at one end of the wire, and its known faults."""

    end: str
    scenario: Any
    """Returns how many calls to our clients are open at its end, or None."""
    known: Known
    tested: frozenset[str]
    seeds: tuple[int, ...]
    """Those that show all that is known, together."""

    def kind(self, found: Violation) -> tuple[str, str] | None:
        """Which of the known faults that is, as invariant and expression; None: another."""
        if found.offender != self.end:
            return None
        expressions = self.known.get(found.invariant, {})
        fitting = (one for one in expressions if re.search(one, found.what))
        return next(((found.invariant, one) for one in fitting), None)


TRIALS = {
    "gmqtt": Trial(
        "client", gmqtt_trial.gmqtt_trial, gmqtt_trial.KNOWN,
        frozenset(gmqtt_trial.TESTED.split()), gmqtt_trial.SEEDS,
    ),
    "amqtt": Trial(
        "broker", amqtt_trial.amqtt_trial, amqtt_trial.KNOWN,
        frozenset(amqtt_trial.TESTED.split()), amqtt_trial.SEEDS,
    ),
}  # fmt: skip
OURS = Trial(
    "", amqtt_trial.own_trial, {}, TRIALS["amqtt"].tested, amqtt_trial.OWN_SEEDS
)  # fmt: skip
"""Both ends are ours, and nothing is known of either."""


@dataclass
class Outcome:
    """Of one seed, or of several."""

    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Known faults to the number of seeds that showed them."""
    strange: list[str] = field(default_factory=list)
    """What is not the other program's, or not known of it."""
    observed: set[str] = field(default_factory=set)
    """Invariants that were put to the test."""
    open_calls: int = 0
    """Calls to our clients that nothing has ended."""

    def add(self, other: Outcome) -> None:
        """One more seed."""
        self.found += other.found
        self.strange += other.strange
        self.observed |= other.observed
        self.open_calls += other.open_calls


def play(trial: Trial, seed: int) -> Outcome:
    """One run."""
    open_calls = []

    async def played(lab: mqttlab.Lab) -> None:
        open_calls.append(await trial.scenario(lab) or 0)

    result = mqttlab.run(played, seed=seed, until="1h")
    kinds = [(one, trial.kind(one)) for one in result.violations]
    strange = [
        f"seed {seed}: {one.invariant} ({one.offender or 'nobody'}): {one.what}"
        for one, kind in kinds
        if kind is None
    ]
    if result.ending != "returned":
        strange.append(f"seed {seed}: the run did not come to its end: {result.ending}")
    judged = ("pass", "fail", "departs")
    return Outcome(
        Counter({kind for _, kind in kinds if kind is not None}),
        strange,
        {one.invariant for one in result.verdicts if one.checked > 0 and one.status in judged},
        sum(open_calls),
    )


def results(trial: Trial, seeds: int, jobs: int) -> Iterator[Outcome]:
    """Of seeds 1 to `seeds`, in order, so many `jobs` at a time."""
    with ProcessPoolExecutor(jobs, get_context("spawn"), max_tasks_per_child=1) as pool:
        yield from pool.map(partial(play, trial), range(1, seeds + 1))


def table(who: str, seeds: int, outcome: Outcome) -> Iterator[str]:
    """Lines of Markdown."""
    trial = TRIALS[who]
    yield f"# What {who} {version(who)} does on links that break at every instant"
    yield ""
    broken = {invariant for invariant, _ in outcome.found}
    yield (
        f"{seeds} seeds, {len(trial.tested & outcome.observed)} of {len(trial.tested)} invariants "
        f"put to the test, {len(broken)} broken in {len(outcome.found)} ways, "
        f"{len(outcome.strange)} findings that are our end's or not known."
    )
    if who == "amqtt":
        yield f"Calls to our clients that it left without an end: {outcome.open_calls}."
    yield ""
    yield "| invariant | what the oracle says | seeds | where that is in its source |"
    yield "| --- | --- | --: | --- |"
    for kind, count in sorted(outcome.found.items(), key=lambda one: (-one[1], one[0])):
        invariant, expression = kind
        says = expression.replace(".*", "...").replace("\\d+", "n").lstrip("^").replace("\\", "")
        yield f"| {invariant} | {says} | {count} | {trial.known[invariant][expression]} |"


def from_1(text: str) -> int:
    """A whole number of an option."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of them; write 1 or more")
    return int(text)


def main() -> int:
    """Of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=from_1, default=200, metavar="N")
    parser.add_argument("--jobs", type=from_1, default=1, metavar="J")
    parser.add_argument("--out", type=Path, metavar="DIR", help="of gmqtt.md and amqtt.md")
    parser.add_argument("--of", choices=TRIALS, action="append", help="default: all")
    arguments = parser.parse_args()
    wrong = []
    for who in arguments.of or TRIALS:
        trial, outcome = TRIALS[who], Outcome()
        for one in results(trial, arguments.seeds, arguments.jobs):
            outcome.add(one)
        text = "\n".join(table(who, arguments.seeds, outcome))
        print(text, end="\n\n")
        wrong += [f"{who}, {one}" for one in outcome.strange]
        wrong += [
            f"{who}: {one} was never put to the test"
            for one in sorted(trial.tested - outcome.observed)
        ]
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            (arguments.out / f"{who}.md").write_text(text + "\n")
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
