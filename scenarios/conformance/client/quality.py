"""4.3: what a client does at QoS 0, 1 and 2, as sender and as receiver."""

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
    invent,
    not_observable,
    unheard,
)
from mqttlab.conformance.sabotage import Where

from .common import case, drops_later, told_once

# As sender.


async def _sent(t: ClientTrial, name: str, qos: int) -> tuple[Served, Packet]:
    """A message that the client has sent, and nobody has answered."""
    peer = await t.connect(acks=False, publishes=(t.topic(name), qos))
    t.publish(t.topic(name), qos=qos)
    return peer, await peer.expect("PUBLISH", topic=t.topic(name))


@case(
    "MQTT-4.3.1-1",
    "MQTT-3.3.1-2",
    expect="PUBLISH with QoS 0 and DUP 0",
    sabotage=change("PUBLISH", ends("plain"), dup=True),
)
async def qos_0(t: ClientTrial) -> None:
    """A message of QoS 0."""
    _, message = await _sent(t, "plain", 0)
    check(message.qos == 0, f"QoS {message.qos}")
    check(not message.dup, "DUP 1")


@case(
    "3:MQTT-4.3.2-1",
    "5:MQTT-4.3.2-2",
    expect="PUBLISH with QoS 1, an identifier and DUP 0",
    sabotage=change("PUBLISH", ends("one"), dup=True),
)
async def qos_1_first(t: ClientTrial) -> None:
    """A message of QoS 1 goes out for the first time."""
    _, message = await _sent(t, "one", 1)
    check(message.qos == 1, f"QoS {message.qos}")
    check(not message.dup, "DUP 1")


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-2",
    expect="PUBLISH with QoS 2, an identifier and DUP 0",
    sabotage=change("PUBLISH", ends("two"), dup=True),
)
async def qos_2_first(t: ClientTrial) -> None:
    """A message of QoS 2 goes out for the first time."""
    _, message = await _sent(t, "two", 2)
    check(message.qos == 2, f"QoS {message.qos}")
    check(not message.dup, "DUP 1")


def _free(name: str, qos: int, *ids: str) -> None:
    @case(
        *ids,
        name=name,
        expect="identifiers that are all different",
        why="until their acknowledgement they are in use",
        sabotage=change("PUBLISH", ends(f"free{qos}"), packet_id=lambda p, link: 3),
    )
    async def run(t: ClientTrial) -> None:
        peer = await t.connect(acks=False, publishes=(t.topic(f"free{qos}"), qos))
        for _ in range(3):
            t.publish(t.topic(f"free{qos}"), qos=qos)
        seen = [(await peer.get("PUBLISH")).packet_id]
        while more := await peer.until(
            lambda: peer.find("PUBLISH", None, {}), t.times.quiet_s + 0.1
        ):
            peer.inbox.remove(more)
            seen.append(more.packet_id)
        if len(seen) == 1:
            not_observable("it has one message under way at a time")
        check(len(set(seen)) == len(seen), f"identifiers of messages under way: {seen}")


_free("quality.free_identifiers_1", 1, "MQTT-4.3.2-1", "3:MQTT-2.3.1-2", "5:MQTT-2.2.1-3")
_free("quality.free_identifiers_2", 2, "MQTT-4.3.3-1", "3:MQTT-2.3.1-2", "5:MQTT-2.2.1-3")


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-4",
    "3:MQTT-2.3.1-6",
    "5:MQTT-2.2.1-5",
    expect="PUBREL with the identifier of PUBREC",
    sabotage=change("PUBREL", packet_id=lambda p, link: p.packet_id + 1),
)
async def pubrel(t: ClientTrial) -> None:
    """PUBREC is answered."""
    peer, message = await _sent(t, "rel", 2)
    peer.send("PUBREC", packet_id=message.packet_id)
    release = await peer.expect("PUBREL")
    check(release.packet_id == message.packet_id, f"PUBREL of {release.packet_id}")


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-3",
    expect="no PUBREL before PUBREC",
    sabotage=invent(
        "PUBREL", "PUBLISH", ends("early"), packet_id=lambda p, link: p.packet_id, once=True
    ),
)
async def no_early_pubrel(t: ClientTrial) -> None:
    """PUBREC is long in coming."""
    peer, _ = await _sent(t, "early", 2)
    await peer.silent("PUBREL")


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-6",
    expect="PUBLISH never again",
    sabotage=invent(
        "PUBLISH", "PUBREL", topic=lambda p, link: link.token + b"/again", qos=2, dup=True,
        packet_id=lambda p, link: p.packet_id,
    ),
)  # fmt: skip
async def no_publish_after_pubrel(t: ClientTrial) -> None:
    """PUBREL has gone out, and PUBCOMP is long in coming."""
    peer, message = await _sent(t, "over", 2)
    peer.send("PUBREC", packet_id=message.packet_id)
    await peer.get("PUBREL")
    await peer.silent("PUBLISH", packet_id=message.packet_id)


