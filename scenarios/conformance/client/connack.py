"""3.2 CONNACK: what a client makes of the server's answer, and of the limits in it (5.0)."""

from __future__ import annotations

from mqttlab.conformance import (
    ClientTrial,
    Packet,
    change,
    check,
    ends,
    invent,
    keep_open,
)

from .common import case, malformed, never_sends

# 3.2.2.1: Session Present


@case(
    "5:MQTT-3.2.2-4",
    expect="the client closes",
    why="it has no session: it has asked for a clean start",
    sabotage=keep_open(),
)
async def session_from_nowhere(t: ClientTrial) -> None:
    """Session Present 1 to a client that has no session."""
    peer = await t.open()
    peer.offend("CONNACK", session_present=1)
    await peer.dropped(0x82)


def _forgets(name: str, *ids: str, packet: str, clean: bool) -> None:
    fields = {"topic": "t", "qos": 1, "dup": True} if packet == "PUBLISH" else {}

    @case(
        *ids,
        name=f"connack.{name}_{packet.lower()}",
        expect=f"no {packet} of the session that is gone",
        why="it may publish anew, as a new message, or close",
        sabotage=invent(packet, "PUBACK", packet_id=0x7F03, **fields),
    )
    async def run(t: ClientTrial) -> None:
        qos = 1 if packet == "PUBLISH" else 2
        announced = (t.topic("forgotten"), qos)
        peer = await t.connect(acks=False, session=not clean, publishes=announced)
        t.publish(t.topic("forgotten"), qos=qos)
        message = await peer.get("PUBLISH")
        if packet == "PUBREL":
            peer.send("PUBREC", packet_id=message.packet_id)
            await peer.get("PUBREL")
        again = await t.reconnect(acks=False, clean=clean, connack={"session_present": 0})
        if not again.ended:
            await again.nothing(packet, lambda p: p.fields.get("dup", True))


for _packet in ("PUBLISH", "PUBREL"):
    _forgets("session_lost", "5:MQTT-3.2.2-5", packet=_packet, clean=False)
    _forgets("clean", "3:MQTT-3.1.2-6", "5:MQTT-3.1.2-4", packet=_packet, clean=True)

malformed(
    "connack.flags", "5:MQTT-3.2.2-1", why="bit 1 of the acknowledge flags is 1", session_present=2
)
malformed("connack.code", "5:MQTT-3.2.2-8", why="no reason code of CONNACK is 0x05", reason=0x05)


@case(
    "5:MQTT-4.13.2-1",
    expect="the client closes, if the server does not",
    strength="SHOULD",
    why="the one who says the code has to close; the other one should",
    sabotage=keep_open(),
)
async def refused(t: ClientTrial) -> None:
    """CONNACK 0x87, and the connection stays open."""
    peer = await t.open()
    peer.offend("CONNACK", reason=0x87)
    await peer.dropped()


# 3.2.2.3: properties, each once and with a value that it may have

_ONCE = {
    "session_expiry_interval": ("2", 10),
    "receive_maximum": ("3", 10),
    "maximum_qos": ("4", 1),
    "retain_available": ("5", 1),
    "maximum_packet_size": ("6", 1000),
    "assigned_client_identifier": ("7", "a"),
    "topic_alias_maximum": ("8", 1),
    "reason_string": ("9", "a"),
    "wildcard_subscription_available": ("11", 1),
    "subscription_identifiers_available": ("12", 1),
    "shared_subscription_available": ("13", 1),
    "server_keep_alive": ("14", 10),
    "response_information": ("15", "a"),
    "server_reference": ("16", "a"),
    "authentication_method": ("17", "a"),
    "authentication_data": ("18", "a"),
}
_WRONG = {
    "receive_maximum": 0,
    "maximum_qos": 2,
    "retain_available": 2,
    "maximum_packet_size": 0,
    "wildcard_subscription_available": 2,
    "subscription_identifiers_available": 2,
    "shared_subscription_available": 2,
}
for _property, (_number, _value) in _ONCE.items():
    malformed(
        f"connack.once_{_property}",
        f"U-3.2.2.3.{_number}-1",
        why=f"{_property} twice",
        **{_property: [_value, _value]},
    )
for _property, _value in _WRONG.items():
    malformed(
        f"connack.{_property}",
        f"U-3.2.2.3.{_ONCE[_property][0]}-2",
        why=f"{_property} is {_value}",
        **{_property: _value},
    )

# 3.2.2.3: limits that the client keeps to

