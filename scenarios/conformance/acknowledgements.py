"""3.4 to 3.7: PUBACK, PUBREC, PUBREL, PUBCOMP; and every answer's reason code and size (5.0)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mqttlab.conformance import Packet, Peer, Trial, case, change, check, not_observable

from .common import parting, refuses

Elicit = Callable[[Trial, Peer], Awaitable[Packet]]


async def _puback(t: Trial, peer: Peer) -> Packet:
    peer.send("PUBLISH", topic=t.topic("nobody"), qos=1, packet_id=1400)
    return await peer.get("PUBACK")


async def _pubrec(t: Trial, peer: Peer) -> Packet:
    peer.send("PUBLISH", topic=t.topic("nobody"), qos=2, packet_id=1401)
    return await peer.get("PUBREC")


async def _pubcomp(t: Trial, peer: Peer) -> Packet:
    peer.send("PUBREL", packet_id=1402)  # of nothing: 0x92 is the answer
    return await peer.get("PUBCOMP")


async def _pubrel(t: Trial, peer: Peer) -> Packet:
    peer.acks = False
    await peer.subscribe(t.topic("two"), qos=2)
    other = await t.connect("p")
    await other.publish(t.topic("two"), qos=2)
    got = await peer.get("PUBLISH")
    peer.send("PUBREC", packet_id=got.packet_id)
    return await peer.get("PUBREL")


async def _suback(t: Trial, peer: Peer) -> Packet:
    peer.send("SUBSCRIBE", packet_id=1403, filters=[(t.topic(), 0)])
    return await peer.get("SUBACK")


async def _explained(t: Trial, peer: Peer) -> Packet:
    """A refusal, if the target is known to refuse something: it has a reason, if any SUBACK has."""
    if "guarded" not in t.target.endpoints:
        return await _suback(t, peer)
    guarded = await t.connect("g", on="guarded")
    guarded.send("SUBSCRIBE", packet_id=1403, filters=[(t.target.guard("forbidden"), 0)])
    return await guarded.get("SUBACK")


async def _unsuback(t: Trial, peer: Peer) -> Packet:
    peer.send("UNSUBSCRIBE", packet_id=1404, filters=[t.topic("none")])
    return await peer.get("UNSUBACK")


async def _disconnect(t: Trial, peer: Peer) -> Packet:
    _, word = await parting(t, maximum_packet_size=peer.takes)
    return word


_ELICITS: dict[str, tuple[Elicit, str, str, str, str]] = {
    # packet: how to get one, and the statements on code, reason string's and user property's size
    "PUBACK": (_puback, "3.4.2", "-1", "-2", "-3"),
    "PUBREC": (_pubrec, "3.5.2", "-1", "-2", "-3"),
    "PUBREL": (_pubrel, "3.6.2", "-1", "-2", "-3"),
    "PUBCOMP": (_pubcomp, "3.7.2", "-1", "-2", "-3"),
    "SUBACK": (_suback, "3.9.2", "", "-1", "-2"),
    "UNSUBACK": (_unsuback, "3.11.2", "", "-1", "-2"),
    "DISCONNECT": (_disconnect, "3.14.2", "-1", "-3", "-4"),
}
_OURS = {"PUBACK": 1400, "PUBREC": 1401, "PUBCOMP": 1402, "SUBACK": 1403, "UNSUBACK": 1404}
_BARE = {"reason_string": None, "user_property": None}
_MOST = 60  # bytes: enough for every answer of these cases, too little for a long reason


def _ours(packet: str) -> Callable[[Packet], bool]:
    """The answer to this file's own request, where the identifier of that tells."""
    wanted = _OURS.get(packet)
    return lambda p: wanted is None or p.packet_id == wanted


def _code(packet: str, elicit: Elicit, id: str) -> None:
    @case(
        id,
        name=f"acknowledgements.{packet.lower()}_code",
        expect=f"a code that {packet} has",
        sabotage=change(packet, _ours(packet), reason=0x05, once=True),
    )
    async def run(t: Trial) -> None:
        peer = await t.connect("a")
        await elicit(t, peer)  # the decoder is strict: another code is malformed


def _size(packet: str, elicit: Elicit, id: str, property: str, little: Any, wrong: Any) -> None:
    @case(
        id,
        name=f"acknowledgements.{packet.lower()}_{property}_size",
        expect=f"{packet} within the Maximum Packet Size of {_MOST} bytes",
        sabotage=change(packet, _ours(packet), once=True, **{property: wrong}),
        occasion=change(packet, _ours(packet), **_BARE | {property: little}),
    )
    async def run(t: Trial) -> None:
        peer = await t.connect("a", maximum_packet_size=_MOST)
        peer.takes = _MOST
        answer = await elicit(t, peer)
        check(len(answer.raw) <= _MOST, f"{packet} of {len(answer.raw)} bytes")
        free = await t.connect("free")
        unbound = await elicit(t, free)
        if unbound.property(property) is None:
            not_observable(f"its {packet} has none at any size")


for _packet, (_elicit, _section, _one, _two, _three) in _ELICITS.items():
    if _one:
        _code(_packet, _elicit, f"5:MQTT-{_section}{_one}")
    _size(_packet, _elicit, f"5:MQTT-{_section}{_two}", "reason_string", "x", "x" * _MOST)
    _pairs = ("x", "y"), ("x" * 30, "y" * 30)
    _size(_packet, _elicit, f"5:MQTT-{_section}{_three}", "user_property", *_pairs)

for _packet, _id in (
    ("PUBACK", "U-3.4.2.2.2-1"),
    ("PUBREC", "U-3.5.2.2.2-1"),
    ("PUBREL", "U-3.6.2.2.2-1"),
    ("PUBCOMP", "U-3.7.2.2.2-1"),
):
    refuses(
        f"acknowledgements.{_packet.lower()}_twice_reason_string",
        _id,
        packet=_packet,
        codes=(0x82,),
        fields={"packet_id": 1, "reason_string": ["a", "b"]},
        why="two Reason Strings",
    )

for _packet, _elicit, _id in (
    ("SUBACK", _explained, "U-3.9.2.1.2-1"),
    ("UNSUBACK", _unsuback, "U-3.11.2.1.2-1"),
):

    def _once(packet: str, elicit: Elicit, id: str) -> None:
        @case(
            id,
            name=f"acknowledgements.{packet.lower()}_once_reason_string",
            expect="one Reason String at most",
            sabotage=change(packet, _ours(packet), once=True, reason_string=["a", "b"]),
            occasion=change(packet, _ours(packet), once=True, reason_string="a"),
        )
        async def run(t: Trial) -> None:
            answer = await elicit(t, await t.connect("a"))
            if answer.property("reason_string") is None:
                not_observable(f"its {packet} has none")

    _once(_packet, _elicit, _id)

refuses(
    "acknowledgements.pubrel_flags",
    "MQTT-3.6.1-1",
    packet="PUBREL",
    codes=(0x81,),
    fields={"packet_id": 1, "flags": 0},
    why="PUBREL with flags 0000",
)
