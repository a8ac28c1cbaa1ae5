"""Two runs compared: the same seed twice is equal, another seed is not, other pieces may be."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.errors import UsageError, ViolationError


async def talk(lab: mqttlab.Lab, *, rate: str = "1Mbit/s", qos: int = 1) -> None:
    lab.broker("broker")
    device = lab.device("meter", via=lab.link(rate=rate, delay="40ms"))
    async with device.client(drain=True) as client:
        await client.subscribe("a/#", qos=1)
        for number in range(5):
            await client.publish("a/b", lab.stamp(), qos=qos)
            await asyncio.sleep(number)
        lab.settle()
        await asyncio.sleep(150)


def run(**parameters: object) -> mqttlab.Result:
    return mqttlab.run(talk, seed=1, until="10min", parameters=parameters)


def test_equal_runs_have_all_in_common() -> None:
    for by in ("FRAME-EQUIV", "CLOCK-INDEP"):
        found = mqttlab.compare_runs(run(), run(), by=by)  # type: ignore[arg-type]
        assert found.passed
        assert found.verdict.invariant == by
        assert found.verdict.checked > 20
        found.check()


def test_a_difference_is_named() -> None:
    found = mqttlab.compare_runs(run(), run(qos=2))
    assert found.verdict.status == "fail"
    assert "'a/b'" in found.violations[0].what
    assert found.violations[0].offender == ""
    with pytest.raises(ViolationError, match="FRAME-EQUIV"):
        found.check()
    assert not mqttlab.compare_runs(run(), run(rate="64kbit/s"), by="CLOCK-INDEP").passed


def test_a_wrong_name_is_a_line() -> None:
    with pytest.raises(UsageError, match="by='ORDER' is none of"):
        mqttlab.compare_runs(run(), run(), by="ORDER")  # type: ignore[arg-type]


def test_what_the_broker_counts_of_itself_is_judged() -> None:
    verdicts = {verdict.invariant: verdict for verdict in run().verdicts}
    assert verdicts["BOUNDED"].status == verdicts["LEAK"].status == "pass"
    assert verdicts["BOUNDED"].needs == "internal"
    assert verdicts["KA-FALSE"].strength == "SHOULD"