for _most in (0, 1):
    never_sends(
        f"connack.maximum_qos_{_most}",
        "5:MQTT-3.2.2-11",
        packet="PUBLISH",
        order=lambda t: t.publish(t.topic("qos"), qos=2),
        plain=lambda t: t.publish(t.topic("qos"), qos=0),
        why=f"Maximum QoS is {_most}, the application wants QoS 2",
        holds=lambda p, most=_most: p.qos <= most,
        sabotage=change("PUBLISH", ends("qos"), qos=2, packet_id=1),
        connack={"maximum_qos": _most},
    )

never_sends(
    "connack.no_retain",
    "5:MQTT-3.2.2-14",
    packet="PUBLISH",
    order=lambda t: t.publish(t.topic("kept"), qos=0, retain=True),
    plain=lambda t: t.publish(t.topic("kept"), qos=0),
    why="Retain Available is 0, the application wants RETAIN",
    holds=lambda p: not p.retain,
    sabotage=change("PUBLISH", ends("kept"), retain=True),
    connack={"retain_available": 0},
)

_MOST = 80  # bytes
for _name, _packet, _order, _plain in (
    (
        "publish",
        "PUBLISH",
        lambda t: t.publish(t.topic("large"), "x" * 100),
        lambda t: t.publish(t.topic("large"), "x"),
    ),
    (
        "subscribe",
        "SUBSCRIBE",
        lambda t: t.order("subscribe", filters=[["x" * 100, 0]]),
        lambda t: t.order("subscribe", filters=[["x", 0]]),
    ),
):
    never_sends(
        f"connack.maximum_packet_size_{_name}",
        "5:MQTT-3.2.2-15",
        packet=_packet,
        order=_order,
        plain=_plain,
        why=f"Maximum Packet Size is {_MOST}",
        holds=lambda p: len(p.raw) <= _MOST,
        sabotage=change(_packet, user_property=("x" * 60, "y" * 60)),
        connack={"maximum_packet_size": _MOST},
    )


async def _aliases(t: ClientTrial, maximum: int | None) -> list[int]:
    """Those that a client uses of itself for six messages on three topics."""
    peer = await t.connect(connack={"topic_alias_maximum": maximum})
    for number in range(6):
        t.publish(t.topic(f"alias{number % 3}"), qos=1)
    packets: list[Packet] = [await peer.get("PUBLISH") for _ in range(6)]
    return [p.property("topic_alias") for p in packets if p.property("topic_alias") is not None]


@case(
    "5:MQTT-3.2.2-17",
    "5:MQTT-3.3.2-8",
    "5:MQTT-3.3.2-9",
    expect="aliases of 1 and 2, or none",
    sabotage=change("PUBLISH", lambda p: b"/alias" in p.topic, topic_alias=3, once=True),
)
async def few_aliases(t: ClientTrial) -> None:
    """Topic Alias Maximum is 2."""
    used = await _aliases(t, 2)
    check(all(0 < alias <= 2 for alias in used), f"aliases: {used}")
    if not used:
        t.note("it uses none of itself")


@case(
    "5:MQTT-3.2.2-18",
    "5:MQTT-3.3.2-9",
    expect="no alias",
    sabotage=change("PUBLISH", lambda p: b"/alias" in p.topic, topic_alias=1, once=True),
)
async def no_aliases(t: ClientTrial) -> None:
    """No Topic Alias Maximum, that is 0."""
    used = await _aliases(t, None)
    check(not used, f"aliases: {used}")


for _name, _ids, _maximum, _alias in (
    ("above", ("5:MQTT-3.2.2-17", "5:MQTT-3.3.2-9"), 2, 9),
    ("none", ("5:MQTT-3.2.2-18", "5:MQTT-3.3.2-9"), None, 1),
    ("zero", ("5:MQTT-3.3.2-8",), 2, 0),
):
    never_sends(
        f"connack.alias_{_name}",
        *_ids,
        packet="PUBLISH",
        order=lambda t, alias=_alias: t.publish(t.topic("named"), topic_alias=alias),
        plain=lambda t: t.publish(t.topic("named")),
        why=f"the application wants alias {_alias}; Topic Alias Maximum is {_maximum or 0}",
        holds=lambda p, alias=_alias: p.property("topic_alias") != alias,
        sabotage=change("PUBLISH", ends("named"), topic_alias=_alias),
        needs=("topic_alias",),
        connack={"topic_alias_maximum": _maximum},
    )
