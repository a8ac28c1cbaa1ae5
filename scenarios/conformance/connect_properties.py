"""3.1.2.11 and 3.1.3.2: the properties of CONNECT and of its will (5.0)."""

from __future__ import annotations

from typing import Any

from mqttlab.conformance import Trial, case, change, check, drop, ends, not_observable

from .common import refuses_connect

_WILL = {"topic": "w", "payload": b"w"}

# At most once, and in range.

for _name, _id, _value in (
    ("session_expiry_interval", "U-3.1.2.11.2-1", 10),
    ("receive_maximum", "U-3.1.2.11.3-1", 10),
    ("maximum_packet_size", "U-3.1.2.11.4-1", 1000),
    ("topic_alias_maximum", "U-3.1.2.11.5-1", 10),
    ("request_response_information", "U-3.1.2.11.6-1", 1),
    ("request_problem_information", "U-3.1.2.11.7-1", 1),
    ("authentication_method", "U-3.1.2.11.9-1", "m"),
    ("authentication_data", "U-3.1.2.11.10-1", "d"),
):
    _fields: dict[str, Any] = {_name: [_value, _value]}
    if _name == "authentication_data":
        _fields |= {"authentication_method": "SCRAM-SHA-256"}
    refuses_connect(
        f"connect_properties.twice_{_name}",
        _id,
        fields=_fields,
        codes=(0x82,),
        why=f"{_name} is there twice",
    )

for _name, _id, _value in (
    ("receive_maximum", "U-3.1.2.11.3-2", 0),
    ("maximum_packet_size", "U-3.1.2.11.4-2", 0),
    ("request_response_information", "U-3.1.2.11.6-2", 2),
    ("request_problem_information", "U-3.1.2.11.7-2", 2),
):
    refuses_connect(
        f"connect_properties.range_{_name}",
        _id,
        fields={_name: _value},
        codes=(0x82,),
        why=f"{_name} is {_value}",
    )

refuses_connect(
    "connect_properties.data_without_method",
    "U-3.1.2.11.10-2",
    codes=(0x82,),
    fields={"authentication_data": "d"},
    why="data, and no method",
)

for _name, _id, _twice in (
    ("will_delay_interval", "U-3.1.3.2.2-1", [1, 1]),
    ("payload_format_indicator", "U-3.1.3.2.3-1", [1, 1]),
    ("message_expiry_interval", "U-3.1.3.2.4-1", [9, 9]),
    ("content_type", "U-3.1.3.2.5-1", ["a", "a"]),
    ("response_topic", "U-3.1.3.2.6-1", ["a", "a"]),
    ("correlation_data", "U-3.1.3.2.7-1", ["a", "a"]),
):
    refuses_connect(
        f"connect_properties.will_twice_{_name}",
        _id,
        codes=(0x82,),
        fields={"will": _WILL | {_name: _twice}},
        why=f"{_name} is there twice",
    )


# What they ask of the server.


@case(
    "5:MQTT-3.1.2-24",
    expect="the long message does not come, the next does",
    sabotage=change("PUBLISH", ends("size"), payload=b"x" * 300),
)
async def maximum_packet_size(t: Trial) -> None:
    """Messages to a client with a Maximum Packet Size."""
    most = 200
    peer = await t.connect(maximum_packet_size=most)
    await peer.subscribe(t.topic("size"))
    other = await t.connect("b")
    await other.publish(t.topic("size"), b"x" * 300)
    await other.publish(t.topic("size"), b"short")
    message = await peer.get("PUBLISH", topic=t.topic("size"))
    check(len(message.raw) <= most, f"a PUBLISH of {len(message.raw)} bytes; {most} are taken")


@case(
    "5:MQTT-3.1.2-25",
    expect="its place in flight is free: the next message comes",
    sabotage=drop("PUBLISH", ends("one-slot")),
)
async def too_long_frees_its_place(t: Trial) -> None:
    """A message that is too long, to a client that takes one at a time."""
    peer = await t.connect(maximum_packet_size=200, receive_maximum=1)
    await peer.subscribe(t.topic("one-slot"))
    other = await t.connect("b")
    await other.publish(t.topic("one-slot"), b"x" * 300)
    await other.publish(t.topic("one-slot"), b"short")
    await peer.expect("PUBLISH", topic=t.topic("one-slot"))


