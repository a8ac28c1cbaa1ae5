"""4.1, 4.4 and 4.6: what a client keeps, what it sends again, and in which order."""

from __future__ import annotations

from mqttlab.conformance import (
    ClientTrial,
    Packet,
    Served,
    change,
    check,
    drop,
    ends,
    heard_twice,
    instead,
    invent,
    not_observable,
    swap,
)
from mqttlab.conformance.sabotage import Where

from .common import case, told_once


async def _cut(
    t: ClientTrial, name: str, qos: int, *, released: bool = False
) -> tuple[Packet, Served]:
    """A message that was under way when the connection ended, and the client is back.
    `released`: PUBREL was, too.
    """
    peer = await t.connect(acks=False, session=True, publishes=(t.topic(name), qos))
    t.publish(t.topic(name), "kept", qos=qos)
    message = await peer.get("PUBLISH")
    if released:
        peer.send("PUBREC", packet_id=message.packet_id)
        await peer.get("PUBREL")
    return message, await t.reconnect(acks=False)


def _again(qos: int, *ids: str) -> None:
    name = f"again{qos}"

    @case(
        "MQTT-4.4.0-1",
        "MQTT-4.1.0-1",
        "3:MQTT-3.1.2-4",
        "5:MQTT-3.1.2-23",
        *ids,
        name=f"redelivery.publish_{qos}",
        expect="PUBLISH again",
        sabotage=drop("PUBLISH", lambda p: ends(name)(p) and p.dup),
    )
    async def run(t: ClientTrial) -> None:
        _, peer = await _cut(t, name, qos)
        message = await peer.expect("PUBLISH")
        check(message.payload == b"kept", f"payload: {message.payload!r}")

    @case(
        "MQTT-3.3.1-1",
        name=f"redelivery.dup_{qos}",
        expect="DUP 1",
        sabotage=change("PUBLISH", ends(name), dup=False),
    )
    async def dup(t: ClientTrial) -> None:
        _, peer = await _cut(t, name, qos)
        check((await peer.get("PUBLISH")).dup, "DUP 0")

    @case(
        "MQTT-4.4.0-1",
        "3:MQTT-2.3.1-3",
        name=f"redelivery.identifier_{qos}",
        expect="the identifier that the message had",
        sabotage=change(
            "PUBLISH",
            lambda p: ends(name)(p) and p.dup,
            packet_id=lambda p, link: p.packet_id + 1,
        ),
    )
    async def identifier(t: ClientTrial) -> None:
        first, peer = await _cut(t, name, qos)
        second = await peer.get("PUBLISH")
        check(
            second.packet_id == first.packet_id,
            f"identifier {first.packet_id}, then {second.packet_id}",
        )


_again(1, "3:MQTT-4.3.2-1", "5:MQTT-4.3.2-3")
_again(2, "3:MQTT-4.3.3-1", "5:MQTT-4.3.3-3")


@case(
    "MQTT-4.4.0-1",
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-5",
    "3:MQTT-2.3.1-3",
    expect="PUBREL again, with its identifier",
    sabotage=instead(
        "PUBREL",
        lambda link, p: [p.raw] if any(q.type == "PUBLISH" for q in link.received) else [],
        text="on the second connection, drops",
    ),
)
async def pubrel(t: ClientTrial) -> None:
    """PUBREL was under way."""
    message, peer = await _cut(t, "released", 2, released=True)
    release = await peer.expect("PUBREL")
    check(release.packet_id == message.packet_id, f"PUBREL of {release.packet_id}")


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-6",
    expect="no PUBLISH",
    sabotage=invent(
        "PUBLISH", "PUBREL", topic="t", qos=2, dup=True, once=False,
        packet_id=lambda p, link: p.packet_id,
    ),
)  # fmt: skip
async def no_publish_after_pubrel(t: ClientTrial) -> None:
    """PUBREL was under way: the PUBLISH is over."""
    message, peer = await _cut(t, "released", 2, released=True)
    await t.sleep(t.times.quiet_s)
    found = peer.find("PUBLISH", None, {"packet_id": message.packet_id})
    check(found is None, lambda: f"PUBLISH {found and found.raw.hex(' ')}")


