"""3.3.1.3 RETAIN, and 3.8.3.1's options on it."""

from __future__ import annotations

from mqttlab.conformance import (
    Trial,
    case,
    change,
    check,
    drop,
    ends,
    message,
)


@case(
    "MQTT-3.3.1-5",
    expect="who subscribes later gets it, at the QoS it was published with",
    sabotage=change("PUBLISH", ends("stored"), qos=0),
)
async def stored(t: Trial) -> None:
    """A retained QoS 2 message."""
    await t.retain(t.topic("stored"), qos=2)
    peer = await t.connect("s")
    await peer.subscribe(t.topic("stored"), qos=2)
    got = await peer.expect("PUBLISH", topic=t.topic("stored"))
    check(got.qos == 2 and got.payload == b"kept", f"QoS {got.qos}, {got.payload!r}")


@case(
    "MQTT-3.3.1-5",
    "3:MQTT-3.3.1-6",
    expect="the second message, and only that",
    sabotage=change("PUBLISH", ends("replaced"), payload=b"first"),
)
async def replaced(t: Trial) -> None:
    """Two retained messages on one topic."""
    await t.retain(t.topic("replaced"), b"first")
    await t.retain(t.topic("replaced"), b"second")
    peer = await t.connect("s")
    await peer.subscribe(t.topic("replaced"))
    got = await peer.expect("PUBLISH", topic=t.topic("replaced"))
    check(got.payload == b"second", f"{got.payload!r}")
    await peer.nothing("PUBLISH")


@case(
    "3:MQTT-3.3.1-6",
    "5:MQTT-3.3.1-9",
    expect="the retained message of each topic",
    sabotage=drop("PUBLISH", ends("each/b")),
)
async def each_topic(t: Trial) -> None:
    """A new subscription that matches two topics with retained messages."""
    for name in ("a", "b"):
        await t.retain(t.topic(f"each/{name}"), name)
    peer = await t.connect("s")
    await peer.subscribe(t.topic("each/+"))
    got = {(await peer.expect("PUBLISH")).payload for _ in range(2)}
    check(got == {b"a", b"b"}, f"{sorted(got)}")


@case(
    "3:MQTT-3.3.1-7",
    expect="not the message before",
    sabotage=message("displaced", after="PINGRESP", payload=b"old", retain=True),
)
async def displaced_by_qos_0(t: Trial) -> None:
    """A retained QoS 0 message over one of QoS 1; it may be kept, or not."""
    await t.retain(t.topic("displaced"), b"old", qos=1)
    await t.retain(t.topic("displaced"), b"new", qos=0)
    peer = await t.connect("s")
    await peer.subscribe(t.topic("displaced"))
    await peer.nothing("PUBLISH", payload=b"old")


@case(
    "3:MQTT-3.3.1-8",
    "5:MQTT-3.3.1-9",
    expect="RETAIN 1",
    sabotage=change("PUBLISH", ends("flagged"), retain=False),
)
async def flag_for_new(t: Trial) -> None:
    """A message that comes because of a new subscription."""
    await t.retain(t.topic("flagged"))
    peer = await t.connect("s")
    await peer.subscribe(t.topic("flagged"))
    got = await peer.get("PUBLISH", topic=t.topic("flagged"))
    check(got.retain, "RETAIN 0")


@case(
    "3:MQTT-3.3.1-9",
    "5:MQTT-3.3.1-12",
    expect="RETAIN 0",
    sabotage=change("PUBLISH", ends("established"), retain=True),
)
async def flag_for_established(t: Trial) -> None:
    """A retained message that is published while the subscription is there."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("established"))
    await t.retain(t.topic("established"))
    got = await peer.get("PUBLISH", topic=t.topic("established"))
    check(not got.retain, "RETAIN 1")


@case(
    "5:MQTT-3.3.1-13",
    expect="RETAIN as it was published",
    sabotage=change("PUBLISH", ends("as-published"), retain=lambda p, link: not p.retain),
)
async def as_published(t: Trial) -> None:
    """Retain As Published 1."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("as-published"), options=0x09)
    for retain in (True, False):
        await peer.publish(t.topic("as-published"), retain=retain)
        got = await peer.get("PUBLISH", topic=t.topic("as-published"))
        check(got.retain == retain, f"RETAIN {got.retain:d} for {retain:d}")


@case(
    "3:MQTT-3.3.1-10",
    "5:MQTT-3.3.1-6",
    expect="nothing is retained any more",
    sabotage=message("cleared", payload=b"kept", retain=True),
)
async def cleared(t: Trial) -> None:
    """An empty retained message."""
    await t.retain(t.topic("cleared"))
    await t.retain(t.topic("cleared"), b"")
    peer = await t.connect("s")
    await peer.subscribe(t.topic("cleared"))
    await peer.nothing("PUBLISH")


