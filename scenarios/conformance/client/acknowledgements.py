"""2.2.2 and 3.4 to 3.7: PUBACK, PUBREC, PUBREL, PUBCOMP, as a client sends them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mqttlab.conformance import ClientTrial, Packet, Served, change, check, patch
from mqttlab.conformance.sabotage import Recipe

from .common import case

Elicit = Callable[[ClientTrial, Served], Awaitable[Packet]]


async def _puback(t: ClientTrial, peer: Served) -> Packet:
    peer.send("PUBLISH", topic=t.topic("x"), qos=1, packet_id=_OURS)
    return await peer.expect("PUBACK")


async def _pubrec(t: ClientTrial, peer: Served) -> Packet:
    peer.send("PUBLISH", topic=t.topic("x"), qos=2, packet_id=_OURS)
    return await peer.expect("PUBREC")


async def _pubcomp(t: ClientTrial, peer: Served) -> Packet:
    await _pubrec(t, peer)
    peer.send("PUBREL", packet_id=_OURS)
    return await peer.expect("PUBCOMP")


async def _pubcomp_of_nothing(t: ClientTrial, peer: Served) -> Packet:
    peer.send("PUBREL", packet_id=_OURS)
    return await peer.expect("PUBCOMP")


async def _pubrel(t: ClientTrial, peer: Served) -> Packet:
    t.publish(t.topic("x"), qos=2)
    message = await peer.get("PUBLISH")
    peer.send("PUBREC", packet_id=message.packet_id)
    return await peer.expect("PUBREL")


_OURS = 1500  # packet id
_MOST = 60  # bytes: enough for every answer of these cases, too little for a long reason
_ELICITS: dict[str, tuple[Elicit, str]] = {
    "PUBACK": (_puback, "3.4.2"),
    "PUBREC": (_pubrec, "3.5.2"),
    "PUBREL": (_pubrel, "3.6.2"),
    "PUBCOMP": (_pubcomp, "3.7.2"),
}


def _case(
    name: str, *ids: str, packet: str, expect: str, sabotage: Recipe, why: str = "",
    holds: Callable[[Packet], object] = lambda p: True, elicit: Elicit | None = None,
    **connack: Any,
) -> None:  # fmt: skip
    """The client is brought to send this packet, which our decoder takes as it is."""
    bring = elicit or _ELICITS[packet][0]

    @case(
        *ids,
        name=f"acknowledgements.{name}",
        expect=expect,
        why=why,
        sabotage=sabotage,
    )
    async def run(t: ClientTrial) -> None:
        peer = await t.connect(acks=False, connack=connack)
        answer = await bring(t, peer)
        check(holds(answer), f"{packet} is {answer.raw.hex(' ')}")


for _packet, (_elicit, _section) in _ELICITS.items():
    _low = _packet.lower()
    _case(
        f"{_low}_code",
        f"5:MQTT-{_section}-1",
        packet=_packet,
        expect=f"a code that {_packet} has",
        sabotage=change(_packet, reason=0x05),
    )
    _case(
        f"{_low}_once_reason_string",
        f"U-{_section}.2.2-1",
        packet=_packet,
        expect="one Reason String at most",
        holds=lambda p: len(p.all("reason_string")) < 2,
        sabotage=change(_packet, reason_string=["a", "b"]),
    )
    for _number, _property, _wrong in (
        (2, "reason_string", "x" * _MOST),
        (3, "user_property", ("x" * 30, "y" * 30)),
    ):
        _case(
            f"{_low}_{_property}_size",
            f"5:MQTT-{_section}-{_number}",
            packet=_packet,
            expect=f"{_packet} within the Maximum Packet Size of {_MOST} bytes",
            why="one that has no such property at any size keeps the rule",
            holds=lambda p: len(p.raw) <= _MOST,
            sabotage=change(_packet, **{_property: _wrong}),
            maximum_packet_size=_MOST,
        )
_case(
    "pubcomp_of_nothing",
    "5:MQTT-3.7.2-1",
    "5:MQTT-4.3.3-11",
    packet="PUBCOMP",
    elicit=_pubcomp_of_nothing,
    expect="PUBCOMP, with 0x92 or 0",
    why="PUBREL of an identifier that the client does not know",
    holds=lambda p: p.reason in (0, 0x92),
    sabotage=change("PUBCOMP", reason=0x05),
)
_case(
    "pubrel_flags",
    "MQTT-3.6.1-1",
    packet="PUBREL",
    expect="flags 0010",
    sabotage=patch("PUBREL", bytes=lambda raw: b"\x60" + raw[1:]),
)


@case(
    "3:MQTT-2.2.2-1",
    "5:MQTT-2.1.3-1",
    expect="the flags that each packet has",
    sabotage=patch("PUBACK", bytes=lambda raw: b"\x41" + raw[1:]),
)
async def flags(t: ClientTrial) -> None:
    """Every kind of packet that a client sends in a short life."""
    peer = await t.connect(acks=False)
    await t.subscribed(peer, t.topic("x"))
    await _pubrel(t, peer)
    await _pubcomp(t, peer)
    peer.send("PUBLISH", topic=t.topic("x"), qos=1, packet_id=_OURS + 1)
    await peer.expect("PUBACK")
