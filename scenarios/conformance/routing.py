"""4.1, 4.5 to 4.7: sessions, order, topics; 4.2 and 7: transports."""

from __future__ import annotations

from mqttlab.conformance import (
    Peer,
    Trial,
    case,
    change,
    check,
    drop,
    ends,
    message,
    not_observable,
    only,
    swap,
)

from .common import at_once, invalid_filter, offline, room

# 4.1, 4.2


@case(
    "MQTT-4.1.0-1",
    "3:MQTT-4.1.0-2",
    expect="the subscription works to the end",
    sabotage=drop("PUBLISH", lambda p: p.payload == b"still"),
)
async def session_lasts_with_connection(t: Trial) -> None:
    """A clean session on a connection that stays."""
    fields = {"session_expiry_interval": 0} if t.v5 else {}
    peer = await t.connect(clean=True, **fields)
    await peer.subscribe(t.topic())
    await t.sleep(t.times.unit_s)
    await peer.publish(t.topic(), b"still")
    await peer.expect("PUBLISH", payload=b"still")


@case(
    "MQTT-4.1.0-1",
    expect="queued messages are there after two more connections",
    sabotage=drop("PUBLISH", ends("lasts")),
)
async def session_lasts_over_connections(t: Trial) -> None:
    """A session that is taken up, left, and taken up again."""
    await offline(t, t.topic("lasts"))
    peer = await t.connect(session=True)
    await peer.disconnect()
    other = await t.connect("p")
    await other.publish(t.topic("lasts"))
    peer = await t.connect(session=True)
    await peer.expect("PUBLISH", topic=t.topic("lasts"))


@case(
    "5:MQTT-4.1.0-2",
    expect="Session Present 0",
    sabotage=only("expires", change("CONNACK", lambda p: not p.session_present, session_present=1)),
)
async def session_expires(t: Trial) -> None:
    """A session whose expiry interval is over."""
    peer = await t.connect("expires", session=True, session_expiry_interval=t.times.unit_s)
    await peer.disconnect()
    await t.sleep(t.times.unit_s + t.times.slack_s)
    peer = await t.connect("expires", session=True)
    assert peer.connack
    check(not peer.connack.session_present, "Session Present 1")


@case(
    "5:MQTT-4.1.0-2",
    expect="Session Present 0",
    sabotage=only("nothing", change("CONNACK", lambda p: not p.session_present, session_present=1)),
)
async def session_of_expiry_0(t: Trial) -> None:
    """A session that ends with its connection."""
    peer = await t.connect("nothing", session=True, session_expiry_interval=0)
    await peer.disconnect()
    peer = await t.connect("nothing", session=True)
    assert peer.connack
    check(not peer.connack.session_present, "Session Present 1")


@case(
    "5:MQTT-3.1.2-23",
    expect="Session Present 1",
    sabotage=only("hour", change("CONNACK", lambda p: p.session_present, session_present=0)),
)
async def session_is_kept(t: Trial) -> None:
    """A session whose expiry interval is not over."""
    peer = await t.connect("hour", session=True, session_expiry_interval=1000 * t.times.unit_s)
    await peer.cut()
    await t.sleep(t.times.unit_s)
    peer = await t.connect("hour", session=True)
    assert peer.connack
    check(peer.connack.session_present, "Session Present 0")


@case(
    "3:MQTT-7.1.1-1",
    "5:MQTT-4.2.0-1",
    expect="CONNACK and PINGRESP",
    sabotage=only("reached", drop("PINGRESP", once=True)),
)
async def reachable(t: Trial) -> None:
    """A connection over what the target listens on."""
    peer = await t.connect("reached")
    await peer.stays()


# 4.5, 4.6


