"""3.3 PUBLISH: flags, topics, reactions, overlapping subscriptions."""

from __future__ import annotations

from collections.abc import Sequence

from mqttlab.conformance import (
    Packet,
    Trial,
    case,
    change,
    check,
    drop,
    ends,
    instead,
    keep_open,
    not_observable,
    patch,
)
from mqttlab.conformance.sabotage import Item, Link

from .common import SURROGATE, closed_or_forwarded, pair, refuses

# 3.3.1: DUP and QoS


@case(
    "MQTT-3.3.1-1",
    expect="the repeated PUBLISH has DUP 1",
    sabotage=change("PUBLISH", lambda p: p.dup, dup=False),
)
async def dup_when_again(t: Trial) -> None:
    """A delivery that was not acknowledged, on the next connection."""
    peer = await t.connect("s", session=True, acks=False)
    await peer.subscribe(t.topic(), qos=1)
    other = await t.connect("p")
    await other.publish(t.topic())
    first = await peer.get("PUBLISH")
    await peer.cut()
    peer = await t.connect("s", session=True)
    again = await peer.get("PUBLISH", packet_id=first.packet_id)
    check(again.dup, "DUP 0")


@case(
    "MQTT-3.3.1-2",
    "MQTT-4.3.1-1",
    expect="DUP 0 and QoS 0",
    sabotage=patch(
        "PUBLISH",
        lambda p: p.qos == 0 and p.topic.endswith(b"/zero"),
        bytes=lambda raw: bytes([raw[0] | 8]) + raw[1:],
    ),
)
async def no_dup_at_qos_0(t: Trial) -> None:
    """A QoS 0 message to a subscription of QoS 0."""
    peer, other = await pair(t, "zero", qos=0)
    await other.publish(t.topic("zero"), qos=0)
    got = await peer.expect("PUBLISH")
    check(got.raw[0] & 0x0E == 0, f"first byte 0x{got.raw[0]:02X}")


@case(
    "MQTT-4.3.1-1",
    expect="a QoS 0 message comes with QoS 0",
    sabotage=change("PUBLISH", lambda p: p.topic.endswith(b"/zero-qos"), qos=1, packet_id=9),
)
async def qos_0_stays(t: Trial) -> None:
    """A QoS 0 message to a subscription of QoS 2."""
    peer, other = await pair(t, "zero-qos")
    await other.publish(t.topic("zero-qos"), qos=0)
    got = await peer.expect("PUBLISH")
    check(got.qos == 0, f"QoS {got.qos}")


@case("MQTT-3.3.1-3", expect="DUP 0", sabotage=change("PUBLISH", ends("dup"), dup=True))
async def dup_is_not_passed_on(t: Trial) -> None:
    """A PUBLISH that arrives with DUP 1."""
    peer, other = await pair(t, "dup")
    for qos in (1, 2):
        await other.publish(t.topic("dup"), qos=qos, dup=True)
        got = await peer.get("PUBLISH")
        check(not got.dup, f"DUP 1 at QoS {got.qos}")


refuses(
    "publish.qos_3",
    "3:MQTT-3.3.1-4",
    "5:U-3.3.1.2-1",
    "5:MQTT-4.13.1-1",
    "3:MQTT-4.8.0-1",
    packet="PUBLISH",
    codes=(0x81,),
    why="QoS bits 11",
    fields=lambda t: {"topic": t.topic(), "flags": 6, "payload": b"\0\1"},
)


@case(
    "MQTT-3.3.1-4",
    expect="QoS 0, 1 or 2",
    sabotage=patch("PUBLISH", ends("levels"), bytes=lambda raw: bytes([raw[0] | 6]) + raw[1:]),
)
async def sends_no_qos_3(t: Trial) -> None:
    """Messages of each QoS."""
    peer, other = await pair(t, "levels")
    for qos in range(3):
        await other.publish(t.topic("levels"), qos=qos)
        await peer.expect("PUBLISH")


# 3.3.2: topics


@case(
    "MQTT-3.3.2-1",
    "5:MQTT-1.5.4-1",
    "5:MQTT-1.5.4-2",
    expect="the topic that was published, as valid UTF-8",
    sabotage=change(
        "PUBLISH",
        lambda p: "ä€" in p.topic.decode(errors="replace"),
        topic=lambda p, link: p.topic[:-1] + SURROGATE,
    ),
)
async def topic_is_first(t: Trial) -> None:
    """A topic with characters of one to four bytes."""
    name = t.topic("ä€\U0001f600z")
    peer = await t.connect("s")
    await peer.subscribe(name)
    await peer.publish(name)
    got = await peer.expect("PUBLISH")
    check(got.topic == name.encode(), f"topic {got.topic!r}")