@case(
    "5:MQTT-4.4.0-1",
    expect="nothing is sent again",
    why="only a new connection makes a client repeat something",
    sabotage=invent(
        "PUBLISH", "PUBLISH", ends("patient"), topic=lambda p, link: p.topic, qos=1, dup=True,
        packet_id=lambda p, link: p.packet_id,
    ),
)  # fmt: skip
async def not_in_between(t: ClientTrial) -> None:
    """An acknowledgement is long in coming, and the connection stays."""
    peer = await t.connect(acks=False, publishes=(t.topic("patient"), 1))
    t.publish(t.topic("patient"))
    await peer.get("PUBLISH")
    await peer.silent("PUBLISH")


def _settled(answer: str, qos: int, version: str, reason: int, name: str, *ids: str) -> None:
    @case(
        *ids,
        name=f"redelivery.{name}",
        expect="nothing of it again",
        sabotage=invent(
            "PUBLISH",
            "PUBACK",
            qos=1,
            dup=True,
            topic="t",
            packet_id=0x7F06,
            payload=b"kept",
            once=False,
        ),
    )
    async def run(t: ClientTrial) -> None:
        await t.needs("acknowledged")
        peer = await t.connect(acks=False, session=True)
        t.publish(t.topic("settled"), "kept", qos=qos)
        message = await peer.get("PUBLISH")
        fields = {"reason": reason} if version == "5" else {}
        peer.send(answer, packet_id=message.packet_id, **fields)
        await peer.barrier()
        again = await t.reconnect(acks=False)
        await again.nothing("PUBLISH", payload=b"kept")
        for packet in ("PUBREL", "PUBLISH"):
            found = again.find(packet, None, {})
            check(found is None, lambda: f"{packet} again")  # noqa: B023 - called at once


_settled("PUBACK", 1, "3", 0, "puback_settles", "3:MQTT-2.3.1-3", "5:MQTT-4.3.2-3")
_settled("PUBACK", 1, "5", 0x97, "puback_error_settles", "5:MQTT-4.4.0-2")
_settled("PUBREC", 2, "5", 0x97, "pubrec_error_settles", "5:MQTT-4.4.0-2")


@case(
    "3:MQTT-4.3.3-2",
    "5:MQTT-4.3.3-10",
    "MQTT-4.1.0-1",
    "5:MQTT-3.1.2-23",
    "3:MQTT-3.1.2-4",
    expect="the message once",
    why="the client keeps which messages of QoS 2 it has",
    sabotage=heard_twice("message", lambda event: event["payload"] == "once"),
)
async def received_once(t: ClientTrial) -> None:
    """The server repeats a PUBLISH of QoS 2 on the next connection."""
    await t.needs("message", "session")
    peer = await t.connect(acks=False, session=True)
    await t.subscribed(peer, t.topic("once"))
    fields = {"topic": t.topic("once"), "qos": 2, "packet_id": 95, "payload": b"once"}
    peer.send("PUBLISH", **fields)
    await peer.get("PUBREC", packet_id=95)
    peer = await t.reconnect(acks=False)
    peer.send("PUBLISH", dup=True, **fields)
    await peer.expect("PUBREC", packet_id=95)
    await told_once(t, peer, "once", 95)


@case(
    "MQTT-4.1.0-1",
    "3:MQTT-4.1.0-2",
    expect="the message once",
    why="the session lives at least as long as the connection",
    sabotage=heard_twice("message", lambda event: event["payload"] == "clean once"),
)
async def kept_while_connected(t: ClientTrial) -> None:
    """A session that ends with its connection is kept until then."""
    await t.needs("message")
    peer = await t.connect(acks=False)
    await t.subscribed(peer, t.topic("once"))
    fields = {"topic": t.topic("once"), "qos": 2, "packet_id": 96, "payload": b"clean once"}
    for dup in (False, True):
        peer.send("PUBLISH", dup=dup, **fields)
        await peer.get("PUBREC", packet_id=96)
    told = await t.messages(t.topic("once"))
    if not told:  # some hand it over at PUBREL
        peer.send("PUBREL", packet_id=96)
        told = await t.messages(t.topic("once"))
    check(len(told) == 1, f"told {len(told)} times")


