"""3.3.4 and 4.9: the server's Receive Maximum (5.0)."""

from __future__ import annotations

from typing import Any

from mqttlab.conformance import (
    ClientTrial,
    Packet,
    Served,
    check,
    drop,
    ends,
    invent,
    not_observable,
)
from mqttlab.conformance.sabotage import Where

from .common import case

_MAXIMUM = 2


async def _window(t: ClientTrial, name: str, qos: int) -> Served:
    """A client that has two messages more than the server takes at a time."""
    announced = (t.topic(name), qos)
    connack = {"receive_maximum": _MAXIMUM}
    peer = await t.connect(acks=False, connack=connack, publishes=announced)
    for number in range(_MAXIMUM + 2):
        t.publish(t.topic(name), str(number), qos=qos)
    return peer


async def _in_flight(peer: Served) -> list[Packet]:
    """What has come, after a quiet window."""
    await peer.trial.sleep(peer.trial.times.quiet_s)
    return [p for p in peer.inbox if p.type == "PUBLISH"]


def _keeps(qos: int) -> None:
    @case(
        "5:MQTT-3.3.4-7",
        "5:MQTT-4.9.0-1",
        "5:MQTT-4.9.0-2",
        name=f"flow.receive_maximum_{qos}",
        expect=f"{_MAXIMUM} PUBLISH at most, until one is answered",
        sabotage=invent(
            "PUBLISH", "PUBLISH", ends(f"window{qos}"), qos=1, topic=lambda p, link: p.topic,
            packet_id=0x7F04,
        ),
    )  # fmt: skip
    async def run(t: ClientTrial) -> None:
        peer = await _window(t, f"window{qos}", qos)
        sent = await _in_flight(peer)
        check(sent, "nothing sent")
        check(len(sent) <= _MAXIMUM, f"{len(sent)} messages under way")


_keeps(1)
_keeps(2)


def _third(name: str) -> Where:
    return lambda p: p.topic.endswith(name.encode()) and p.payload == b"2"


def _gives(name: str, qos: int, *answers: str, reason: int = 0) -> None:
    @case(
        "5:MQTT-3.3.4-7",
        "5:MQTT-4.9.0-2",
        name=f"flow.{name}",
        expect="the next PUBLISH",
        why=f"{answers[-1]} has ended one",
        sabotage=drop("PUBLISH", _third(name)),
    )
    async def run(t: ClientTrial) -> None:
        peer = await _window(t, name, qos)
        first = await peer.get("PUBLISH", payload=b"0")
        for answer in answers:
            peer.send(answer, packet_id=first.packet_id, reason=reason)
            if answer == "PUBREC" and not reason:
                await peer.get("PUBREL")
        if len(await _in_flight(peer)) == 0:
            not_observable("it has one message under way at a time")
        await peer.expect("PUBLISH", payload=b"2")


_gives("puback", 1, "PUBACK")
_gives("puback_refuses", 1, "PUBACK", reason=0x97)
_gives("pubcomp", 2, "PUBREC", "PUBCOMP")
_gives("pubrec_refuses", 2, "PUBREC", reason=0x97)


@case(
    "5:MQTT-3.3.4-7",
    "5:MQTT-4.9.0-2",
    expect="no PUBLISH",
    why="PUBREC of less than 0x80 does not end it",
    sabotage=invent("PUBLISH", "PUBREL", qos=1, topic="t", packet_id=0x7F05, payload=b"2"),
)
async def pubrec_gives_nothing(t: ClientTrial) -> None:
    """PUBREC at the limit."""
    peer = await _window(t, "half", 2)
    await t.sleep(t.times.quiet_s)
    sent = [p for p in peer.inbox if p.type == "PUBLISH"]
    if len(sent) < _MAXIMUM:
        not_observable("it has fewer messages under way than it may have")
    peer.send("PUBREC", packet_id=sent[0].packet_id)
    await peer.get("PUBREL")
    await t.sleep(t.times.quiet_s)
    known = {p.packet_id for p in sent[:_MAXIMUM]}
    check(len(sent) == _MAXIMUM, f"{len(sent)} messages under way")
    more = [p for p in peer.inbox if p.type == "PUBLISH" and p.packet_id not in known]
    check(not more, lambda: f"sent: {more[0].raw.hex(' ')}")


@case(
    "5:MQTT-3.3.4-8",
    "5:MQTT-4.9.0-3",
    expect="SUBSCRIBE at once",
    sabotage=drop("SUBSCRIBE"),
)
async def subscribes(t: ClientTrial) -> None:
    """SUBSCRIBE at the limit."""
    peer = await _window(t, "full", 1)
    await _in_flight(peer)
    t.order("subscribe", filters=[[t.topic("x"), 0]])
    await peer.expect("SUBSCRIBE")


@case(
    "5:MQTT-3.3.4-8",
    "5:MQTT-4.9.0-3",
    expect="PUBACK and PUBREC at once",
    sabotage=drop("PUBREC", lambda p: p.packet_id == 91),
)
async def answers(t: ClientTrial) -> None:
    """The server's messages at the limit."""
    peer = await _window(t, "full", 1)
    await _in_flight(peer)
    peer.send("PUBLISH", topic=t.topic("down"), qos=1, packet_id=90)
    await peer.expect("PUBACK", packet_id=90)
    peer.send("PUBLISH", topic=t.topic("down"), qos=2, packet_id=91)
    await peer.expect("PUBREC", packet_id=91)


@case(
    "5:MQTT-3.3.4-8",
    "5:MQTT-4.9.0-3",
    expect="PINGREQ",
    sabotage=drop("PINGREQ"),
)
async def pings(t: ClientTrial) -> None:
    """The keep alive at the limit."""
    await t.needs()
    assert t.driver
    keep_alive_s = max(t.times.unit_s, t.driver.least_keep_alive_s)
    connack = {"receive_maximum": 1}
    options: Any = {"keep_alive_s": keep_alive_s, "publishes": (t.topic("full"), 1)}
    peer = await t.connect(acks=False, connack=connack, **options)
    for number in range(2):
        t.publish(t.topic("full"), str(number))
    await peer.get("PUBLISH")
    await peer.expect("PINGREQ", within_s=keep_alive_s + t.times.slack_s)
