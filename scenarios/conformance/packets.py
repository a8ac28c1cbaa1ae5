"""1.5 and 2: data representation, fixed headers, packet identifiers."""

from __future__ import annotations

from collections.abc import Sequence

from mqttlab.conformance import (
    Packet,
    Trial,
    case,
    change,
    check,
    ends,
    instead,
    keep_open,
    not_observable,
    patch,
)
from mqttlab.conformance.sabotage import Item, Link

from .common import ILL_FORMED, at_once, refuses


@case("3:MQTT-1.5.3-1", "5:U-1.5.4-1", expect="each ends its connection", sabotage=keep_open())
async def ill_formed_strings(t: Trial) -> None:
    """Every kind of ill-formed UTF-8, as a topic filter."""
    for number, text in enumerate(ILL_FORMED):
        peer = await t.connect(f"i{number}")
        peer.offend("SUBSCRIBE", packet_id=1, filters=[(text, 0)])
        await peer.dropped(0x81, 0x8F)


@case("3:MQTT-1.5.3-2", "5:U-1.5.4-1", expect="the connection is closed", sabotage=keep_open())
async def nul_in_client_id(t: Trial) -> None:
    """U+0000 in the client id."""
    t.any_form = True
    peer = await t.open()
    peer.offend("CONNECT", **t.connecting(client_id=t.client_id() + "\0"))
    await peer.dropped(0x81, 0x85)


def _longer(raw: bytes) -> bytes:
    return raw[:1] + bytes([raw[1] | 0x80, 0]) + raw[2:]


@case(
    "5:MQTT-1.5.5-1",
    expect="every length in as few bytes as it needs",
    sabotage=patch("SUBACK", lambda p: p.packet_id == 1300, bytes=_longer),
)
async def shortest_lengths(t: Trial) -> None:
    """Packets of less and of more than 127 bytes."""
    peer = await t.connect()
    peer.send("SUBSCRIBE", packet_id=1300, filters=[(t.topic("long"), 1)])
    await peer.expect("SUBACK")
    for size in (1, 120, 200, 20_000):
        await peer.publish(t.topic("long"), bytes(size))
        got = await peer.expect("PUBLISH")
        check(len(got.payload) == size, f"{len(got.payload)} bytes of payload instead of {size}")


# 2.1.3 (3.1.1: 2.2.2): flags


@case(
    "3:MQTT-2.2.2-1",
    "5:MQTT-2.1.3-1",
    expect="the flags that table 2.2 gives them",
    sabotage=patch(
        "UNSUBACK", lambda p: p.packet_id == 1301, bytes=lambda raw: bytes([raw[0] | 1]) + raw[1:]
    ),
)
async def sends_right_flags(t: Trial) -> None:
    """The answers to every request."""
    peer = await t.connect()
    peer.send("SUBSCRIBE", packet_id=1300, filters=[(t.topic(), 2)])
    peer.send("PUBLISH", packet_id=1302, qos=2, topic=t.topic())
    peer.send("PUBREL", packet_id=1302)
    peer.send("PUBLISH", packet_id=1303, qos=1, topic=t.topic())
    peer.send("UNSUBSCRIBE", packet_id=1301, filters=[t.topic()])
    peer.send("PINGREQ")
    answers = {"SUBACK", "PUBREC", "PUBCOMP", "PUBACK", "UNSUBACK", "PINGRESP"}
    await t.until(lambda: peer.ended or answers <= set(peer.heard))
    for type in sorted(answers):
        got = await (peer.expect if type in peer.heard else peer.get)(type)
        check(got.raw[0] & 0x0F == 0, f"{type} with first byte 0x{got.raw[0]:02X}")


@case(
    "3:MQTT-2.2.2-2",
    "5:U-2.1.3-1",
    "3:MQTT-4.8.0-1",
    expect="each ends its connection",
    sabotage=keep_open(),
)
async def wrong_flags(t: Trial) -> None:
    """PINGREQ, PUBACK, PUBREC and PUBCOMP with flags that they do not have."""
    for packet in ("PINGREQ", "PUBACK", "PUBREC", "PUBCOMP"):
        peer = await t.connect(packet.lower())
        fields = {} if packet == "PINGREQ" else {"packet_id": 1}
        peer.offend(packet, flags=1, **fields)
        await peer.dropped(0x81)


