"""Faults from Python, now and as scopes: of devices and of the broker; and what is called off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.faults import At, Before, ClockStep, Crash, Cut, Effect, Fault, Outage, Pause, Throttle
from mqttlab.trace import Kind
from test_faults import events
from test_overlapping_ends import ends, seen


def test_each_effect_is_a_call_of_its_name() -> None:
    theirs = {"clock_step": "step_clock"}
    missing = [name for name in Effect.known if not hasattr(mqttlab.Lab, theirs.get(name, name))]
    assert missing == []


Scope = Callable[..., Any]
CRASH, PAUSE = (Kind.CRASHED, Kind.RESTARTED), (Kind.PAUSED, Kind.WENT_ON)
SCOPES: dict[str, tuple[Scope, tuple[Kind, Kind]]] = {
    "crash": (lambda lab, broker, device: lab.crash(), CRASH),
    "crash broker": (lambda lab, broker, device: lab.crash(broker, "lost", how="reset"), CRASH),
    "crash device silent": (lambda lab, broker, device: lab.crash(device, how="silent"), CRASH),
    "pause broker": (lambda lab, broker, device: lab.pause(broker), PAUSE),
    "pause": (lambda lab, broker, device: lab.scope(Pause()), PAUSE),
    "pause device": (lambda lab, broker, device: lab.pause([device]), PAUSE),
}  # fmt: skip


@pytest.mark.parametrize("words", SCOPES)
def test_a_process_is_down_or_still_in_a_scope(words: str) -> None:
    scope, kinds = SCOPES[words]
    of_device = "device" in words

    async def during(lab: mqttlab.Lab, *both: Any) -> None:
        async with scope(lab, *both):
            await asyncio.sleep(4)
            assert both[of_device].state == ("down" if kinds is CRASH else "paused")
            assert both[not of_device].state == "running"
        await asyncio.sleep(5)
        assert both[of_device].state == "running"

    result = mqttlab.run(ends(during), until="1min")
    assert seen(result) == [(1, kinds[0]), (5, kinds[1])]
    told = events(result, "fault"), events(result, "fault_over")
    assert [at for rows in told for at, _ in rows] == [1, 5]
    actor = result.events["actor"][result.events["kind"] == Kind.FAULT][0]
    assert (actor > 0) == of_device


def test_a_reader_is_slow_in_a_scope() -> None:
    async def during(lab: mqttlab.Lab, broker: mqttlab.Broker, device: mqttlab.Device) -> None:
        client = device.clients[0]
        await client.subscribe("t", qos=1)
        async with lab.slow_reader(device):
            await client.publish("t", b"x", qos=1)
            await asyncio.sleep(4)
            assert len(client.messages) == 0
        await asyncio.sleep(1)
        assert len(client.messages) == 1

    mqttlab.run(ends(during), until="1min").check()


def test_what_has_no_end_is_done_now() -> None:
    async def during(lab: mqttlab.Lab, broker: mqttlab.Broker, device: mqttlab.Device) -> None:
        lab.cut([device, lab.device("other")], "fin")
        lab.inject(ClockStep("+1h"))
        await asyncio.sleep(5)

    result = mqttlab.run(ends(during), until="1min")
    assert [words for _, words in events(result, "fault")] == ["cut fin"] * 2 + ["clock step +1h"]
    assert {at for at, _ in events(result, "closed")} >= {1}
    assert result.events["connection"].max() == 2


def test_what_is_called_off_does_not_happen() -> None:
    async def during(lab: mqttlab.Lab, broker: mqttlab.Broker, device: mqttlab.Device) -> None:
        follows = Fault(At("3s"), Cut())
        timed = lab.at("3s", Cut(), on=device)
        armed = lab.at(Before("PINGREQ"), Cut(), on=device)
        begun = lab.at("2s", Outage(), on=device, for_="2s", then=follows)
        waiting = asyncio.ensure_future(asyncio.wait_for(timed, 60))
        await begun
        for planned in (timed, armed, begun):
            planned.cancel()
        for awaited in (waiting, asyncio.wait_for(armed, 60)):
            with pytest.raises(asyncio.CancelledError):
                await awaited
        await asyncio.sleep(200)

    result = mqttlab.run(ends(during), until="5min")
    assert [len(fault.at) for fault in result.faults] == [0, 0, 1]
    assert [at for at, _ in events(result, "fault")] == [2]
    assert [at for at, _ in events(result, "fault_over")] == [4]


WRONG: list[tuple[Scope, str]] = [
    (lambda lab, broker, device: lab.scope(Cut(), device), "scope: a cut has no end"),
    (lambda lab, broker, device: lab.scope(Pause("device")), "pause: to which device?"),
    (lambda lab, broker, device: lab.scope(Throttle(9), broker), "throttle: to which device?"),
    (lambda lab, broker, device: lab.outage("meter"), "outage: 'meter' is no device"),
    (lambda lab, broker, device: lab.crash("kept"), "crash: 'kept' is no device"),
    (lambda lab, broker, device: lab.crash(device, "kept"), "crash: store='kept', and meter has"),
    (lambda lab, broker, device: lab.scope(Crash("torn")), "crash: store='torn', and broker has"),
    (lambda lab, broker, device: lab.inject(ClockStep(1), [device] * 2), "would happen 2 times"),
]


@pytest.mark.parametrize(("scope", "words"), WRONG, ids=[words for _, words in WRONG])
def test_wrong_scopes_are_one_line(scope: Scope, words: str) -> None:
    async def during(lab: mqttlab.Lab, *both: Any) -> None:
        async with scope(lab, *both):
            pass

    with pytest.raises(mqttlab.UsageError, match=r"\A[^\n]+\Z") as caught:
        mqttlab.run(ends(during), until="1min")
    assert words in str(caught.value)


def test_a_scope_that_is_refused_holds_nobody() -> None:
    async def during(lab: mqttlab.Lab, broker: mqttlab.Broker, device: mqttlab.Device) -> None:
        with pytest.raises(mqttlab.UsageError):
            async with lab.crash(broker, "kept"):
                pass
        async with lab.crash(broker):
            await asyncio.sleep(1)
        await asyncio.sleep(1)
        assert broker.state == "running"

    mqttlab.run(ends(during), until="1min").check()
