"""Claim: how a stream is cut into segments means nothing. The same exchanges give the same packets
and the same reactions, byte by byte, glued together, or written a few bytes at a time.

Clients do the same things on links of the same delay: one undisturbed, the others with segments of
a few bytes, with everything held back and delivered at once, and with transports that take little.
What each end wrote and got, packet by packet, is compared with the undisturbed one.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import mqttlab
from mqttlab import Device, Lab
from mqttlab.scenarios.support import Seen, spoken
from mqttlab.trace import End, Kind, Packet

BUGS = [
    "B43 packets that share a transport unit are processed backwards",
    "B83 a retained message that comes with SUBACK is lost",
    "B92 a Remaining Length is split over two reads",
    "B93 the parser keeps half a packet for the next connection",
]
PAYLOADS = (0, 1, 118, 119, 120, 121, 122)  # bytes: Remaining Length of one byte, and of two
LARGE = 16_400  # of three
SEGMENTS = (1, 3)  # bytes; shorter than a fixed header, and longer


@mqttlab.scenario(number="S15", bugs=BUGS, until="1h")
async def byte_salad(lab: Lab, *, version: str = "both") -> None:
    """Streams in 1-byte segments, glued, written in pieces: the same packets, the same reactions.

    version: of MQTT: 3.1.1, 5 or both.
    """
    await lab.broker()
    wire = lab.link(name="wire", rate="10Mbit/s", delay="10ms")
    for how in spoken(version):
        # Names of equal length, so that packets have equal lengths.
        made = lab.devices(2 + 2 * len(SEGMENTS), name=f"v{how['version'][0]}-{{:02d}}", via=wire)
        _, glued, *rest = made
        cut, written = rest[: len(SEGMENTS)], rest[len(SEGMENTS) :]
        async with AsyncExitStack() as stack:
            for device, size in zip(cut, SEGMENTS, strict=True):
                await stack.enter_async_context(lab.segments(device, size))
            for device, size in zip(written, SEGMENTS, strict=True):
                await stack.enter_async_context(lab.short_writes(device, size))
            await stack.enter_async_context(lab.coalesce(glued, "200ms"))
            await asyncio.gather(*(do_things(device, how) for device in made))
            await asyncio.sleep(5)
        compare(lab, made, f"MQTT {how['version']}")
    lab.settle("10s")
    await asyncio.sleep(15)
    lab.expect.observed("STREAM-OK", "ORD-TOPIC", "RET-SET", "Q1-NOLOSS", "Q2-ONCE", "ORD-ACK")


async def do_things(device: Device, how: dict[str, Any]) -> None:
    """Every packet there is, of every length of Remaining Length, one after the other."""
    name = device.name
    async with device.client(**how, clean_session=False) as client:
        await client.publish(f"{name}/kept", b"retained", qos=1, retain=True)
        await client.subscribe([(f"{name}/kept", 1), (f"{name}/x", 2)])
        for qos in (0, 1, 2):
            for size in PAYLOADS:
                payload = bytes([qos]) * size
                await client.publish(f"{name}/x", payload, qos=qos)
                await asyncio.sleep(10)
        await client.publish(f"{name}/x", b"3" * LARGE, qos=1)
        await asyncio.sleep(10)
        await asyncio.gather(*(client.publish(f"{name}/x", b"", qos=2) for _ in range(5)))
        await asyncio.sleep(5)
        await client.unsubscribe(f"{name}/x")
        await asyncio.sleep(60)  # for PINGREQ


def compare(lab: Lab, devices: list[Device], what: str) -> None:
    """What each end wrote and got, by type of packet, against the first device."""
    seen = Seen(lab)
    columns = ["flags", "code", "packet_id", "bytes", "payload_bytes"]
    pings = (Packet.PINGREQ, Packet.PINGRESP)  # when they are due depends on the time

    def story(device: Device) -> dict[tuple[Kind, End, Packet], list[tuple[int, ...]]]:
        return {
            (kind, end, packet): seen.rows(kind, packet, on=device, end=end)[columns].tolist()
            for kind in (Kind.WRITTEN, Kind.ARRIVED)
            for end in End
            for packet in Packet
            if packet not in pings
        }

    plain, *others = (story(device) for device in devices)
    packets = sum(map(len, plain.values()))
    same = sum(one == plain for one in others)
    lab.expect(f"packets of an undisturbed client, {what}", packets, least=100)
    lab.expect("clients with the same packets on a disturbed link", same, len(others))
    got = [len(seen.delivered(device)) for device in devices]
    lab.expect("fewest messages that a client got", min(got), max(got))
