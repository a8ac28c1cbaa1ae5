"""Claim: how a stream is cut into segments means nothing. The same exchanges give the same packets
and the same reactions, byte by byte, glued together, or written a few bytes at a time.

Clients do the same things on links of the same delay: one undisturbed, the others with segments of
a few bytes, with everything held back and delivered at once, and with transports that take little.
What each end wrote and got, packet by packet, is compared with the undisturbed one. And connections
end after every single byte of an exchange at QoS 2, whose rest is then made up for.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import mqttlab
from mqttlab import Device, Lab
from mqttlab.conformance import wire
from mqttlab.faults import Inside
from mqttlab.scenarios.exchanges import BACK, Exchange, Field, opened
from mqttlab.scenarios.support import V5, Seen, spoken
from mqttlab.trace import End, Kind, Packet

BUGS = [
    "B43 packets that share a transport unit are processed backwards",
    "B83 a retained message that comes with SUBACK is lost",
    "B92 a Remaining Length is split over two reads",
    "B93 the parser keeps half a packet for the next connection",
]
PAYLOADS = (0, 1, 118, 119, 120, 121, 122)  # bytes: Remaining Length of one byte, and of two
PAYLOAD = 32  # of a message that is cut
MESSAGES = 3  # of a peer to itself
LARGE = 16_400  # of three
SEGMENTS = (1, 3)  # bytes; shorter than a fixed header, and longer


@mqttlab.scenario(number="S15", bugs=BUGS, until="1h")
async def byte_salad(lab: Lab, *, version: str = "both") -> None:
    """Streams in 1-byte segments, glued, written in pieces: the same packets, the same reactions.

    version: of MQTT: 3.1.1, 5 or both.
    """
    speaks = spoken(version)
    async with opened(lab, [cut for how in speaks for cut in cuts(how)]) as field:
        field.arm()
        field.publish()
        await asyncio.sleep(60)
        expect_the_rest(field)
    wire = lab.link(name="line", rate="10Mbit/s", delay="10ms")
    for how in speaks:
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
            reads = [await one.run(reads_of(one, 5 if how is V5 else 4)) for one in made]
            await asyncio.sleep(5)
        expect_sizes(lab, made, reads)
        compare(lab, made, f"MQTT {how['version']}")
    lab.settle("10s")
    await asyncio.sleep(15)
    lab.expect.observed("STREAM-OK", "ORD-TOPIC", "RET-SET", "Q1-NOLOSS", "Q2-ONCE", "ORD-ACK")


def cuts(how: dict[str, Any]) -> list[Exchange]:
    """One after each byte of each packet, but the last, of an exchange each way."""
    found = []
    for way in ("up", "down"):
        size = len(f"{way}/device-000") + PAYLOAD + (7 if how is V5 else 6)
        steps = [("PUBLISH", way, size), ("PUBREC", BACK[way], 4), ("PUBREL", way, 4)]
        for packet, goes, bytes_ in [*steps, ("PUBCOMP", BACK[way], 4)]:
            for byte in range(1, bytes_):
                found.append(Exchange(how, 2, way, Inside(packet, way=goes, byte=byte)))
    return found


def expect_the_rest(field: Field) -> None:
    """What had not been acknowledged is sent again, as it was, and nothing else."""
    seen, lab = Seen(field.lab), field.lab
    field.expect_cuts("ends after a byte")
    field.expect_messages(seen)
    same = 0
    for device, one in zip(field.devices, field.exchanges, strict=True):
        end = End.CLIENT if one.way == "up" else End.BROKER
        sent = seen.rows(Kind.WRITTEN, Packet.PUBLISH, on=device, end=end)
        due = 1 + (one.when.packet in ("PUBLISH", "PUBREC"))
        columns = ["message", "packet_id", "bytes", "payload_bytes"]
        same += len(sent) == due and len(set(sent[columns].tolist())) == 1
    lab.expect("of these, made up for by what was missing, as it was", same, len(field.exchanges))


class Reader(asyncio.Protocol):
    """What arrives at a time: bytes."""

    def __init__(self) -> None:
        self.reads: list[int] = []

    def data_received(self, data: bytes) -> None:
        """Counts."""
        self.reads.append(len(data))


async def reads_of(device: Device, version: int) -> list[int]:
    """Bytes of each read of a peer that sends itself messages, one after the other."""

    def made(packet: str, **fields: Any) -> bytes:
        return wire.encode(packet, version, **fields)

    topic = f"{device.name}/self"
    loop = asyncio.get_running_loop()
    transport, reader = await loop.create_connection(Reader, "broker", 1883)
    transport.write(made("CONNECT", client_id=f"{device.name}-raw"))
    transport.write(made("SUBSCRIBE", packet_id=1, filters=[(topic, 0)]))
    await asyncio.sleep(1)
    reader.reads.clear()
    for _ in range(MESSAGES):
        transport.write(made("PUBLISH", topic=topic))
        await asyncio.sleep(0.02)
    await asyncio.sleep(1)
    transport.write(made("DISCONNECT"))
    transport.close()
    return reader.reads


def expect_sizes(lab: Lab, made: list[Device], reads: list[list[int]]) -> None:
    """What disturbed peers got at a time: a packet undisturbed, all glued, or a few bytes."""
    plain, glued, *rest = reads
    lab.expect("reads of an undisturbed peer", len(plain), MESSAGES)
    lab.expect("reads of one whose packets are glued", len(glued), 1)
    written = rest[len(SEGMENTS) :]
    small = sum(max(one) == size for one, size in zip(written, SEGMENTS, strict=True))
    lab.expect("peers that read what was written in pieces as pieces", small, len(SEGMENTS))
    acked = 0
    for device, size in zip(made[2:], SEGMENTS, strict=False):
        bytes_up = lab.world.counters(device.actor, True)[3]
        packets_down = lab.world.counters(device.actor, False)[0]
        acked += packets_down > bytes_up / size / 2  # TCP acknowledges each second segment
    lab.expect("devices whose segments TCP acknowledged as small ones", acked, len(SEGMENTS))


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
