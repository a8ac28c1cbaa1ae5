"""What cases of several sections share: whole families of what a server must not let pass."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mqttlab.conformance import (
    Packet,
    Peer,
    Trial,
    case,
    check,
    keep_open,
    not_claimed,
    not_observable,
)
from mqttlab.conformance.sabotage import Item, KeepOpen, Link, Recipe

SURROGATE = b"\xed\xa0\x80"  # U+D800, as UTF-8 would have it if that were allowed
ILL_FORMED = (SURROGATE, b"\xc3\x28", b"\xff", b"\xc0\x80")

Prepare = Callable[[Trial, Peer], Awaitable[None]]
Fields = dict[str, Any] | Callable[[Trial], dict[str, Any]]


def refuses_connect(
    name: str, *ids: str, why: str, codes: tuple[int, ...] = (0x81, 0x82), fields: Fields
) -> None:
    """A case: this CONNECT ends its connection, and is never accepted."""

    @case(*ids, name=name, expect=_ends(codes), why=why, sabotage=keep_open())
    async def run(t: Trial) -> None:
        t.any_form = True
        peer = await t.open()
        given = fields(t) if callable(fields) else fields
        peer.offend("CONNECT", **t.connecting(**{"on": "plain"} | given))
        await peer.dropped(*codes)


def refuses(
    name: str,
    *ids: str,
    why: str,
    packet: str,
    codes: tuple[int, ...] = (0x81, 0x82),
    fields: Fields,
    prepare: Prepare | None = None,
) -> None:
    """A case: this packet, on a connection that was accepted, ends it."""

    @case(*ids, name=name, expect=_ends(codes), why=why, sabotage=keep_open())
    async def run(t: Trial) -> None:
        peer = await t.connect()
        if prepare:
            await prepare(t, peer)
        peer.offend(packet, **(fields(t) if callable(fields) else fields))
        await peer.dropped(*codes)


def _ends(codes: tuple[int, ...]) -> str:
    named = " or ".join(f"0x{code:02X}" for code in codes)
    return f"the connection is closed; 5.0 may say {named} before"


async def announced(t: Trial, name: str, *values: int, feature: str) -> tuple[Peer, str]:
    """A connection whose CONNACK has this property with one of these values, and its endpoint;
    else the case is not claimed.
    """
    peer, on, _ = await _offered(t, name, lambda value: value in values, feature)
    return peer, on


async def limit(t: Trial, name: str, most: int, *, feature: str) -> tuple[Peer, str, int]:
    """The same for a number that is at most `most`; with the number. Acknowledges nothing."""
    return await _offered(
        t, name, lambda value: value is not None and value <= most, feature, acks=False
    )


async def _offered(
    t: Trial, name: str, holds: Callable[[Any], bool], feature: str, **fields: Any
) -> tuple[Peer, str, Any]:
    for on in ("plain", "limited"):
        if on in t.target.endpoints:
            peer = await t.connect("p" + on[0], on=on, **fields)
            assert peer.connack
            value = peer.connack.property(name)
            if holds(value):
                return peer, on, value
            await peer.disconnect()
    not_claimed(feature)


def invalid_filter(name: str, ids: tuple[str, ...], filter: str, because: str = "") -> None:
    """A case: a filter that is none. 5.0 has 0x8F for SUBACK, too; then the connection may stay."""

    @case(
        *ids,
        name=name,
        expect="closed, or refused by SUBACK",
        sabotage=granted(),
        why=f"{filter!r} is no topic filter{because}; whether that makes its packet malformed, "
        "or its subscription refused, is disputed",
    )
    async def run(t: Trial) -> None:
        peer = await t.connect()
        peer.offend("SUBSCRIBE", packet_id=1, filters=[(filter, 0)])
        await not_granted(peer, 0x81, 0x82, 0x8F)


async def not_granted(peer: Peer, *codes: int) -> None:
    """The server closes, or refuses the subscription in SUBACK."""
    found = lambda: next((p for p in peer.inbox if p.type == "SUBACK"), None)  # noqa: E731
    await peer.until(lambda: peer.ended or found(), peer.trial.times.patience_s)
    answer = found()
    if answer is None:
        await peer.dropped(*codes)
    else:
        check(answer.codes[0] >= 0x80, f"granted: SUBACK 0x{answer.codes[0]:02X}")


def granted() -> Recipe:
    """Tolerates what should be refused: no end of the connection, no refusal in SUBACK."""
    return Recipe("grants, or tolerates, what must be refused", _Granted)


class _Granted(KeepOpen):
    def packet(self, link: Link, packet: Packet) -> Sequence[Item]:
        if packet.type == "SUBACK" and link.offences and max(packet.codes) >= 0x80:
            self.fired += 1
            return [packet.changed(codes=[0])]
        return super().packet(link, packet)


async def pair(
    t: Trial, name: str, qos: int = 2, needs: int = 0, **fields: object
) -> tuple[Peer, Peer]:
    """A subscriber to the topic of this name, and somebody else who publishes."""
    subscriber = await t.connect("s", **fields)
    await subscriber.subscribe(t.topic(name), qos=qos, needs=needs)
    return subscriber, await t.connect("p")


async def receiver(t: Trial, name: str, *, qos: int, **fields: Any) -> tuple[Peer, Peer]:
    """A subscriber in a session, who acknowledges nothing by itself, and a publisher."""
    peer = await t.connect("s", acks=False, session=True, **fields)
    await peer.subscribe(t.topic(name), qos=qos)
    return peer, await t.connect("p")


async def at_once(peer: Peer, count: int) -> list[Packet]:
    """So many messages in flight to a peer that acknowledges none; they are no longer in its inbox.
    The case is not observable if the server sends fewer at a time, as it may.
    """
    found = lambda: [p for p in peer.inbox if p.type == "PUBLISH"]  # noqa: E731
    await peer.trial.until(lambda: len(found()) >= count)
    if 0 < len(found()) < count:
        not_observable(f"it sends {len(found())} at a time")
    return [await peer.get("PUBLISH") for _ in range(count)]


def room(peer: Peer, most: int) -> int:
    """How many PUBLISH of QoS 1 and 2 the server takes at once, and `most` at most."""
    assert peer.connack
    told = peer.connack.property("receive_maximum") if peer.trial.v5 else None
    return min(most, told or most)


async def next_link(t: Trial, peer: Peer, **fields: Any) -> Peer:
    """The link goes down, and the receiver is back in its session."""
    await t.sleep(t.times.quiet_s)  # some answer PINGREQ before they have acted on what was sent
    await peer.cut()
    return await t.connect("s", acks=False, session=True, **fields)


async def closed_or_forwarded(
    subscriber: Peer, publisher: Peer, holds: Callable[[Packet], object]
) -> None:
    """Of what the standard forbids a client and names no answer to: the server closes, or else
    serves the message as it should any other.
    """
    found = lambda: next((p for p in subscriber.inbox if p.type == "PUBLISH"), None)  # noqa: E731
    await publisher.trial.until(lambda: publisher.ended or found())
    if publisher.ended:
        await publisher.dropped()
        return
    message = found()
    check(message, "neither closed nor forwarded")
    check(message and holds(message), f"forwarded as {message and message.raw.hex(' ')}")


async def parting(t: Trial, **fields: Any) -> tuple[Peer, Packet]:
    """A connection that the server ended, and its DISCONNECT: because another one took it over,
    or, from servers that have no word for that, because of a malformed packet (5.0).
    """
    for name in ("taken", "broken"):
        peer = await t.connect(name, **fields)
        if name == "taken":
            await t.connect(name)
        else:
            peer.send("PUBLISH", topic=t.topic(), flags=6, payload=b"\0\1")
        await peer.ends()
        if any(p.type == "DISCONNECT" for p in peer.inbox):
            return peer, await peer.get("DISCONNECT")
    not_observable("it closes without DISCONNECT")


async def offline(t: Trial, topic: str, *, name: str = "a", qos: int = 2, **fields: Any) -> None:
    """A session with a subscription to `topic`, whose client is away."""
    peer = await t.connect(name, session=True, **fields)
    await peer.subscribe(topic, qos=qos, needs=min(qos, 1))
    await peer.disconnect()
