"""What a client must not let pass: packets of a server that are malformed, or out of order."""

from __future__ import annotations

from typing import Any

from mqttlab.conformance import (
    ClientTrial,
    Served,
    check,
    keep_open,
    misheard,
    unheard,
)

from .common import ILL_FORMED, SURROGATE, case, malformed, refuses

# 1.5: strings

for _index, _bytes in enumerate(ILL_FORMED):
    refuses(
        f"received.ill_formed_{_index}",
        "3:MQTT-1.5.3-1",
        "5:U-1.5.4-1",
        packet="PUBLISH",
        fields={"topic": b"a/" + _bytes},
        why=f"a topic with the bytes {_bytes.hex(' ')}",
    )
refuses(
    "received.nul",
    "3:MQTT-1.5.3-2",
    "5:U-1.5.4-1",
    packet="PUBLISH",
    fields={"topic": "a\0b"},
    why="U+0000 in a topic",
)
for _name, _pair in (("name", (SURROGATE, "b")), ("value", ("a", SURROGATE))):
    refuses(
        f"received.pair_{_name}",
        "U-1.5.7-1",
        packet="PUBLISH",
        fields={"topic": "a", "user_property": _pair},
        why=f"a surrogate in a user property's {_name}",
    )


@case(
    "3:MQTT-1.5.3-3",
    "5:MQTT-1.5.4-3",
    expect="the topic with U+FEFF",
    sabotage=misheard("message", topic=lambda event: event["topic"].replace("\ufeff", "")),
)
async def byte_order_mark(t: ClientTrial) -> None:
    """U+FEFF in the topic of a message."""
    await t.needs("message")
    peer = await t.connect()
    topic = "\ufeff" + t.topic("bom")
    await t.subscribed(peer, "#")
    await peer.deliver(topic, "x")
    told = await t.expect("message", payload="x")
    check(told["topic"] == topic, f"topic: {told['topic']!r}")


# 2.1.3 and 2.2.2: flags

_FLAGS: dict[str, dict[str, Any]] = {
    "PUBACK": {"packet_id": 1},
    "PUBREC": {"packet_id": 1},
    "PUBREL": {"packet_id": 1, "flags": 0},
    "PUBCOMP": {"packet_id": 1},
    "SUBACK": {"packet_id": 1, "codes": [0]},
    "UNSUBACK": {"packet_id": 1, "codes": []},
    "PINGRESP": {},
}
for _packet, _fields in _FLAGS.items():
    refuses(
        f"received.flags_{_packet.lower()}",
        "3:MQTT-2.2.2-2",
        "5:U-2.1.3-1",
        packet=_packet,
        codes=(0x81,),
        fields={"flags": 1} | _fields,
        why=f"{_packet} with wrong flags",
    )
malformed("received.flags_connack", "5:U-2.1.3-1", why="CONNACK with flags 0001", flags=1)
refuses(
    "received.flags_disconnect",
    "5:MQTT-3.14.1-1",
    packet="DISCONNECT",
    codes=(0x81,),
    fields={"flags": 1},
    why="the reserved bits of DISCONNECT are to be checked (3.14.1)",
    strength="MUST",
)
refuses(
    "received.flags_auth",
    "5:MQTT-3.15.1-1",
    packet="AUTH",
    fields={"flags": 1, "reason": 0x18, "authentication_method": "SCRAM-SHA-256"},
    why="other flags than 0 are malformed, and the connection is to be closed (3.15.1)",
    strength="MUST",
)
refuses(
    "received.qos_3",
    "3:MQTT-3.3.1-4",
    "5:U-3.3.1.2-1",
    packet="PUBLISH",
    codes=(0x81,),
    fields={"topic": "t", "flags": 6, "payload": b"\0\1"},
    why="QoS bits 11",
)

# 4.8 of 3.1.1

_VIOLATIONS: dict[str, dict[str, Any]] = {
    "CONNECT": {"client_id": "x"},
    "SUBSCRIBE": {"packet_id": 1, "filters": [("a", 0)]},
    "UNSUBSCRIBE": {"packet_id": 1, "filters": ["a"]},
    "PINGREQ": {},
}
for _packet, _fields in _VIOLATIONS.items():
    refuses(
        f"received.out_of_place_{_packet.lower()}",
        "3:MQTT-4.8.0-1",
        packet=_packet,
        fields=_fields,
        why=f"no server sends {_packet}",
    )
refuses(
    "received.truncated",
    "3:MQTT-4.8.0-1",
    packet="PUBACK",
    fields={"packet_id": 1, "tail": b"\0"},
    why="PUBACK of three bytes",
)
refuses(
    "received.empty_topic",
    "3:MQTT-4.8.0-1",
    "U-3.3.2.1-1",
    packet="PUBLISH",
    fields={"topic": ""},
    why="an empty topic, and no alias",
)
refuses(
    "received.wildcard",
    "3:MQTT-4.8.0-1",
    "5:MQTT-4.7.0-1",
    packet="PUBLISH",
    fields={"topic": "a/#"},
    why="# in the topic of a message",
)

