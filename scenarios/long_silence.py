"""Claim: a QoS 2 exchange has no time limit. A peer that falls silent in the middle of one for ten
minutes, or for ten days, finds it where it was; the message is delivered once.

Publishers stop after PUBREC, before their PUBREL, and a subscriber before its PUBCOMP; they go on
on the same connection or on another one, where they may send PUBLISH once more, or PUBREL.
"""

from __future__ import annotations

import asyncio

import mqttlab
from mqttlab import Device, Duration, Lab
from mqttlab.scenarios.support import Raw, Seen, reset
from mqttlab.trace import CloseCause, End, Kind, Packet

BUGS = ["state of a QoS 2 exchange that decays by a timer"]


@mqttlab.scenario(number="S23", bugs=BUGS, until="100d")
async def long_silence(
    lab: Lab, *, silence: Duration = Duration("10min"), repeats: int = 4
) -> None:
    """A peer is silent for 10 minutes between PUBREC and PUBREL, and resends: one delivery.

    silence: how long.
    repeats: exchanges of each publisher.
    """
    await lab.broker()
    desk = lab.device("desk")
    ways = [
        (version, reconnects, publishes)
        for version in (4, 5)
        for reconnects, publishes in ((False, False), (True, False), (True, True))
    ]
    async with desk.client(clean_session=False, drain=True) as reader:
        await reader.subscribe("x/#", qos=2)
        async with asyncio.TaskGroup() as tasks:
            for version, reconnects, publishes in ways:
                device = lab.device(f"publisher-{version}-{reconnects:d}{publishes:d}", via="lte")
                way = publisher(lab, device, version, reconnects, publishes, silence, repeats)
                tasks.create_task(device.run(way))
            subscribers = lab.devices(2, name="subscriber-{}", via="lte")
            for version, device in zip((4, 5), subscribers, strict=True):
                tasks.create_task(device.run(subscriber(lab, device, version, silence)))
        lab.settle("10s")
        await asyncio.sleep(15)
    seen = Seen(lab)
    got = seen.delivered(desk)
    lab.expect("exchanges with a silence in them", len(ways) * repeats)
    lab.expect("messages that the reader got", len(set(got.tolist())), len(ways) * repeats + 2)
    lab.expect("and got again", len(got) - len(set(got.tolist())), 0)
    for device in subscribers:
        twice = seen.count(Kind.WRITTEN, Packet.PUBREL, end=End.BROKER, on=device)
        lab.expect(f"PUBREL to a silent {device.name}", twice, 2)
    broken = len(subscribers) + repeats * sum(reconnects for _, reconnects, _ in ways)
    resets = seen.count(Kind.CLOSED, end=End.BROKER, cause=CloseCause.RESET)
    lab.expect("connections that were reset in a silence", resets, broken)
    lab.expect.observed("Q2-ONCE", "Q2-TOTAL", "Q2-RESUME", "Q2-HONEST", "SESS-QUEUE")


def session(device: Device, version: int) -> dict[str, object]:
    """Of a CONNECT that goes on with a session of its own, which has no end."""
    own = {"session_expiry_interval": 2**32 - 1} if version == 5 else {}
    return {"client_id": device.name, "clean": False, **own}


async def publisher(
    lab: Lab,
    device: Device,
    version: int,
    reconnects: bool,
    publishes: bool,
    silence: float,
    repeats: int,
) -> None:
    """Exchanges that stop after PUBREC; `publishes`: go on with PUBLISH, although with DUP."""
    peer = await Raw.open(version)
    await peer.connect(**session(device, version))
    for number in range(1, repeats + 1):
        message = {"topic": f"x/{device.name}", "payload": lab.stamp(), "qos": 2}
        message["packet_id"] = number
        peer.send("PUBLISH", **message)
        await peer.get("PUBREC")
        await asyncio.sleep(silence)
        if reconnects:
            reset(lab, device)
            peer = await Raw.open(version)
            await peer.connect(**session(device, version))
        if publishes:
            peer.send("PUBLISH", **message, dup=True)
            await peer.get("PUBREC")
        peer.send("PUBREL", packet_id=number)
        await peer.get("PUBCOMP")
    peer.send("DISCONNECT")
    peer.close()


async def subscriber(lab: Lab, device: Device, version: int, silence: float) -> None:
    """Gets a message, and falls silent before PUBCOMP."""
    peer = await Raw.open(version)
    await peer.connect(**session(device, version))
    peer.send("SUBSCRIBE", packet_id=1, filters=[(f"x/{device.name}", 2)])
    await peer.get("SUBACK")
    peer.send("PUBLISH", topic=f"x/{device.name}", payload=lab.stamp(), qos=2, packet_id=2)
    await peer.get("PUBREC")
    peer.send("PUBREL", packet_id=2)
    found = await peer.get("PUBLISH")
    peer.send("PUBREC", packet_id=found.packet_id)
    await peer.get("PUBREL")
    await asyncio.sleep(silence)
    reset(lab, device)
    peer = await Raw.open(version)
    await peer.connect(**session(device, version))
    await peer.get("PUBREL")
    peer.send("PUBCOMP", packet_id=found.packet_id)
    await asyncio.sleep(1)
    peer.send("DISCONNECT")
    peer.close()