@case(
    "MQTT-4.5.0-1",
    expect="each of three gets it",
    sabotage=drop("PUBLISH", ends("everybody"), once=True),
)
async def every_session_gets_it(t: Trial) -> None:
    """Two connected subscribers, and one who is away."""
    await offline(t, t.topic("everybody"), name="x")
    peers = [await t.connect(name) for name in ("y", "z")]
    for peer in peers:
        await peer.subscribe(t.topic("everybody"))
    other = await t.connect("p")
    await other.publish(t.topic("everybody"))
    for peer in [*peers, await t.connect("x", session=True)]:
        await peer.expect("PUBLISH", topic=t.topic("everybody"))


async def _order(t: Trial, peer: Peer, name: str, count: int) -> list[int]:
    return [int((await peer.get("PUBLISH", topic=t.topic(name))).payload) for _ in range(count)]


def _ordered(name: str, qos: int, *ids: str) -> None:
    @case(
        *ids,
        name=f"routing.ordered_{name}",
        expect="in the order of their publication",
        sabotage=swap("PUBLISH", ends(f"order-{name}")),
    )
    async def run(t: Trial) -> None:
        peer = await t.connect("s")
        await peer.subscribe(t.topic(f"order-{name}"), qos=qos)
        other = await t.connect("p")
        count = room(other, 20)
        for number in range(count):
            other.send(
                "PUBLISH",
                topic=t.topic(f"order-{name}"),
                qos=qos,
                packet_id=number + 1 if qos else None,
                payload=str(number).encode(),
            )
            if qos == 2:
                other.send("PUBREL", packet_id=number + 1)
        got = await _order(t, peer, f"order-{name}", count)
        check(got == list(range(count)), f"{got}")


_ORDER = ("3:MQTT-4.6.0-5", "3:MQTT-4.6.0-6", "5:MQTT-4.6.0-5", "5:MQTT-4.6.0-6")
for _qos in range(3):
    _ordered(f"qos{_qos}", _qos, *_ORDER)


@case(
    "3:MQTT-4.6.0-1",
    "3:MQTT-4.6.0-6",
    expect="again in their order",
    sabotage=swap("PUBLISH", lambda p: p.dup and p.topic.endswith(b"/resent")),
)
async def resent_in_order(t: Trial) -> None:
    """Four messages in flight when the link goes down."""
    peer = await t.connect("s", acks=False, session=True)
    await peer.subscribe(t.topic("resent"), qos=1)
    other = await t.connect("p")
    for number in range(4):
        await other.publish(t.topic("resent"), str(number), qos=1)
    await at_once(peer, 4)
    await peer.cut()
    peer = await t.connect("s", session=True)
    got = await _order(t, peer, "resent", 4)
    check(got == [0, 1, 2, 3], f"{got}")


def _acks_in_order(answer: str, qos: int, id: str) -> None:
    @case(
        id,
        "3:MQTT-4.6.0-6",
        name=f"routing.{answer.lower()}_in_order",
        expect=f"{answer}s in the order of what they answer",
        sabotage=swap(answer, lambda p: p.packet_id in (1801, 1802)),
    )
    async def run(t: Trial) -> None:
        peer = await t.connect()
        for number in range(6):
            peer.send("PUBLISH", topic=t.topic(), qos=qos, packet_id=1800 + number)
        got = [(await peer.get(answer)).packet_id for _ in range(6)]
        check(got == [1800 + number for number in range(6)], f"{got}")


_acks_in_order("PUBACK", 1, "3:MQTT-4.6.0-2")
_acks_in_order("PUBREC", 2, "3:MQTT-4.6.0-3")


@case(
    "3:MQTT-4.6.0-4",
    "3:MQTT-4.6.0-6",
    expect="PUBRELs in the order of the PUBRECs",
    sabotage=swap("PUBREL"),
)
async def pubrel_in_order(t: Trial) -> None:
    """Three QoS 2 messages, whose PUBRECs come in one piece."""
    peer = await t.connect("s", acks=False)
    await peer.subscribe(t.topic("released"), qos=2)
    other = await t.connect("p")
    for _ in range(4):
        await other.publish(t.topic("released"), qos=2)
    got = [one.packet_id for one in await at_once(peer, 4)]
    peer.send_all(*(peer.make("PUBREC", packet_id=one) for one in got))
    released = [(await peer.get("PUBREL")).packet_id for _ in range(4)]
    check(released == got, f"{released} for {got}")


