"""Claim: an acknowledgement belongs to the connection on which its message came. What could not be
sent before the link broke is never sent on the next one.

Readers are cut off when a message has arrived and its acknowledgement has not left. Some come back
to a session that is gone: new messages have the same packet ids there, and a stale acknowledgement
would settle them unseen. Some have applications that take what has come only when the next
connection is there.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import mqttlab
from mqttlab import Lab
from mqttlab.faults import Arrived, Before, Unread
from mqttlab.scenarios.exchanges import HOWS, Exchange, opened
from mqttlab.scenarios.support import spoken
from mqttlab.trace import End, Kind, Packet

SLOW = "1500ms"  # from one message to the next that an application takes; readers are back sooner
BUGS = ["B06 acknowledgements of the dead connection are sent on the new one"]


@mqttlab.scenario(number="S09", bugs=BUGS, until="1h")
async def dead_letter(lab: Lab, *, messages: int = 5, version: str = "both") -> None:
    """Cut between a message and its acknowledgement: none is sent for what another link brought.

    messages: for each reader at the cut, and again when it is back.
    version: of MQTT: 3.1.1, 5 or both.
    """
    answers = {1: "PUBACK", 2: "PUBREC"}
    exchanges = [
        Exchange({**how, "clean_session": clean}, qos, "down", when, cut)
        for how in spoken(version)
        for clean in (False, True)
        for qos, answer in answers.items()
        for when in (
            Unread("PUBLISH", way="down"),
            Arrived("PUBLISH", way="down"),
            Before(answer, way="up"),
        )
        for cut in HOWS
    ]
    third = Unread("PUBLISH", n=3, way="down")  # the first is taken at once, the second waits
    slow = [replace(one, when=third) for one in exchanges if isinstance(one.when, Arrived)]
    exchanges += slow
    async with opened(lab, exchanges) as field:
        for device in field.devices[-len(slow) :]:
            device.read_slowly(SLOW)
        field.arm()
        for _ in range(messages):
            field.publish()
        await asyncio.sleep(0.5)
        for _ in range(messages):
            field.publish()
            await asyncio.sleep(3)
        seen = await field.settle()
        field.expect_cuts()
        reused = 0
        for device in field.devices:
            sent = seen.rows(Kind.WRITTEN, Packet.PUBLISH, on=device, end=End.BROKER)
            ids = {(int(row["packet_id"]), int(row["message"])) for row in sent}
            reused += len(ids) > len({packet_id for packet_id, _ in ids})
        lab.expect("readers that got other messages under an id again", reused, least=1)
        kept = [
            len(set(seen.delivered(device).tolist())) == 2 * messages
            for device, one in zip(field.devices, exchanges, strict=True)
            if not one.how["clean_session"]
        ]
        lab.expect("readers with a session that missed nothing", sum(kept), len(kept))
    lab.expect.observed("ACK-CAUSAL", "Q1-NOLOSS", "Q2-ONCE", "PID-UNIQUE", "CONVERGE")
