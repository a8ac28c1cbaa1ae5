"""4.3 Quality of Service ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mqttlab.conformance import (
    Packet,
    Peer,
    Trial,
    case,
    change,
    check,
    drop,
    ends,
    instead,
    message,
    repeat,
)
from mqttlab.conformance.sabotage import Item, Link
from mqttlab.conformance.wire import encode

from .common import next_link, receiver

# 4.3.2: QoS 1, the server as sender


@case(
    "3:MQTT-4.3.2-1",
    "5:MQTT-4.3.2-2",
    expect="DUP 0",
    sabotage=change("PUBLISH", ends("first-1"), dup=True),
)
async def qos_1_first_time(t: Trial) -> None:
    """The first PUBLISH of a QoS 1 message."""
    peer, other = await receiver(t, "first-1", qos=1)
    await other.publish(t.topic("first-1"))
    got = await peer.get("PUBLISH")
    check(not got.dup and got.packet_id, f"DUP {got.dup:d}, identifier {got.packet_id}")


@case(
    "3:MQTT-4.3.2-1",
    "5:MQTT-4.3.2-2",
    expect="DUP 0",
    sabotage=change("PUBLISH", ends("queued-1"), dup=True),
)
async def qos_1_first_time_queued(t: Trial) -> None:
    """The first PUBLISH of a message that has waited for its client."""
    peer, other = await receiver(t, "queued-1", qos=1)
    await peer.disconnect()
    await t.sleep(t.times.parting_s)  # nothing is sent to a link that is just closing
    await other.publish(t.topic("queued-1"))
    peer = await t.connect("s", acks=False, session=True)
    got = await peer.get("PUBLISH")
    check(not got.dup, "DUP 1")


@case(
    "3:MQTT-4.3.2-1",
    "5:MQTT-4.3.2-3",
    expect="the message again",
    sabotage=drop("PUBLISH", lambda p: p.dup and p.topic.endswith(b"/unacked")),
)
async def qos_1_until_puback(t: Trial) -> None:
    """No PUBACK before the link goes down."""
    peer, other = await receiver(t, "unacked", qos=1)
    await other.publish(t.topic("unacked"))
    await peer.get("PUBLISH")
    peer = await next_link(t, peer)
    await peer.expect("PUBLISH", topic=t.topic("unacked"))


@case(
    "3:MQTT-4.3.2-1",
    "5:MQTT-4.3.2-3",
    expect="the message does not come again",
    sabotage=message("acked-b"),
)
async def qos_1_after_puback(t: Trial) -> None:
    """PUBACK, then the link goes down."""
    peer, other = await receiver(t, "acked", qos=1)
    await other.publish(t.topic("acked"))
    first = await peer.get("PUBLISH")
    peer.send("PUBACK", packet_id=first.packet_id)
    await peer.barrier()
    peer = await next_link(t, peer)
    await peer.subscribe(t.topic("acked-b"))
    await peer.nothing("PUBLISH")


# 4.3.2: QoS 1, the server as receiver


@case(
    "3:MQTT-4.3.2-2",
    "5:MQTT-4.3.2-5",
    expect="two messages",
    sabotage=drop("PUBLISH", lambda p: p.payload == b"2" and p.topic.endswith(b"/reused")),
)
async def qos_1_identifier_is_free(t: Trial) -> None:
    """The same identifier again, after PUBACK, with DUP 1."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("reused"))
    other = await t.connect("p")
    for number in (1, 2):
        other.send(
            "PUBLISH",
            topic=t.topic("reused"),
            qos=1,
            packet_id=7,
            dup=number == 2,
            payload=str(number).encode(),
        )
        await other.get("PUBACK", packet_id=7)
    for number in (1, 2):
        await peer.expect("PUBLISH", payload=str(number).encode())


# 4.3.3: QoS 2, the server as sender


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-2",
    expect="DUP 0",
    sabotage=change("PUBLISH", ends("first-2"), dup=True),
)
async def qos_2_first_time(t: Trial) -> None:
    """The first PUBLISH of a QoS 2 message."""
    peer, other = await receiver(t, "first-2", qos=2)
    await other.publish(t.topic("first-2"), qos=2)
    got = await peer.get("PUBLISH")
    check(got.qos == 2 and not got.dup, f"QoS {got.qos}, DUP {got.dup:d}")


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-3",
    expect="PUBLISH again",
    sabotage=drop("PUBLISH", lambda p: p.dup and p.topic.endswith(b"/unreceived")),
)
async def qos_2_until_pubrec(t: Trial) -> None:
    """No PUBREC before the link goes down."""
    peer, other = await receiver(t, "unreceived", qos=2)
    await other.publish(t.topic("unreceived"), qos=2)
    await peer.get("PUBLISH")
    peer = await next_link(t, peer)
    await peer.expect("PUBLISH", topic=t.topic("unreceived"))


