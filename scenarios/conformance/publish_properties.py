"""3.3.2.3: the properties of PUBLISH (5.0)."""

from __future__ import annotations

from typing import Any

from mqttlab.conformance import (
    Peer,
    Trial,
    case,
    change,
    check,
    drop,
    ends,
    keep_open,
    not_claimed,
    not_observable,
)

from .common import SURROGATE, refuses

for _name, _id, _value in (
    ("topic_alias", "U-3.3.2.3.4-1", 1),
    ("response_topic", "U-3.3.2.3.5-1", "r"),
    ("correlation_data", "U-3.3.2.3.6-1", "c"),
    ("content_type", "U-3.3.2.3.9-1", "t"),
):
    refuses(
        f"publish_properties.twice_{_name}",
        _id,
        packet="PUBLISH",
        codes=(0x82,),
        fields={"topic": "t", _name: [_value, _value]},
        why=f"{_name} is there twice",
    )

for _name, _ids, _extra, _why in (
    (
        "response_topic_ill_formed",
        ("5:MQTT-3.3.2-13",),
        {"response_topic": b"r" + SURROGATE},
        "a surrogate in the response topic",
    ),
    (
        "content_type_ill_formed",
        ("5:MQTT-3.3.2-19",),
        {"content_type": b"c" + SURROGATE},
        "a surrogate in the content type",
    ),
    (
        "user_property_ill_formed",
        ("U-1.5.7-1", "5:MQTT-1.5.7-1"),
        {"user_property": ("n", b"v" + SURROGATE)},
        "a surrogate in a user property's value",
    ),
    (
        "user_property_name_ill_formed",
        ("U-1.5.7-1", "5:MQTT-1.5.7-1"),
        {"user_property": (b"n\0", "v")},
        "U+0000 in a user property's name",
    ),
):
    refuses(
        f"publish_properties.{_name}",
        *_ids,
        packet="PUBLISH",
        codes=(0x81, 0x82),
        fields={"topic": "t"} | _extra,
        why=_why,
    )


@case(
    "5:MQTT-3.3.2-14",
    expect="closed; or passed on as it came, or without it",
    why="that the client must not is said; what the server does then is not",
    sabotage=keep_open(),
)
async def response_topic_wildcard(t: Trial) -> None:
    """A Response Topic with a wildcard."""
    peer, other = await t.connect("s"), await t.connect("p")
    await peer.subscribe(t.topic("wild"))
    other.offend("PUBLISH", topic=t.topic("wild"), response_topic="r/#")
    # Passed on, it does not decode: the frame is looked at as it is.
    found = lambda: next((p for p in peer.inbox if p.type == "PUBLISH"), None)  # noqa: E731
    t.any_form = True
    await t.until(lambda: other.ended or found())
    if other.ended:
        await other.dropped(0x81, 0x82, 0x90)
    else:
        message = found()
        kept = message and (b"r/#" in message.raw or message.property("response_topic") is None)
        check(kept, "neither closed nor passed on")


# What is passed on as it came.


def _passed_on(name: str, *ids: str, value: Any, wrong: Any, read: Any = None) -> None:
    @case(
        *ids,
        name=f"publish_properties.forwards_{name}",
        expect="the value that was published",
        sabotage=change("PUBLISH", ends(f"on-{name}"), **{name: wrong}),
    )
    async def run(t: Trial) -> None:
        peers = [await t.connect(one) for one in ("s", "u")]
        for peer in peers:
            await peer.subscribe(t.topic(f"on-{name}"))
        other = await t.connect("p")
        await other.publish(t.topic(f"on-{name}"), **{name: value})
        for peer in peers:
            got = await peer.get("PUBLISH")
            found = got.all(name)
            wanted = [
                one.encode() if isinstance(one, str) else one
                for one in (value if isinstance(value, list) else [value])
            ]
            found = [
                (n.decode(), v.decode()) if isinstance(one, tuple) else one
                for one in found
                for n, v in [one if isinstance(one, tuple) else (b"", b"")]
            ]
            check(found == wanted, f"{peer.name}: {name} {found}")


