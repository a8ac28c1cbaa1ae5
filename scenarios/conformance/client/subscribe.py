"""3.8 to 3.11: SUBSCRIBE and UNSUBSCRIBE, as a client sends them; 4.7 and 4.8: filters."""

from __future__ import annotations

from typing import Any

from mqttlab.conformance import ClientTrial, change, check, patch

from .common import SURROGATE, case, never_sends


def _subscribe(t: ClientTrial, *filters: str, **more: Any) -> int:
    return t.order("subscribe", filters=[[one, 0] for one in filters], **more)


def _flags(packet: str, wrong: bytes, id: str) -> None:
    @case(
        id,
        name=f"subscribe.flags_{packet.lower()}",
        expect="flags 0010",
        sabotage=patch(packet, bytes=lambda raw: wrong + raw[1:]),
    )
    async def run(t: ClientTrial) -> None:
        peer = await t.connect()
        if packet == "UNSUBSCRIBE":
            await t.needs("unsubscribe")
            t.order("unsubscribe", filters=[t.topic("x")])
        else:
            _subscribe(t, t.topic("x"))
        await peer.expect(packet)


_flags("SUBSCRIBE", b"\x80", "MQTT-3.8.1-1")
_flags("UNSUBSCRIBE", b"\xa0", "MQTT-3.10.1-1")


@case(
    "MQTT-3.8.3-1",
    expect="the filter as it was given, in UTF-8",
    sabotage=change("SUBSCRIBE", filters=[(SURROGATE, 0)]),
)
async def filter_utf8(t: ClientTrial) -> None:
    """SUBSCRIBE to more than ASCII."""
    peer = await t.connect()
    _subscribe(t, "größe/✓/#")
    packet = await peer.expect("SUBSCRIBE")
    check([one for one, _ in packet.filters] == ["größe/✓/#".encode()], f"{packet.filters}")


@case(
    "MQTT-3.10.3-1",
    expect="the filters as they were given, in UTF-8",
    sabotage=change("UNSUBSCRIBE", filters=[SURROGATE]),
)
async def unsubscribe_utf8(t: ClientTrial) -> None:
    """UNSUBSCRIBE of more than ASCII."""
    await t.needs("unsubscribe")
    peer = await t.connect()
    await t.subscribed(peer, "größe/✓")
    t.order("unsubscribe", filters=["größe/✓"])
    packet = await peer.expect("UNSUBSCRIBE")
    check(list(packet.filters) == ["größe/✓".encode()], f"{packet.filters}")


def _filter(
    name: str, text: str, *ids: str, why: str, sent: bytes | None = None, **more: Any
) -> None:
    """The client is told to subscribe to a filter that is none; `sent`: by the sabotage."""
    wrong = text.encode() if sent is None else sent
    never_sends(
        f"subscribe.{name}",
        *ids,
        packet="SUBSCRIBE",
        order=lambda t: _subscribe(t, text, **more),
        plain=lambda t: _subscribe(t, t.topic("plain")),
        why=why,
        sabotage=change("SUBSCRIBE", filters=[(wrong, 4 if more else 0)]),
        needs=tuple(more),
    )


_HASH = ("3:MQTT-4.7.1-2", "5:MQTT-4.7.1-1")
_PLUS = ("3:MQTT-4.7.1-3", "5:MQTT-4.7.1-2")
_filter("hash_in_level", "a/b#", *_HASH, why="# that is not all of its level")
_filter("hash_not_last", "a/#/b", *_HASH, why="# that is not the last level")
_filter("plus_in_level", "a/b+/c", *_PLUS, why="+ that is not all of its level")
_filter("empty", "", "MQTT-4.7.3-1", why="an empty filter")
_filter("nul", "a\0b", "MQTT-4.7.3-2", why="U+0000 in a filter")
_filter("surrogate", "\ud800", "MQTT-3.8.3-1", why="a surrogate in a filter", sent=SURROGATE)
_filter("share_without_name", "$share//t", "5:MQTT-4.8.2-1", why="a share without a name")
_filter("share_with_plus", "$share/a+/t", "5:MQTT-4.8.2-2", why="+ in a share's name")
_filter("share_without_filter", "$share/a", "5:MQTT-4.8.2-2", why="a share without a filter")
_filter(
    "no_local_on_share", "$share/a/t", "5:MQTT-3.8.3-4", why="No Local on a shared subscription",
    no_local=True,
)  # fmt: skip
never_sends(
    "subscribe.no_filter",
    "3:MQTT-3.8.3-3",
    "5:MQTT-3.8.3-2",
    packet="SUBSCRIBE",
    order=_subscribe,
    plain=lambda t: _subscribe(t, t.topic("plain")),
    why="the application names no filter",
    sabotage=change("SUBSCRIBE", filters=[]),
)
never_sends(
    "subscribe.unsubscribe_no_filter",
    "MQTT-3.10.3-2",
    packet="UNSUBSCRIBE",
    order=lambda t: t.order("unsubscribe", filters=[]),
    plain=lambda t: t.order("unsubscribe", filters=[t.topic("plain")]),
    why="the application names no filter",
    sabotage=change("UNSUBSCRIBE", filters=[]),
    needs=("unsubscribe",),
)
never_sends(
    "subscribe.unsubscribe_surrogate",
    "MQTT-3.10.3-1",
    packet="UNSUBSCRIBE",
    order=lambda t: t.order("unsubscribe", filters=["\ud800"]),
    plain=lambda t: t.order("unsubscribe", filters=[t.topic("plain")]),
    why="a surrogate in a filter",
    sabotage=change("UNSUBSCRIBE", filters=[SURROGATE]),
    needs=("unsubscribe",),
)


@case(
    "U-3.8.2.1.2-1",
    expect="the Subscription Identifier, once",
    sabotage=change("SUBSCRIBE", subscription_identifier=[7, 7]),
)
async def identifier(t: ClientTrial) -> None:
    """SUBSCRIBE with a Subscription Identifier."""
    await t.needs("subscription_identifier")
    peer = await t.connect()
    _subscribe(t, t.topic("x"), properties={"subscription_identifier": 7})
    packet = await peer.expect("SUBSCRIBE")
    given = packet.all("subscription_identifier")
    check(given == [7], f"Subscription Identifiers: {given}")