@case(
    "5:MQTT-3.1.2-25",
    expect="it does not come on the next connection either",
    sabotage=drop("PUBLISH", lambda p: p.payload == b"after the long one"),
)
async def too_long_counts_as_delivered(t: Trial) -> None:
    """A message that is too long is not kept, either."""
    peer = await t.connect(session=True, maximum_packet_size=200)
    await peer.subscribe(t.topic("completed"))
    other = await t.connect("b")
    await other.publish(t.topic("completed"), b"x" * 300)
    await other.publish(t.topic("completed"), b"after the long one")
    await peer.expect("PUBLISH", topic=t.topic("completed"))
    await peer.barrier()  # its PUBACK is there
    await peer.disconnect()
    again = await t.connect(session=True)
    await again.nothing("PUBLISH", topic=t.topic("completed"))


@case(
    "5:MQTT-3.1.2-26",
    "5:MQTT-3.3.2-11",
    expect="no alias over 2",
    sabotage=change("PUBLISH", ends("alias", "alias2", "alias3"), topic_alias=3),
)
async def alias_within_maximum(t: Trial) -> None:
    """Three topics, each twice, to a client with two aliases."""
    peer = await t.connect(topic_alias_maximum=2)
    names = ("alias", "alias2", "alias3")
    for name in names:
        await peer.subscribe(t.topic(name), qos=0)
    other = await t.connect("b")
    for name in names * 2:
        await other.publish(t.topic(name), qos=0)
    aliases = []
    for _ in range(6):
        message = await peer.get("PUBLISH")
        aliases.append(message.property("topic_alias"))
    check(all(a is None or 1 <= a <= 2 for a in aliases), f"aliases {aliases}")
    if not any(aliases):
        not_observable("it sends no topic aliases")


@case("5:MQTT-3.1.2-27", expect="no alias", sabotage=change("PUBLISH", ends("bare"), topic_alias=1))
async def no_alias_unasked(t: Trial) -> None:
    """Messages to clients whose Topic Alias Maximum is missing, and 0."""
    other = await t.connect("b")
    for number, fields in enumerate(({}, {"topic_alias_maximum": 0})):
        peer = await t.connect(f"n{number}", **fields)
        await peer.subscribe(t.topic("bare"))
        await other.publish(t.topic("bare"))
        await other.publish(t.topic("bare"))
        for _ in range(2):
            message = await peer.get("PUBLISH")
            alias = message.property("topic_alias")
            check(alias is None, f"Topic Alias {alias}")


@case(
    "5:MQTT-3.1.2-28",
    expect="no Response Information in CONNACK",
    sabotage=change("CONNACK", response_information="r"),
)
async def no_response_information(t: Trial) -> None:
    """Request Response Information 0, and missing."""
    for number, fields in enumerate(({}, {"request_response_information": 0})):
        peer = await t.connect(f"n{number}", **fields)
        assert peer.connack
        found = peer.connack.property("response_information")
        check(found is None, f"Response Information {found!r}")


@case(
    "5:MQTT-3.1.2-29",
    expect="no Reason String, no User Property on acknowledgements",
    sabotage=change("UNSUBACK", lambda p: p.packet_id == 903, reason_string="no such thing"),
)
async def no_problem_information(t: Trial) -> None:
    """Request Problem Information 0, and requests that give cause for reasons."""
    peer = await t.connect(request_problem_information=0)
    peer.send("PUBLISH", topic=t.topic("nobody"), qos=1, packet_id=900)
    peer.send("PUBREL", packet_id=901)
    peer.send("SUBSCRIBE", packet_id=902, filters=[(t.topic(), 0)])
    peer.send("UNSUBSCRIBE", packet_id=903, filters=[t.topic("none")])
    await peer.until(
        lambda: peer.ended or any(p.type == "UNSUBACK" for p in peer.inbox), t.times.patience_s
    )
    for packet in peer.inbox:
        if packet.type in ("CONNACK", "DISCONNECT", "PUBLISH"):
            continue
        said = packet.property("reason_string") or packet.property("user_property")
        check(said is None, f"{packet.type} says {said!r}")