# 3.3.2.3 and 3.3.4: properties of messages (5.0)

_TWICE: dict[str, tuple[str, Any]] = {
    "topic_alias": ("U-3.3.2.3.4-1", 1),
    "response_topic": ("U-3.3.2.3.5-1", "a"),
    "correlation_data": ("U-3.3.2.3.6-1", "a"),
    "content_type": ("U-3.3.2.3.9-1", "a"),
}
for _property, (_id, _value) in _TWICE.items():
    refuses(
        f"received.twice_{_property}",
        _id,
        packet="PUBLISH",
        codes=(0x82,),
        fields={"topic": "t", _property: [_value, _value]},
        why=f"{_property} twice",
    )
refuses(
    "received.foreign_property",
    "U-2.2.2.2-1",
    packet="PUBLISH",
    fields={"topic": "t", "session_expiry_interval": 1},
    why="PUBLISH has no Session Expiry Interval",
)
refuses(
    "received.subscription_identifier_0",
    "U-3.3.2.3.8-1",
    packet="PUBLISH",
    codes=(0x82,),
    fields={"topic": "t", "subscription_identifier": 0},
    why="a Subscription Identifier of 0",
)


async def _subscribes(t: ClientTrial, peer: Served) -> None:
    await t.needs("subscription_identifier")
    await t.subscribed(peer, t.topic("mine"), properties={"subscription_identifier": 5})


refuses(
    "received.subscription_identifier",
    "U-3.3.4-1",
    packet="PUBLISH",
    codes=(0x82,),
    fields=lambda t: {"topic": t.topic("mine"), "subscription_identifier": 6},
    prepare=_subscribes,
    why="the client's only subscription has another Subscription Identifier",
)

_ALIASES = 5
for _name, _alias, _id, _codes in (
    ("0", 0, "U-3.3.4-2", (0x94, 0x82)),
    ("above", _ALIASES + 1, "U-3.3.4-2", (0x94,)),
):
    refuses(
        f"received.alias_{_name}",
        _id,
        packet="PUBLISH",
        codes=_codes,
        fields={"topic": "t", "topic_alias": _alias},
        why=f"alias {_alias} to a client that takes 1 to {_ALIASES}",
        topic_alias_maximum=_ALIASES,
    )
refuses(
    "received.alias_of_none",
    "U-3.3.4-2",
    packet="PUBLISH",
    codes=(0x94,),
    fields={"topic": "t", "topic_alias": 1},
    why="an alias to a client that has announced no Topic Alias Maximum",
)
refuses(
    "received.alias_unknown",
    "U-3.3.4-3",
    packet="PUBLISH",
    codes=(0x82,),
    fields={"topic": "", "topic_alias": 2},
    why="an alias that stands for nothing",
    topic_alias_maximum=_ALIASES,
)


@case(
    "5:MQTT-3.3.2-10",
    expect="both messages, under the topic of the first",
    sabotage=unheard("message", lambda event: event["payload"] == "by alias"),
)
async def aliases(t: ClientTrial) -> None:
    """The lowest and the highest alias that the client takes."""
    await t.needs("message")
    peer = await t.connect(topic_alias_maximum=_ALIASES)
    await t.subscribed(peer, t.topic("#"))
    for alias in (1, _ALIASES):
        topic = t.topic(f"alias{alias}")
        await peer.deliver(topic, "by name", topic_alias=alias)
        await peer.deliver("", "by alias", topic_alias=alias)
        for payload in ("by name", "by alias"):
            await t.expect("message", topic=topic, payload=payload)


@case(
    "5:MQTT-3.3.2-7",
    expect="not taken for the topic of the connection before",
    sabotage=keep_open(),
    strength="SHOULD",
    why="0x82 is what 3.3.4 has for an alias that stands for nothing; a client should then close",
)
async def alias_of_yesterday(t: ClientTrial) -> None:
    """An alias that was set on the connection before."""
    peer = await t.connect(session=True, topic_alias_maximum=_ALIASES)
    await t.subscribed(peer, t.topic("#"))
    await peer.deliver(t.topic("old"), "x", topic_alias=1)
    again = await t.reconnect()
    again.offend("PUBLISH", topic="", topic_alias=1, payload=b"stale", qos=1, packet_id=9)
    await again.dropped(0x82)