refuses(
    "packets.foreign_property",
    "U-2.2.2.2-1",
    packet="SUBSCRIBE",
    codes=(0x81, 0x82),
    fields=lambda t: {"packet_id": 1, "filters": [(t.topic(), 0)], "topic_alias": 1},
    why="SUBSCRIBE has no Topic Alias",
)


@case(
    "5:MQTT-2.2.2-1",
    expect="a property length of 0 where there are none",
    sabotage=patch(
        "PUBLISH",
        ends("lengths"),
        bytes=lambda raw: raw[:1] + bytes([raw[1] - 1]) + raw[2:-2] + raw[-1:],
    ),
)
async def property_length_0(t: Trial) -> None:
    """A PUBLISH without properties."""
    peer = await t.connect()
    await peer.subscribe(t.topic("lengths"), qos=0)
    await peer.publish(t.topic("lengths"), b"\x00", qos=0)
    got = await peer.expect("PUBLISH")
    wanted = peer.make("PUBLISH", topic=t.topic("lengths"), payload=b"\x00")
    if got.fields.get("properties"):
        not_observable("it adds properties of its own")
    check(got.raw == wanted, f"{got.raw.hex(' ')}, not {wanted.hex(' ')}")


# 2.2.1 (3.1.1: 2.3.1): packet identifiers


@case(
    "3:MQTT-2.3.1-1",
    expect="an identifier other than 0",
    sabotage=change("PUBLISH", ends("not-0"), packet_id=0),
)
async def identifier_not_0(t: Trial) -> None:
    """Messages of QoS 1 and 2 to a subscriber."""
    peer = await t.connect()
    await peer.subscribe(t.topic("not-0"), qos=2)
    for qos in (1, 2):
        await peer.publish(t.topic("not-0"), qos=qos)
        got = await peer.get("PUBLISH", lambda p: p.qos > 0)
        check(got.packet_id, "packet identifier 0")


for _name, _packet, _rest in (
    ("subscribe", "SUBSCRIBE", {"filters": [("t", 0)]}),
    ("unsubscribe", "UNSUBSCRIBE", {"filters": ["t"]}),
    ("publish", "PUBLISH", {"topic": "t", "qos": 1}),
):
    refuses(
        f"packets.identifier_0_{_name}",
        "3:MQTT-2.3.1-1",
        packet=_packet,
        fields=_rest | {"packet_id": 0},
        why="a packet identifier of 0",
    )


def _first_again(link: Link, packet: Packet) -> Sequence[Item]:
    first = next(p for p in link.received if p.type == "PUBLISH")
    return [packet.changed(packet_id=first.packet_id)]


@case(
    "3:MQTT-2.3.1-4",
    "5:MQTT-2.2.1-4",
    "MQTT-4.3.2-1",
    "MQTT-4.3.3-1",
    expect="three identifiers, none of them 0",
    sabotage=instead("PUBLISH", _first_again, ends("free"), text="reuses the identifier of"),
)
async def identifiers_are_free(t: Trial) -> None:
    """Three messages that nobody acknowledges."""
    peer = await t.connect(acks=False)
    await peer.subscribe(t.topic("free"), qos=2)
    other = await t.connect("p")
    for qos in (1, 2, 1):
        await other.publish(t.topic("free"), qos=qos)
    used = [one.packet_id for one in await at_once(peer, 3)]
    check(len(set(used)) == 3 and 0 not in used, f"packet identifiers {used}")


