"""The trials over many seeds, each in a process of its own, and a table of what was found.

`python tests/interop/trials.py --seeds 200 --out results/peers` takes 10 minutes. Exit status 1:
something was found that is not the other program's, or not known of it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import amqtt_trial
import gmqtt_trial
import mqttlab


@dataclass(frozen=True)
class Trial:
    """Of a program at one end of the wire, and its known faults."""

    end: str
    scenario: Callable[..., Any]
    known: Mapping[str, str]
    tested: frozenset[str]
    seeds: tuple[int, ...]
    """Those that show all that is known, together."""


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


@dataclass
class Outcome:
    """Of one seed, or of several."""

    found: Counter[str] = field(default_factory=Counter)
    """Invariants to the number of seeds that broke them."""
    strange: list[str] = field(default_factory=list)
    """What is not the other program's, or not known of it."""
    observed: set[str] = field(default_factory=set)

    def add(self, other: Outcome) -> None:
        """One more seed."""
        self.found += other.found
        self.strange += other.strange
        self.observed |= other.observed


def play(who: str, seed: int) -> Outcome:
    """One run."""
    trial = TRIALS[who]
    result = mqttlab.run(trial.scenario, seed=seed)
    return Outcome(
        Counter({one.invariant for one in result.violations}),
        [
            f"{who}, seed {seed}: {one.invariant} ({one.offender or 'nobody'}): {one.what}"
            for one in result.violations
            if one.offender != trial.end or one.invariant not in trial.known
        ],
        {one.invariant for one in result.verdicts if one.status != "not_observable"},
    )


def table(who: str, seeds: int, outcome: Outcome) -> Iterator[str]:
    """Lines of Markdown."""
    trial = TRIALS[who]
    yield f"## {who} {version(who)}"
    yield ""
    yield (
        f"{seeds} seeds, {len(trial.tested & outcome.observed)} of {len(trial.tested)} invariants "
        f"put to the test, {len(outcome.found)} broken, {len(outcome.strange)} findings that are "
        "our end's or not known."
    )
    yield ""
    yield "| invariant | seeds | what it does |"
    yield "| --- | --: | --- |"
    for name, count in sorted(outcome.found.items(), key=lambda one: (-one[1], one[0])):
        yield f"| {name} | {count} | {trial.known.get(name, 'not known')} |"
    yield ""


def main() -> int:
    """Of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, metavar="N")
    parser.add_argument("--jobs", type=int, default=1, metavar="J")
    parser.add_argument("--out", type=Path, metavar="DIR", help="of table.md")
    parser.add_argument("--of", choices=TRIALS, action="append", help="default: all")
    arguments = parser.parse_args()
    lines = ["# What gmqtt and amqtt do on links that break at every instant", ""]
    strange: list[str] = []
    for who in arguments.of or TRIALS:
        outcome = Outcome()
        with ProcessPoolExecutor(
            arguments.jobs, get_context("spawn"), max_tasks_per_child=1
        ) as pool:
            seeds = range(1, arguments.seeds + 1)
            for one in pool.map(play, [who] * len(seeds), seeds):
                outcome.add(one)
        lines += table(who, arguments.seeds, outcome)
        strange += outcome.strange
    print("\n".join([*lines, *strange]))
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "table.md").write_text("\n".join(lines[:-1]) + "\n")
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