# 4.7: topics and filters


for _name, _ids, _filter in (
    ("hash_not_last", ("3:MQTT-4.7.1-2", "5:MQTT-4.7.1-1"), "a/#/b"),
    ("hash_in_level", ("3:MQTT-4.7.1-2", "5:MQTT-4.7.1-1"), "a/b#"),
    ("plus_in_level", ("3:MQTT-4.7.1-3", "5:MQTT-4.7.1-2"), "a/b+/c"),
    ("empty_filter", ("MQTT-4.7.3-1",), ""),
    ("nul_in_filter", ("MQTT-4.7.3-2",), "a/\0"),
):
    invalid_filter(f"routing.{_name}", _ids, _filter)


def _matches(name: str, *ids: str, filter: str, yes: tuple[str, ...], no: tuple[str, ...]) -> None:
    async def subscriber(t: Trial, under: str, *topics: str) -> Peer:
        peer = await t.connect("s")
        await peer.subscribe(t.topic(f"{under}/{filter}"))
        other = await t.connect("p")
        for topic in topics:
            await other.publish(t.topic(f"{under}/{topic}"))
        return peer

    @case(
        *ids,
        name=f"routing.{name}",
        expect="what the filter matches",
        sabotage=drop("PUBLISH", lambda p: f"/{name}/".encode() in p.topic),
    )
    async def matching(t: Trial) -> None:
        peer = await subscriber(t, name, *yes)
        for topic in yes:
            await peer.expect("PUBLISH", topic=t.topic(f"{name}/{topic}"))

    @case(
        *ids,
        name=f"routing.{name}_only",
        expect="nothing that the filter does not match",
        sabotage=message(f"{name}-only/{filter}", topic=no[0]),
    )
    async def others(t: Trial) -> None:
        peer = await subscriber(t, f"{name}-only", *no)
        await peer.nothing("PUBLISH")


_matches(
    "hash_matches",
    "3:MQTT-4.7.1-2",
    "5:MQTT-4.7.1-1",
    filter="a/#",
    yes=("a/b", "a/b/c", "a/"),
    no=("ab", "b/a"),
)
_matches(
    "plus_matches",
    "3:MQTT-4.7.1-3",
    "5:MQTT-4.7.1-2",
    filter="+/b/+",
    yes=("a/b/c", "/b/"),
    no=("a/b", "a/c/c", "a/b/c/d"),
)
_matches(
    "exact_characters",
    "MQTT-4.7.3-4",
    filter="Straße/e\u0301",
    yes=("Straße/e\u0301",),
    no=("straße/e\u0301", "Strasse/e\u0301", "Straße/\u00e9"),
)


@case(
    "MQTT-4.7.2-1",
    expect="nothing that begins with $",
    alone=True,
    sabotage=change("PUBLISH", ends("marker"), topic=b"$SYS/x"),
)
async def dollar_topics(t: Trial) -> None:
    """Filters # and +/#, and a message to a topic that begins with a dollar sign."""
    peer = await t.connect("s")
    await peer.subscribe("#", "+/#", qos=0)
    other = await t.connect("p")
    other.send("PUBLISH", topic="$" + t.topic("hidden"), qos=1, packet_id=1)
    await t.until(lambda: other.ended or "PUBACK" in other.heard)
    if other.ended:
        not_observable("it takes no such messages from clients")
    await other.publish(t.topic("marker"), qos=0)
    marked = await peer.get(
        "PUBLISH", lambda p: p.topic.endswith(b"/marker") or p.topic[:1] == b"$"
    )
    await peer.barrier()
    await t.sleep(t.times.quiet_s)
    topics = [marked.topic, *(p.topic for p in peer.inbox if p.type == "PUBLISH")]
    found = [one for one in topics if one.startswith(b"$")]
    check(not found, f"{found}")