@case(
    "5:MQTT-3.3.2-7",
    expect="not handed over under the topic of the connection before",
    sabotage=misheard("message", lambda e: e["payload"] == "fresh", payload="stale"),
)
async def alias_begins_anew(t: ClientTrial) -> None:
    """The alias is set again on the next connection."""
    await t.needs("message")
    peer = await t.connect(session=True, topic_alias_maximum=_ALIASES)
    await t.subscribed(peer, t.topic("#"))
    await peer.deliver(t.topic("old"), "x", topic_alias=1)
    again = await t.reconnect()
    await again.deliver(t.topic("new"), "y", topic_alias=1)
    await again.deliver("", "fresh", topic_alias=1)
    await t.expect("message", topic=t.topic("new"), payload="fresh")


# Limits that the client has announced (5.0)

refuses(
    "received.too_large",
    "U-3.1.2.11.4-3",
    packet="PUBLISH",
    codes=(0x95,),
    fields={"topic": "t", "payload": b"x" * 2000},
    why="2,000 bytes to a client that takes 1,000",
    maximum_packet_size=1000,
)


async def _one_open(t: ClientTrial, peer: Served) -> None:
    peer.acks = False
    peer.send("PUBLISH", topic=t.topic("open"), qos=2, packet_id=1)
    await peer.get("PUBREC")


refuses(
    "received.receive_maximum",
    "U-3.3.4-4",
    packet="PUBLISH",
    codes=(0x93,),
    fields=lambda t: {"topic": t.topic("open"), "qos": 2, "packet_id": 2},
    prepare=_one_open,
    why="a second message of QoS 2 to a client whose Receive Maximum is 1",
    receive_maximum=1,
)


def _problem(packet: str, fields: dict[str, Any]) -> None:
    @case(
        "U-3.1.2.11.7-3",
        name=f"received.problem_information_{packet.lower()}",
        expect="the client closes; it may say 0x82 before",
        why="Request Problem Information was 0; 4.13.1 says that a client should close",
        sabotage=keep_open(),
        strength="SHOULD",
    )
    async def run(t: ClientTrial) -> None:
        peer = await t.connect(acks=False, request_problem_information=0)
        if packet == "SUBACK":
            t.order("subscribe", filters=[[t.topic("x"), 0]])
        else:
            t.publish(t.topic("x"))
        asked = await peer.get("SUBSCRIBE" if packet == "SUBACK" else "PUBLISH")
        peer.offend(packet, packet_id=asked.packet_id, reason_string="why", **fields)
        await peer.dropped(0x82)


_problem("PUBACK", {})
_problem("SUBACK", {"codes": [0]})

# 3.4 to 3.14: acknowledgements and others (5.0)

for _packet, _id, _fields in (
    ("PUBACK", "U-3.4.2.2.2-1", {"packet_id": 1}),
    ("PUBREC", "U-3.5.2.2.2-1", {"packet_id": 1}),
    ("PUBREL", "U-3.6.2.2.2-1", {"packet_id": 1}),
    ("PUBCOMP", "U-3.7.2.2.2-1", {"packet_id": 1}),
    ("SUBACK", "U-3.9.2.1.2-1", {"packet_id": 1, "codes": [0]}),
    ("UNSUBACK", "U-3.11.2.1.2-1", {"packet_id": 1, "codes": [0]}),
):
    refuses(
        f"received.twice_reason_string_{_packet.lower()}",
        _id,
        packet=_packet,
        codes=(0x82,),
        fields=_fields | {"reason_string": ["a", "b"]},
        why="two Reason Strings",
    )


def _code(name: str, *ids: str, packet: str, order: str, code: int) -> None:
    @case(
        *ids,
        name=f"received.{name}",
        expect="the client closes",
        why=f"0x{code:02X} is no code of {packet}; 4.13.1 says that a client should close",
        sabotage=keep_open(),
        strength="SHOULD",
    )
    async def run(t: ClientTrial) -> None:
        peer = await t.connect(acks=False)
        if order == "UNSUBSCRIBE":
            await t.needs("unsubscribe")
            t.order("unsubscribe", filters=[t.topic("x")])
        else:
            t.order("subscribe", filters=[[t.topic("x"), 0]])
        asked = await peer.get(order)
        peer.offend(packet, packet_id=asked.packet_id, codes=[code])
        await peer.dropped(0x81, 0x82)


_code("suback_code", "MQTT-3.9.3-2", packet="SUBACK", order="SUBSCRIBE", code=0x05)
_code("unsuback_code", "5:MQTT-3.11.3-2", packet="UNSUBACK", order="UNSUBSCRIBE", code=0x05)


@case(
    "5:MQTT-4.13.2-1",
    expect="the client closes, if the server does not",
    strength="SHOULD",
    why="the one who says the code has to close; the other one should (3.14.4)",
    sabotage=keep_open(),
)
async def disconnect(t: ClientTrial) -> None:
    """DISCONNECT 0x8B, and the connection stays open."""
    peer = await t.connect()
    peer.offend("DISCONNECT", reason=0x8B)
    await peer.dropped()