for _name, _ids, _topic, _why, _codes in (
    (
        "topic_ill_formed",
        ("MQTT-3.3.2-1", "3:MQTT-1.5.3-1", "5:U-1.5.4-1"),
        b"a/" + SURROGATE,
        "a surrogate in the topic",
        (0x81, 0x82),
    ),
    (
        "topic_nul",
        ("MQTT-4.7.3-2", "3:MQTT-1.5.3-2", "5:U-1.5.4-1", "5:MQTT-1.5.4-2"),
        b"a/\0",
        "U+0000 in the topic",
        (0x81, 0x82),
    ),
    (
        "topic_hash",
        ("MQTT-3.3.2-2", "3:MQTT-4.7.1-1", "5:MQTT-4.7.0-1"),
        b"a/#",
        "a wildcard in the topic",
        (0x90, 0x81, 0x82),
    ),
    (
        "topic_plus",
        ("MQTT-3.3.2-2", "3:MQTT-4.7.1-1", "5:MQTT-4.7.0-1"),
        b"a/+/b",
        "a wildcard in the topic",
        (0x90, 0x81, 0x82),
    ),
    ("topic_empty", ("MQTT-4.7.3-1",), b"", "a topic of no characters", (0x90, 0x81, 0x82)),
):
    refuses(
        f"publish.{_name}",
        *_ids,
        packet="PUBLISH",
        codes=_codes,
        why=_why,
        fields={"topic": _topic},
    )


@case(
    "3:MQTT-1.5.3-3",
    "5:MQTT-1.5.4-3",
    expect="the topic with its U+FEFF, and no other",
    sabotage=change(
        "PUBLISH",
        lambda p: b"\xef\xbb\xbf" in p.topic,
        topic=lambda p, link: p.topic.replace(b"\xef\xbb\xbf", b""),
    ),
)
async def byte_order_mark(t: Trial) -> None:
    """EF BB BF in the middle, and at the beginning of a level."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("+"))
    for name in ("\ufeffmark", "ma\ufeffrk"):
        await peer.publish(t.topic(name))
        got = await peer.expect("PUBLISH")
        check(got.topic == t.topic(name).encode(), f"topic {got.topic!r}")


@case(
    "MQTT-3.3.2-3",
    expect="the topic that the filter matches, and nothing else",
    sabotage=change("PUBLISH", ends("match"), topic=b"elsewhere"),
)
async def only_what_matches(t: Trial) -> None:
    """Topics inside and outside of a filter."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("a/+/match"))
    other = await t.connect("p")
    for name in ("a/match", "a/b/c/match", "b/c/match", "a/b/match", "a/b/matc", "a/B/MATCH"):
        await other.publish(t.topic(name), name)
    got = await peer.expect("PUBLISH")
    check(got.topic == t.topic("a/b/match").encode(), f"topic {got.topic!r}")
    await peer.nothing("PUBLISH")


# 3.3.4: reactions


@case("MQTT-3.3.4-1", expect="PUBACK", sabotage=drop("PUBACK", lambda p: p.packet_id == 1111))
async def puback(t: Trial) -> None:
    """A QoS 1 PUBLISH."""
    peer = await t.connect()
    peer.send("PUBLISH", topic=t.topic(), qos=1, packet_id=1111)
    await peer.expect("PUBACK", packet_id=1111)


@case("MQTT-3.3.4-1", expect="PUBREC", sabotage=drop("PUBREC", lambda p: p.packet_id == 1112))
async def pubrec(t: Trial) -> None:
    """A QoS 2 PUBLISH."""
    peer = await t.connect()
    peer.send("PUBLISH", topic=t.topic(), qos=2, packet_id=1112)
    await peer.expect("PUBREC", packet_id=1112)


def _answer_qos_0(link: Link, packet: Packet) -> Sequence[Item]:
    silent = any(raw[0] == 0x30 and b"/unanswered" in raw for raw in link.sent)
    return [b"\x40\x02\x00\x01", packet.raw] if silent else [packet.raw]


@case(
    "MQTT-3.3.4-1",
    expect="no answer",
    sabotage=instead("PINGRESP", _answer_qos_0, once=True, text="answers QoS 0 before"),
)
async def no_answer_to_qos_0(t: Trial) -> None:
    """A QoS 0 PUBLISH."""
    peer = await t.connect()
    peer.send("PUBLISH", topic=t.topic("unanswered"))
    await peer.nothing("PUBACK")
    await peer.nothing("PUBREC")


@case(
    "3:MQTT-3.3.5-2",
    expect="PUBACK, or the end of the connection",
    sabotage=drop("PUBACK", lambda p: p.packet_id == 1113),
)
async def unauthorised(t: Trial) -> None:
    """A topic that this user must not publish to."""
    topic = t.target.guard("forbidden")
    peer = await t.connect(on="guarded")
    peer.send("PUBLISH", topic=topic, qos=1, packet_id=1113)
    await peer.answered()
    if not peer.ended:
        await peer.expect("PUBACK", packet_id=1113)


# 3.3.5 (5.0: 3.3.4): overlapping subscriptions


