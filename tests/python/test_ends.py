"""What happens at the ends: processes crash with what their stores keep, come back, stand still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.faults import At, Crash, Effect, Fault, Pause
from mqttlab.trace import Kind, StoreFate


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
    result.check("Q2-ONCE", "Q2-HONEST", "SP-TRUTH", "SESS-QUEUE")


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


@pytest.mark.parametrize("effect", [Crash(), Crash("torn", how="silent"), Pause()])
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
        (crash_kept, {}, "broker.crash: store='kept', and there is none; make the broker with"),
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
