"""3.3.4 and 4.9: Receive Maximum (5.0)."""

from __future__ import annotations

from mqttlab.conformance import (
    Packet,
    Peer,
    Trial,
    case,
    drop,
    keep_open,
    message,
    not_claimed,
)

from .common import at_once, limit, pair


@case(
    "5:MQTT-3.3.4-9",
    "5:MQTT-4.9.0-1",
    "5:MQTT-4.9.0-2",
    expect="two PUBLISH, then no third",
    sabotage=message("window", qos=1, packet_id=60_000),
)
async def receive_maximum(t: Trial) -> None:
    """Four messages to a client that takes two and acknowledges none."""
    peer, other = await pair(t, "window", needs=1, acks=False, receive_maximum=2)
    for number in range(4):
        await other.publish(t.topic("window"), str(number), qos=1 + number % 2)
    await at_once(peer, 2)
    await peer.nothing("PUBLISH")


async def _one_of_one(t: Trial, name: str, qos: int) -> tuple[Peer, Packet]:
    """A client that takes one, has got it, and somebody waits behind."""
    peer, other = await pair(t, name, needs=qos, acks=False, receive_maximum=1)
    await other.publish(t.topic(name), b"1", qos=qos)
    await other.publish(t.topic(name), b"2", qos=qos)
    return peer, await peer.get("PUBLISH", payload=b"1")


@case(
    "5:MQTT-3.3.4-9",
    "5:MQTT-4.3.2-3",
    "5:MQTT-4.9.0-2",
    expect="after PUBACK the next PUBLISH",
    why="4.9: it gives the quota back that the next message waits for",
    sabotage=drop("PUBLISH", lambda p: p.payload == b"2" and p.topic.endswith(b"/open1")),
)
async def puback_gives_quota(t: Trial) -> None:
    """PUBACK for the one in flight."""
    peer, first = await _one_of_one(t, "open1", 1)
    peer.send("PUBACK", packet_id=first.packet_id)
    await peer.expect("PUBLISH", payload=b"2")


@case(
    "5:MQTT-3.3.4-9",
    "5:MQTT-4.9.0-2",
    "5:MQTT-4.3.3-5",
    expect="after PUBREC nothing; after PUBCOMP the next PUBLISH",
    why="4.9: it gives the quota back that the next message waits for",
    sabotage=drop("PUBLISH", lambda p: p.payload == b"2" and p.topic.endswith(b"/open2")),
)
async def pubcomp_gives_quota(t: Trial) -> None:
    """PUBREC and PUBCOMP for the one in flight."""
    peer, first = await _one_of_one(t, "open2", 2)
    peer.send("PUBREC", packet_id=first.packet_id)
    await peer.get("PUBREL", packet_id=first.packet_id)
    await peer.nothing("PUBLISH")
    peer.send("PUBCOMP", packet_id=first.packet_id)
    await peer.expect("PUBLISH", payload=b"2")


@case(
    "5:MQTT-3.3.4-9",
    "5:MQTT-4.9.0-2",
    expect="after a failing PUBREC the next PUBLISH",
    why="4.9: it gives the quota back that the next message waits for",
    sabotage=drop("PUBLISH", lambda p: p.payload == b"2" and p.topic.endswith(b"/open3")),
)
async def failed_pubrec_gives_quota(t: Trial) -> None:
    """PUBREC 0x80 for the one in flight."""
    peer, first = await _one_of_one(t, "open3", 2)
    peer.send("PUBREC", packet_id=first.packet_id, reason=0x80)
    await peer.expect("PUBLISH", payload=b"2")


@case(
    "5:MQTT-3.3.4-10",
    "5:MQTT-4.9.0-3",
    expect="SUBACK, PUBACK, UNSUBACK and PINGRESP",
    sabotage=drop("UNSUBACK", lambda p: p.packet_id == 1203),
)
async def others_at_the_limit(t: Trial) -> None:
    """Requests of a client whose one slot is taken."""
    peer, _ = await _one_of_one(t, "full", 1)
    peer.send("SUBSCRIBE", packet_id=1201, filters=[(t.topic("x"), 0)])
    peer.send("PUBLISH", packet_id=1202, qos=1, topic=t.topic("y"))
    peer.send("UNSUBSCRIBE", packet_id=1203, filters=[t.topic("x")])
    await peer.expect("SUBACK", packet_id=1201)
    await peer.expect("PUBACK", packet_id=1202)
    await peer.expect("UNSUBACK", packet_id=1203)
    await peer.stays()


@case(
    "U-3.3.4-4",
    expect="closed, with DISCONNECT 0x93 or none",
    why="3.3.4 knows no other answer; PUBREC 0x97 is for limits of the server's own",
    sabotage=keep_open(),
)
async def receive_maximum_exceeded(t: Trial) -> None:
    """One QoS 2 PUBLISH more than the server's Receive Maximum, none of them released."""
    peer, _, most = await limit(t, "receive_maximum", 200, feature="a Receive Maximum up to 200")
    assert peer.connack
    if peer.connack.property("maximum_qos") is not None:
        not_claimed("QoS 2, which alone stays unacknowledged, beside a small Receive Maximum")
    for number in range(most):
        peer.send("PUBLISH", topic=t.topic(), qos=2, packet_id=number + 1)
    peer.offend("PUBLISH", topic=t.topic(), qos=2, packet_id=most + 1)
    await peer.dropped(0x93)
