"""Effects at the ends that overlap, meet what a scenario does itself, or make no sense."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.faults import At, ClockStep, Crash, Cut, Effect, Fault, Pause, SlowReader
from mqttlab.trace import Kind

PROCESS_KINDS = (Kind.CRASHED, Kind.RESTARTED, Kind.PAUSED, Kind.WENT_ON)


def seen(result: mqttlab.Result) -> list[tuple[float, Kind]]:
    """(seconds, kind) of what became of processes, in order."""
    found = result.events[[row["kind"] in PROCESS_KINDS for row in result.events]]
    return [(row["at"] / 1e9, Kind(row["kind"])) for row in found]


def ends(during: Callable[..., Any], **broker: Any) -> Any:
    """A scenario of a broker and a device with a client, which does `during` from 1 s on."""

    async def scenario(lab: mqttlab.Lab) -> None:
        made = await lab.broker(**broker)
        device = lab.device("meter", via=lab.link(delay="5ms"))
        async with device.client():
            await asyncio.sleep(1 - lab.now())
            await during(lab, made, device)

    return scenario


async def down_by_hand(lab: mqttlab.Lab, *both: Any) -> None:
    for process in both:
        process.crash()
        await asyncio.sleep(10)
        assert process.state == "down"
        await process.restart()
        process.pause()
        await asyncio.sleep(10)
        assert process.state == "paused"
        await process.resume()


def test_an_effect_undoes_only_what_it_did() -> None:
    faults = [
        Fault(At("3s"), Crash(), for_="2s"),
        Fault(At("13s"), Pause(), for_="2s"),
        Fault(At("23s"), Crash(of="device"), "meter", for_="2s"),
        Fault(At("33s"), Pause("device"), "meter", for_="2s"),
    ]
    result = mqttlab.run(ends(down_by_hand), until="1min", faults=faults)
    assert all(fault.at for fault in result.faults)
    assert seen(result) == list(
        zip((1, 11, 11, 21, 21, 31, 31, 41), PROCESS_KINDS * 2, strict=True)
    )


@pytest.mark.parametrize(
    ("effect", "undo", "do"), [(Crash, "restart", "crash"), (Pause, "resume", "pause")]
)
def test_what_a_scenario_undid_and_did_again_is_its_own(effect: Any, undo: str, do: str) -> None:
    async def by_hand(lab: mqttlab.Lab, *both: Any) -> None:
        await asyncio.sleep(9)
        for process in both:
            await getattr(process, undo)()
            getattr(process, do)()
        await asyncio.sleep(20)
        assert "running" not in [process.state for process in both]

    faults = [Fault(At("5s"), effect(of=of), "meter", for_="10s") for of in ("broker", "device")]
    mqttlab.run(ends(by_hand), until="1min", faults=faults).check()


async def wait(*_: Any) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("of", ["broker", "device"])
def test_a_crash_and_a_pause_that_meet(of: Any) -> None:
    again = Fault(At("2s"), Crash(of=of), for_="1s")
    pause = Fault(At("5s"), Pause(of), for_="2s", then=again)
    crash = Fault(At("10s"), Crash(of=of), "meter", for_="5s", then=pause)
    result = mqttlab.run(ends(wait), until="2min", faults=[crash])
    assert seen(result) == list(
        zip((10, 15, 15, 17, 17, 18), (*PROCESS_KINDS, *PROCESS_KINDS[:2]), strict=True)
    )


async def at_once(lab: mqttlab.Lab, *both: Any) -> None:
    for process in both:
        process.crash()
        await process.restart()
        process.pause()
        assert process.state == "paused"
        await process.resume()
        process.crash()
        process.restart()
        with pytest.raises(mqttlab.UsageError, match="comes back only now; await that first"):
            process.pause()
        await asyncio.sleep(1)
        assert process.state == "running"


def test_who_awaits_a_restart_can_go_on_at_once() -> None:
    result = mqttlab.run(ends(at_once), until="1min")
    kinds = [kind for _, kind in seen(result)]
    assert kinds == [*PROCESS_KINDS, *PROCESS_KINDS[:2]] * 2


async def settled(lab: mqttlab.Lab, broker: mqttlab.Broker, device: mqttlab.Device) -> None:
    other = lab.device("desk")
    async with other.client() as desk, lab.device("wall").client() as wall:
        await desk.subscribe("t")
        other.read_slowly(None)
        broker.pause()
        device.crash()
        lab.settle()
        await asyncio.sleep(1)
        assert (broker.state, device.state) == ("running", "running")
        await wall.publish("t", b"x")
        await asyncio.sleep(1)
        assert len(desk.messages) == 1
        broker.crash()
        device.pause()
        lab.settle()
        await asyncio.sleep(1)
        assert (broker.state, device.state) == ("running", "running")


def test_all_processes_run_once_the_run_has_settled() -> None:
    mqttlab.run(ends(settled), until="1min").check()


async def read(lab: mqttlab.Lab, _: mqttlab.Broker, device: mqttlab.Device) -> None:
    desk = device.clients[0]
    await desk.subscribe("t")
    async with lab.device("wall").client() as wall:
        for number in range(20):
            await wall.publish("t", str(number))
        for now, taken in ((9, 1), (19, 2), (29, 7), (39, 7), (41, 20)):
            await asyncio.sleep(now - lab.now())
            assert len(desk.messages) == taken, f"at {now} s"


def test_of_several_slow_readers_the_slowest_holds() -> None:
    faults = [
        Fault(At(0), SlowReader(0.5), "meter", for_="40s"),
        Fault(At(0), SlowReader(0.1), "meter", for_="20s"),
        Fault(At("29s"), SlowReader(), "meter", for_="11s"),
    ]
    mqttlab.run(ends(read), until="1min", faults=faults).check()


def test_a_crash_keeps_what_there_is() -> None:
    faults = [Fault(At("10s"), Crash(), for_="1s"), Fault(At("20s"), Crash(of="device"), "meter")]
    result = mqttlab.run(ends(wait), until="2min", faults=faults)
    assert [kind for _, kind in seen(result)] == [*PROCESS_KINDS[:2], Kind.CRASHED]
    kept = mqttlab.run(ends(wait, store="disk"), until="2min", faults=[*faults, faults[0]])
    assert kept.faults[0].fault["what"] == {"crash": True}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (Crash("kept"), "crash: store='kept', and broker has none; make the broker with"),
        (Crash("torn", of="device"), "crash: store='torn', and meter has none; make the device"),
    ],
)
def test_a_store_that_is_not_there_is_missed_at_once(what: Effect, words: str) -> None:
    later = Fault(At("1h"), Cut(), "meter", then=Fault(At("1h"), what))
    for fault in (later, Fault(At("1h"), what, "meter")):
        with pytest.raises(mqttlab.UsageError, match=words):
            mqttlab.run(ends(wait), until="1s", faults=[fault])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SlowReader(1e-12), "slow_reader: rate: 1e-12 a second is less than one in"),
        (
            lambda: Fault(At(0), ClockStep("1h"), ("a", "b")),
            r"on=\['a', 'b'\]: a clock_step is for all, and would happen 2 times; name one device",
        ),
        (
            lambda: Fault(At(0), Cut(), ("a", "b"), then=Fault(At(0), ClockStep("1h"))),
            "would happen 2 times",
        ),
    ],
)
def test_what_makes_no_sense(make: Callable[[], object], words: str) -> None:
    with pytest.raises(mqttlab.UsageError, match=words):
        make()


def test_what_is_at_the_edge_makes_sense() -> None:
    faults = [
        Fault(At(0), SlowReader(1e-9), "meter"),
        Fault(At(0), Cut(), ("meter", "b"), then=Fault(At(0), ClockStep("1h"), "meter")),
    ]
    result = mqttlab.run(ends(wait), until="2min", faults=faults)
    assert all(fault.at for fault in result.faults)
