"""3.8 SUBSCRIBE and 3.9 SUBACK."""

from __future__ import annotations

from mqttlab.conformance import (
    Trial,
    case,
    change,
    check,
    drop,
    ends,
    message,
    not_claimed,
    repeat,
)

from .common import SURROGATE, refuses, room


def _filters(*pairs: tuple[str | bytes, int]) -> dict[str, object]:
    return {"packet_id": 1, "filters": list(pairs)}


refuses(
    "subscribe.flags",
    "MQTT-3.8.1-1",
    packet="SUBSCRIBE",
    codes=(0x81,),
    fields=_filters(("t", 0)) | {"flags": 0},
    why="SUBSCRIBE with flags 0000",
)
refuses(
    "subscribe.filter_ill_formed",
    "MQTT-3.8.3-1",
    "3:MQTT-1.5.3-1",
    packet="SUBSCRIBE",
    codes=(0x81, 0x8F),
    fields=_filters((b"t/" + SURROGATE, 0)),
    why="a surrogate in the filter",
)
refuses(
    "subscribe.empty",
    "3:MQTT-3.8.3-3",
    "5:MQTT-3.8.3-2",
    "5:U-3.8.3-1",
    packet="SUBSCRIBE",
    codes=(0x82, 0x81),
    fields=_filters(),
    why="no filter",
)
refuses(
    "subscribe.reserved_bits",
    "3:MQTT-3.8.3-4",
    "5:MQTT-3.8.3-5",
    packet="SUBSCRIBE",
    codes=(0x81,),
    fields=_filters(("t", 0xC0)),
    why="reserved bits of the options",
)
refuses(
    "subscribe.qos_3",
    "3:MQTT-3.8.3-4",
    "5:U-3.8.3.1-1",
    packet="SUBSCRIBE",
    codes=(0x82, 0x81),
    fields=_filters(("t", 3)),
    why="QoS 3",
)
refuses(
    "subscribe.retain_handling_3",
    "5:U-3.8.3.1-2",
    packet="SUBSCRIBE",
    codes=(0x82, 0x81),
    fields=_filters(("t", 0x30)),
    why="Retain Handling 3",
)
refuses(
    "subscribe.identifier_twice",
    "U-3.8.2.1.2-1",
    packet="SUBSCRIBE",
    codes=(0x82,),
    fields=_filters(("t", 0)) | {"subscription_identifier": [1, 2]},
    why="two identifiers",
)
refuses(
    "subscribe.identifier_0",
    "U-3.8.2.1.2-2",
    packet="SUBSCRIBE",
    codes=(0x82,),
    fields=_filters(("t", 0)) | {"subscription_identifier": 0},
    why="identifiers begin with 1",
)
refuses(
    "subscribe.no_local_shared",
    "5:MQTT-3.8.3-4",
    packet="SUBSCRIBE",
    codes=(0x82,),
    fields=_filters(("$share/s/t", 4)),
    why="No Local 1 on a shared subscription",
)


@case(
    "3:MQTT-3.8.3-2",
    expect="each filter with a wildcard is refused",
    sabotage=change("SUBACK", lambda p: p.packet_id == 1500, codes=[0x80, 0]),
)
async def no_wildcards(t: Trial) -> None:
    """A server without wildcards."""
    for on in ("plain", "limited"):
        if on in t.target.endpoints:
            peer = await t.connect(f"w{on}", on=on)
            filters = [(t.topic("+"), 0), (t.topic("#"), 0)]
            peer.send(peer.make("SUBSCRIBE", packet_id=1500, filters=filters))
            answer = await peer.get("SUBACK")
            if max(answer.codes) >= 0x80:
                check(answer.codes == [0x80, 0x80], f"SUBACK {answer.codes}")
                return
    not_claimed("servers without wildcards")


@case(
    "5:MQTT-3.8.3-3",
    expect="somebody else's message, and not its own",
    sabotage=message("no-local"),
)
async def no_local(t: Trial) -> None:
    """No Local 1."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("no-local"), options=0x05)
    other = await t.connect("p")
    await peer.publish(t.topic("no-local"), b"own")
    await other.publish(t.topic("no-local"), b"foreign")
    got = await peer.get("PUBLISH", payload=b"foreign")
    check(got, "")
    await peer.nothing("PUBLISH")


@case("MQTT-3.8.4-1", expect="SUBACK", sabotage=drop("SUBACK", lambda p: p.packet_id == 1500))
async def answered(t: Trial) -> None:
    """A plain SUBSCRIBE."""
    peer = await t.connect()
    peer.send("SUBSCRIBE", packet_id=1500, filters=[(t.topic(), 0)])
    await peer.expect("SUBACK", packet_id=1500)


@case(
    "MQTT-3.8.4-3",
    expect="one copy, at the QoS of the second subscription",
    sabotage=change("PUBLISH", ends("replace"), qos=2, packet_id=999),
)
async def replaces(t: Trial) -> None:
    """The same filter with another QoS."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("replace"), qos=2)
    await peer.subscribe(t.topic("replace"), qos=1)
    other = await t.connect("p")
    await other.publish(t.topic("replace"), qos=2)
    got = await peer.expect("PUBLISH")
    check(got.qos == 1, f"QoS {got.qos}")
    await peer.nothing("PUBLISH")


@case("MQTT-3.8.4-3", expect="one copy", sabotage=repeat("PUBLISH", ends("replace-copy")))
async def replaces_does_not_double(t: Trial) -> None:
    """The same filter twice."""
    peer = await t.connect("s")
    for _ in range(2):
        await peer.subscribe(t.topic("replace-copy"), qos=0)
    await peer.publish(t.topic("replace-copy"), qos=0)
    await peer.expect("PUBLISH")
    await peer.nothing("PUBLISH")


