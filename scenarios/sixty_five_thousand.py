"""Claim: packet ids wrap around an exchange that stays open, and a queue of more messages than
there are ids drains: no id is used twice at a time, and nothing is lost.

A subscriber withholds one PUBCOMP while more messages than there are ids pass it by. A client that
is offline is given more than that to send. Of ids there are 65,535, or fewer (`--set ids=15`).
A third client has a few only, and a window for more; one of its messages is refused, and the id of
that one comes again soon.
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np

import mqttlab
from mqttlab import Client, Device, Lab, PublishError
from mqttlab.scenarios.support import V5, Raw, Seen, check
from mqttlab.trace import End, Kind, Packet

IDS = 65_535
OUTAGE_S = 100  # beyond the time that publishing takes: longer than a keep alive
FEW = 15  # ids of a client with a larger window
SOURCES = 3  # with a message per millisecond each: PUBCOMP is withheld for 22 s, not for ever
FAST: dict[str, Any] = {"qos": 1, "interval": "1ms", "interval_spread": 0, "start_within": 0}
BUGS = [
    "B24 the id of a QoS 2 exchange is never released",
    "B31 an offline queue that is larger than the id space",
]


@mqttlab.scenario(number="S18", bugs=BUGS, until="3h")
async def sixty_five_thousand(lab: Lab, *, messages: int = 66_000, ids: int = IDS) -> None:
    """Ids wrap around an exchange that is kept open; more messages wait than there are ids.

    messages: that pass an open exchange, and that wait offline; over `ids` the ids wrap.
    ids: that broker and clients have.
    """
    check("messages", messages >= 100, f"must be 100 or more, got {messages}")
    check("ids", 2 <= ids <= IDS, f"must be 2 to {IDS}, got {ids}")
    room: dict[str, Any] = {"queue_messages": 2 * messages, "queue_bytes": "1GiB"}
    await lab.broker(**room, max_retained=1, test_packet_id_max=ids)
    sources = lab.devices(SOURCES, name="source-{}")
    async with lab.device("reader-of-few").client(drain=True) as reader:
        await use_few_ids(lab, reader)
        await pass_by(lab, sources, messages, ids)
        await drain(lab, messages, ids, room)
    lab.expect.observed("PID-UNIQUE", "PID-RELEASE", "Q1-NOLOSS", "Q2-HONEST", "CONVERGE")


async def use_few_ids(lab: Lab, reader: Client) -> None:
    """A message is refused, and more than there are ids are published at once."""
    await reader.subscribe("few", qos=2)
    own = {**V5, "clean_session": False, "window": 4 * FEW, "test_packet_id_max": FEW}
    async with lab.device("few").client(**own) as client:
        refused = 0
        for topic in ("kept", "one-too-many"):
            try:
                await client.publish(topic, lab.stamp(), qos=2, retain=True)
            except PublishError:
                refused += 1
        lab.expect("messages that the broker refused", refused, 1)
        calls = [client.publish("few", lab.stamp(), qos=2) for _ in range(4 * FEW)]
        done, _ = await asyncio.wait([asyncio.create_task(call) for call in calls], timeout=10)
        lab.expect("messages with few ids that were taken", len(done), len(calls))


async def pass_by(lab: Lab, sources: list[Device], messages: int, ids: int) -> None:
    """So many messages to somebody who keeps an exchange open."""
    reader = lab.device("reader")
    passing = asyncio.create_task(reader.run(hold_one_open(lab, reader, messages, ids)))
    await asyncio.sleep(1)
    async with lab.device("desk").client() as first:
        await first.publish("x", lab.stamp(), qos=2)
    enough = lab.now() + messages / 1000 / SOURCES + 1
    lab.fleet(sources, name="sources", topic="x", stop_at=enough, **FAST)
    await passing


async def drain(lab: Lab, messages: int, ids: int, room: dict[str, Any]) -> None:
    """So many messages wait for a connection, and leave when it is there."""
    offline = lab.device("offline")
    start = lab.now()
    own = {**room, "clean_session": False, "test_packet_id_max": ids}
    enough = start + messages / 1000 + 10
    waiting = lab.fleet(offline, name="offline", topic="y", stop_at=enough, **FAST, **own)
    await asyncio.sleep(2)
    async with lab.outage(offline):
        down = lab.now()
        await asyncio.sleep(messages / 1000 + OUTAGE_S)
        arrived = Seen(lab).count(Kind.ARRIVED, Packet.PUBLISH, on=offline, end=End.BROKER)
        lab.expect("messages that waited offline", waiting.published - arrived, least=messages)
        lost = Seen(lab).count(Kind.CLOSED, on=offline, end=End.CLIENT, since=down)
        lab.expect("connections that the offline client lost", lost, least=1)
    lab.settle("10min")
    await asyncio.sleep(11 * 60)
    seen = Seen(lab)
    acked = seen.count(Kind.PUBLISH_COMPLETED, on=offline)
    lab.expect("of these acknowledged in the end", acked, waiting.published)
    sent = seen.rows(Kind.WRITTEN, Packet.PUBLISH, on=offline, end=End.CLIENT)["packet_id"]
    lab.expect(
        "times that the offline client's ids began anew", wraps(sent, ids), least=messages // ids
    )


def wraps(used: np.ndarray, ids: int) -> int:
    """How often ids begin again at a low one."""
    return int((np.diff(used.astype(int)) < -ids // 2).sum())


async def hold_one_open(lab: Lab, device: Device, messages: int, ids: int) -> None:
    """Acknowledges all but the first message, which is one of QoS 2, until so many have passed."""
    peer = await Raw.open(4)
    await peer.connect(client_id=device.name, clean=False)
    peer.send("SUBSCRIBE", packet_id=1, filters=[("x", 2)])
    first = await peer.get("PUBLISH")
    peer.send("PUBREC", packet_id=first.packet_id)
    await peer.get("PUBREL")
    used = []
    for _ in range(messages):
        found = await peer.get("PUBLISH")
        used.append(found.packet_id)
        peer.send("PUBACK", packet_id=found.packet_id)
    lab.expect("messages that passed an open exchange", len(used))
    lab.expect(
        "times that the broker's ids began anew", wraps(np.array(used), ids), least=messages // ids
    )
    lab.expect("uses of the id that was open", used.count(first.packet_id), 0)
    peer.send("PUBCOMP", packet_id=first.packet_id)
    await asyncio.sleep(1)
    peer.send("DISCONNECT")
    peer.close()
