"""3.3 PUBLISH, and 2.3.1 packet identifiers: what a client sends."""

from __future__ import annotations

from typing import Any

from mqttlab.conformance import ClientTrial, Packet, change, check, ends, patch
from mqttlab.conformance.sabotage import Recipe

from .common import SURROGATE, case, never_sends


async def _published(t: ClientTrial, name: str, payload: str = "abc", **fields: Any) -> Packet:
    """A PUBLISH of the client."""
    peer = await t.connect(publishes=(t.topic(name), fields.get("qos", 1)))
    t.publish(t.topic(name), payload, **fields)
    return await peer.expect("PUBLISH")


# 2.2.1 and 2.3.1


@case(
    "3:MQTT-2.3.1-1",
    "5:MQTT-2.2.1-3",
    expect="identifiers other than 0",
    sabotage=change("UNSUBSCRIBE", packet_id=0),
)
async def identifiers(t: ClientTrial) -> None:
    """SUBSCRIBE, UNSUBSCRIBE, and PUBLISH of QoS 1 and 2."""
    await t.needs("unsubscribe")
    peer = await t.connect()
    packets = [await t.subscribed(peer, t.topic("x"))]
    for qos in (1, 2):
        t.publish(t.topic("x"), qos=qos)
        packets.append(await peer.expect("PUBLISH", qos=qos))
    t.order("unsubscribe", filters=[t.topic("x")])
    packets.append(await peer.expect("UNSUBSCRIBE"))
    check(all(p.packet_id for p in packets), f"identifiers: {[p.packet_id for p in packets]}")


@case(
    "3:MQTT-2.3.1-2",
    "5:MQTT-2.2.1-3",
    expect="an identifier that the message under way has not",
    why="SUBSCRIBE and PUBLISH number from one set",
    sabotage=change("SUBSCRIBE", packet_id=lambda p, link: _last_publish(link.received)),
)
async def identifier_of_subscribe(t: ClientTrial) -> None:
    """SUBSCRIBE while a message is under way."""
    peer = await t.connect(acks=False)
    t.publish(t.topic("open"))
    message = await peer.get("PUBLISH")
    t.order("subscribe", filters=[[t.topic("x"), 0]])
    packet = await peer.get("SUBSCRIBE")
    check(packet.packet_id != message.packet_id, f"both have {packet.packet_id}")


def _last_publish(packets: list[Packet]) -> int:
    return next(int(p.packet_id) for p in reversed(packets) if p.type == "PUBLISH")


@case(
    "3:MQTT-2.3.1-5",
    "5:MQTT-2.2.1-2",
    expect="topic and payload, and nothing between them but properties",
    sabotage=change("PUBLISH", ends("bare"), payload=lambda p, link: b"\0\1" + p.payload),
)
async def no_identifier(t: ClientTrial) -> None:
    """A PUBLISH of QoS 0."""
    message = await _published(t, "bare", qos=0)
    check(message.payload == b"abc", f"payload: {message.payload!r}")


# 2.2.2 and 1.5.5


@case(
    "5:MQTT-2.2.2-1",
    expect="a property length of 0",
    sabotage=patch("PUBLISH", ends("propertyless"), bytes=lambda raw: _cut(raw)),
)
async def no_properties(t: ClientTrial) -> None:
    """A PUBLISH without properties."""
    message = await _published(t, "propertyless", qos=0)
    check(message.payload == b"abc", f"payload: {message.payload!r}")
    check(not message.properties, f"properties: {message.properties}")


def _cut(raw: bytes) -> bytes:
    """A short PUBLISH of QoS 0 without the byte that says that it has no properties."""
    body = raw[2:]
    split = 2 + int.from_bytes(body[:2])
    return bytes([raw[0], raw[1] - 1]) + body[:split] + body[split + 1 :]


@case(
    "5:MQTT-1.5.5-1",
    expect="a length of one byte",
    sabotage=patch(
        "PUBLISH", ends("short"), bytes=lambda raw: bytes([raw[0], raw[1] | 0x80, 0]) + raw[2:]
    ),
)
async def shortest_length(t: ClientTrial) -> None:
    """The length of a short packet."""
    message = await _published(t, "short")
    check(message.raw[1] == len(message.raw) - 2, f"length: {message.raw[1:3].hex(' ')}")


# 3.3.1 and 3.3.2


never_sends(
    "publish.qos_3",
    "MQTT-3.3.1-4",
    packet="PUBLISH",
    order=lambda t: t.publish(t.topic("three"), qos=3),
    plain=lambda t: t.publish(t.topic("three"), qos=1),
    why="the application wants QoS 3",
    holds=lambda p: p.qos < 3,
    sabotage=change("PUBLISH", ends("three"), flags=6),
)


@case(
    "MQTT-3.3.2-1",
    expect="the topic as it was given, in UTF-8",
    sabotage=change("PUBLISH", lambda p: b"/gr" in p.topic, topic=SURROGATE),
)
async def topic(t: ClientTrial) -> None:
    """A topic of more than ASCII."""
    message = await _published(t, "größe/✓")
    check(message.topic == t.topic("größe/✓").encode(), f"topic: {message.topic!r}")


