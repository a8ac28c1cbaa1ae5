"""Claim: packet ids wrap around an exchange that stays open, and a queue of more messages than
there are ids drains: no id is used twice at a time, and nothing is lost.

A subscriber withholds one PUBCOMP while more messages than there are ids pass it by. A client that
is offline is given more than that to send. Of ids there are 65,535, or fewer (`--set ids=15`).
"""

from __future__ import annotations

import asyncio

import numpy as np

import mqttlab
from mqttlab import Device, Lab
from mqttlab.scenarios.support import Raw, Seen, check
from mqttlab.trace import End, Kind, Packet

IDS = 65_535
OUTAGE_S = 100  # beyond the time that publishing takes: longer than a keep alive
SOURCES = 3  # with a message per millisecond each: PUBCOMP is withheld for 22 s, not for ever
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
    await lab.broker(queue_messages=messages, queue_bytes="1GiB", test_packet_id_max=ids)
    reader, offline = lab.device("reader"), lab.device("offline")
    sources = lab.devices(SOURCES, name="source-{}")
    passing = asyncio.create_task(reader.run(hold_one_open(lab, reader, messages, ids)))
    await asyncio.sleep(1)
    async with lab.device("desk").client() as first:
        await first.publish("x", lab.stamp(), qos=2)
    fast = {"qos": 1, "interval": "1ms", "interval_spread": 0, "start_within": 0}
    enough = lab.now() + messages / 1000 / SOURCES + 1
    lab.fleet(sources, name="sources", topic="x", stop_at=enough, **fast)
    await passing
    room = {
        "queue_messages": 2 * messages,
        "queue_bytes": "1GiB",
        "clean_session": False,
        "test_packet_id_max": ids,
    }
    start = lab.now()
    waiting = lab.fleet(
        offline, name="offline", topic="y", stop_at=start + messages / 1000 + 10, **fast, **room
    )
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
    lab.expect.observed("PID-UNIQUE", "PID-RELEASE", "Q1-NOLOSS", "CONVERGE")


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