async def _released(t: Trial, name: str, **fields: Any) -> tuple[Peer, int]:
    """A QoS 2 delivery up to PUBREL, and its identifier."""
    peer, other = await receiver(t, name, qos=2, **fields)
    await other.publish(t.topic(name), qos=2)
    got = await peer.get("PUBLISH")
    peer.send("PUBREC", packet_id=got.packet_id)
    await peer.get("PUBREL", packet_id=got.packet_id)
    return peer, int(got.packet_id)


@case("3:MQTT-4.3.3-1", "5:MQTT-4.3.3-4", expect="PUBREL", sabotage=drop("PUBREL", once=True))
async def qos_2_pubrel(t: Trial) -> None:
    """PUBREC for a QoS 2 message."""
    peer, other = await receiver(t, "release", qos=2)
    await other.publish(t.topic("release"), qos=2)
    got = await peer.get("PUBLISH")
    peer.send("PUBREC", packet_id=got.packet_id)
    await peer.expect("PUBREL", packet_id=got.packet_id)


def _after_the_first_link(link: Link, packet: Packet) -> Sequence[Item]:
    resumed = next(p for p in link.received if p.type == "CONNACK").session_present
    return [] if resumed else [packet.raw]


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-5",
    "MQTT-4.4.0-1",
    expect="PUBREL again",
    sabotage=instead("PUBREL", _after_the_first_link, text="drops, on later connections,"),
)
async def qos_2_until_pubcomp(t: Trial) -> None:
    """No PUBCOMP before the link goes down."""
    peer, packet_id = await _released(t, "uncompleted")
    peer = await next_link(t, peer)
    await peer.expect("PUBREL", packet_id=packet_id)


def _publish_for_pubrel(link: Link, packet: Packet) -> Sequence[Item]:
    if _after_the_first_link(link, packet):
        return [packet.raw]
    made = encode(
        "PUBLISH", link.version, topic="x/repeated", qos=2, dup=True, packet_id=packet.packet_id
    )
    return [made, packet.raw]


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-6",
    expect="PUBREL, and no PUBLISH",
    sabotage=instead("PUBREL", _publish_for_pubrel, text="repeats PUBLISH before"),
)
async def qos_2_no_publish_after_pubrel(t: Trial) -> None:
    """After PUBREL the message is not sent again."""
    peer, packet_id = await _released(t, "no-repeat")
    peer = await next_link(t, peer)
    await peer.get("PUBREL", packet_id=packet_id)
    await peer.nothing("PUBLISH")


def _pubrel_again(link: Link, packet: Packet) -> Sequence[Item]:
    resumed = not _after_the_first_link(link, packet)
    return [encode("PUBREL", link.version, packet_id=1), packet.raw] if resumed else [packet.raw]


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-5",
    expect="nothing comes again",
    sabotage=instead("PINGRESP", _pubrel_again, text="invents PUBREL before"),
)
async def qos_2_after_pubcomp(t: Trial) -> None:
    """PUBCOMP, then the link goes down."""
    peer, packet_id = await _released(t, "completed")
    peer.send("PUBCOMP", packet_id=packet_id)
    await peer.barrier()
    peer.inbox.clear()
    peer = await next_link(t, peer)
    await peer.nothing("PUBREL")
    await peer.nothing("PUBLISH")


@case(
    "5:MQTT-4.3.3-7",
    expect="PUBLISH again, although it has expired",
    sabotage=drop("PUBLISH", lambda p: p.dup and p.topic.endswith(b"/begun")),
)
async def qos_2_begun_does_not_expire(t: Trial) -> None:
    """A message whose delivery has begun, and whose expiry interval ends."""
    peer, other = await receiver(t, "begun", qos=2)
    await other.publish(t.topic("begun"), qos=2, message_expiry_interval=t.times.unit_s)
    first = await peer.get("PUBLISH")
    await peer.cut()
    await t.sleep(t.times.unit_s + t.times.slack_s)
    peer = await t.connect("s", acks=False, session=True)
    again = await peer.expect("PUBLISH", topic=t.topic("begun"))
    check(again.packet_id == first.packet_id, f"{again.packet_id}, not {first.packet_id}")


# 4.3.3: QoS 2, the server as receiver


@case(
    "3:MQTT-4.3.3-2",
    "5:MQTT-4.3.3-8",
    expect="PUBREC",
    sabotage=drop("PUBREC", lambda p: p.packet_id == 1700),
)
async def qos_2_pubrec(t: Trial) -> None:
    """A QoS 2 PUBLISH."""
    peer = await t.connect()
    peer.send("PUBLISH", topic=t.topic(), qos=2, packet_id=1700)
    await peer.expect("PUBREC", packet_id=1700)