@case(
    "3:MQTT-3.8.4-3",
    "5:MQTT-3.8.4-4",
    expect="the retained message again",
    sabotage=drop("PUBLISH", lambda p: p.retain and p.payload == b"twice"),
)
async def replacing_sends_retained(t: Trial) -> None:
    """The same filter again, where a message is retained."""
    await t.retain(t.topic("kept"), b"twice")
    peer = await t.connect("s")
    for _ in range(2):
        await peer.subscribe(t.topic("kept"))
        await peer.expect("PUBLISH", payload=b"twice")


@case(
    "3:MQTT-3.8.4-3",
    "5:MQTT-3.8.4-4",
    expect="every message",
    sabotage=drop("PUBLISH", lambda p: p.payload == b"7" and p.topic.endswith(b"/flow")),
)
async def replacing_loses_nothing(t: Trial) -> None:
    """The same filter again and again, while messages flow."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("flow"))
    other = await t.connect("p")
    count = room(other, 12)
    for number in range(count):
        other.send(
            "PUBLISH",
            topic=t.topic("flow"),
            qos=1,
            packet_id=number + 1,
            payload=str(number).encode(),
        )
        await peer.subscribe(t.topic("flow"))
    for number in range(count):
        await peer.expect("PUBLISH", payload=str(number).encode())


@case(
    "3:MQTT-3.8.4-4",
    "5:MQTT-3.8.4-5",
    expect="one SUBACK, and both subscriptions work",
    sabotage=drop("PUBLISH", ends("several-b")),
)
async def several_filters(t: Trial) -> None:
    """Two filters in one SUBSCRIBE."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("several-a"), t.topic("several-b"))
    for name in ("several-a", "several-b"):
        await peer.publish(t.topic(name))
        await peer.expect("PUBLISH", topic=t.topic(name))
    await peer.nothing("SUBACK")


@case(
    "3:MQTT-3.8.4-5",
    "5:MQTT-3.8.4-6",
    expect="three codes",
    sabotage=change("SUBACK", lambda p: len(p.codes) == 3, codes=[0, 1]),
)
async def code_for_each(t: Trial) -> None:
    """Three filters."""
    peer = await t.connect()
    peer.send("SUBSCRIBE", packet_id=9, filters=[(t.topic(str(n)), n) for n in range(3)])
    answer = await peer.get("SUBACK")
    check(len(answer.codes) == 3, f"codes {answer.codes}")


@case(
    "MQTT-3.9.3-1",
    "3:MQTT-3.8.4-5",
    "5:MQTT-3.8.4-7",
    expect="each granted at its QoS (or less, or refused), in order",
    sabotage=change("SUBACK", lambda p: p.packet_id == 1501, codes=lambda p, link: p.codes[::-1]),
)
async def codes_in_order(t: Trial) -> None:
    """Filters of QoS 0, 2, 1 and 2."""
    wanted = (0, 2, 1, 2)
    peer = await t.connect()
    filters = [(t.topic(str(n)), qos) for n, qos in enumerate(wanted)]
    peer.send("SUBSCRIBE", packet_id=1501, filters=filters)
    answer = await peer.get("SUBACK")
    fits = [code <= qos or code >= 0x80 for code, qos in zip(answer.codes, wanted, strict=False)]
    check(all(fits), f"codes {answer.codes} for {list(wanted)}")


@case(
    "MQTT-3.9.3-2",
    expect="codes that SUBACK has",
    sabotage=change("SUBACK", lambda p: p.packet_id == 1502, codes=[3]),
)
async def codes_are_known(t: Trial) -> None:
    """A plain filter, and one that is refused by many."""
    peer = await t.connect()
    peer.send("SUBSCRIBE", packet_id=1502, filters=[(t.topic(), 1)])
    await peer.expect("SUBACK", packet_id=1502)
    peer.send("SUBSCRIBE", packet_id=1503, filters=[("$share/x/" + t.topic(), 1)])
    await peer.answered()
    if not peer.ended:  # some refuse it so
        await peer.expect("SUBACK", packet_id=1503)


@case(
    "3:MQTT-3.8.4-6",
    "5:MQTT-3.8.4-8",
    expect="the lower of both QoS",
    sabotage=change("PUBLISH", lambda p: b"/lower/" in p.topic, qos=2, packet_id=777),
)
async def lower_qos(t: Trial) -> None:
    """Each QoS of a message, each QoS of a subscription."""
    peer = await t.connect("s")
    for granted in range(3):
        await peer.subscribe(t.topic(f"lower/{granted}"), qos=granted)
    for granted in range(3):
        for qos in range(3):
            await peer.publish(t.topic(f"lower/{granted}"), qos=qos)
            got = await peer.get("PUBLISH")
            wanted = min(granted, qos)
            check(got.qos == wanted, f"QoS {got.qos} for QoS {qos} with {granted} granted")


@case(
    "5:MQTT-3.8.4-7",
    expect="no more than was asked for",
    sabotage=change("SUBACK", lambda p: p.packet_id == 1504, codes=[2]),
)
async def grants_no_more(t: Trial) -> None:
    """A filter of QoS 1."""
    peer = await t.connect()
    peer.send("SUBSCRIBE", packet_id=1504, filters=[(t.topic(), 1)])
    answer = await peer.get("SUBACK")
    check(answer.codes[0] in (0, 1) or answer.codes[0] >= 0x80, f"codes {answer.codes}")