@case(
    "3:MQTT-4.3.3-1",
    "5:MQTT-4.3.3-5",
    expect="the client waits for PUBCOMP",
    why="a client that tells of it only then has counted it as outstanding",
    sabotage=invent("PUBREL", "PUBREL", packet_id=lambda p, link: p.packet_id + 1),
)
async def one_pubrel(t: ClientTrial) -> None:
    """One PUBREL for one PUBREC."""
    peer, message = await _sent(t, "rel1", 2)
    peer.send("PUBREC", packet_id=message.packet_id)
    await peer.get("PUBREL")
    await peer.silent("PUBREL")
    peer.send("PUBCOMP", packet_id=message.packet_id)
    await peer.barrier()


def _counts(name: str, qos: int, ids: tuple[str, ...], early: str, late: str) -> None:
    """Acknowledged only when the last answer has come."""

    @case(
        *ids,
        name=name,
        expect=f"acknowledged after {late}, not before",
        sabotage=unheard("acknowledged"),
    )
    async def run(t: ClientTrial) -> None:
        await t.needs("acknowledged")
        peer = await t.connect(acks=False)
        number = t.publish(t.topic("counts"), qos=qos)
        message = await peer.get("PUBLISH")
        if early:
            peer.send(early, packet_id=message.packet_id)
            await peer.get("PUBREL")
        await t.sleep(t.times.quiet_s)
        assert t.driver
        told = [e for e in t.driver.events if e.get("id") == number]
        check(not told, f"acknowledged before {late}")
        peer.send(late, packet_id=message.packet_id)
        await t.expect("acknowledged", id=number)


_counts("quality.outstanding_1", 1, ("3:MQTT-4.3.2-1", "5:MQTT-4.3.2-3"), "", "PUBACK")
_counts(
    "quality.outstanding_2",
    2,
    ("3:MQTT-4.3.3-1", "5:MQTT-4.3.3-3", "5:MQTT-4.3.3-5"),
    "PUBREC",
    "PUBCOMP",
)


@case(
    "5:MQTT-4.3.3-4",
    "5:MQTT-4.4.0-2",
    expect="no PUBREL",
    sabotage=invent("PUBREL", "PUBACK", packet_id=0x7F01),
)
async def refused_pubrec(t: ClientTrial) -> None:
    """PUBREC 0x97 ends the exchange."""
    peer, message = await _sent(t, "refused", 2)
    peer.send("PUBREC", packet_id=message.packet_id, reason=0x97)
    await peer.nothing("PUBREL")


# As receiver.


async def _receiver(t: ClientTrial, name: str, qos: int = 2) -> Served:
    """A client that has subscribed, to a server that completes nothing by itself."""
    await t.needs("message")
    peer = await t.connect(acks=False)
    await t.subscribed(peer, t.topic(name), qos=qos)
    return peer


def _is(*payloads: str) -> Where:
    return lambda event: event["payload"] in payloads


def _reaction(qos: int, answer: str, *ids: str) -> None:
    @case(
        *ids,
        name=f"quality.answer_{qos}",
        expect=f"{answer} with the same identifier",
        sabotage=change(answer, packet_id=lambda p, link: p.packet_id + 1),
    )
    async def run(t: ClientTrial) -> None:
        peer = await _receiver(t, "answer", qos)
        peer.send("PUBLISH", topic=t.topic("answer"), qos=qos, packet_id=77, payload=b"x")
        got = await peer.expect(answer)
        check(got.packet_id == 77, f"{answer} of {got.packet_id}")


_reaction(
    1, "PUBACK", "MQTT-3.3.4-1", "MQTT-4.5.0-2", "3:MQTT-4.3.2-2", "5:MQTT-4.3.2-4",
    "3:MQTT-2.3.1-6", "5:MQTT-2.2.1-5",
)  # fmt: skip
_reaction(
    2, "PUBREC", "MQTT-3.3.4-1", "MQTT-4.5.0-2", "3:MQTT-4.3.3-2", "5:MQTT-4.3.3-8",
    "3:MQTT-2.3.1-6", "5:MQTT-2.2.1-5",
)  # fmt: skip


@case(
    "MQTT-3.3.4-1",
    expect="no answer",
    sabotage=invent("PUBACK", "PUBACK", before=True, packet_id=0x7F02),
)
async def answer_0(t: ClientTrial) -> None:
    """A message of QoS 0 is not answered."""
    peer = await _receiver(t, "none", 0)
    peer.send("PUBLISH", topic=t.topic("none"), payload=b"x")
    await peer.barrier()
    for answer in ("PUBACK", "PUBREC"):
        await peer.silent(answer)
    await t.get("message", payload="x")


