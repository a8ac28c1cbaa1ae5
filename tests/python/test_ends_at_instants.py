"""Processes that crash or stand still at instants of a QoS 2 exchange, and their stores kept."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mqttlab._sim")

import mqttlab
from mqttlab.faults import Arrived, Crash, Fault, Pause, Unread, Written
from mqttlab.trace import End, Kind, Packet

PACKETS = ("PUBLISH", "PUBREC", "PUBREL", "PUBCOMP")
DELAY_S = 0.005


async def one_message(lab: mqttlab.Lab) -> None:
    """From the meter to the desk; every end has a disk."""
    await lab.broker(store="disk", durability="sync")
    link = lab.link(delay=DELAY_S)
    options: Any = {
        "clean_session": False,
        "backoff": mqttlab.Backoff(initial="100ms", maximum="1s"),
    }
    async with (
        lab.device("desk", via=link, store="disk").client(**options) as desk,
        lab.device("meter", via=link, store="disk").client(**options) as meter,
    ):
        await desk.subscribe("t", qos=2)
        await meter.publish("t", b"once", qos=2)
        await asyncio.sleep(30)
        assert [(await anext(desk.messages)).payload for _ in range(len(desk.messages))] == [
            b"once"
        ]


def on_connections(result: mqttlab.Result, device: str) -> np.ndarray:
    """Which events are of the device's connections."""
    rows = result.events
    mine = rows["connection"][rows["actor"] == result.actors.index(device)]
    mask: np.ndarray = (rows["connection"] > 0) & np.isin(rows["connection"], mine)
    return mask


def check_instant(result: mqttlab.Result, at: int, when: Any, device: str) -> None:
    """`at`: index of what happened `when` came."""
    rows = result.events
    mine = on_connections(result, device)
    packet = mine & (rows["packet"] == Packet[when.packet])
    sender = End.CLIENT if when.on_way == "up" else End.BROKER
    before = packet & (np.arange(len(rows)) < at)
    written = np.flatnonzero(before & (rows["kind"] == Kind.WRITTEN) & (rows["end"] == sender))
    arrived = np.flatnonzero(before & (rows["kind"] == Kind.ARRIVED) & (rows["end"] != sender))
    assert len(written) == 1
    passed_s = (rows["at"][at] - rows["at"][written[0]]) / 1e9
    if isinstance(when, Written):
        assert (len(arrived), passed_s) == (0, 0)
    elif isinstance(when, Unread):
        assert len(arrived) == 0
        assert passed_s == pytest.approx(DELAY_S, abs=1e-6)
    else:
        assert rows["at"][arrived].tolist() == [rows["at"][at]]
        answers = mine & (rows["kind"] == Kind.WRITTEN) & (rows["end"] != sender)
        assert not answers[arrived[0] : at].any()


@pytest.mark.parametrize("of", ["broker", "device"])
@pytest.mark.parametrize("instant", [Unread, Arrived, Written])
@pytest.mark.parametrize(
    ("effect", "kinds"),
    [(Crash, (Kind.CRASHED, Kind.RESTARTED)), (Pause, (Kind.PAUSED, Kind.WENT_ON))],
)
def test_at_every_instant_of_an_exchange(effect: Any, kinds: Any, instant: Any, of: Any) -> None:
    for packet, device in product(PACKETS, ("meter", "desk")):
        from_meter = packet in ("PUBLISH", "PUBREL")
        when = instant(packet, way="up" if from_meter == (device == "meter") else "down")
        fault = Fault(when, effect(of=of), device, for_="2s")
        result = mqttlab.run(one_message, until="5min", faults=[fault])
        rows = result.events
        happened, over = np.flatnonzero(np.isin(rows["kind"], kinds))
        assert (rows["at"][happened],) == result.faults[0].at
        assert rows["at"][over] == rows["at"][happened] + 2 * 10**9
        check_instant(result, happened, when, device)
        result.check()
        if effect is Pause and instant is Unread and (of == "broker") == (when.on_way == "up"):
            unread = (rows["packet"] == Packet[packet]) & (rows["at"] == rows["at"][over])
            assert (rows["kind"][unread] == Kind.ARRIVED).any(), f"{when}: read when it goes on"


async def last_word(lab: mqttlab.Lab) -> None:
    """What has arrived at a broker that stands still is read before the reset that follows it."""
    await lab.broker()
    meter = lab.device("meter")
    async with lab.device("desk").client() as desk, meter.client() as client:
        await desk.subscribe("t")
        paused = lab.at(Unread("PUBLISH", way="up"), Pause(), on=meter, for_="2s")
        await client.publish("t", b"last")
        await paused
        meter.die("reset")
        await asyncio.sleep(3)
        assert len(desk.messages) == 1


def test_what_is_unread_comes_before_the_end() -> None:
    assert mqttlab.run(last_word, until="10s").ending == "returned"