_passed_on("payload_format_indicator", "5:MQTT-3.3.2-4", value=1, wrong=None)
_passed_on("response_topic", "5:MQTT-3.3.2-15", value="answers/here", wrong="elsewhere")
_passed_on("correlation_data", "5:MQTT-3.3.2-16", value=b"\x00\xff\x01", wrong=b"\x00")
_passed_on("content_type", "5:MQTT-3.3.2-20", value="text/plain", wrong="text/html")
_passed_on(
    "user_property",
    "5:MQTT-3.3.2-17",
    "5:MQTT-3.3.2-18",
    value=[("z", "1"), ("a", "2"), ("z", "3")],
    wrong=[("a", "2"), ("z", "1"), ("z", "3")],
)


@case(
    "5:MQTT-1.5.7-1",
    expect="pairs of valid UTF-8",
    sabotage=change("PUBLISH", ends("pair"), user_property=("n", b"v" + SURROGATE)),
)
async def pair_is_valid(t: Trial) -> None:
    """A user property with characters of several bytes."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("pair"))
    await peer.publish(t.topic("pair"), user_property=("nä", "€"))
    await peer.expect("PUBLISH")


# Message expiry


@case(
    "5:MQTT-3.3.2-5",
    expect="the message that expired does not come, the other does",
    sabotage=change("PUBLISH", ends("expired"), payload=b"short"),
)
async def expired(t: Trial) -> None:
    """Messages for a client that is away; one expires."""
    unit = t.times.unit_s
    peer = await t.connect("s", session=True)
    await peer.subscribe(t.topic("expired"))
    await peer.disconnect()
    other = await t.connect("p")
    await other.publish(t.topic("expired"), b"short", message_expiry_interval=unit)
    await other.publish(t.topic("expired"), b"long", message_expiry_interval=1000 * unit)
    await t.sleep(unit + t.times.slack_s)
    peer = await t.connect("s", session=True)
    got = await peer.expect("PUBLISH")
    check(got.payload == b"long", f"{got.payload!r} came")
    await peer.nothing("PUBLISH")


@case(
    "5:MQTT-3.3.2-6",
    expect="the interval less the time that it waited",
    sabotage=change("PUBLISH", ends("aged"), message_expiry_interval=1000),
)
async def expiry_is_reduced(t: Trial) -> None:
    """A message that waits for two units."""
    unit = t.times.unit_s
    peer = await t.connect("s", session=True)
    await peer.subscribe(t.topic("aged"))
    await peer.disconnect()
    other = await t.connect("p")
    published = t.now
    await other.publish(t.topic("aged"), message_expiry_interval=1000 * unit)
    await t.sleep(2 * unit)
    peer = await t.connect("s", session=True)
    got = await peer.get("PUBLISH")
    left = got.property("message_expiry_interval")
    waited_s = t.now - published
    check(left is not None, "no Message Expiry Interval")
    low, high = 1000 * unit - waited_s - 1, 1000 * unit - 2 * unit + 1
    check(low <= left <= high, f"{left} s left of {1000 * unit} after {waited_s:.1f} s")


@case(
    "5:MQTT-3.3.2-6",
    expect="the interval that was published",
    sabotage=change("PUBLISH", ends("young"), message_expiry_interval=None),
)
async def expiry_is_passed_on(t: Trial) -> None:
    """A message that does not wait."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("young"))
    await peer.publish(t.topic("young"), message_expiry_interval=500)
    got = await peer.get("PUBLISH")
    left = got.property("message_expiry_interval")
    check(left in (499, 500), f"Message Expiry Interval {left}")


# Topic aliases


async def _aliases(t: Trial, name: str = "p", **fields: Any) -> tuple[Peer, int]:
    peer = await t.connect(name, **fields)
    assert peer.connack
    most = peer.connack.property("topic_alias_maximum") or 0
    if not most:
        not_claimed("topic aliases from clients")
    return peer, most