@case(
    "5:MQTT-4.3.3-7",
    expect="PUBLISH again",
    why="its expiry counts no more, for it has been sent",
    sabotage=drop("PUBLISH", lambda p: ends("expires")(p) and p.dup),
)
async def expired_in_flight(t: ClientTrial) -> None:
    """A message of QoS 2 expires while the client is away."""
    await t.needs("properties")
    unit = t.times.unit_s
    peer = await t.connect(acks=False, session=True)
    t.publish(t.topic("expires"), qos=2, message_expiry_interval=unit)
    await peer.get("PUBLISH")
    await peer.cut()
    await t.sleep(unit + 1)
    peer = await t.reconnect(acks=False)
    await peer.expect("PUBLISH", topic=t.topic("expires"))


# 4.6: order


async def _several(t: ClientTrial, peer: Served, name: str, qos: int) -> list[Packet]:
    """Three messages under way."""
    for number in range(3):
        t.publish(t.topic(name), str(number), qos=qos)
    await peer.get("PUBLISH", payload=b"0")
    await t.sleep(t.times.quiet_s)
    rest = [p for p in peer.inbox if p.type == "PUBLISH"]
    if not rest:
        not_observable("it has one message under way at a time")
    peer.inbox.clear()
    return rest


def _order(qos: int) -> None:
    name = f"order{qos}"
    later: Where = lambda p: ends(name)(p) and p.dup  # noqa: E731

    @case(
        "MQTT-4.6.0-1",
        name=f"redelivery.order_{qos}",
        expect="the messages in the order in which they were sent",
        sabotage=swap("PUBLISH", later),
    )
    async def run(t: ClientTrial) -> None:
        peer = await t.connect(acks=False, session=True, publishes=(t.topic(name), qos))
        await _several(t, peer, name, qos)
        peer = await t.reconnect(acks=False)
        await t.sleep(t.times.quiet_s)
        got = [p.payload for p in peer.inbox if p.type == "PUBLISH"]
        check(got == sorted(got), f"again: {got}")


_order(1)
_order(2)


def _answers(answer: str, qos: int, id: str) -> None:
    @case(
        id,
        name=f"redelivery.order_{answer.lower()}",
        expect=f"{answer} in the order of the messages",
        sabotage=swap(answer, lambda p: p.packet_id in (97, 98)),
    )
    async def run(t: ClientTrial) -> None:
        peer = await t.connect(acks=False)
        await t.subscribed(peer, t.topic("x"))
        for packet_id in (97, 98, 99):
            peer.send("PUBLISH", topic=t.topic("x"), qos=qos, packet_id=packet_id)
        got = [(await peer.get(answer)).packet_id for _ in range(3)]
        check(got == [97, 98, 99], f"{answer} of {got}")


_answers("PUBACK", 1, "MQTT-4.6.0-2")
_answers("PUBREC", 2, "MQTT-4.6.0-3")


@case(
    "MQTT-4.6.0-4",
    expect="PUBREL in the order of PUBREC",
    sabotage=swap("PUBREL"),
)
async def order_pubrel(t: ClientTrial) -> None:
    """PUBREC comes in another order than the messages."""
    peer = await t.connect(acks=False, publishes=(t.topic("order"), 2))
    sent = await _several(t, peer, "order", 2)
    wanted = [p.packet_id for p in reversed(sent)]
    if len(wanted) < 2:
        not_observable("it has two messages under way at most")
    for packet_id in wanted:
        peer.send("PUBREC", packet_id=packet_id)
    got = [(await peer.get("PUBREL")).packet_id for _ in wanted]
    check(got == wanted, f"PUBREC of {wanted}, PUBREL of {got}")
