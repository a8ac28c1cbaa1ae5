"""gmqtt and amqtt on links that break: what the oracle finds is theirs, and known by name.

The wire invariants that each trial puts to the test are stated in it. Many seeds, by hand:
`PYTHONPATH=tests/interop mqttlab hunt tests/interop/gmqtt_trial.py --seeds 200`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import amqtt_trial
import gmqtt_trial
import mqttlab

SEEDS = (1, 2, 3)
THEIRS = {"gmqtt": re.compile(r"client 'thing-"), "amqtt": re.compile(r"(?!client 'thing-)")}
"""How a violation begins that is the other program's, and not that of ours at the other end."""


@pytest.mark.parametrize(
    ("who", "trial", "known", "tested"),
    [
        ("gmqtt", gmqtt_trial.gmqtt_trial, gmqtt_trial.KNOWN, gmqtt_trial.TESTED),
        ("amqtt", amqtt_trial.amqtt_trial, amqtt_trial.KNOWN, amqtt_trial.TESTED),
    ],
)
def test_nothing_is_found_but_known_faults_of_the_other_program(
    who: str, trial: Callable[..., Any], known: Mapping[str, str], tested: str
) -> None:
    found: set[str] = set()
    observed: set[str] = set()
    for seed in SEEDS:
        result = mqttlab.run(trial, seed=seed)
        for one in result.violations:
            assert one.invariant in known, one
            assert THEIRS[who].match(one.what) or one.invariant == "CONVERGE", one
            found.add(one.invariant)
        observed |= {one.invariant for one in result.verdicts if one.status != "not_observable"}
    assert found
    assert observed >= set(tested.split())
