"""3.10 UNSUBSCRIBE, 3.11 UNSUBACK."""

from __future__ import annotations

from mqttlab.conformance import (
    Trial,
    case,
    change,
    check,
    drop,
    ends,
    message,
    not_observable,
    repeat,
)

from .common import SURROGATE, refuses

refuses(
    "unsubscribe.flags",
    "MQTT-3.10.1-1",
    packet="UNSUBSCRIBE",
    codes=(0x81,),
    fields={"packet_id": 1, "filters": ["t"], "flags": 0},
    why="flags 0000",
)
refuses(
    "unsubscribe.filter_ill_formed",
    "MQTT-3.10.3-1",
    packet="UNSUBSCRIBE",
    codes=(0x81, 0x8F),
    fields={"packet_id": 1, "filters": [b"t/" + SURROGATE]},
    why="a surrogate in the filter",
)
refuses(
    "unsubscribe.empty",
    "MQTT-3.10.3-2",
    "5:U-3.10.3-1",
    packet="UNSUBSCRIBE",
    codes=(0x82, 0x81),
    fields={"packet_id": 1, "filters": []},
    why="no filter",
)
refuses(
    "unsubscribe.gap",
    "3:MQTT-3.10.3-1",
    packet="UNSUBSCRIBE",
    fields={"packet_id": 1, "filters": ["t"], "tail": b"\0"},
    why="a byte that belongs to no filter",
)


@case(
    "MQTT-3.10.4-1",
    expect="the subscription stays for filters that are only alike",
    sabotage=drop("PUBLISH", ends("exact")),
)
async def exact_match_only(t: Trial) -> None:
    """Filters that match the same topic, or differ in a letter."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("exact"))
    await peer.unsubscribe(t.topic("+"), t.topic("#"), t.topic("EXACT"), t.topic("exact/"))
    await peer.publish(t.topic("exact"))
    await peer.expect("PUBLISH")


@case("MQTT-3.10.4-1", "MQTT-3.10.4-2", expect="no message any more", sabotage=message("removed"))
async def removes(t: Trial) -> None:
    """The same filter."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("removed"))
    await peer.unsubscribe(t.topic("removed"))
    await peer.publish(t.topic("removed"))
    await peer.nothing("PUBLISH")


@case("MQTT-3.10.4-2", expect="nothing is queued", sabotage=message("after-b"))
async def queues_nothing(t: Trial) -> None:
    """A session that unsubscribes and goes away."""
    peer = await t.connect("s", session=True)
    await peer.subscribe(t.topic("after"))
    await peer.unsubscribe(t.topic("after"))
    await peer.disconnect()
    other = await t.connect("p")
    await other.publish(t.topic("after"), qos=2)
    peer = await t.connect("s", session=True)
    await peer.subscribe(t.topic("after-b"))
    await peer.nothing("PUBLISH")


@case(
    "MQTT-3.10.4-3", expect="PUBREL after PUBREC, all the same", sabotage=drop("PUBREL", once=True)
)
async def carries_on_qos_2(t: Trial) -> None:
    """A QoS 2 delivery that is under way."""
    peer = await t.connect("s", acks=False)
    await peer.subscribe(t.topic("way"), qos=2)
    other = await t.connect("p")
    await other.publish(t.topic("way"), qos=2)
    got = await peer.get("PUBLISH")
    await peer.unsubscribe(t.topic("way"))
    peer.send("PUBREC", packet_id=got.packet_id)
    await peer.expect("PUBREL", packet_id=got.packet_id)


@case(
    "MQTT-3.10.4-3",
    expect="PUBLISH again on the next connection",
    sabotage=drop("PUBLISH", lambda p: p.dup and p.topic.endswith(b"/way-1")),
)
async def carries_on_qos_1(t: Trial) -> None:
    """A QoS 1 delivery that was not acknowledged before the link went down."""
    peer = await t.connect("s", acks=False, session=True)
    await peer.subscribe(t.topic("way-1"), qos=1)
    other = await t.connect("p")
    await other.publish(t.topic("way-1"))
    await peer.get("PUBLISH")
    await peer.unsubscribe(t.topic("way-1"))
    await peer.cut()
    peer = await t.connect("s", session=True)
    await peer.expect("PUBLISH", topic=t.topic("way-1"))


@case("MQTT-3.10.4-4", expect="UNSUBACK", sabotage=drop("UNSUBACK", lambda p: p.packet_id == 1600))
async def answered(t: Trial) -> None:
    """A filter that is there."""
    peer = await t.connect()
    await peer.subscribe(t.topic())
    peer.send("UNSUBSCRIBE", packet_id=1600, filters=[t.topic()])
    await peer.expect("UNSUBACK", packet_id=1600)


@case("MQTT-3.10.4-5", expect="UNSUBACK", sabotage=drop("UNSUBACK", lambda p: p.packet_id == 1601))
async def answered_without_match(t: Trial) -> None:
    """A filter that nobody has subscribed to."""
    peer = await t.connect()
    peer.send("UNSUBSCRIBE", packet_id=1601, filters=[t.topic("none")])
    await peer.expect("UNSUBACK", packet_id=1601)


@case(
    "MQTT-3.10.4-6",
    expect="one UNSUBACK, and both are gone",
    sabotage=repeat("UNSUBACK", lambda p: p.packet_id == 1602),
)
async def several_filters(t: Trial) -> None:
    """Two filters in one UNSUBSCRIBE."""
    peer = await t.connect("s")
    names = (t.topic("m1"), t.topic("m2"))
    await peer.subscribe(*names)
    peer.send("UNSUBSCRIBE", packet_id=1602, filters=names)
    await peer.expect("UNSUBACK", packet_id=1602)
    await peer.nothing("UNSUBACK")
    for name in names:
        await peer.publish(name)
    await peer.nothing("PUBLISH")


@case("MQTT-3.10.4-6", expect="the second filter is gone, too", sabotage=message("m4"))
async def each_filter_is_removed(t: Trial) -> None:
    """Two filters in one UNSUBSCRIBE: neither is forgotten."""
    peer = await t.connect("s")
    names = (t.topic("m3"), t.topic("m4"))
    await peer.subscribe(*names)
    await peer.unsubscribe(*names)
    for name in names:
        await peer.publish(name)
    await peer.nothing("PUBLISH")


@case(
    "5:MQTT-3.11.3-1",
    expect="0x00, 0x11, 0x00",
    sabotage=change("UNSUBACK", lambda p: len(p.codes) == 3, codes=[0x11, 0, 0]),
)
async def codes_in_order(t: Trial) -> None:
    """Three filters, the second of which is not there."""
    peer = await t.connect()
    await peer.subscribe(t.topic("a"), t.topic("c"))
    answer = await peer.unsubscribe(t.topic("a"), t.topic("b"), t.topic("c"))
    if answer.codes == [0, 0, 0]:
        not_observable("it says 0x00 of a filter that is not there, too")
    check(answer.codes == [0, 0x11, 0], f"codes {answer.codes}")


@case(
    "5:MQTT-3.11.3-2",
    expect="codes that UNSUBACK has",
    sabotage=change("UNSUBACK", lambda p: p.packet_id == 1603, codes=[2]),
)
async def codes_are_known(t: Trial) -> None:
    """A filter that is there."""
    peer = await t.connect()
    await peer.subscribe(t.topic())
    peer.send("UNSUBSCRIBE", packet_id=1603, filters=[t.topic()])
    await peer.expect("UNSUBACK")