@case(
    "MQTT-4.5.0-2",
    expect="PUBACK",
    why="there was no such subscription: the application does not ask for it",
    sabotage=drop("PUBACK"),
)
async def unasked(t: ClientTrial) -> None:
    """A message that the client has not subscribed to."""
    peer = await t.connect(acks=False)
    peer.send("PUBLISH", topic=t.topic("unasked"), qos=1, packet_id=78)
    await peer.expect("PUBACK", packet_id=78)


@case(
    "3:MQTT-4.3.3-2",
    "5:MQTT-4.3.3-11",
    "5:MQTT-2.2.1-5",
    expect="PUBCOMP with the same identifier",
    sabotage=change("PUBCOMP", packet_id=lambda p, link: p.packet_id + 1),
)
async def pubcomp(t: ClientTrial) -> None:
    """PUBREL is answered."""
    peer = await _receiver(t, "comp")
    peer.send("PUBLISH", topic=t.topic("comp"), qos=2, packet_id=79)
    await peer.get("PUBREC", packet_id=79)
    peer.send("PUBREL", packet_id=79)
    got = await peer.expect("PUBCOMP")
    check(got.packet_id == 79, f"PUBCOMP of {got.packet_id}")


@case(
    "3:MQTT-4.3.3-2",
    "5:MQTT-4.3.3-10",
    expect="PUBREC for both, the message once",
    sabotage=heard_twice("message", _is("once")),
)
async def once(t: ClientTrial) -> None:
    """PUBLISH of QoS 2 is repeated before PUBREL."""
    peer = await _receiver(t, "once")
    for dup in (False, True):
        peer.send("PUBLISH", topic=t.topic("once"), qos=2, packet_id=80, payload=b"once", dup=dup)
        await peer.expect("PUBREC", packet_id=80)
    await told_once(t, peer, "once", 80)


@case(
    "3:MQTT-4.3.3-2",
    "5:MQTT-4.3.3-10",
    expect="PUBREC again",
    sabotage=drops_later("PUBREC"),
)
async def pubrec_again(t: ClientTrial) -> None:
    """The repeat of a PUBLISH of QoS 2 is answered, too."""
    peer = await _receiver(t, "again")
    peer.send("PUBLISH", topic=t.topic("again"), qos=2, packet_id=82)
    await peer.get("PUBREC", packet_id=82)
    peer.send("PUBLISH", topic=t.topic("again"), qos=2, packet_id=82, dup=True)
    await peer.expect("PUBREC", packet_id=82)


def _anew(qos: int, *ids: str) -> None:
    @case(
        *ids,
        name=f"quality.identifier_anew_{qos}",
        expect="two messages",
        why="whatever DUP says of the second one",
        sabotage=unheard("message", _is(f"anew{qos}")),
    )
    async def run(t: ClientTrial) -> None:
        peer = await _receiver(t, "anew", qos)
        peer.acks = True
        for payload, dup in (("first", False), (f"anew{qos}", True)):
            peer.send(
                "PUBLISH", topic=t.topic("anew"), qos=qos, packet_id=83, payload=payload.encode(),
                dup=dup,
            )  # fmt: skip
            await peer.get("PUBACK" if qos == 1 else "PUBCOMP", packet_id=83)
        told = [event["payload"] for event in await t.messages(t.topic("anew"))]
        check(told == ["first", f"anew{qos}"], f"told: {told}")


_anew(1, "3:MQTT-4.3.2-2", "5:MQTT-4.3.2-5")
_anew(2, "3:MQTT-4.3.3-2", "5:MQTT-4.3.3-12")


@case(
    "5:MQTT-4.3.3-9",
    expect="the message that follows is a new one",
    why="a client that refuses no message gives no occasion",
    sabotage=drop("PUBREC"),
)
async def refused_by_client(t: ClientTrial) -> None:
    """PUBREC of 0x80 or more, from the client."""
    peer = await _receiver(t, "refuse")
    peer.send("PUBLISH", topic=t.topic("refuse"), qos=2, packet_id=84, payload=b"1")
    if (await peer.expect("PUBREC", packet_id=84)).reason < 0x80:
        not_observable("it refuses no message")
    peer.send("PUBLISH", topic=t.topic("refuse"), qos=2, packet_id=84, payload=b"2")
    await peer.expect("PUBREC", packet_id=84)


@case(
    "5:MQTT-4.3.3-13",
    expect="PUBCOMP",
    sabotage=drop("PUBCOMP", lambda p: p.packet_id == 85),
)
async def expired_at_receiver(t: ClientTrial) -> None:
    """The message expires between PUBREC and PUBREL."""
    peer = await _receiver(t, "expired")
    unit = t.times.unit_s
    peer.send(
        "PUBLISH", topic=t.topic("expired"), qos=2, packet_id=85, message_expiry_interval=unit
    )
    await peer.get("PUBREC", packet_id=85)
    await t.sleep(unit + 0.5)
    peer.send("PUBREL", packet_id=85)
    await peer.expect("PUBCOMP", packet_id=85)