@case(
    "3:MQTT-4.3.3-2",
    "5:MQTT-4.3.3-10",
    expect="PUBREC for each",
    sabotage=instead(
        "PUBREC",
        _after_the_first_link,
        lambda p: p.packet_id == 1701,
        text="drops, on later connections,",
    ),
)
async def qos_2_repeats_are_answered(t: Trial) -> None:
    """The same PUBLISH again, on the next connection, before PUBREL."""
    for dup in (False, True):
        peer = await t.connect(session=True)
        peer.send("PUBLISH", topic=t.topic(), qos=2, packet_id=1701, dup=dup)
        await peer.expect("PUBREC", packet_id=1701)
        await peer.cut()


@case(
    "3:MQTT-4.3.3-2",
    "5:MQTT-4.3.3-10",
    expect="one message",
    sabotage=repeat("PUBLISH", ends("passed-once")),
)
async def qos_2_repeats_are_not_passed_on(t: Trial) -> None:
    """The same PUBLISH on three connections of the session, before PUBREL."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("passed-once"), qos=0)
    other = await t.connect("p", session=True)
    for dup in (False, True, True):
        if dup:
            await other.cut()
            other = await t.connect("p", session=True)
        other.send("PUBLISH", topic=t.topic("passed-once"), qos=2, packet_id=1702, dup=dup)
        await other.get("PUBREC", packet_id=1702)
    other.send("PUBREL", packet_id=1702)
    await other.get("PUBCOMP")
    await peer.get("PUBLISH")
    await peer.nothing("PUBLISH")


@case(
    "3:MQTT-4.3.3-2",
    "5:MQTT-4.3.3-11",
    expect="PUBCOMP",
    why="on its next connection a client repeats the PUBREL whose PUBCOMP was lost",
    sabotage=drop("PUBCOMP", lambda p: p.packet_id == 1704),
)
async def qos_2_pubcomp(t: Trial) -> None:
    """PUBREL, and PUBREL again on the next link."""
    peer = await t.connect("s", acks=False, session=True)
    peer.send("PUBLISH", topic=t.topic(), qos=2, packet_id=1704)
    await peer.get("PUBREC")
    peer.send("PUBREL", packet_id=1704)
    await peer.expect("PUBCOMP", packet_id=1704)
    peer = await next_link(t, peer)
    peer.send("PUBREL", packet_id=1704)
    await peer.expect("PUBCOMP", packet_id=1704)


@case(
    "3:MQTT-4.3.3-2",
    "5:MQTT-4.3.3-12",
    expect="two messages",
    sabotage=drop("PUBLISH", lambda p: p.payload == b"2" and p.topic.endswith(b"/reused-2")),
)
async def qos_2_identifier_is_free(t: Trial) -> None:
    """The same identifier again, after PUBCOMP."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("reused-2"), qos=2)
    other = await t.connect("p")
    for payload in (b"1", b"2"):
        other.send("PUBLISH", topic=t.topic("reused-2"), qos=2, packet_id=7, payload=payload)
        await other.get("PUBREC", packet_id=7)
        other.send("PUBREL", packet_id=7)
        await other.get("PUBCOMP", packet_id=7)
    for payload in (b"1", b"2"):
        await peer.expect("PUBLISH", payload=payload)


@case(
    "5:MQTT-4.3.3-13",
    expect="PUBREC and PUBCOMP",
    sabotage=drop("PUBCOMP", lambda p: p.packet_id == 1705),
)
async def qos_2_handshake_does_not_expire(t: Trial) -> None:
    """A message that expires between PUBREC and PUBREL."""
    peer = await t.connect()
    peer.send(
        "PUBLISH", topic=t.topic(), qos=2, packet_id=1705, message_expiry_interval=t.times.unit_s
    )
    await peer.expect("PUBREC", packet_id=1705)
    await t.sleep(t.times.unit_s + 0.2)
    peer.send("PUBREL", packet_id=1705)
    answer = await peer.expect("PUBCOMP", packet_id=1705)
    check(answer.reason < 0x80, f"PUBCOMP 0x{answer.reason:02X}")


@case(
    "5:MQTT-4.3.3-9",
    expect="two PUBREC: the second PUBLISH is a new message",
    sabotage=drop("PUBREC", lambda p: p.packet_id == 1706),
)
async def qos_2_failed_identifier_is_free(t: Trial) -> None:
    """A PUBLISH that PUBREC refuses, then another one under its identifier."""
    topic = t.target.guard("forbidden")
    watcher = await t.connect("s", on="guarded")
    await watcher.subscribe(t.topic("allowed"), qos=2)
    peer = await t.connect("p", on="guarded")
    peer.send("PUBLISH", topic=topic, qos=2, packet_id=1706)
    refused = await peer.expect("PUBREC", packet_id=1706)
    if refused.reason < 0x80:
        t.note("it refuses without a word: PUBREC 0x00")
        peer.send("PUBREL", packet_id=1706)
        await peer.get("PUBCOMP")
    peer.send("PUBLISH", topic=t.topic("allowed"), qos=2, packet_id=1706)
    await peer.expect("PUBREC", packet_id=1706, reason=0)
    peer.send("PUBREL", packet_id=1706)
    await watcher.expect("PUBLISH")