@case(
    "3:MQTT-2.3.1-5",
    "5:MQTT-2.2.1-2",
    expect="the payload, and nothing before it",
    sabotage=patch(
        "PUBLISH",
        lambda p: p.qos == 0 and p.topic.endswith(b"/no-id"),
        bytes=lambda raw: raw[:1] + bytes([raw[1] + 2]) + raw[2:] + b"\0\1",
    ),
)
async def no_identifier_at_qos_0(t: Trial) -> None:
    """A QoS 0 message."""
    peer = await t.connect()
    await peer.subscribe(t.topic("no-id"), qos=0)
    await peer.publish(t.topic("no-id"), b"payload", qos=0)
    got = await peer.expect("PUBLISH", qos=0)
    check(got.payload == b"payload", f"payload {got.payload!r}")


def _answers(
    name: str, answer: str, *ids: str, packet: str, packet_id: int, before: bytes = b"", **fields
) -> None:  # type: ignore[no-untyped-def]
    @case(
        *ids,
        name=f"packets.{name}",
        expect=f"{answer} with identifier {packet_id}",
        sabotage=change(answer, lambda p: p.packet_id == packet_id, packet_id=packet_id + 1),
    )
    async def run(t: Trial) -> None:
        peer = await t.connect()
        if before:
            peer.send("PUBLISH", topic=t.topic(), qos=2, packet_id=packet_id)
            await peer.get("PUBREC")
        made = {k: v(t) if callable(v) else v for k, v in fields.items()}
        peer.send(packet, packet_id=packet_id, **made)
        got = await peer.get(answer)
        check(got.packet_id == packet_id, f"{answer} with identifier {got.packet_id}")


_OF_PUBLISH = ("3:MQTT-2.3.1-6", "5:MQTT-2.2.1-5")
_topic = lambda t: t.topic()  # noqa: E731
_answers(
    "puback_identifier",
    "PUBACK",
    *_OF_PUBLISH,
    "3:MQTT-4.3.2-2",
    "5:MQTT-4.3.2-4",
    packet="PUBLISH",
    packet_id=0xA1B2,
    topic=_topic,
    qos=1,
)
_answers(
    "pubrec_identifier",
    "PUBREC",
    *_OF_PUBLISH,
    "5:MQTT-4.3.3-8",
    packet="PUBLISH",
    packet_id=0xA1B4,
    topic=_topic,
    qos=2,
)
_answers(
    "pubcomp_identifier",
    "PUBCOMP",
    "5:MQTT-2.2.1-5",
    "5:MQTT-4.3.3-11",
    "3:MQTT-4.3.3-2",
    packet="PUBREL",
    packet_id=0xA1B6,
    before=b"PUBLISH",
)
_answers(
    "suback_identifier",
    "SUBACK",
    "3:MQTT-2.3.1-7",
    "5:MQTT-2.2.1-6",
    "MQTT-3.8.4-2",
    packet="SUBSCRIBE",
    packet_id=0xA1B8,
    filters=lambda t: [(t.topic(), 0)],
)
_answers(
    "unsuback_identifier",
    "UNSUBACK",
    "3:MQTT-2.3.1-7",
    "5:MQTT-2.2.1-6",
    "3:MQTT-3.10.4-4",
    "5:MQTT-3.10.4-5",
    packet="UNSUBSCRIBE",
    packet_id=0xA1BA,
    filters=lambda t: [t.topic()],
)


@case(
    "3:MQTT-2.3.1-6",
    "5:MQTT-2.2.1-5",
    "5:MQTT-4.3.3-4",
    expect="PUBREL with the identifier of PUBLISH",
    sabotage=change("PUBREL", lambda p: True, packet_id=lambda p, link: p.packet_id + 7),
)
async def pubrel_identifier(t: Trial) -> None:
    """A QoS 2 message to a subscriber."""
    peer = await t.connect(acks=False)
    await peer.subscribe(t.topic(), qos=2)
    other = await t.connect("p")
    await other.publish(t.topic(), qos=2)
    got = await peer.get("PUBLISH")
    peer.send("PUBREC", packet_id=got.packet_id)
    release = await peer.get("PUBREL")
    check(release.packet_id == got.packet_id, f"{release.packet_id}, not {got.packet_id}")
