"""gmqtt and amqtt on links that break: what the oracle finds is theirs, and known by name.

The wire invariants that each trial puts to the test are stated in it. Many seeds, by hand:
`python tests/interop/trials.py --seeds 200`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

from amqtt.mqtt.packet import MQTTFixedHeader

import amqtt_trial
import mqttlab
from trials import TRIALS, Outcome, play


@pytest.mark.parametrize("who", TRIALS)
def test_what_is_found_is_the_known_faults_of_the_other_program_and_all_of_them(who: str) -> None:
    trial, outcome = TRIALS[who], Outcome()
    for seed in trial.seeds:
        outcome.add(play(who, seed))
    assert not outcome.strange
    assert set(outcome.found) == set(trial.known)
    assert outcome.observed >= trial.tested


def _run_with(task: Callable[[], Coroutine[Any, Any, object]]) -> None:
    async def trial(lab: mqttlab.Lab) -> None:
        lab.loop.set_exception_handler(amqtt_trial.bears_with_amqtt)
        asyncio.create_task(task())  # noqa: RUF006  nobody asks for it again
        await asyncio.sleep(1)

    mqttlab.run(trial, until="2s")


def test_a_task_of_the_trials_own_that_fails_ends_the_run() -> None:
    async def fails() -> None:
        raise TypeError("of the trial's own")

    with pytest.raises(TypeError, match="of the trial's own"):
        _run_with(fails)


def test_a_task_of_amqtts_may_fail() -> None:
    _run_with(lambda: asyncio.wait_for(MQTTFixedHeader.from_stream(None), 1))