def _topic(name: str, text: str, *ids: str, why: str, topic: str | bytes | None = None) -> None:
    """The client is told to publish to a topic that is none; `topic`: what the sabotage sends."""
    never_sends(
        f"publish.{name}",
        *ids,
        packet="PUBLISH",
        order=lambda t: t.publish(text),
        plain=lambda t: t.publish(t.topic("instead")),
        why=why,
        sabotage=change("PUBLISH", ends("instead"), topic=text if topic is None else topic),
    )


_WILDCARDS = ("MQTT-3.3.2-2", "3:MQTT-4.7.1-1", "5:MQTT-4.7.0-1")
_topic("wildcard_hash", "a/#", *_WILDCARDS, why="# in a topic name")
_topic("wildcard_plus", "a/+/b", *_WILDCARDS, why="+ in a topic name")
_topic("empty", "", "MQTT-4.7.3-1", "5:U-3.3.2.1-1", why="an empty topic, and no alias")
_topic("nul", "a\0b", "MQTT-4.7.3-2", "3:MQTT-1.5.3-2", "5:MQTT-1.5.4-2", why="U+0000 in a topic")
_topic(
    "surrogate", "a\ud800b", "3:MQTT-1.5.3-1", "5:MQTT-1.5.4-1",
    why="a surrogate in a topic, which UTF-8 does not have", topic=SURROGATE,
)  # fmt: skip

# 3.3.2.3: properties (5.0)

_PROPERTIES: dict[str, Any] = {
    "payload_format_indicator": 1,
    "message_expiry_interval": 60,
    "content_type": "text/plain",
    "response_topic": "answer/to",
    "correlation_data": "7",
}


def _once(name: str, *ids: str) -> None:
    value = _PROPERTIES[name]

    @case(
        *ids,
        name=f"publish.once_{name}",
        expect=f"{name} once, with its value",
        sabotage=change("PUBLISH", ends("properties"), **{name: [value, value]}),
    )
    async def run(t: ClientTrial) -> None:
        await t.needs("properties")
        message = await _published(t, "properties", **{name: value})
        given = value.encode() if isinstance(value, str) else value
        check(message.all(name) == [given], f"{name}: {message.all(name)}")


_once("response_topic", "U-3.3.2.3.5-1", "5:MQTT-3.3.2-13")
_once("correlation_data", "U-3.3.2.3.6-1")
_once("content_type", "U-3.3.2.3.9-1", "5:MQTT-3.3.2-19")


@case(
    "U-3.3.2.3.4-1",
    expect="one alias, or none",
    sabotage=change("PUBLISH", ends("alias-once"), topic_alias=[1, 1]),
)
async def once_topic_alias(t: ClientTrial) -> None:
    """Messages to a server that takes aliases."""
    peer = await t.connect(connack={"topic_alias_maximum": 5})
    for _ in range(2):
        t.publish(t.topic("alias-once"))
        message = await peer.expect("PUBLISH")
        check(len(message.all("topic_alias")) < 2, f"aliases: {message.all('topic_alias')}")


def _property(
    name: str, *ids: str, why: str, wrong: Recipe | None = None, needs: str = "properties",
    **value: Any,
) -> None:  # fmt: skip
    """The client is told to publish with a property that may not be like that."""
    never_sends(
        f"publish.{name}",
        *ids,
        packet="PUBLISH",
        order=lambda t: t.publish(t.topic("odd"), **value),
        plain=lambda t: t.publish(t.topic("odd")),
        why=why,
        sabotage=wrong or change("PUBLISH", ends("odd"), **value),
        needs=(needs,),
    )


def _wrong(**value: Any) -> Recipe:
    return change("PUBLISH", ends("odd"), **value)


_property(
    "response_topic_wildcard", "5:MQTT-3.3.2-14", why="a response topic with #",
    response_topic="a/#",
)  # fmt: skip
_property(
    "response_topic_surrogate", "5:MQTT-3.3.2-13", why="a response topic with a surrogate",
    response_topic="a\ud800", wrong=_wrong(response_topic=SURROGATE),
)  # fmt: skip
_property(
    "content_type_surrogate", "5:MQTT-3.3.2-19", why="a content type with a surrogate",
    content_type="a\ud800", wrong=_wrong(content_type=SURROGATE),
)  # fmt: skip
_property(
    "user_property_surrogate", "5:MQTT-1.5.7-1", why="a user property with a surrogate",
    user_property=[["a", "\ud800"]], wrong=_wrong(user_property=("a", SURROGATE)),
)  # fmt: skip
_property(
    "user_property_nul", "5:MQTT-1.5.7-1", why="a user property with U+0000 in its name",
    user_property=[["a\0", "b"]], wrong=_wrong(user_property=("a\0", "b")),
)  # fmt: skip
_property(
    "subscription_identifier", "5:MQTT-3.3.4-6", "U-3.3.2.3.8-1", why="only servers say that",
    subscription_identifier=0,
)  # fmt: skip
