"""3.1.3.1 client identifiers."""

from __future__ import annotations

from collections.abc import Sequence

from mqttlab.conformance import (
    CLOSE,
    Link,
    Packet,
    Trial,
    case,
    change,
    check,
    instead,
    keep_open,
    not_claimed,
    not_observable,
    only,
)
from mqttlab.conformance.sabotage import Item
from mqttlab.conformance.wire import encode

from .common import offline, refuses_connect


@case(
    "MQTT-3.1.3-2",
    expect="each client id finds its own session",
    sabotage=only("one", change("CONNACK", lambda p: p.session_present, session_present=0)),
)
async def session_by_client_id(t: Trial) -> None:
    """Two client ids, two sessions."""
    await offline(t, t.topic("one"), name="one")
    other = await t.connect("b", session=True)
    assert other.connack
    check(not other.connack.session_present, "another client id was given the session")
    peer = await t.connect("one", session=True)
    assert peer.connack
    check(peer.connack.session_present, "its own client id was not given the session")


@case(
    "MQTT-3.1.3-5",
    expect="each is accepted",
    sabotage=instead(
        "CONNACK",
        lambda link, p: (
            [p.raw]
            if len(link.client_id) < 23
            else [encode("CONNACK", link.version, reason=2 + 0x83 * (link.version == 5))]
        ),
    ),
)
async def plain_client_ids(t: Trial) -> None:
    """Client ids of 23 bytes, of all digits and letters."""
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    room = 23 - len(t.client_id(""))
    for start in range(0, len(alphabet), room):
        client_id = t.client_id((alphabet * 2)[start : start + room])
        peer = await t.open()
        peer.send("CONNECT", **t.connecting(client_id=client_id))
        answer = await peer.expect("CONNACK")
        check(answer.reason == 0, f"{client_id}: refused with 0x{answer.reason:02X}")
        peer.send("DISCONNECT")


_MOST = 200  # bytes of a client id that nobody can take for too long a packet


async def _nameless(t: Trial):  # type: ignore[no-untyped-def]
    peer = await t.open("nameless")
    peer.send("CONNECT", **t.connecting(client_id=""))
    answer = await peer.get("CONNACK")
    if answer.reason:
        not_claimed("empty client ids")
    peer.connack = answer
    return peer


@case(
    "MQTT-3.1.3-6",
    expect="two nameless clients do not end each other",
    sabotage=instead("PINGRESP", lambda link, p: [p.raw] if link.client_id else []),
)
async def empty_client_id(t: Trial) -> None:
    """An empty client id becomes a unique one."""
    one, two = await _nameless(t), await _nameless(t)
    await two.stays()
    await one.stays()


@case(
    "5:MQTT-3.1.3-7",
    expect="the assigned client id finds the session again",
    sabotage=change(
        "CONNACK",
        lambda p: p.property("assigned_client_identifier"),
        assigned_client_identifier=b"not-this-one",
    ),
)
async def assigned_client_id_is_real(t: Trial) -> None:
    """The id that CONNACK assigns is the one the server works with."""
    peer = await t.open("nameless")
    peer.send("CONNECT", **t.connecting(client_id="", session=True))
    answer = await peer.get("CONNACK")
    if answer.reason:
        not_claimed("empty client ids")
    assigned = answer.property("assigned_client_identifier")
    check(assigned, "no Assigned Client Identifier in CONNACK")
    await peer.disconnect()
    again = await t.connect(client_id=assigned.decode(), session=True)
    assert again.connack
    check(again.connack.session_present, f"{assigned!r} has no session")


@case(
    "5:MQTT-3.2.2-16",
    expect="each CONNACK has an Assigned Client Identifier of its own",
    sabotage=change(
        "CONNACK",
        lambda p: p.property("assigned_client_identifier"),
        assigned_client_identifier=b"the-same",
    ),
)
async def assigned_client_id_is_unique(t: Trial) -> None:
    """Assigned ids differ."""
    peers = [await _nameless(t) for _ in range(3)]
    assigned = {peer.connack.property("assigned_client_identifier") for peer in peers}
    check(None not in assigned and len(assigned) == 3, f"assigned: {assigned}")


@case(
    "3:MQTT-3.1.3-8",
    expect="CONNACK 0x02, then the connection is closed",
    sabotage=change("CONNACK", lambda p: p.reason == 2, reason=5),
)
async def empty_client_id_refused(t: Trial) -> None:
    """An empty client id and CleanSession 0: the code."""
    peer = await t.open()
    peer.send("CONNECT", **t.connecting(client_id="", clean=False))
    answer = await peer.expect("CONNACK")
    check(answer.reason == 2, f"CONNACK 0x{answer.reason:02X}")


refuses_connect(
    "connect.empty_client_id_closes",
    "3:MQTT-3.1.3-8",
    "3:MQTT-3.1.3-7",
    fields={"client_id": "", "clean": False},
    why="a session that nobody could come back to",
)


def _picky(link: Link, packet: Packet) -> Sequence[Item]:
    if b"/+#" not in link.client_id:
        return [packet.raw]
    return [packet.changed(reason=0x85 if link.version == 5 else 2, properties=[]), CLOSE]


@case(
    "3:MQTT-3.1.3-9",
    "5:MQTT-3.1.3-8",
    expect="CONNACK 0x02 (5.0: 0x85, or none), closed",
    sabotage=keep_open(),
    occasion=instead("CONNACK", _picky, text="refuses some client ids by"),
)
async def client_id_refused(t: Trial) -> None:
    """Client ids that some servers do not take."""
    for name in ("x" * 2_000, "x" * (_MOST - 10), "/+#$ä"):
        client_id = t.client_id() + name
        peer = await t.open()
        peer.offend("CONNECT", **t.connecting(client_id=client_id))
        if await peer.admitted():
            peer.send("DISCONNECT")
            continue
        word = await peer.dropped(0x85)
        if not t.v5 and word is None and len(client_id) > _MOST:
            continue  # it may be too long for a packet
        if not t.v5:
            check(word and word.reason == 2, "closed without CONNACK 0x02")
        return
    not_observable("it takes every client id that was tried")
