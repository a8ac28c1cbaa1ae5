"""What happens at the ends: processes crash with what their stores keep, come back, stand still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.faults import At, ClockStep, Crash, Effect, Fault, Pause, ShuffleTies, SlowReader
from mqttlab.trace import End, Kind, Packet, StoreFate


def rows(result: mqttlab.Result, *kinds: Kind) -> list[tuple[float, Kind, int]]:
    """(seconds, kind, code) of the events of these kinds, in order."""
    found = result.events[[row["kind"] in kinds for row in result.events]]
    return [(row["at"] / 1e9, Kind(row["kind"]), int(row["code"])) for row in found]


def two(during: Callable[..., Any], **broker: Any) -> Any:
    """A scenario of a meter, and a desk with a session that listens to it; `during` the run."""

    async def scenario(lab: mqttlab.Lab) -> None:
        await lab.broker(**broker)
        fast = mqttlab.Backoff(initial="100ms", maximum="1s")
        options: Any = {"clean_session": False, "backoff": fast}
        link = lab.link(delay="5ms")
        async with (
            lab.device("desk", via=link).client(**options) as desk,
            lab.device("meter", via=link).client(**options) as meter,
        ):
            await desk.subscribe("t", qos=2)
            await during(lab, desk, meter)

    return scenario


async def crash_between(lab: mqttlab.Lab, desk: mqttlab.Client, meter: mqttlab.Client) -> None:
    await meter.publish("t", "before", qos=2)
    await asyncio.sleep(1)
    assert lab.broker_made is not None
    await lab.broker_made.crash()
    assert lab.broker_made.state == "down"
    sent = asyncio.ensure_future(meter.publish("t", "during", qos=2))
    await asyncio.sleep(5)
    assert not meter.connected
    await lab.broker_made.restart()
    await sent
    await asyncio.sleep(2)
    assert [(await anext(desk.messages)).payload for _ in range(2)] == [b"before", b"during"]
    assert desk.session_present
    lab.settle()
    await asyncio.sleep(120)


def test_a_broker_with_a_disk_goes_on_after_a_crash() -> None:
    result = mqttlab.run(two(crash_between, store="disk", durability="sync"), until="5min")
    crashed, restarted = rows(result, Kind.CRASHED, Kind.RESTARTED)
    assert crashed[1:] == (Kind.CRASHED, StoreFate.KEPT)
    assert restarted[0] - crashed[0] == 5
    result.check()


async def crash_by_schedule(lab: mqttlab.Lab, desk: mqttlab.Client, meter: mqttlab.Client) -> None:
    await asyncio.sleep(60)
    assert desk.connected
    assert not desk.session_present


def test_crash_and_pause_are_effects() -> None:
    faults = [
        Fault(At("10s"), Crash("lost", how="reset"), for_="5s"),
        Fault(At("12s"), Crash("lost"), for_="8s"),
        Fault(At("30s"), Pause(), for_="2s"),
    ]
    result = mqttlab.run(two(crash_by_schedule), until="2min", faults=faults)
    assert rows(result, Kind.CRASHED, Kind.RESTARTED, Kind.PAUSED, Kind.WENT_ON) == [
        (10, Kind.CRASHED, StoreFate.LOST),
        (20, Kind.RESTARTED, 0),
        (30, Kind.PAUSED, 0),
        (32, Kind.WENT_ON, 0),
    ]


EFFECTS = [
    Crash(),
    Crash("torn", of="device", how="silent"),
    Pause(),
    ShuffleTies(),
    SlowReader(0.5),
    ClockStep("-1h"),
]


@pytest.mark.parametrize("effect", EFFECTS)
def test_effects_are_data(effect: Effect) -> None:
    assert Effect.from_data(effect.to_data()) == effect


async def crash_kept(lab: mqttlab.Lab, *_: mqttlab.Client) -> None:
    assert lab.broker_made is not None
    lab.broker_made.crash("kept")


async def restart_at_once(lab: mqttlab.Lab, *_: mqttlab.Client) -> None:
    assert lab.broker_made is not None
    lab.broker_made.restart()


async def crash_badly(lab: mqttlab.Lab, *_: mqttlab.Client) -> None:
    assert lab.broker_made is not None
    lab.broker_made.crash("half")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("during", "options", "words"),
    [
        (crash_kept, {}, "broker.crash: store='kept', and broker has none; make the broker with"),
        (restart_at_once, {}, "broker.restart: it is running; it must be down"),
        (crash_badly, {}, "broker.crash: store: 'half' is none of 'kept', 'lost', 'torn'"),
        (crash_kept, {"durability": "sync"}, "durability is about a disk: add store='disk'"),
        (crash_kept, {"store": "memory"}, "store: 'memory' is none of 'none', 'disk'"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    during: Callable[..., Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(mqttlab.UsageError, match=words):
        mqttlab.run(two(during, **options), until="1min")


async def device_crash(lab: mqttlab.Lab, desk: mqttlab.Client, meter: mqttlab.Client) -> None:
    meter.device.crash("lost", how="reset")
    with pytest.raises(mqttlab.PublishError, match="not connected"):
        await meter.publish("t", "while it is down", qos=1)
    await asyncio.sleep(2)
    assert not meter.connected
    meter.device.restart()
    await asyncio.sleep(2)
    assert meter.connected
    await meter.publish("t", "after", qos=1)
    assert (await anext(desk.messages)).payload == b"after"
    desk.device.pause()
    sent = asyncio.ensure_future(meter.publish("t", "to a paused one", qos=1))
    await asyncio.sleep(2)
    assert sent.done()
    assert len(desk.messages) == 0
    desk.device.resume()
    assert (await anext(desk.messages)).payload == b"to a paused one"


def test_a_device_crashes_comes_back_and_stands_still() -> None:
    result = mqttlab.run(two(device_crash), until="5min")
    assert [kind for _, kind, _ in rows(result, *PROCESS_KINDS)] == list(PROCESS_KINDS)


PROCESS_KINDS = (Kind.CRASHED, Kind.RESTARTED, Kind.PAUSED, Kind.WENT_ON)


async def crash_while_publishing(lab: mqttlab.Lab, *clients: mqttlab.Client) -> None:
    _, meter = clients
    sent = asyncio.ensure_future(meter.publish("t", "x", qos=2))
    await asyncio.sleep(0.001)
    meter.device.crash("lost")
    with pytest.raises(mqttlab.ConnectionLostError, match="'meter': its device has crashed"):
        await sent


def test_what_is_pending_at_a_crash_fails() -> None:
    mqttlab.run(two(crash_while_publishing), until="1min").check()


async def slow(lab: mqttlab.Lab, desk: mqttlab.Client, meter: mqttlab.Client) -> None:
    desk.device.read_slowly("2s")
    before = lab.now()
    for number in range(4):
        await meter.publish("t", str(number), qos=1)
    for number in range(4):
        assert (await anext(desk.messages)).payload == b"%d" % number
    assert 6 <= lab.now() - before < 6.1


def test_a_slow_reader_takes_one_message_at_a_time() -> None:
    mqttlab.run(two(slow), until="1min").check()


async def leap(lab: mqttlab.Lab, desk: mqttlab.Client, meter: mqttlab.Client) -> None:
    before = time.time()
    lab.step_clock("+1h")
    assert time.time() - before == 3600
    await asyncio.sleep(90)
    assert desk.connected
    lab.step_clock("-30min")
    assert time.time() - before == 1890


def test_mqtt_does_not_notice_when_clocks_leap() -> None:
    def packets(*faults: Fault) -> list[tuple[float, Kind, int]]:
        result = mqttlab.run(two(wait, store="disk"), until="5min", faults=faults)
        return rows(result, Kind.WRITTEN, Kind.ARRIVED, Kind.CLOSED)

    assert packets() == packets(Fault(At("10s"), ClockStep("+1h")))
    result = mqttlab.run(two(leap, store="disk"), until="5min")
    assert len(rows(result, Kind.FAULT)) == 2


async def wait(*_: Any) -> None:
    await asyncio.sleep(120)


async def twins(lab: mqttlab.Lab) -> None:
    """Two devices of one client id throw each other off, and neither stays away for ever."""
    await lab.broker()
    clients = [lab.device(name).client(client_id="twin") for name in ("left", "right")]
    async with clients[0]:
        await asyncio.sleep(30)
        async with clients[1]:
            assert clients[1].connected
            assert not clients[0].connected
            await asyncio.sleep(600)


def test_a_client_id_that_two_devices_have() -> None:
    result = mqttlab.run(twins, until="20min")
    connects = rows(result, Kind.OPENED)
    assert 4 < len(connects) / 2 < 100, "they take turns, further and further apart"
    result.check("ONE-CONN")


TIES = """
[[fault]]
when = { at = "0s" }
what = { shuffle_ties = true }
"""


async def in_one_tick(lab: mqttlab.Lab) -> None:
    """Two CONNECTs of one client id arrive at one nanosecond."""
    await lab.broker()
    link = lab.link(delay="5ms")

    async def connect(name: str) -> None:
        async with lab.device(name, via=link).client(client_id="twin"):
            await asyncio.sleep(10)

    await asyncio.gather(connect("left"), connect("right"))


def test_the_seed_orders_what_comes_in_one_tick_if_a_schedule_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ties.toml"
    path.write_text(TIES)

    def first(seed: int, faults: Any) -> int:
        events = mqttlab.run(in_one_tick, seed=seed, until="5s", faults=faults).events
        at_broker = events[(events["kind"] == Kind.ARRIVED) & (events["end"] == End.BROKER)]
        connects = at_broker[at_broker["packet"] == Packet.CONNECT]
        assert connects["at"][0] == connects["at"][1]
        return int(connects["connection"][0])

    seeds = range(1, 9)
    assert len({first(seed, ()) for seed in seeds}) == 1
    assert len({first(seed, path) for seed in seeds}) == 2


async def crash_with_a_store(lab: mqttlab.Lab) -> None:
    await lab.broker()
    link = lab.link(delay="5ms")
    device = lab.device("meter", via=link, store="disk")
    fast = mqttlab.Backoff(initial="100ms", maximum="1s")
    async with (
        lab.device("desk", via=link).client() as desk,
        device.client(clean_session=False, backoff=fast) as meter,
    ):
        await desk.subscribe("t", qos=2)
        for number in range(20):
            sent = asyncio.ensure_future(meter.publish("t", str(number), qos=2))
            asked = asyncio.ensure_future(meter.subscribe("nowhere"))
            await asyncio.sleep(0.001 * (number + 1))
            device.crash("torn", how="silent")
            await asyncio.sleep(1)
            assert number > 8 or not sent.done()
            if number < 9:
                with pytest.raises(mqttlab.ConnectionLostError):
                    await asked
            device.restart()
            await sent
            assert (await anext(desk.messages)).payload == b"%d" % number
            await asyncio.wait([asked])
            asked.exception()
        await asyncio.sleep(1)
        assert len(desk.messages) == 0


def test_a_device_with_a_disk_goes_on_with_its_session() -> None:
    mqttlab.run(crash_with_a_store, until="5min").check("Q2-ONCE")


async def crash_kept_without(lab: mqttlab.Lab, desk: mqttlab.Client, _: mqttlab.Client) -> None:
    desk.device.crash("kept")


def test_a_device_without_a_store_cannot_keep_it() -> None:
    with pytest.raises(mqttlab.UsageError, match="desk has none; make the device with"):
        mqttlab.run(two(crash_kept_without), until="1min")