async def _overlapping(t: Trial, name: str, *options: int, **identified: int) -> list[Packet]:
    """What comes of one message over filters a/# and a/b; one copy or one of each."""
    peer = await t.connect("s")
    filters = (t.topic(f"{name}/#"), t.topic(f"{name}/b"))
    for index, one in enumerate(filters):
        extra = {"subscription_identifier": index + 21} if identified.get("ids") else {}
        await peer.subscribe(one, qos=options[index], **extra)
    other = await t.connect("p")
    await other.publish(t.topic(f"{name}/b"), qos=max(options))
    copies = [await peer.get("PUBLISH")]
    await peer.barrier()
    await t.sleep(t.times.quiet_s)
    copies += [p for p in peer.inbox if p.type == "PUBLISH"]
    return copies


@case(
    "3:MQTT-3.3.5-1",
    "5:MQTT-3.3.4-2",
    expect="a copy of QoS 2",
    sabotage=change("PUBLISH", lambda p: b"/overlap/" in p.topic, qos=1),
)
async def overlapping_highest(t: Trial) -> None:
    """Subscriptions of QoS 0 and QoS 2 to one topic; one copy, or one for each."""
    for options in ((0, 2), (2, 0)):
        copies = await _overlapping(t, f"overlap/{options[0]}", *options)
        best = max(p.qos for p in copies)
        check(best == 2, f"{len(copies)} copies, the best of QoS {best}")


@case(
    "5:MQTT-3.3.4-3",
    expect="the identifiers of the subscriptions, in one copy or several",
    sabotage=change("PUBLISH", lambda p: b"/identified/" in p.topic, subscription_identifier=None),
)
async def overlapping_identifiers(t: Trial) -> None:
    """Two subscriptions with identifiers."""
    copies = await _overlapping(t, "identified", 1, 1, ids=1)
    said = {i for p in copies for i in p.all("subscription_identifier")}
    check(said == {21, 22}, f"{len(copies)} copies with identifiers {sorted(said)}")


@case(
    "5:MQTT-3.3.4-4",
    expect="one copy has both identifiers",
    sabotage=change("PUBLISH", lambda p: b"/one-copy/" in p.topic, subscription_identifier=21),
)
async def one_copy_has_all(t: Trial) -> None:
    """Where one copy is sent."""
    copies = await _overlapping(t, "one-copy", 1, 1, ids=1)
    if len(copies) > 1:
        not_observable("it sends a copy for each subscription")
    said = sorted(copies[0].all("subscription_identifier"))
    check(said == [21, 22], f"identifiers {said}")


def _split_well(link: Link, packet: Packet) -> Sequence[Item]:
    return [packet.changed(subscription_identifier=one, qos=0, packet_id=None) for one in (21, 22)]


_of_copies = lambda p: b"/copies/" in p.topic  # noqa: E731


@case(
    "5:MQTT-3.3.4-5",
    expect="each copy has the identifier of its own subscription",
    sabotage=change("PUBLISH", _of_copies, subscription_identifier=21),
    occasion=instead("PUBLISH", _split_well, _of_copies, text="splits"),
)
async def copies_have_their_own(t: Trial) -> None:
    """Where a copy is sent for each subscription."""
    copies = await _overlapping(t, "copies", 1, 1, ids=1)
    if len(copies) == 1:
        not_observable("it sends one copy for all subscriptions")
    said = sorted(p.all("subscription_identifier") for p in copies)
    check(said == [[21], [22]], f"identifiers {said}")


@case(
    "5:U-3.3.4-1",
    expect="only the identifier of the filter that matched",
    sabotage=change("PUBLISH", ends("caused"), subscription_identifier=[31, 32]),
)
async def only_causes_are_identified(t: Trial) -> None:
    """Two subscriptions, and a message for one."""
    peer = await t.connect("s")
    await peer.subscribe(t.topic("caused"), subscription_identifier=31)
    await peer.subscribe(t.topic("not-caused"), subscription_identifier=32)
    await peer.publish(t.topic("caused"))
    got = await peer.get("PUBLISH")
    said = got.all("subscription_identifier")
    check(said == [31], f"identifiers {said}")


@case(
    "5:MQTT-3.3.4-6",
    expect="closed; or forwarded without the publisher's identifier",
    why="that the client must not is said; what the server does then is not",
    sabotage=keep_open(),
)
async def subscription_identifier(t: Trial) -> None:
    """A PUBLISH from a client with a Subscription Identifier."""
    peer, other = await pair(t, "smuggled")
    other.offend("PUBLISH", topic=t.topic("smuggled"), subscription_identifier=5)
    await closed_or_forwarded(peer, other, lambda p: not p.all("subscription_identifier"))


refuses(
    "publish.subscription_identifier_0",
    "U-3.3.2.3.8-1",
    packet="PUBLISH",
    codes=(0x82,),
    fields=lambda t: {"topic": t.topic(), "subscription_identifier": 0},
    why="identifiers begin with 1",
)