@case(
    "5:MQTT-3.3.2-12",
    expect="the message under the topic of its alias",
    sabotage=drop("PUBLISH", ends("aliased-top")),
)
async def alias_in_range(t: Trial) -> None:
    """Aliases 1 and the server's maximum, set and used."""
    peer, most = await _aliases(t)
    await peer.subscribe(t.topic("+"))
    for alias, name in ((1, "aliased"), (most, "aliased-top")):
        await peer.publish(t.topic(name), b"set", topic_alias=alias)
        await peer.publish("", b"used", topic_alias=alias)
        for payload in (b"set", b"used"):
            await peer.expect("PUBLISH", topic=t.topic(name), payload=payload)


@case(
    "5:MQTT-3.3.2-7",
    "U-3.3.4-3",
    "U-3.3.2.1-1",
    expect="closed: the alias means nothing on the new connection",
    sabotage=keep_open(),
)
async def alias_ends_with_connection(t: Trial) -> None:
    """An alias of the connection before, in the same session."""
    peer, _ = await _aliases(t, session=True)
    await peer.publish(t.topic(), topic_alias=1)
    await peer.disconnect()
    peer = await t.connect("p", session=True)
    peer.offend("PUBLISH", topic="", qos=1, packet_id=1, topic_alias=1)
    await peer.dropped(0x82)


refuses(
    "publish_properties.alias_unknown",
    "U-3.3.4-3",
    "U-3.3.2.1-1",
    packet="PUBLISH",
    codes=(0x82, 0x94),
    fields={"topic": "", "topic_alias": 1},
    why="no topic has been given for it",
)
refuses(
    "publish_properties.no_topic_no_alias",
    "U-3.3.2.1-1",
    packet="PUBLISH",
    codes=(0x82, 0x90),
    fields={"topic": ""},
    why="neither topic nor alias",
)
refuses(
    "publish_properties.alias_0",
    "U-3.3.4-2",
    "5:MQTT-3.3.2-8",
    packet="PUBLISH",
    codes=(0x94, 0x82),
    fields={"topic": "t", "topic_alias": 0},
    why="aliases begin with 1",
)


@case("U-3.3.4-2", expect="closed, with DISCONNECT 0x94 or none", sabotage=keep_open())
async def alias_above_maximum(t: Trial) -> None:
    """An alias above the server's maximum."""
    peer = await t.connect()
    assert peer.connack
    most = peer.connack.property("topic_alias_maximum") or 0
    if most == 0xFFFF:
        not_observable("it takes every alias that there is")
    peer.offend("PUBLISH", topic=t.topic(), topic_alias=most + 1)
    await peer.dropped(0x94)


@case(
    "5:MQTT-3.3.2-8",
    expect="no alias of 0",
    sabotage=change("PUBLISH", ends("no-zero"), topic_alias=0),
)
async def server_alias_not_0(t: Trial) -> None:
    """Messages to a client that takes aliases."""
    peer = await t.connect("s", topic_alias_maximum=5)
    await peer.subscribe(t.topic("no-zero"))
    for _ in range(3):
        await peer.publish(t.topic("no-zero"))
        got = await peer.expect("PUBLISH")
        check(got.property("topic_alias") != 0, "Topic Alias 0")


@case(
    "5:MQTT-3.3.2-7",
    expect="the topic itself comes first on the new connection",
    sabotage=change("PUBLISH", ends("again"), topic=b"", topic_alias=1),
    why="an alias that the server set up before is unknown to this connection",
)
async def server_alias_ends_with_connection(t: Trial) -> None:
    """A client that takes aliases, on two connections of a session."""
    other = await t.connect("p")
    for _ in range(2):
        peer = await t.connect("s", session=True, topic_alias_maximum=5)
        await peer.subscribe(t.topic("again"))
        await other.publish(t.topic("again"))
        got = await peer.get("PUBLISH")
        check(got.topic == t.topic("again").encode(), f"topic {got.topic!r}")
        await peer.disconnect()