@case(
    "3:MQTT-3.3.1-10",
    "5:MQTT-3.3.1-6",
    expect="the empty message is forwarded",
    sabotage=drop("PUBLISH", lambda p: p.topic.endswith(b"/clearing") and not p.payload),
)
async def clearing_is_forwarded(t: Trial) -> None:
    """An empty retained message, to a subscriber who is there."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("clearing"))
    await t.retain(t.topic("clearing"), b"")
    got = await peer.expect("PUBLISH", topic=t.topic("clearing"))
    check(got.payload == b"", f"{got.payload!r}")


@case(
    "3:MQTT-3.3.1-11",
    "5:MQTT-3.3.1-7",
    expect="no message at all",
    sabotage=message("empty", payload=b"", retain=True),
)
async def empty_is_not_stored(t: Trial) -> None:
    """An empty retained message where nothing was."""
    await t.retain(t.topic("empty"), b"")
    peer = await t.connect("s")
    await peer.subscribe(t.topic("empty"))
    await peer.nothing("PUBLISH")


@case(
    "3:MQTT-3.3.1-12",
    "5:MQTT-3.3.1-8",
    expect="the retained message, as before",
    sabotage=change(
        "PUBLISH", lambda p: p.retain and p.topic.endswith(b"/untouched"), payload=b"passing"
    ),
)
async def untouched(t: Trial) -> None:
    """RETAIN 0 over a retained message, with a payload and without one."""
    await t.retain(t.topic("untouched"))
    other = await t.connect("p")
    await other.publish(t.topic("untouched"), b"passing")
    await other.publish(t.topic("untouched"), b"")
    peer = await t.connect("s")
    await peer.subscribe(t.topic("untouched"))
    got = await peer.expect("PUBLISH", topic=t.topic("untouched"))
    check(got.payload == b"kept", f"{got.payload!r}")


@case(
    "3:MQTT-3.3.1-12",
    "5:MQTT-3.3.1-8",
    expect="nothing is retained",
    sabotage=message("passing", retain=True),
)
async def nothing_stored(t: Trial) -> None:
    """RETAIN 0 where nothing is retained."""
    other = await t.connect("p")
    await other.publish(t.topic("passing"))
    peer = await t.connect("s")
    await peer.subscribe(t.topic("passing"))
    await peer.nothing("PUBLISH")


# Retain Handling (5.0)


async def _handling(t: Trial, name: str, handling: int, *should: bool) -> tuple[bool, bool]:
    """Does the retained message come at the first SUBSCRIBE, and at the second?"""
    await t.retain(t.topic(name))
    peer = await t.connect("s")
    came = []
    for expected in should:
        await peer.subscribe(t.topic(name), options=handling << 4 | 1)
        await peer.barrier()
        within_s = t.times.patience_s if expected else t.times.quiet_s
        found = await t.until(lambda: peer.find("PUBLISH", None, {}), within_s)
        came.append(found is not None)
        if found:
            peer.inbox.remove(found)
    return came[0], came[1]


@case("5:MQTT-3.3.1-9", expect="at both subscribes", sabotage=drop("PUBLISH", ends("handling-0")))
async def handling_0(t: Trial) -> None:
    """Retain Handling 0."""
    came = await _handling(t, "handling-0", 0, True, True)
    check(came == (True, True), f"at the first and at the second SUBSCRIBE: {came}")


@case(
    "5:MQTT-3.3.1-10",
    expect="at the first subscribe only",
    sabotage=message("handling-1", retain=True),
)
async def handling_1_existing(t: Trial) -> None:
    """Retain Handling 1, the subscription exists."""
    _, second = await _handling(t, "handling-1", 1, True, False)
    check(not second, "it came again")


@case(
    "5:MQTT-3.3.1-10",
    expect="at the first subscribe",
    sabotage=drop("PUBLISH", ends("handling-new")),
)
async def handling_1_new(t: Trial) -> None:
    """Retain Handling 1, the subscription is new."""
    first, _ = await _handling(t, "handling-new", 1, True, False)
    check(first, "it did not come")


@case("5:MQTT-3.3.1-11", expect="not at all", sabotage=message("handling-2", retain=True))
async def handling_2(t: Trial) -> None:
    """Retain Handling 2."""
    came = await _handling(t, "handling-2", 2, False, False)
    check(came == (False, False), f"at the first and at the second SUBSCRIBE: {came}")
